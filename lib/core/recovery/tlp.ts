// Tail loss probe: one segment that draws an ACK when the last ones of a flight are silent (RFC 8985 §7).

/** Worst delayed ACK of a peer (RFC 8985 §7.2). */
const MAX_ACK_DELAY = 200
/** What a timer's granularity adds. */
const CLOCK_STEP = 2

export class TailLossProbe {
  /** Offset past the probe; < 0: none is out. */
  private end = -1
  private isRetransmission = false
  private hasSample = true
  /** Bytes unacknowledged when the probe left. */
  outstanding = 0

  /**
   * ms to wait for an ACK before probing; the RTO bounds it. `mayBeDelayed`: less than two full segments are in flight, so that
   * the peer may take its time (SHLD-19). The RFC thinks of a lone segment; two small ones are acknowledged as late.
   */
  timeout(srtt: number, mayBeDelayed: boolean): number {
    return 2 * srtt + CLOCK_STEP + (mayBeDelayed ? MAX_ACK_DELAY : 0)
  }

  /** §7.3: one at a time, and the RTT has been measured since the last one: else it would never be seen to grow. */
  get mayLeave(): boolean {
    return this.end < 0 && this.hasSample
  }

  /** The RTT has been measured. */
  onSample(): void {
    this.hasSample = true
  }

  onSent(end: number, isRetransmission: boolean, outstanding: number): void {
    this.end = end
    this.hasSample = false
    this.outstanding = outstanding
    this.isRetransmission = isRetransmission
  }

  /**
   * §7.4.2: an ACK at or past the probe. `twiceTo`: where the duplicate ends that it reports; < 0: it reports none.
   * `isPlainDuplicate`: it moves nothing and reports nothing.
   * @returns true: the probe repaired a loss that nothing else showed, and the window has to answer for it.
   */
  onAck(ack: number, twiceTo: number, isPlainDuplicate: boolean): boolean {
    if (this.end < 0 || ack < this.end) return false
    const cameTwice = twiceTo === this.end
    // up to the probe and no further: that may be the original, and the word of the duplicate still to come
    if (this.isRetransmission && !cameTwice && !isPlainDuplicate && ack === this.end) return false
    const repaired = this.isRetransmission && !cameTwice && ack > this.end
    this.end = -1
    return repaired
  }

  cancel(): void {
    this.end = -1
  }
}
