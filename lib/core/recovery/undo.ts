// Was the reduction for nothing? By timestamps (Eifel, RFC 3522), by original data that arrived after an RTO (F-RTO, RFC 5682),
// and by D-SACKs for all that was sent twice (RFC 3708).
import type { Flight } from '../send/flight.js'

export class Undo {
  private active = false
  private afterTimeout = false
  private beganAt = 0
  /** Retransmissions of the repair, less those that the peer reported as duplicates. */
  private outstanding = 0
  private retransmitted = false
  private originalArrived = false
  private originalsTell = true

  /** A repair begins; a time-out within a recovery is judged on its own, but what was sent twice counts on. */
  begin(afterTimeout: boolean, now: number): void {
    if (!this.active) this.outstanding = 0
    this.active = true
    this.afterTimeout = afterTimeout
    this.beganAt = now
    this.retransmitted = false
    this.originalArrived = false
  }

  end(): void {
    this.active = false
  }

  onRetransmit(): void {
    this.retransmitted = true
    this.outstanding++
  }

  onDuplicateSack(): void {
    if (this.outstanding > 0) this.outstanding--
  }

  /**
   * Before the flights of an ACK are delivered. `originalsTell`: without SACK, what a repetition uncovers may have waited for it
   * at the peer since before the time-out, and tells nothing (RFC 5682 §2.1).
   */
  onAck(originalsTell: boolean): void {
    this.originalsTell = originalsTell
  }

  onDelivered(flight: Flight): void {
    // taken for lost by the RTO, never sent again, and here it is (RFC 5682 §3.1 step 3)
    if (this.afterTimeout && this.originalsTell && flight.lost && !flight.retransmitted) this.originalArrived = true
  }

  /** SND.UNA moved past a flight that had left again at `resentAt`, by an ACK that answers what left at `echoAt` (RFC 3522 §3.2). */
  onAdvance(resentAt: number, echoAt: number): void {
    if (resentAt >= this.beganAt && resentAt !== Number.POSITIVE_INFINITY && echoAt < Math.floor(resentAt)) {
      this.originalArrived = true
    }
  }

  get isSpurious(): boolean {
    return this.active && this.retransmitted && (this.originalArrived || this.outstanding === 0)
  }
}
