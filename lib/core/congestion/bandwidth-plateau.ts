// Is the pipe full? Three round trips of trying to send faster have not delivered faster (draft-ietf-ccwg-bbr §5.3.1.2).

const GROWTH = 1.25
const ROUNDS = 3

export class BandwidthPlateau {
  /** Reached in the search under way. */
  isReached = false
  /** Reached in any search so far. */
  wasReached = false
  private base = 0
  private rounds = 0

  /** A search begins from `rate`, bytes per ms; NaN: none known. */
  reset(rate: number): void {
    this.base = rate > 0 ? rate : 0
    this.rounds = 0
    this.isReached = false
  }

  /** A sample that the path has limited. */
  update(rate: number, roundStart: boolean): void {
    if (this.isReached) return
    if (rate >= this.base * GROWTH) {
      this.reset(rate)
      return
    }
    if (!roundStart) return
    this.isReached = ++this.rounds >= ROUNDS
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
