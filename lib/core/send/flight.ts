// A sent, unacknowledged range of the stream, SYN and FIN included.

export class Flight {
  from = 0
  to = 0
  /** When it last left, ms. */
  sentAt = 0
  /** Left more than once: its ACK tells nothing about the RTT (Karn, RFC 6298 §3). */
  retransmitted = false
  sacked = false
  /** Deemed lost and not sent again since. */
  lost = false
  /** Neighbours in the order of sending, among flights that may still be on their way. */
  earlier: Flight | null = null
  later: Flight | null = null

  get length(): number {
    return this.to - this.from
  }

  /** Counts as being in the network (RFC 6675 §4's pipe). */
  get inPipe(): boolean {
    return !this.sacked && !this.lost
  }
}

/** The flights in the network, as loss detection sees them. */
export interface FlightList {
  /** The one that left first; follow `later` for the others. */
  readonly oldest: Flight | null
  readonly sackedCount: number
  markLost(flight: Flight): void
}

/** Told of each flight that an ACK shows to have arrived, before the flight is let go. */
export interface DeliverySink {
  onDelivered(flight: Flight, now: number): void
}
