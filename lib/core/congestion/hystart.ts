// HyStart++: slow start that ends before it loses, and a cautious second look (RFC 9406).

/** §4.3 */
const MIN_RTT_THRESH = 4
const MAX_RTT_THRESH = 16
const MIN_RTT_DIVISOR = 8
const N_RTT_SAMPLE = 8
const CSS_GROWTH_DIVISOR = 4
const CSS_ROUNDS = 5

/** For a sender that paces: L, the bound on what one ACK may add, is infinite (§4.3). */
export class HyStart {
  private lastRoundMinRtt = Number.POSITIVE_INFINITY
  private currentRoundMinRtt = Number.POSITIVE_INFINITY
  private samples = 0
  private cssRounds = 0
  private cssBaselineMinRtt = Number.POSITIVE_INFINITY
  /** In conservative slow start. */
  inCss = false

  /**
   * One ACK of slow start; `ackedBytes` it acknowledged, `rtt` in ms (NaN: no sample).
   * @returns bytes to grow the window by; negative: leave slow start for congestion avoidance.
   */
  onAck(ackedBytes: number, rtt: number, roundStart: boolean): number {
    if (roundStart && this.startRound()) return -1
    if (rtt >= 0) {
      this.samples++
      if (rtt < this.currentRoundMinRtt) this.currentRoundMinRtt = rtt
    }
    this.judge()
    return this.inCss ? ackedBytes / CSS_GROWTH_DIVISOR : ackedBytes
  }

  /** @returns true: conservative slow start has lasted long enough. */
  private startRound(): boolean {
    this.lastRoundMinRtt = this.currentRoundMinRtt
    this.currentRoundMinRtt = Number.POSITIVE_INFINITY
    this.samples = 0
    // the round in which it began counts (§4.2)
    return this.inCss && ++this.cssRounds >= CSS_ROUNDS
  }

  private judge(): void {
    if (this.samples < N_RTT_SAMPLE || this.currentRoundMinRtt === Number.POSITIVE_INFINITY) return
    if (this.inCss) {
      // the queue has gone: what looked like one was not (§4.2)
      if (this.currentRoundMinRtt < this.cssBaselineMinRtt) this.inCss = false
      return
    }
    if (this.lastRoundMinRtt === Number.POSITIVE_INFINITY) return
    const thresh = Math.max(MIN_RTT_THRESH, Math.min(this.lastRoundMinRtt / MIN_RTT_DIVISOR, MAX_RTT_THRESH))
    if (this.currentRoundMinRtt < this.lastRoundMinRtt + thresh) return
    this.cssBaselineMinRtt = this.currentRoundMinRtt
    this.inCss = true
    this.cssRounds = 0
  }
}
