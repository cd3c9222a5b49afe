// The smallest round trip of late, and whether it is time to look for it again (draft-ietf-ccwg-bbr §5.3.4.3).

/** ms */
const WINDOW = 10_000
const PROBE_INTERVAL = 5_000
/** A sample this close to the smallest says that it still holds. */
const SAME = 1.1

export class MinRtt {
  /** ms; Infinity before the first sample. */
  value: number = Number.POSITIVE_INFINITY
  /** Nothing has shown for a while that it still holds. */
  isStale = false
  private valueAt = 0
  private recent = Number.POSITIVE_INFINITY
  private recentAt = 0

  /** `rtt` in ms; NaN: no sample. */
  update(rtt: number, now: number): void {
    this.isStale = this.recent !== Number.POSITIVE_INFINITY && now > this.recentAt + PROBE_INTERVAL
    if (rtt >= 0 && (rtt < this.recent || this.isStale)) {
      this.recent = rtt
      this.recentAt = now
    } else if (rtt <= this.recent * SAME) {
      // the queue was empty just now: there is nothing to drain it for
      this.recentAt = now
      if (rtt <= this.value * SAME) this.valueAt = now
    }
    if (this.recent < this.value || now > this.valueAt + WINDOW) {
      this.value = this.recent
      this.valueAt = this.recentAt
    }
  }

  /** It has been looked for. */
  confirm(now: number): void {
    this.recentAt = now
  }
}
