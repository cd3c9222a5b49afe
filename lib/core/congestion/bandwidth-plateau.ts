// Is the pipe full? Three round trips of trying to send faster have not delivered faster (draft-ietf-ccwg-bbr §5.3.1.2),
// or one of them has not, and a queue stands.

const GROWTH = 1.25
const ROUNDS = 3
/** Startup aims at twice as much in each round trip. */
const GROWTH_WITH_QUEUE = 1.5

export class BandwidthPlateau {
  /** Reached in the search under way. */
  isReached = false
  /** Reached in any search so far. */
  wasReached = false
  private base = 0
  private rounds = 0
  private best = 0
  /** The best as this round trip began, and as the one before it did; 0: the search is younger. */
  private bestAtStart = 0
  private bestBefore = 0

  /** A search begins from `rate`, bytes per ms; NaN: none known. */
  reset(rate: number): void {
    this.base = this.best = this.bestAtStart = rate > 0 ? rate : 0
    this.bestBefore = 0
    this.rounds = 0
    this.isReached = false
  }

  /** A sample that the path has limited; `showsQueue`: none of this round trip has come through without waiting. */
  update(rate: number, roundStart: boolean, showsQueue = false): void {
    if (this.isReached) return
    if (rate > this.best) this.best = rate
    if (roundStart) {
      this.bestBefore = this.bestAtStart
      this.bestAtStart = this.best
    }
    if (rate >= this.base * GROWTH) {
      this.base = rate
      this.rounds = 0
    } else if (roundStart) {
      this.rounds++
    }
    this.isReached = this.rounds >= ROUNDS || (showsQueue && this.best < this.bestBefore * GROWTH_WITH_QUEUE)
    if (this.isReached) this.wasReached = true
  }

  /** All that is known of the pipe by loss, not by its bandwidth. */
  reachByLoss(): void {
    this.wasReached = true
  }

  /** The pipe was not full after all. */
  forget(): void {
    this.wasReached = false
  }
}
