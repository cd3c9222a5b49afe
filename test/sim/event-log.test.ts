// The event log of transfers over bad paths: complete, consistent with itself and with the counters, and nothing at all when off.
import inspector from 'node:inspector'
import { describe, expect, test } from 'vitest'
import { congestionControls, findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import { EventLog, type EventLogOptions } from '../../lib/core/event-log.js'
import type { Status } from '../../lib/core/status.js'
import type { RecoveryMetrics, Trace } from '../../lib/core/trace.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { Couple } from '../support/couple.js'
import { FlightLedger, parseLog } from '../support/flight-ledger.js'

const BYTES = 600_000

interface Transfer {
  readonly link: Partial<LinkOptions>
  readonly control?: string
  readonly seed?: number
  readonly sack?: boolean
  readonly bytes?: number
  readonly trace?: (now: () => number) => Trace | null
}

/** Client to server, then both close. @returns the client's counters when all was acknowledged */
function transfer({ link, control = 'reno', seed = 1, sack = true, bytes = BYTES, trace }: Transfer): Status {
  const congestion = findCongestionControl(control)
  if (congestion === undefined) throw new Error(control)
  const couple = new Couple({ network: { seed, link, capture: false }, config: { congestion, sack, msl: 100 } })
  const { network } = couple
  couple.clientHost.stack.trace = trace === undefined ? null : () => trace(() => network.now)
  couple.serverHost.stack.trace = null
  let received = 0
  couple.onAccepted = (party) => {
    party.closesOnEnd = true
    party.read = () => {
      for (let chunk = party.channel.receive(); chunk !== null; chunk = party.channel.receive())
        received += chunk.length
    }
  }
  const client = couple.listen().connect()
  const chunk = new Uint8Array(65_536)
  let left = bytes
  client.onEvents = () => {
    if (client.state === 'SYN-SENT') return
    while (left > 0) {
      const taken = client.channel.send(chunk.subarray(0, Math.min(left, chunk.length)))
      if (taken === 0) return
      left -= taken
    }
    client.channel.close()
  }
  client.onEvents(0)
  network.advanceUntil(() => received === bytes, 600_000)
  network.advanceUntil(() => client.channel.unacknowledged === 0, 60_000)
  const status = client.channel.status()
  network.advance(60_000)
  return status
}

function logged(run: Transfer, options: Partial<EventLogOptions> = {}): { text: string; status: Status } {
  const records: string[] = []
  const write = (record: string): void => void records.push(record)
  const status = transfer({ ...run, trace: (now) => new EventLog({ now, write, ...options }) })
  return { text: records.join(''), status }
}

const PATHS: Readonly<Record<string, Partial<LinkOptions>>> = {
  loss: { rate: 20_000_000, delay: 15, queue: 60_000, loss: 0.02 },
  bursts: { rate: 20_000_000, delay: 15, queue: 60_000, burst: { enter: 0.01, leave: 0.25 } },
  // segments that were deemed lost come late: recoveries are undone
  reordering: { rate: 20_000_000, delay: 15, queue: 60_000, reorder: 0.05, reorderDelay: 60, duplicate: 0.02 },
  // an RTO, and all of what was in flight
  outage: { rate: 20_000_000, delay: 15, queue: 60_000, outages: [[120, 900]] },
  // a time-out for nothing: what was marked lost is found again
  stall: { rate: 20_000_000, delay: 15, lose: (_datagram, n) => n === 90 },
}

describe('what was sent is in flight, lost or delivered, at all times', () => {
  describe.each(congestionControls)('%s', (control) => {
    test.each(Object.keys(PATHS))('%s', (name) => {
      const { text, status } = logged({ link: PATHS[name] as Partial<LinkOptions>, control, seed: 7 })
      const ledger = new FlightLedger(BYTES + 2)
      for (const record of parseLog(text)) ledger.take(record)
      const { counts, changes } = ledger
      expect(ledger.checks).toBeGreaterThan(100)
      expect(ledger.delivered).toBe(BYTES + 2)
      const again = (counts['tcp:segment_sent retransmission'] ?? 0) + (counts['tcp:segment_sent tail_probe'] ?? 0)
      expect(again).toBe(status.segmentsRetransmitted)
      const repairs = changes['recovery:congestion_state_updated'] ?? []
      expect(repairs.filter((repair) => repair === 'loss').length > 0).toBe(status.timeouts > 0)
      expect(repairs.filter((repair) => repair === 'recovery').length > 0).toBe(status.recoveries > 0)
      expect(changes['tcp:connection_state_updated']?.join(' ')).toBe(
        'SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT',
      )
    })
  })

  test('without SACK', () => {
    const { text, status } = logged({ link: { ...PATHS.loss }, sack: false })
    const ledger = new FlightLedger(BYTES + 2)
    for (const record of parseLog(text)) ledger.take(record)
    expect(ledger.delivered).toBe(BYTES + 2)
    expect(ledger.counts['tcp:segment_sent retransmission']).toBe(status.segmentsRetransmitted)
  })

  test('after a reduction that was taken back, when what waited to be sent again is in flight again', () => {
    const link = { ...PATHS.reordering, loss: 0, duplicate: 0, reorder: 0.3, reorderDelay: 40 }
    const { text, status } = logged({ link, seed: 7 })
    expect(status.undos).toBeGreaterThan(0)
    const ledger = new FlightLedger(BYTES + 2)
    for (const record of parseLog(text)) ledger.take(record)
    expect(ledger.counts['tcp:segment_found']).toBeGreaterThan(0)
  })
})

describe('the log', () => {
  test('is a JSON text sequence (RFC 7464) that begins with what it is', () => {
    const { text } = logged({ link: { delay: 5 }, bytes: 3000 }, { title: 'one of ours', vantagePoint: 'client' })
    const records = text.split('\x1e')
    expect(records.shift()).toBe('')
    for (const record of records) expect(record).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(records[0] as string)).toMatchObject({
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      title: 'one of ours',
      trace: { vantage_point: { type: 'client' } },
    })
  })

  test('is one JSON value per line when asked', () => {
    const { text } = logged({ link: { delay: 5 }, bytes: 3000 }, { format: 'ndjson' })
    for (const line of text.trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })

  test('says what changed, and no more', () => {
    const metrics = parseLog(logged({ link: { delay: 5 }, bytes: 3000 }).text).filter(({ name }) =>
      name.endsWith('metrics_updated'),
    )
    const values: Record<string, unknown> = {}
    for (const { data } of metrics) {
      expect(Object.keys(data).length).toBeGreaterThan(0)
      for (const [key, value] of Object.entries(data)) {
        if (key in values) expect(value).not.toBe(values[key])
        values[key] = value
      }
    }
    expect(values).toMatchObject({ min_rtt: 10, bytes_in_flight: 0, bytes_lost: 0, acknowledged: 3002, ssthresh: null })
  })

  test('has the phases of each controller in their order', () => {
    const phases = (control: string): string => {
      const link = { rate: 50_000_000, delay: 20, queue: 250_000 }
      const { text } = logged({ link, control, bytes: 8_000_000 })
      const ledger = new FlightLedger(8_000_002)
      for (const record of parseLog(text)) ledger.take(record)
      return (ledger.changes['recovery:controller_phase_updated'] ?? []).join(', ')
    }
    expect(phases('reno')).toMatch(/^slow start, congestion avoidance/)
    expect(phases('cubic')).toMatch(/^slow start, conservative slow start, congestion avoidance/)
    expect(phases('bbr')).toMatch(/^startup, drain, (down, )?cruise/)
  })
})

/** Bytes allocated, as a sample finds them, by the functions of files whose path ends so. */
async function allocatedBy(files: readonly string[], run: () => void): Promise<number> {
  const session = new inspector.Session()
  session.connect()
  const post = <T>(method: string, params: object = {}): Promise<T> =>
    new Promise((resolve, reject) =>
      session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as T))),
    )
  await post('HeapProfiler.startSampling', {
    samplingInterval: 256,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  run()
  type Profile = { profile: { head: inspector.HeapProfiler.SamplingHeapProfileNode } }
  const { profile } = await post<Profile>('HeapProfiler.stopSampling')
  session.disconnect()
  const sum = (node: inspector.HeapProfiler.SamplingHeapProfileNode): number =>
    (files.some((file) => node.callFrame.url.endsWith(file)) ? node.selfSize : 0) +
    node.children.reduce((total, child) => total + sum(child), 0)
  return sum(profile.head)
}

describe('off', () => {
  const link = { ...PATHS.loss }
  const files = ['core/metrics.ts', 'core/event-log.ts', 'core/flight-watch.ts']

  test('is the default', () => {
    const couple = new Couple()
    couple.clientHost.powerOff()
    couple.clientHost.powerOn()
    expect(couple.clientHost.stack.trace).toBe(null)
  })

  test('nothing of it allocates; on, it does', async () => {
    transfer({ link })
    expect(await allocatedBy(files.slice(0, 2), () => transfer({ link }))).toBe(0)
    expect(await allocatedBy(files, () => logged({ link }))).toBeGreaterThan(100_000)
  })

  test('an observer of segments alone costs no record, and one of recovery gets the same one each time', () => {
    const silent: Trace = { onSegmentSent: () => {}, onSegmentReceived: () => {}, onState: () => {} }
    transfer({ link, trace: () => silent })
    const seen = new Set<RecoveryMetrics>()
    transfer({ link, trace: () => ({ ...silent, onRecovery: (metrics) => void seen.add(metrics) }) })
    expect(seen.size).toBe(1)
  })

  test('the same happens with it and without', () => {
    const run = { link, seed: 5 }
    expect(logged(run).status).toEqual(transfer(run))
  })
})
