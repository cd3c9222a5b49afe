// How large the receive buffer may be: what the application reads in a round trip decides (Dynamic Right-Sizing, as Linux does it).
import { DOUBLE } from '../../wire/bytes.js'

/** A sender in slow start doubles what is in flight with each round trip, and a hole keeps a round trip's worth unread. */
const ROUND_TRIPS = 2
/** Slow start doubles, or nearly, the rate that there was in any round trip lately. */
const GROWTH = 1.5
/** What it was fades by this, in a round trip or in so many ms: shorter ones are as uneven as the turns that both machines take. */
const FADING = 7 / 8
const FADES_IN = 10
/** After a pause, ms or in round trips, the sender begins anew. */
const PAUSE = 200
const PAUSE_ROUND_TRIPS = 4
/** By this part an estimate follows samples that lie above it; each of them may hold a pause of the sender's. */
const RISE = 1 / 8
/** ms: what a clock of whole ms can tell. */
const LEAST_RTT = 1

/**
 * The limit grows with what is read in this round trip and the last, and never shrinks. Slow start has at most its initial window
 * and all that has arrived in flight (RFC 5681 §3.1); of that, half or more has arrived within the last round trip. So twice that
 * is enough for any such sender, and since each byte counts as it is read, the window is never what it waits for.
 */
export class ReceiveTuning {
  /** Bytes that may be held as things are. */
  limit: number
  /** The round trip as the receiver sees it, ms; Infinity: not known, and all that was ever read counts. */
  rtt: number = Number.POSITIVE_INFINITY
  /** The shortest that was seen. */
  private leastRtt = Number.POSITIVE_INFINITY
  private readonly initial: number
  private readonly most: number
  /** Bytes taken: ever, in this round trip, and in the one before. */
  private taken: number = DOUBLE
  private current = 0
  private previous = 0
  private roundAt = 0
  /** Bytes per ms in the round trip before this, and the most before that, which fades: a round trip that takes longer brings more. */
  private rate = 0
  private earlierRate = 0
  /** Whole ms. */
  private fadedAt = 0
  /** int32 */
  private lastEcho = 0
  /** The right edge as it was at some time: what lies beyond it left a round trip later, or more. */
  private markEdge = 0
  private markAt = 0

  /** `initial`: where the limit begins, bytes; `most`: where it ends; `isLocal`: the round trip is known to be short. */
  constructor(initial: number, most: number, isLocal = false) {
    if (isLocal) this.leastRtt = 0
    this.taken = 0
    this.most = most
    this.initial = this.limit = Math.min(initial, most)
  }

  /** Text came with a timestamp of ours, `echo`, that is `age` ms old: a round trip, and what the sender waited (RFC 7323 §4.1). */
  onEcho(echo: number, age: number): void {
    if ((echo | 0) === this.lastEcho || age < 0) return
    this.lastEcho = echo | 0
    const sample = Math.max(age, LEAST_RTT)
    if (sample < this.leastRtt) this.leastRtt = sample
    this.rtt = sample < this.rtt ? sample : this.rtt + (sample - this.rtt) * RISE
  }

  /**
   * Without timestamps: text in order came up to `next`, with `edge` the right edge that the peer knows of.
   * The shortest time that a window's worth took counts; a longer one may be the sender's pauses.
   */
  onText(next: number, edge: number, now: number): void {
    if (next <= this.markEdge) return
    if (this.markEdge > 0) {
      this.rtt = Math.min(this.rtt, Math.max(now - this.markAt, LEAST_RTT))
      this.leastRtt = Math.min(this.leastRtt, this.rtt)
    }
    this.markEdge = edge
    this.markAt = now
  }

  /** From round trip to round trip there is more: the sender is likely to be in slow start. */
  get isGrowing(): boolean {
    return this.rate >= GROWTH * this.earlierRate
  }

  /** The network holds next to nothing: what is on its way waits here. */
  get isOfShortPath(): boolean {
    return this.leastRtt <= LEAST_RTT
  }

  /** The application has taken `total` bytes by now, or would have but for a hole. @returns the limit. */
  onTaken(total: number, now: number): number {
    const bytes = (total - this.taken) | 0
    if (bytes <= 0) return this.limit
    if (this.taken === 0) this.roundAt = now
    this.taken = total
    const elapsed = now - this.roundAt
    if (elapsed >= this.rtt) {
      this.noteRate(elapsed, now)
      this.previous = elapsed < 2 * this.rtt ? this.current : 0
      this.current = 0
      this.roundAt = now
    }
    this.current += bytes
    const wanted = this.initial + ROUND_TRIPS * (this.previous + this.current)
    if (wanted > this.limit) this.limit = Math.min(wanted, this.most)
    return this.limit
  }

  private noteRate(elapsed: number, now: number): void {
    if (elapsed > Math.max(PAUSE, PAUSE_ROUND_TRIPS * this.rtt)) {
      this.rate = this.earlierRate = 0
      return
    }
    if (now - this.fadedAt >= FADES_IN) {
      this.earlierRate = Math.floor(this.earlierRate * FADING)
      this.fadedAt = Math.floor(now)
    }
    this.earlierRate = Math.max(this.rate, this.earlierRate)
    this.rate = Math.ceil(this.current / elapsed)
  }
}
