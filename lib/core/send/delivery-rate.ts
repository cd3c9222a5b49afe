// How fast the path delivers: one rate sample for each ACK (draft-cheng-iccrg-delivery-rate-estimation).
import type { Flight } from './flight.js'

export class DeliveryRate {
  /** Bytes delivered, and lost, so far. */
  delivered = 0
  lost = 0
  // ---- the sample of the ACK in hand
  /** Bytes per ms; NaN: none. */
  rate: number = Number.NaN
  appLimited = false
  priorDelivered = 0
  deliveredInSample = 0
  txInFlight = 0
  private deliveredAt = 0
  private firstSentAt = 0
  /** Delivered bytes at which what was sent while there was too little to send is through; 0: not so now. */
  private appLimitedUntil = 0
  private priorAt = Number.NaN
  private sendElapsed = 0
  private newestSentAt = 0
  private lostBefore = 0

  /** Bytes found lost since the sample's packet was sent, by the ACK in hand too. */
  get lostInSample(): number {
    return this.lost - this.lostBefore
  }

  /** `flight` leaves; `inFlight` counts it. */
  onSent(flight: Flight, inFlight: number, now: number): void {
    if (inFlight === flight.length) {
      // nothing was on its way: the sample begins here
      this.firstSentAt = now
      this.deliveredAt = now
    }
    flight.firstSentAt = this.firstSentAt
    flight.deliveredAt = this.deliveredAt
    flight.delivered = this.delivered
    flight.lostBefore = this.lost
    flight.txInFlight = inFlight
    flight.appLimited = this.appLimitedUntil > 0
  }

  /** Nothing more to send though the window has room. */
  markAppLimited(inFlight: number): void {
    this.appLimitedUntil = Math.max(1, this.delivered + inFlight)
  }

  begin(): void {
    this.priorAt = Number.NaN
    this.priorDelivered = 0
    this.newestSentAt = Number.NEGATIVE_INFINITY
  }

  onDelivered(flight: Flight, now: number): void {
    this.delivered += flight.length
    this.deliveredAt = now
    const isNewer =
      flight.delivered > this.priorDelivered ||
      (flight.delivered === this.priorDelivered && flight.sentAt >= this.newestSentAt)
    if (!Number.isNaN(this.priorAt) && !isNewer) return
    this.priorDelivered = flight.delivered
    this.priorAt = flight.deliveredAt
    this.newestSentAt = flight.sentAt
    this.appLimited = flight.appLimited
    this.txInFlight = flight.txInFlight
    this.lostBefore = flight.lostBefore
    this.sendElapsed = flight.sentAt - flight.firstSentAt
    this.firstSentAt = flight.sentAt
  }

  onLost(flight: Flight): void {
    this.lost += flight.length
  }

  /** After the flights of an ACK were delivered. */
  finish(minRtt: number): void {
    if (this.appLimitedUntil > 0 && this.delivered > this.appLimitedUntil) this.appLimitedUntil = 0
    this.rate = Number.NaN
    if (Number.isNaN(this.priorAt)) return
    this.deliveredInSample = this.delivered - this.priorDelivered
    const interval = Math.max(this.sendElapsed, this.deliveredAt - this.priorAt)
    // shorter than any round trip: the ACKs came in a clump, and say nothing of the path
    if (interval > 0 && interval >= minRtt) this.rate = this.deliveredInSample / interval
  }
}
