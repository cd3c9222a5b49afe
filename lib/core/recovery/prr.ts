// How much may leave for each ACK of a recovery: proportional rate reduction (RFC 9937).

export class ProportionalRateReduction {
  private delivered = 0
  private out = 0
  private flightAtStart = 0
  private mostDelivered = 0
  private target = 0
  /** Bytes that may be in flight, as of the last ACK. */
  window = 0

  /** RecoverFS: bytes that the recovery may see delivered. */
  get flight(): number {
    return this.flightAtStart
  }

  /**
   * `flight`: bytes outstanding as the recovery begins; `target`: the window it shall end with (ssthresh).
   * `isCounted`: what arrives is counted by duplicate ACKs, which can be made up (RFC 9937 §6.2).
   */
  begin(flight: number, target: number, isCounted: boolean): void {
    this.delivered = 0
    this.out = 0
    this.flightAtStart = Math.max(flight, 1)
    this.mostDelivered = isCounted ? flight : Number.POSITIVE_INFINITY
    this.target = target
    this.window = 0
  }

  /**
   * `arrived`: bytes that the ACK delivered. `safe`: SND.UNA moved and nothing more was found lost.
   * `partial`: it tells of a hole that is repeated at once (RFC 6582 §3.2 step 3).
   */
  onAck(arrived: number, inFlight: number, safe: boolean, partial: boolean, mss: number): void {
    const news = Math.min(arrived, this.mostDelivered - this.delivered)
    if (news === 0 && arrived > 0 && !partial) return
    this.delivered += news
    let count: number
    if (inFlight > this.target) {
      // in whole segments, as the figures of §8 have it: a part of one would wait for the next ACK
      count = Math.ceil((this.delivered * this.target) / (this.flightAtStart * mss)) * mss - this.out
    } else {
      count = Math.max(this.delivered - this.out, news)
      if (safe) count += mss
      count = Math.min(count, this.target - inFlight)
    }
    // the first retransmission always leaves
    if (this.out === 0 || partial) count = Math.max(count, mss)
    this.window = inFlight + Math.max(count, 0)
  }

  /** More is found lost, be it by the clock: what leaves for it waits for ACKs as well, or all of it would leave at once. */
  onLost(bytes: number): void {
    this.window -= bytes
  }

  onSent(bytes: number): void {
    this.out += bytes
  }
}
