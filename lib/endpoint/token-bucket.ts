// A rate limit: so many answers a second, and as many at once after a silence.

export class TokenBucket {
  private readonly perSecond: number
  private tokens: number
  private filledAt = Number.NEGATIVE_INFINITY

  constructor(perSecond: number) {
    this.perSecond = perSecond
    this.tokens = perSecond
  }

  /** @returns false: the rate is exceeded. */
  take(now: number): boolean {
    this.tokens = Math.min(this.perSecond, this.tokens + ((now - this.filledAt) * this.perSecond) / 1000)
    this.filledAt = now
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
