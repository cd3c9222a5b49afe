// How much more than expected is acknowledged in a clump: what must be in flight to bridge the silence before it (draft-ietf-ccwg-bbr §5.5.9).
import { MaxFilter } from './max-filter.js'

/** Rounds. */
const WINDOW = 10

export class AckAggregation {
  private readonly filter = new MaxFilter(WINDOW)
  private since = 0
  private delivered = 0

  /** Bytes. */
  get extra(): number {
    return this.filter.best
  }

  restart(now: number): void {
    this.since = now
  }

  /** `bandwidth` in bytes per ms, `most` in bytes; in startup, only one `round` is remembered. */
  update(ackedBytes: number, bandwidth: number, most: number, round: number, isStartup: boolean, now: number): void {
    let expected = bandwidth * (now - this.since)
    if (this.delivered <= expected) {
      this.delivered = 0
      this.since = now
      expected = 0
    }
    this.delivered += ackedBytes
    const extra = Math.min(Math.max(0, this.delivered - expected), most)
    this.filter.update(extra, round, isStartup ? 1 : WINDOW)
  }
}
