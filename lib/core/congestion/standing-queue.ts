// Does a queue stand? What the smallest round trip of a round is above the smallest of all: it tells congestion from a path's own noise.

/** A jitter of some ms leaves the smallest of a round below this. */
const RATIO = 1.25
const SLACK = 1
/** At different times, over a quarter of a round trip and 20 ms at least: ACKs that a busy event loop has kept waiting are no queue. */
const SAMPLES = 8
const SPAN = 0.25
const LEAST_SPAN = 20

export class StandingQueue {
  private smallest = Number.POSITIVE_INFINITY
  private smallestBefore = Number.POSITIVE_INFINITY
  private samples = 0
  private beganAt = 0
  private sampledAt = Number.NEGATIVE_INFINITY

  beginRound(now: number): void {
    this.beganAt = now
    this.smallestBefore = this.smallest
    this.smallest = Number.POSITIVE_INFINITY
    this.samples = 0
  }

  /** A sample, ms; NaN: none. */
  update(rtt: number, now: number): void {
    if (Number.isNaN(rtt)) return
    if (now !== this.sampledAt) this.samples++
    this.sampledAt = now
    if (rtt < this.smallest) this.smallest = rtt
  }

  /** Nothing has come through without waiting since this round began, and that was not little. */
  isShownAgainst(minRtt: number): boolean {
    const span = Math.max(SPAN * minRtt, LEAST_SPAN)
    const isMuch = this.samples >= SAMPLES && this.sampledAt - this.beganAt >= span
    return isMuch && isQueued(this.smallest, minRtt)
  }

  /** Nothing has, in this round and the one before it. */
  standsAgainst(minRtt: number): boolean {
    return isQueued(Math.min(this.smallest, this.smallestBefore), minRtt)
  }
}

/** A round trip has waited, ms. */
export function isQueued(rtt: number, minRtt: number): boolean {
  return rtt !== Number.POSITIVE_INFINITY && rtt > minRtt * RATIO + SLACK
}
