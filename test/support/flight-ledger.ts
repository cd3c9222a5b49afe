// Reads an event log back and keeps the books: each offset sent is in the network, lost or delivered, and the metrics must say the same.
import { expect } from 'vitest'

const NEW = 0
const FLYING = 1
const LOST = 2
const DELIVERED = 3

export interface LogRecord {
  readonly time: number
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
}

/** The records of a log in either format, its header left out. */
export function parseLog(text: string): LogRecord[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.slice(1).map((line) => JSON.parse(line.startsWith('\x1e') ? line.slice(1) : line) as LogRecord)
}

export class FlightLedger {
  /** How often each kind of event came. */
  readonly counts: Record<string, number> = {}
  /** Of each change, what came of it. */
  readonly changes: Record<string, string[]> = {}
  readonly metrics: Record<string, number | null> = {}
  /** Metrics that were compared with the books. */
  checks = 0
  private readonly states: Uint8Array
  private readonly totals = [0, 0, 0, 0]
  private end = 0
  private time = 0

  /** `size`: of the stream, SYN and FIN included. */
  constructor(size: number) {
    this.states = new Uint8Array(size)
  }

  get delivered(): number {
    return this.totals[DELIVERED] as number
  }

  take({ time, name, data }: LogRecord): void {
    expect(time).toBeGreaterThanOrEqual(this.time)
    this.time = time
    const kind = data.trigger === undefined ? name : `${name} ${data.trigger}`
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    if (typeof data.new === 'string') {
      const before = this.changes[name]?.at(-1)
      if (before !== undefined) expect(data.old).toBe(before)
      this.changes[name] ??= []
      this.changes[name].push(data.new)
    }
    if (name === 'recovery:metrics_updated') this.compare(data as Record<string, number | null>)
    else if (name.startsWith('tcp:segment_')) this.move(kind, data.from as number, data.to as number)
  }

  private move(kind: string, from: number, to: number): void {
    switch (kind) {
      case 'tcp:segment_sent':
        expect(from).toBe(this.end)
        this.end = to
        this.turn(from, to, [NEW], FLYING)
        return
      case 'tcp:segment_sent retransmission':
        this.turn(from, to, [LOST], FLYING)
        return
      case 'tcp:segment_sent tail_probe':
        this.turn(from, to, [FLYING], FLYING)
        return
      case 'tcp:segment_acked':
        this.turn(from, to, [FLYING, LOST], DELIVERED)
        return
      case 'tcp:segment_lost':
        this.turn(from, to, [FLYING], LOST)
        return
      case 'tcp:segment_found':
        this.turn(from, to, [LOST, DELIVERED], FLYING)
        return
      default:
        throw new Error(`unknown: ${kind}`)
    }
  }

  private turn(from: number, to: number, allowed: readonly number[], into: number): void {
    expect(to).toBeGreaterThan(from)
    const { states, totals } = this
    const was = states[from] as number
    if (!allowed.includes(was) || states.subarray(from, to).some((state) => state !== was)) {
      throw new Error(
        `at ${this.time} ms ${from} to ${to} cannot go from ${states.subarray(from, to).join()} to ${into}`,
      )
    }
    states.fill(into, from, to)
    totals[was] = (totals[was] as number) - (to - from)
    totals[into] = (totals[into] as number) + to - from
  }

  private compare(changed: Record<string, number | null>): void {
    Object.assign(this.metrics, changed)
    const { metrics, totals } = this
    this.checks++
    const books = { sent: this.end, bytes_in_flight: totals[FLYING], bytes_lost: totals[LOST] }
    expect(metrics, `at ${this.time} ms`).toMatchObject(books)
    const sacked = this.delivered - (metrics.acknowledged as number)
    expect(metrics.bytes_sacked, `at ${this.time} ms`).toBe(sacked)
    expect(this.end).toBe(this.delivered + (totals[LOST] as number) + (totals[FLYING] as number))
  }
}
