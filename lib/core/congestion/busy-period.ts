// How much a link carries while a queue stands before it: it never idles then, so that no jitter of clocks can flatter the figure.
// A silence of the sender, the receiver or the path ends it: the link may have idled.

/** A round trip has waited at all: the smallest, this much more, and some ms. */
const RATIO = 1.1
const SLACK = 1
/** ms, and round trips: less says little. */
const LEAST = 40
const LEAST_ROUNDS = 2
/** What BBR's pacing margin of 1 % takes back: to cruise at the very rate. */
const MARGIN = 1.01

export class BusyPeriod {
  private since = Number.NaN
  private delivered = 0
  private sampledAt = Number.NaN
  private lastRtt = 0

  /**
   * A sample and the smallest of all, ms; bytes delivered so far.
   * @returns what the path can do, bytes per ms, when a period ends; else Infinity.
   */
  update(rtt: number, minRtt: number, delivered: number, now: number): number {
    if (Number.isNaN(rtt)) return Number.POSITIVE_INFINITY
    // a queue of that length has run dry meanwhile
    if (now - this.sampledAt > this.lastRtt) this.forget()
    this.sampledAt = now
    this.lastRtt = rtt
    if (rtt > minRtt * RATIO + SLACK) {
      if (Number.isNaN(this.since)) {
        this.since = now
        this.delivered = delivered
      }
      return Number.POSITIVE_INFINITY
    }
    const time = now - this.since
    this.since = Number.NaN
    const isLong = time >= Math.max(LEAST, LEAST_ROUNDS * minRtt)
    return isLong ? (MARGIN * (delivered - this.delivered)) / time : Number.POSITIVE_INFINITY
  }

  /** The link may have idled. */
  forget(): void {
    this.since = Number.NaN
  }
}
