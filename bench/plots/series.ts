// What a plot shows, gathered from an event log record by record (docs/event-log.md).

/** One quantity over time: it has each value until the next. */
export class Track {
  readonly times: number[] = []
  readonly values: number[] = []

  add(time: number, value: number): void {
    this.times.push(time)
    this.values.push(value)
  }

  get last(): number {
    return this.values.at(-1) ?? Number.NaN
  }
}

/** What happened to one range: `time` in s, offsets in bytes. */
export interface Mark {
  readonly time: number
  readonly from: number
  readonly to: number
}

/** Something that lasted, s. */
export interface Span {
  readonly name: string
  readonly from: number
  to: number
}

interface LogRecord {
  readonly time?: number
  readonly name?: string
  readonly title?: string
  readonly data?: Readonly<Record<string, number | string | null>>
}

/** Names of metrics in the log that are drawn. */
export const TRACKED = [
  'congestion_window',
  'ssthresh',
  'bytes_in_flight',
  'smoothed_rtt',
  'min_rtt',
  'latest_rtt',
  'pacing_rate',
  'acknowledged',
  'sent',
] as const

export type Tracked = (typeof TRACKED)[number]

export class Series {
  title = ''
  readonly tracks: Readonly<Record<Tracked, Track>> = Object.fromEntries(
    TRACKED.map((name) => [name, new Track()]),
  ) as Record<Tracked, Track>
  /** Bytes that the peer is known to hold, in order or not. */
  readonly delivered = new Track()
  readonly lost: Mark[] = []
  readonly repeated: Mark[] = []
  /** The controller's phases, and the repairs that were under way. */
  readonly phases: Span[] = []
  readonly repairs: Span[] = []
  /** The last event, s after the first. */
  end = 0
  private start = Number.NaN
  private sacked = 0

  /** One record of the log, with or without its separator. */
  take(text: string): void {
    const line = text.replace(/^[^{]*/, '')
    if (line === '') return
    const { time, name, data, title } = JSON.parse(line) as LogRecord
    if (title !== undefined) this.title = title
    if (time === undefined || name === undefined || data === undefined) return
    if (Number.isNaN(this.start)) this.start = time
    this.end = (time - this.start) / 1000
    this.note(name, data)
  }

  private note(name: string, data: NonNullable<LogRecord['data']>): void {
    const { end } = this
    switch (name) {
      case 'recovery:metrics_updated':
        for (const key of TRACKED) {
          const value = data[key]
          // 0 stands for no RTT sample yet
          const known = value !== null && !(value === 0 && key === 'smoothed_rtt')
          if (value !== undefined) this.tracks[key].add(end, known ? (value as number) : Number.NaN)
        }
        if (typeof data.bytes_sacked === 'number') this.sacked = data.bytes_sacked
        this.delivered.add(end, this.tracks.acknowledged.last + this.sacked)
        return
      case 'tcp:segment_lost':
        this.lost.push({ time: end, from: data.from as number, to: data.to as number })
        return
      case 'tcp:segment_sent':
        if (data.trigger !== undefined)
          this.repeated.push({ time: end, from: data.from as number, to: data.to as number })
        return
      case 'recovery:controller_phase_updated':
        change(this.phases, data.new as string, end)
        return
      case 'recovery:congestion_state_updated':
        change(this.repairs, data.new as string, end)
        return
      default:
    }
  }
}

function change(spans: Span[], name: string, at: number): void {
  const last = spans.at(-1)
  if (last !== undefined) last.to = at
  spans.push({ name, from: at, to: Infinity })
}

/** What a track was within one piece of time. */
export interface Piece {
  /** Its middle, s. */
  readonly time: number
  readonly low: number
  readonly high: number
  readonly last: number
}

/** Cuts [from, to] into `count` pieces, so that a picture has as many points as it can show, and still every peak. */
export function pieces(track: Track, from: number, to: number, count: number): Piece[] {
  const { times, values } = track
  const result: Piece[] = []
  let at = 0
  let last = Number.NaN
  while (at < times.length && (times[at] as number) < from) last = values[at++] as number
  for (let piece = 1; piece <= count; piece++) {
    const until = from + ((to - from) * piece) / count
    let [low, high] = [last, last]
    while (at < times.length && (times[at] as number) <= until) {
      last = values[at++] as number
      low = low <= last ? low : last
      high = high >= last ? high : last
    }
    const time = from + ((to - from) * (piece - 0.5)) / count
    if (!Number.isNaN(low + high)) result.push({ time, low, high, last })
  }
  return result
}

/** How fast a count of bytes grew: Mbit/s in each of `count` pieces of [from, to]. */
export function growth(track: Track, from: number, to: number, count: number): { time: number; rate: number }[] {
  const steps = pieces(track, from, to, count)
  const seconds = (to - from) / count
  return steps.slice(1).map(({ time, last }, index) => ({
    time,
    rate: ((last - (steps[index] as Piece).last) * 8) / 1e6 / seconds,
  }))
}
