// An observer that writes down a connection's sending, losses and congestion state, in qlog's manner (draft-ietf-quic-qlog-main-schema).
import type { State } from './state.js'
import type { FlightEvent, RecoveryMetrics, Trace } from './trace.js'

export interface EventLogOptions {
  /** The clock of the platform that the connection lives on, ms. */
  readonly now: () => number
  /** Takes each record, line feed included, as it happens: within the stack's own work, so it must not throw or use the connection. */
  readonly write: (record: string) => void
  /** What the log is of. @default 'a connection' */
  readonly title?: string
  /** Which side it was written at. @default 'unknown' */
  readonly vantagePoint?: 'client' | 'server' | 'unknown'
  /** JSON text sequences (RFC 7464), as qlog has them, or one JSON value per line. @default 'json-seq' */
  readonly format?: 'json-seq' | 'ndjson'
}

const RECORD_SEPARATOR = '\x1e'

const FLIGHT_EVENTS: Readonly<Record<FlightEvent, string>> = {
  sent: 'tcp:segment_sent',
  resent: 'tcp:segment_sent',
  probed: 'tcp:segment_sent',
  delivered: 'tcp:segment_acked',
  lost: 'tcp:segment_lost',
  found: 'tcp:segment_found',
}

/** Numbers of RecoveryMetrics and their names in the log: qlog's where it has one. */
const METRICS = [
  ['cwnd', 'congestion_window'],
  ['ssthresh', 'ssthresh'],
  ['inFlight', 'bytes_in_flight'],
  ['lost', 'bytes_lost'],
  ['sacked', 'bytes_sacked'],
  ['srtt', 'smoothed_rtt'],
  ['rttvar', 'rtt_variance'],
  ['minRtt', 'min_rtt'],
  ['latestRtt', 'latest_rtt'],
  ['rto', 'rto'],
  ['backOffs', 'rto_count'],
  ['sndUna', 'acknowledged'],
  ['sndNxt', 'sent'],
  ['sndWnd', 'send_window'],
  ['pacingRate', 'pacing_rate'],
] as const

/** One connection's log. A stack's connections get theirs by `stack.trace` (docs/event-log.md). */
export class EventLog implements Trace {
  private readonly now: () => number
  private readonly write: (record: string) => void
  private readonly start: string
  /** As last written; undefined: not yet. */
  private readonly values: (number | undefined)[] = METRICS.map(() => undefined)
  private repair: RecoveryMetrics['repair'] = 'open'
  private phase = ''

  constructor(options: EventLogOptions) {
    const { now, write, title = 'a connection', vantagePoint = 'unknown', format = 'json-seq' } = options
    this.now = now
    this.write = write
    this.start = format === 'json-seq' ? RECORD_SEPARATOR : ''
    this.record({
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: format === 'json-seq' ? 'application/qlog+json-seq' : 'application/x-ndjson',
      title,
      trace: {
        vantage_point: { type: vantagePoint },
        event_schemas: ['urn:tcp-over-udp:events'],
        common_fields: {
          time_format: 'relative_to_epoch',
          reference_time: { clock_type: 'monotonic', epoch: 'unknown' },
        },
      },
    })
  }

  // what leaves is told of by onFlight(), and what arrives by what it changes
  onSegmentSent(): void {}

  onSegmentReceived(): void {}

  onState(from: State, to: State): void {
    this.event('tcp:connection_state_updated', { old: from, new: to })
  }

  onFlight(event: FlightEvent, from: number, to: number): void {
    const name = FLIGHT_EVENTS[event]
    if (event === 'resent') this.event(name, { from, to, trigger: 'retransmission' })
    else if (event === 'probed') this.event(name, { from, to, trigger: 'tail_probe' })
    else this.event(name, { from, to })
  }

  onRecovery(metrics: RecoveryMetrics): void {
    const { repair, phase } = metrics
    if (repair !== this.repair) {
      this.event('recovery:congestion_state_updated', { old: this.repair, new: repair })
      this.repair = repair
    }
    if (phase !== this.phase) {
      this.event('recovery:controller_phase_updated', { old: this.phase, new: phase })
      this.phase = phase
    }
    this.writeChanges(metrics)
  }

  private writeChanges(metrics: RecoveryMetrics): void {
    let changed: Record<string, number | null> | null = null
    for (let i = 0; i < METRICS.length; i++) {
      const [key, name] = METRICS[i] as (typeof METRICS)[number]
      const value = metrics[key]
      if (Object.is(value, this.values[i])) continue
      this.values[i] = value
      changed ??= {}
      changed[name] = Number.isFinite(value) ? rounded(key === 'pacingRate' ? value * 8000 : value) : null
    }
    if (changed !== null) this.event('recovery:metrics_updated', changed)
  }

  private event(name: string, data: object): void {
    this.record({ time: rounded(this.now()), name, data })
  }

  private record(value: object): void {
    this.write(`${this.start}${JSON.stringify(value)}\n`)
  }
}

/** Three places say enough of a ms, and of a byte. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
