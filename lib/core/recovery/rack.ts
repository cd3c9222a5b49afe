// RACK: what was sent before something that has arrived, and long enough ago, is lost (RFC 8985 §5 to §6.2).
import type { Flight, FlightList } from '../send/flight.js'

const DUP_THRESH = 3
/** The loop's clock moves in steps: two sends of one turn are not ordered by time within it. */
const CLOCK_STEP = 1
/** Recoveries after which a reordering window widened by D-SACK narrows again (RFC 8985 §6.2 step 4). */
const PERSIST_RECOVERIES = 16
/** Twice the RFC's MSL, ms: nothing is on its way for longer (RFC 9293 §3.4.2); a clock that has jumped says so all the same. */
const LONGEST_ROUND_TRIP = 240_000

/** The ACK in hand, of whatever connection: when what it answers was sent, ms, NaN: it does not tell; and of the newest flight that it delivered, when that left, and its RTT. */
const inHand = { echoAt: Number.NaN, sentAt: Number.NaN, sample: Number.NaN }

export class Rack {
  /** The connection's. */
  private readonly path: { readonly minRtt: number }
  /** RACK.segment: the most recently sent flight that has arrived. */
  private sentAt = Number.NEGATIVE_INFINITY
  private end = 0
  private rtt = 0
  /** Highest offset that has arrived. */
  private fack = 0
  private reorderingSeen = false
  private windowMultiple = 1
  private persist = PERSIST_RECOVERIES
  private dsackRoundEnd = -1

  constructor(path: { readonly minRtt: number }) {
    this.path = path
  }

  /** Before the flights of an ACK are delivered. `echoAt`: when what it answers was sent, ms; NaN: it does not tell. */
  begin(echoAt: number): void {
    inHand.echoAt = echoAt
    inHand.sample = Number.NaN
    inHand.sentAt = Number.NEGATIVE_INFINITY
  }

  /** RTT of the newest flight that the ACK in hand delivered without ambiguity, ms; NaN: none (RFC 6298 §3, Karn). */
  get sample(): number {
    return inHand.sample
  }

  onDelivered(flight: Flight, now: number): void {
    const rtt = now - flight.sentAt
    // which of several transmissions arrived? What came with it may have waited for it, and tells nothing either
    const isCertain = !flight.retransmitted || flight.sentAt <= inHand.echoAt
    if (!isCertain) {
      inHand.sentAt = Number.POSITIVE_INFINITY
      inHand.sample = Number.NaN
    } else if (flight.sentAt >= inHand.sentAt) {
      inHand.sentAt = flight.sentAt
      inHand.sample = rtt > LONGEST_ROUND_TRIP ? Number.NaN : rtt
    }
    // RFC 8985 §6.2 step 2
    if (flight.retransmitted && (flight.sentAt > inHand.echoAt || rtt < this.path.minRtt)) return
    if (!flight.retransmitted && flight.to < this.fack) this.reorderingSeen = true // step 3
    if (flight.to > this.fack) this.fack = flight.to
    if (flight.sentAt > this.sentAt || (flight.sentAt === this.sentAt && flight.to > this.end)) {
      this.sentAt = flight.sentAt
      this.end = flight.to
      this.rtt = rtt
    }
  }

  /** What was sent again arrived as it had left first: it was not lost, but late (RFC 8985 §6.2, step 3). */
  onReordering(): void {
    this.reorderingSeen = true
  }

  /** RFC 8985 §6.2 step 4: the peer got something twice, so the window was too narrow. */
  onDuplicateSack(sndNxt: number, sndUna: number): void {
    this.persist = PERSIST_RECOVERIES
    if (sndUna < this.dsackRoundEnd) return // once in a round trip
    this.dsackRoundEnd = sndNxt
    this.windowMultiple++
  }

  onRecoveryEnd(): void {
    if (--this.persist > 0) return
    this.windowMultiple = 1
    this.persist = PERSIST_RECOVERIES
  }

  /** Marks what is lost. @returns when to look again, ms; Infinity: when the next ACK comes. */
  detect(flights: FlightList, srtt: number, inRecovery: boolean, now: number): number {
    const patience = this.rtt + this.reorderingWindow(flights.sackedCount, srtt, inRecovery)
    for (let flight = flights.oldest; flight !== null; ) {
      const { later } = flight
      if (flight.sentAt > this.sentAt || (flight.sentAt === this.sentAt && flight.to >= this.end)) break
      // those after it left later, and have longer to wait
      if (flight.sentAt + patience > now) return flight.sentAt + patience
      flights.markLost(flight)
      flight = later
    }
    return Number.POSITIVE_INFINITY
  }

  /** RFC 8985 §6.3: the RTO expired for `first`; of the others what left a moment ago may well be on its way. */
  detectAfterTimeout(flights: FlightList, first: Flight, srtt: number, now: number): void {
    const patience = this.rtt + this.reorderingWindow(flights.sackedCount, srtt, true)
    flights.markLost(first)
    for (let flight = flights.oldest; flight !== null && flight.sentAt + patience <= now; ) {
      const { later } = flight
      flights.markLost(flight)
      flight = later
    }
  }

  private reorderingWindow(sackedCount: number, srtt: number, inRecovery: boolean): number {
    if (!this.reorderingSeen && (inRecovery || sackedCount >= DUP_THRESH)) return 0
    const { minRtt } = this.path
    if (minRtt === Number.POSITIVE_INFINITY) return CLOCK_STEP
    return Math.max(CLOCK_STEP, Math.min((this.windowMultiple * minRtt) / 4, srtt))
  }
}
