// A sent, unacknowledged range of the stream, SYN and FIN included.

export class Flight {
  from = 0
  to = 0
  /** When it last left, ms. */
  sentAt = 0
  /** Left more than once: its ACK tells nothing about the RTT (Karn, RFC 6298 §3). */
  retransmitted = false
  /** When it left for the second time, ms; Infinity: it has not. */
  resentAt: number = Number.POSITIVE_INFINITY
  sacked = false
  /** Cut off by a SACK block that named a part of what left as one. */
  isPiece = false
  // ---- as it last left, for the delivery rate: bytes delivered, when; start of its sample's sending; in flight; lost
  delivered = 0
  deliveredAt = 0
  firstSentAt = 0
  txInFlight = 0
  lostBefore = 0
  appLimited = false
  /** Deemed lost and not sent again since. */
  lost = false
  /** Neighbours in the order of sending, among flights that may still be on their way. */
  earlier: Flight | null = null
  later: Flight | null = null

  /** Bytes, as int32: what is counted with it has no box in V8's heap either. */
  get length(): number {
    return (this.to - this.from) | 0
  }

  /** The two parts of a flight that is cut in two left together. */
  copyRate(other: Flight): void {
    this.delivered = other.delivered
    this.deliveredAt = other.deliveredAt
    this.firstSentAt = other.firstSentAt
    this.txInFlight = other.txInFlight
    this.lostBefore = other.lostBefore
    this.appLimited = other.appLimited
  }

  /** Counts as being in the network (RFC 6675 §4's pipe). */
  get inPipe(): boolean {
    return !this.sacked && !this.lost
  }
}

/** Kept for whoever sends next, in the whole process. */
const MOST_SPARES = 4_096
const spares: Flight[] = []

export function takeFlight(from: number, to: number, now: number): Flight {
  const flight = spares.pop() ?? new Flight()
  flight.from = from
  flight.to = to
  flight.sentAt = now
  flight.retransmitted = flight.sacked = flight.lost = flight.isPiece = false
  flight.resentAt = Number.POSITIVE_INFINITY
  return flight
}

/** Nobody points at `flight` any more. */
export function giveFlight(flight: Flight): void {
  if (spares.length < MOST_SPARES) spares.push(flight)
}

/** The flights in the network, as loss detection sees them. */
export interface FlightList {
  /** The one that left first; follow `later` for the others. */
  readonly oldest: Flight | null
  readonly sackedCount: number
  markLost(flight: Flight): void
}

/** Told what becomes of each flight, before the flight is let go. */
export interface FlightObserver {
  /** It leaves: for the first time, again, or as a probe. */
  onSent(flight: Flight, how: 'sent' | 'resent' | 'probed'): void
  /** An ACK shows that it has arrived. */
  onDelivered(flight: Flight, now: number): void
  /** It is deemed lost. */
  onLost(flight: Flight): void
  /** It never left: it was longer than packets may be. */
  onTooLong(flight: Flight): void
  /** It is in the network after all. */
  onFound(flight: Flight): void
}
