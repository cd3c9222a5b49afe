// A rate limit: so many answers a second, and as many at once after a silence; fewer, by an amount that nobody can foresee.

/** Draws a number, 0 <= x < 1. */
export type Draw = () => number

/**
 * An answer costs one to two tokens. A limit that all share would tell strangers who count their own answers whether a segment that they
 * sent in somebody else's name drew one, and so which ports have a connection (Cao et al. 2016), which RFC 6056 is about hiding.
 */
export class TokenBucket {
  private readonly perSecond: number
  private readonly draw: Draw
  private tokens: number
  private filledAt = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, draw: Draw) {
    this.perSecond = perSecond
    this.draw = draw
    this.tokens = perSecond
  }

  /** @returns false: the rate is exceeded. */
  take(now: number): boolean {
    this.tokens = Math.min(this.perSecond, this.tokens + ((now - this.filledAt) * this.perSecond) / 1000)
    this.filledAt = now
    if (this.tokens < 1) return false
    this.tokens -= 1 + this.draw()
    return true
  }
}
