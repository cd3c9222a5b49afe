// Departure times: segments leave at a rate, in trains that suit a clock of about a millisecond.

/** What a late wake-up may catch up with, ms. */
const LATENESS = 1

export class Pacer {
  /** When the next byte may leave, ms. */
  private nextAt = Number.NEGATIVE_INFINITY
  private trainEnd = Number.NEGATIVE_INFINITY

  /** Whether a segment may leave now. `rate` in bytes per ms, `quantum` in bytes. */
  isOpen(rate: number, quantum: number, now: number): boolean {
    if (rate === Number.POSITIVE_INFINITY) return true
    if (this.nextAt <= now) this.trainEnd = now + quantum / rate
    return this.nextAt < this.trainEnd
  }

  /** When isOpen() will say yes, ms. */
  get opensAt(): number {
    return this.nextAt
  }

  onSent(bytes: number, rate: number, mss: number, now: number): void {
    if (rate === Number.POSITIVE_INFINITY) return
    const credit = Math.max(LATENESS, (2 * mss) / rate)
    this.nextAt = Math.max(this.nextAt, now - credit) + bytes / rate
  }
}
