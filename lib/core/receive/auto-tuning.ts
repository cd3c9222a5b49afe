// How large the receive buffer may be: what the application reads in a round trip decides (Dynamic Right-Sizing, as Linux does it).
import { DOUBLE } from '../../wire/bytes.js'

/** A sender in slow start doubles what is in flight with each round trip, and a hole keeps a round trip's worth unread. */
const ROUND_TRIPS = 2
/** Slow start doubles, or nearly, what there was in any round trip lately: rounds of one ms are uneven. */
const GROWTH = 1.5
const FADING = 7 / 8
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
  /** Bytes taken: ever, in this round trip, in the one before, and the most before that, which fades. */
  private taken: number = DOUBLE
  private current = 0
  private previous = 0
  private earlier = 0
  private roundAt = 0
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
    return this.previous >= GROWTH * this.earlier
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
      const isNext = elapsed < 2 * this.rtt
      const isPause = elapsed > Math.max(PAUSE, PAUSE_ROUND_TRIPS * this.rtt)
      this.earlier = isPause ? 0 : Math.max(this.previous, this.earlier * FADING)
      this.previous = isNext ? this.current : 0
      this.current = 0
      this.roundAt = now
    }
    this.current += bytes
    const wanted = this.initial + ROUND_TRIPS * (this.previous + this.current)
    if (wanted > this.limit) this.limit = Math.min(wanted, this.most)
    return this.limit
  }
}
