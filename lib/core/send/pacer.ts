// Departure times: segments leave at a rate, in trains that suit a clock of about a millisecond.

/** What a late wake-up may always catch up with, ms: Node's timers are late by up to that. */
const LATENESS = 2
/**
 * And the share of a round trip: on a busy machine everything is late, the queue on the path has run empty of ours meanwhile, and
 * a sender that gave the time away would starve beside those whom ACKs clock.
 */
const ROUND_TRIP_SHARE = 1 / 8

export class Pacer {
  /** When the next byte may leave, ms. */
  private nextAt = Number.NEGATIVE_INFINITY
  private trainEnd = Number.NEGATIVE_INFINITY
  private openedAt = Number.NEGATIVE_INFINITY
  /** Bytes per ms: what the wait for nextAt was reckoned with. */
  private rate = Number.POSITIVE_INFINITY
  /** A segment was held back. */
  private isHolding = false

  /** Whether a segment may leave now. `rate` in bytes per ms, `quantum` in bytes, `srtt` in ms. */
  isOpen(rate: number, quantum: number, srtt: number, now: number): boolean {
    if (rate === Number.POSITIVE_INFINITY) return true
    // who may send faster now owes less time
    if (rate > this.rate && this.nextAt > now) this.nextAt = now + ((this.nextAt - now) * this.rate) / rate
    this.rate = rate
    if (this.nextAt <= now) {
      // what was held back and leaves late catches up; a pause of the sender's own earns nothing
      const lateness = Math.max(LATENESS, srtt * ROUND_TRIP_SHARE)
      if (this.openedAt !== now) this.nextAt = this.isHolding ? Math.max(this.nextAt, now - lateness) : now
      this.openedAt = now
      this.isHolding = false
      this.trainEnd = now + quantum / rate
    }
    const isOpen = this.nextAt < this.trainEnd
    if (!isOpen) this.isHolding = true
    return isOpen
  }

  /** The congestion window is in the way of what waits: that is no pause of the sender's own either. */
  hold(): void {
    this.isHolding = true
  }

  /** When isOpen() will say yes, ms. */
  get opensAt(): number {
    return this.nextAt
  }

  onSent(bytes: number, rate: number, now: number): void {
    if (rate === Number.POSITIVE_INFINITY) return
    // opened now, it has been bounded; what leaves without asking may come after a long pause
    const from = this.openedAt === now ? this.nextAt : Math.max(this.nextAt, now)
    this.nextAt = from + bytes / rate
  }
}
