// Two connections joined by a pipe in virtual time: delay and a filter that may drop, nothing else.
import { type Config, createConfig } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import { decode, Segment, SYN } from '../../lib/wire/segment.js'
import { datagramOf, partsOf } from './segments.js'

type Side = 'a' | 'b'

/** A segment that has left. */
export interface Sent {
  readonly at: number
  readonly from: Side
  readonly bytes: Uint8Array
}

interface Passing {
  readonly at: number
  readonly to: Side
  readonly bytes: Uint8Array
}

export interface PairOptions {
  readonly a?: Partial<Config>
  readonly b?: Partial<Config>
  /** One way, ms. @default 10 */
  readonly delay?: number
  /** Asked for each segment. @returns false: it is lost. */
  readonly filter?: () => boolean
  /** Asked for each that is not: how much later than others it arrives, ms. */
  readonly jitter?: () => number
  /** Segments that poll() may give as one. @default 1 */
  readonly most?: number
  /** Told of each segment, lost or not. */
  readonly onSent?: (sent: Sent) => void
}

/** a opens towards b, which listens: its connection is born of the first SYN that arrives. */
export class Pair {
  now = 1000
  readonly a: Connection
  b: Connection | null = null
  /** How often poll() gave several segments as one. */
  together = 0
  private readonly options: Required<Pick<PairOptions, 'delay' | 'filter' | 'jitter' | 'most' | 'onSent'>>
  private readonly optionsB: Partial<Config>
  private passing: Passing[] = []

  constructor(options: PairOptions = {}) {
    this.a = Connection.active(createConfig(options.a), 0xffff_fff0, 1)
    this.optionsB = options.b ?? {}
    const { delay = 10, filter = () => true, jitter = () => 0, most = 1, onSent = () => {} } = options
    this.options = { delay, filter, jitter, most, onSent }
    this.a.open(this.now)
    this.flush()
  }

  /** Sends what both sides have to say. */
  private flush(): void {
    this.pump('a', this.a)
    if (this.b !== null) this.pump('b', this.b)
  }

  /** Runs until `until` (ms from now) or until `done` says so; user code runs in `each`, after every event. */
  run(ms: number, done: () => boolean = () => false, each: () => void = () => {}): boolean {
    const end = this.now + ms
    for (;;) {
      each()
      this.flush()
      if (done()) return true
      const next = Math.min(this.passing[0]?.at ?? Infinity, this.a.wakeAt, this.b?.wakeAt ?? Infinity)
      if (next > end) {
        this.now = end
        return done()
      }
      this.now = Math.max(this.now, next)
      this.a.handleTimeout(this.now)
      this.b?.handleTimeout(this.now)
      while (this.passing.length > 0 && (this.passing[0] as Passing).at <= this.now) this.deliver()
    }
  }

  private deliver(): void {
    const { to, bytes } = this.passing.shift() as Passing
    const segment = new Segment()
    if (!decode(bytes, segment)) throw new Error('an own segment does not decode')
    if (to === 'a') this.a.handleSegment(segment, this.now)
    else if (this.b !== null) this.b.handleSegment(segment, this.now)
    else if (segment.flags === SYN) {
      this.b = Connection.passive(createConfig(this.optionsB), 7, 2, segment, this.now)
    }
  }

  private pump(side: Side, connection: Connection): void {
    const { delay, filter, jitter, most, onSent } = this.options
    const out = new Segment()
    let mayFollow = true
    while (connection.poll(out, this.now, most)) {
      if (!mayFollow) throw new Error('a segment has followed, and none was to')
      mayFollow = connection.mayHaveMore
      if (out.cut > 0) this.together++
      for (const part of partsOf(out)) {
        const bytes = datagramOf(part)
        onSent({ at: this.now, from: side, bytes })
        if (!filter()) continue
        const at = this.now + delay + jitter()
        const index = this.passing.findIndex((other) => other.at > at)
        const passing: Passing = { at, to: side === 'a' ? 'b' : 'a', bytes }
        this.passing.splice(index < 0 ? this.passing.length : index, 0, passing)
      }
    }
  }
}
