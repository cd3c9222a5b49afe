// Departure times: segments leave at a rate, in trains that suit a clock of about a millisecond.

/** What a late wake-up may catch up with, ms: Node's timers are late by up to that. */
const LATENESS = 2

export class Pacer {
  /** When the next byte may leave, ms. */
  private nextAt = Number.NEGATIVE_INFINITY
  private trainEnd = Number.NEGATIVE_INFINITY
  private openedAt = Number.NEGATIVE_INFINITY
  /** A segment was held back. */
  private isHolding = false

  /** Whether a segment may leave now. `rate` in bytes per ms, `quantum` in bytes. */
  isOpen(rate: number, quantum: number, now: number): boolean {
    if (rate === Number.POSITIVE_INFINITY) return true
    if (this.nextAt <= now) {
      // what was held back and leaves late catches up; a pause of the sender's own earns nothing
      if (this.openedAt !== now) this.nextAt = this.isHolding ? Math.max(this.nextAt, now - LATENESS) : now
      this.openedAt = now
      this.isHolding = false
      this.trainEnd = now + quantum / rate
    }
    const isOpen = this.nextAt < this.trainEnd
    if (!isOpen) this.isHolding = true
    return isOpen
  }

  /** When isOpen() will say yes, ms. */
  get opensAt(): number {
    return this.nextAt
  }

  onSent(bytes: number, rate: number, now: number): void {
    if (rate === Number.POSITIVE_INFINITY) return
    this.nextAt = Math.max(this.nextAt, now - LATENESS) + bytes / rate
  }
}
