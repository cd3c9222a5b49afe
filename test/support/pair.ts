// Two connections joined by a pipe in virtual time: delay and a filter that may drop, nothing else.
import { type Config, createConfig } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import { decode, encode, Segment, SYN } from '../../lib/wire/segment.js'

type Side = 'a' | 'b'

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
}

/** a opens towards b, which listens: its connection is born of the first SYN that arrives. */
export class Pair {
  now = 1000
  readonly a: Connection
  b: Connection | null = null
  private readonly filter: () => boolean
  private readonly delay: number
  private readonly optionsB: Partial<Config>
  private passing: Passing[] = []
  private readonly scratch = new Uint8Array(65_600)

  constructor(options: PairOptions = {}) {
    this.a = Connection.active(createConfig(options.a), 0xffff_fff0, 1)
    this.optionsB = options.b ?? {}
    this.delay = options.delay ?? 10
    this.filter = options.filter ?? (() => true)
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
    const out = new Segment()
    while (connection.poll(out, this.now)) {
      if (!this.filter()) continue
      const length = encode(out, this.scratch)
      const bytes = new Uint8Array(length + out.textLength)
      bytes.set(this.scratch.subarray(0, length))
      bytes.set(out.payload, length)
      bytes.set(out.payloadTail, length + out.payload.length)
      this.passing.push({ at: this.now + this.delay, to: side === 'a' ? 'b' : 'a', bytes })
    }
  }
}
