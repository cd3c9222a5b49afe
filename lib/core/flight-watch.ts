// What becomes of a flight, told to all that live by it: loss detection, the delivery rate, undo, congestion control, an observer.
import type { CongestionController, LostPacket } from './congestion/controller.js'
import type { PathMtu } from './probe/path-mtu.js'
import type { Rack } from './recovery/rack.js'
import type { Undo } from './recovery/undo.js'
import type { DeliveryRate } from './send/delivery-rate.js'
import type { Flight, FlightObserver } from './send/flight.js'
import type { LinkSize } from './surroundings.js'
import type { Trace } from './trace.js'

/** The parts of a connection that live by its flights. */
export interface FlightParts {
  readonly rack: Rack
  readonly rate: DeliveryRate | null
  readonly undo: Undo | null
  readonly controller: CongestionController
  readonly trace: Trace | null
  readonly pathMtu: PathMtu
  readonly link: LinkSize
  lostProbe: number
}

/** Refilled for each packet, of whatever connection. */
const packet: LostPacket = { size: 0, txInFlight: 0, lostSince: 0, delivered: 0, appLimited: false }

export class FlightWatch implements FlightObserver {
  private readonly parts: FlightParts

  constructor(parts: FlightParts) {
    this.parts = parts
  }

  onSent(flight: Flight, how: 'sent' | 'resent' | 'probed'): void {
    this.parts.trace?.onFlight?.(how, flight.from, flight.to)
  }

  onDelivered(flight: Flight, now: number): void {
    const { rack, rate, undo, trace, pathMtu, link } = this.parts
    trace?.onFlight?.('delivered', flight.from, flight.to)
    pathMtu.onDelivered(flight.length, link.safe)
    rack.onDelivered(flight, now)
    rate?.onDelivered(flight, now)
    undo?.onDelivered(flight)
  }

  onLost(flight: Flight): void {
    const { rate, controller, trace, pathMtu } = this.parts
    trace?.onFlight?.('lost', flight.from, flight.to)
    if (pathMtu.isProbe(flight.from, flight.to)) {
      this.parts.lostProbe += flight.length
      return
    }
    packet.size = flight.length
    if (rate !== null) {
      rate.onLost(flight)
      packet.txInFlight = flight.txInFlight
      packet.lostSince = rate.lost - flight.lostBefore
      packet.delivered = rate.delivered
      packet.appLimited = flight.appLimited
    }
    controller.onPacketLost(packet)
  }

  onTooLong(flight: Flight): void {
    this.parts.trace?.onFlight?.('lost', flight.from, flight.to)
  }

  onFound(flight: Flight): void {
    this.parts.trace?.onFlight?.('found', flight.from, flight.to)
  }
}
