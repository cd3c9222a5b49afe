// Round-trip time and retransmission time-out: RFC 6298.

const ALPHA = 1 / 8
const BETA = 1 / 4
const K = 4
/** RFC 6298 §5.7: an RTO for data after a SYN that had to be sent again. */
const RTO_AFTER_LOST_SYN = 3000
/** ms: what a clock that stood still has measured, since 0 means that there is no sample. */
const LEAST_SAMPLE = 0.001

export class Rtt {
  /** ms; 0 before the first sample. */
  srtt = 0
  rttvar = 0
  /** The smallest sample, ms; Infinity before the first. */
  minRtt: number = Number.POSITIVE_INFINITY
  /** The last sample, ms; NaN before the first. */
  latest: number = Number.NaN
  /** Expiries since the last sample: the back-off stays until one shows that it is not needed (RFC 6298 §5.7 note, Karn). */
  backOffs = 0
  private base: number
  private readonly minRto: number
  private readonly maxRto: number

  constructor(initialRto: number, minRto: number, maxRto: number) {
    this.base = initialRto
    this.minRto = minRto
    this.maxRto = maxRto
  }

  /** The time-out now in force, ms, back-off included. */
  get rto(): number {
    const { base, backOffs } = this
    return Math.min(backOffs === 0 ? base : base * 2 ** backOffs, this.maxRto)
  }

  /** What an earlier connection saw, ms: the RTO until the first sample, which is news and counts alone (RFC 9040 §6). */
  remember(srtt: number, rttvar: number): void {
    this.setBase(srtt, rttvar)
    // a memory may hurry the handshake, and put it off no longer than a lost SYN would
    this.base = Math.min(this.base, RTO_AFTER_LOST_SYN)
  }

  sample(measured: number): void {
    const ms = Math.max(measured, LEAST_SAMPLE)
    this.latest = ms
    this.backOffs = 0
    if (ms < this.minRtt) this.minRtt = ms
    if (this.srtt === 0) {
      this.srtt = ms
      this.rttvar = ms / 2 // RFC 6298 §2.2
    } else {
      this.rttvar += BETA * (Math.abs(this.srtt - ms) - this.rttvar) // RFC 6298 §2.3
      this.srtt += ALPHA * (ms - this.srtt)
    }
    this.setBase(this.srtt, this.rttvar)
  }

  /** RFC 6298 §5.5. */
  backOff(): void {
    this.backOffs++
  }

  /** RFC 6298 §5.7, after the handshake. */
  synWasRetransmitted(): void {
    this.base = Math.min(Math.max(this.base, RTO_AFTER_LOST_SYN), this.maxRto)
    this.backOffs = 0
  }

  private setBase(srtt: number, rttvar: number): void {
    // The minimum bounds the variance's part, as in Linux: a delayed ACK or a late event loop on a
    // steady path must not look like a loss.
    this.base = Math.min(Math.max(srtt + Math.max(K * rttvar, this.minRto), this.minRto), this.maxRto)
  }
}
