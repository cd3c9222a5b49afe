// What is in flight, what the peer holds, what is lost: the retransmission queue with RFC 2018 SACK.
import { type Flight, type FlightList, type FlightObserver, giveFlight, takeFlight } from './flight.js'
import { SackedRanges } from './sacked-ranges.js'

const COMPACT_AFTER = 1024
/** Never added to. */
const NO_FLIGHTS: Flight[] = []
const MAX_FLIGHTS = 32_768
/**
 * SACK blocks may cut off so many pieces, and one more for each eight flights that are acknowledged: no honest peer holds parts of so
 * many segments, and each cut moves all that lies behind it.
 */
const MAX_PIECES = 1_024
const REGAINED = 1 / 8
/** Flights that the peer holds, one after another. */
const LONG_RUN = 32

export class Scoreboard implements FlightList {
  /** Number of flights outstanding. */
  count = 0
  /** Bytes in the network: sent, neither acknowledged nor deemed lost. */
  inFlight = 0
  /** Bytes above SND.UNA that the peer says it holds. */
  sackedBytes = 0
  /** Flights above SND.UNA that the peer says it holds. */
  sackedCount = 0
  /** Bytes deemed lost and not sent again. */
  lostBytes = 0
  /** SACK blocks that were not taken, since they would have cut off more pieces than may be. */
  refused = 0
  private pieces = 0
  private readonly observer: FlightObserver
  /** By offset, from `head`. */
  private flights = NO_FLIGHTS
  private head = 0
  /** No flight below this offset is lost. */
  private lostHint = 0
  private oldestSent: Flight | null = null
  private newestSent: Flight | null = null
  /** null: of what is in flight it has not said so. */
  private ranges: SackedRanges | null = null

  constructor(observer: FlightObserver) {
    this.observer = observer
  }

  /** How many more may leave: memory for the flights has a bound (docs/architecture.md §7). */
  get room(): number {
    return MAX_FLIGHTS - this.count
  }

  /** The flight at SND.UNA. */
  get first(): Flight | null {
    return this.count > 0 ? (this.flights[this.head] as Flight) : null
  }

  /** The one of the flights in the network that left first; follow `later` for the others. */
  get oldest(): Flight | null {
    return this.oldestSent
  }

  /** A new range leaves. */
  add(from: number, to: number, now: number): Flight {
    const flight = takeFlight(from, to, now)
    if (this.flights === NO_FLIGHTS) this.flights = [flight]
    else this.flights.push(flight)
    this.count++
    this.inFlight += (to - from) | 0
    this.linkNewest(flight)
    this.observer.onSent(flight, 'sent')
    return flight
  }

  /** The lowest flight that is lost; null: none. Longer than `limit` bytes, it is cut there. */
  nextLost(limit: number): Flight | null {
    if (this.lostBytes === 0) return null
    const { flights, ranges } = this
    let held = 0
    for (let i = this.findAt(this.lostHint); i < flights.length; i++) {
      const flight = flights[i] as Flight
      held = flight.sacked ? held + 1 : 0
      // a long run is passed over at once
      if (held === LONG_RUN && ranges !== null) i = this.findAt(ranges.endOf(flight.from)) - 1
      if (!flight.lost) continue
      this.lostHint = flight.from
      if (flight.length > limit) this.split(i, flight.from + limit)
      return flight
    }
    throw new Error('lostBytes counts what no flight has')
  }

  /** A lost flight leaves again. */
  resent(flight: Flight, now: number): void {
    this.inFlight += flight.length
    this.lostBytes -= flight.length
    flight.lost = false
    this.sentAgain(flight, now)
    this.linkNewest(flight)
    this.observer.onSent(flight, 'resent')
  }

  private sentAgain(flight: Flight, now: number): void {
    if (!flight.retransmitted) flight.resentAt = now
    flight.retransmitted = true
    flight.sentAt = now
  }

  /** A flight that may still be on its way leaves again, as a probe. */
  probed(flight: Flight, now: number): void {
    this.unlink(flight)
    this.sentAgain(flight, now)
    this.linkNewest(flight)
    this.observer.onSent(flight, 'probed')
  }

  /** The highest flight that the peer has not said to hold, `limit` bytes of it at most; null: none is in the network. */
  lastInPipe(limit: number): Flight | null {
    for (let i = this.flights.length - 1; i >= this.head; i--) {
      const flight = this.flights[i] as Flight
      if (!flight.inPipe) continue
      if (flight.length <= limit) return flight
      this.split(i, flight.to - limit)
      return this.flights[i + 1] as Flight
    }
    return null
  }

  /** Nothing was lost after all: what waits to be sent again is in the network (RFC 4015 §3.3). Looks at every flight. */
  unmarkLost(): void {
    if (this.lostBytes === 0) return
    const flying: Flight[] = []
    for (let i = this.head; i < this.flights.length; i++) {
      const flight = this.flights[i] as Flight
      if (flight.lost) {
        flight.lost = false
        this.lostBytes -= flight.length
        this.inFlight += flight.length
        this.observer.onFound(flight)
      }
      if (flight.inPipe) flying.push(flight)
    }
    flying.sort((a, b) => a.sentAt - b.sentAt)
    this.oldestSent = this.newestSent = null
    for (const flight of flying) this.linkNewest(flight)
  }

  markLost(flight: Flight): void {
    if (!flight.inPipe) return
    this.lose(flight)
    this.observer.onLost(flight)
  }

  private lose(flight: Flight): void {
    this.unlink(flight)
    flight.lost = true
    this.inFlight -= flight.length
    this.lostBytes += flight.length
    if (flight.from < this.lostHint) this.lostHint = flight.from
  }

  /** What is longer than `limit` bytes, and a FIN, has never left. */
  markLongLost(limit: number): void {
    for (let i = this.head; i < this.flights.length; i++) {
      const flight = this.flights[i] as Flight
      if (flight.length <= limit + 1 || !flight.inPipe) continue
      this.lose(flight)
      this.observer.onTooLong(flight)
    }
  }

  /** After an RTO all that is not sacked is lost (RFC 5681 §3.1, RFC 6675 §5.1); a peer that reneged is not believed again. */
  markAllLost(forgetSacks: boolean): void {
    for (let i = this.head; i < this.flights.length; i++) {
      const flight = this.flights[i] as Flight
      if (flight.sacked && forgetSacks) {
        flight.sacked = false
        this.sackedBytes -= flight.length
        this.sackedCount--
        this.inFlight += flight.length
        this.linkNewest(flight)
        this.observer.onFound(flight)
      }
      this.markLost(flight)
    }
    if (forgetSacks) this.ranges?.clear()
  }

  /** Everything below `upTo` has arrived. @returns bytes that this ACK shows for the first time. */
  acknowledge(upTo: number, now: number): number {
    let news = 0
    while (this.head < this.flights.length) {
      const flight = this.flights[this.head] as Flight
      if (flight.from >= upTo) break
      const gone = flight.to > upTo ? this.cutOff(flight, upTo) : flight
      if (gone.sacked) {
        this.sackedBytes -= gone.length
        this.sackedCount--
      } else {
        news += gone.length
        this.deliver(gone, now)
      }
      if (gone === flight) {
        this.head++
        this.count--
        if (this.pieces > 0 && !flight.isPiece) this.pieces -= REGAINED
      }
      giveFlight(gone)
    }
    this.ranges?.dropBelow(upTo)
    this.compact()
    return news
  }

  /** The peer holds the ranges of `edges` (pairs of offsets). @returns bytes that they show for the first time. */
  sack(edges: Float64Array, count: number, now: number): number {
    let news = 0
    for (let i = 0; i < count; i++) news += this.sackRange(edges[2 * i] as number, edges[2 * i + 1] as number, now)
    return news
  }

  clear(): void {
    this.flights = NO_FLIGHTS
    this.head = this.count = 0
    this.inFlight = this.sackedBytes = this.sackedCount = this.lostBytes = this.pieces = 0
    this.oldestSent = this.newestSent = null
    this.ranges = null
  }

  // Only what no block has named before is walked through.
  private sackRange(left: number, right: number, now: number): number {
    this.ranges ??= new SackedRanges()
    const { ranges } = this
    let news = 0
    for (let from = ranges.endOf(left); from < right; ) {
      const to = ranges.nextFrom(from, right)
      news += this.sackUnnamed(ranges, from, to, now)
      from = to < right ? ranges.endOf(to) : right
    }
    return news
  }

  private sackUnnamed(ranges: SackedRanges, left: number, right: number, now: number): number {
    let news = 0
    for (let i = this.findAt(left); i < this.flights.length; i++) {
      const flight = this.flights[i] as Flight
      if (flight.from >= right) break
      if (flight.from < left || flight.to > right) {
        if (this.pieces >= MAX_PIECES) {
          this.refused++
          continue
        }
        this.pieces++
        const isHead = flight.from < left
        this.split(i, isHead ? left : right)
        ;(this.flights[i + 1] as Flight).isPiece = true
        if (isHead) continue // the part from `left` on is the next one
      }
      news += flight.length
      this.deliver(flight, now)
      flight.sacked = true
      this.sackedBytes += flight.length
      this.sackedCount++
      ranges.add(flight.from, flight.to)
    }
    return news
  }

  private deliver(flight: Flight, now: number): void {
    this.observer.onDelivered(flight, now)
    if (flight.lost) {
      this.lostBytes -= flight.length
      flight.lost = false
    } else {
      this.inFlight -= flight.length
      this.unlink(flight)
    }
  }

  /** Cuts flights[index] in two at offset `at`. */
  private split(index: number, at: number): void {
    const flight = this.flights[index] as Flight
    const rest = this.copyOf(flight, at, flight.to)
    flight.to = at
    this.flights.splice(index + 1, 0, rest)
    this.count++
    if (rest.inPipe) this.linkAfter(flight, rest)
  }

  /** The part of `flight` below `at`, by itself and among the flights no more. */
  private cutOff(flight: Flight, at: number): Flight {
    const part = this.copyOf(flight, flight.from, at)
    flight.from = at
    // they left together: which of them comes first does not matter
    if (part.inPipe) this.linkAfter(flight, part)
    return part
  }

  private copyOf(flight: Flight, from: number, to: number): Flight {
    const copy = takeFlight(from, to, flight.sentAt)
    copy.retransmitted = flight.retransmitted
    copy.resentAt = flight.resentAt
    copy.copyRate(flight)
    copy.sacked = flight.sacked
    copy.lost = flight.lost
    if (copy.sacked) this.sackedCount++
    return copy
  }

  /** Index of the flight that holds `offset`, or of the first one above it. */
  private findAt(offset: number): number {
    let low = this.head
    let high = this.flights.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.flights[middle] as Flight).to <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  private linkNewest(flight: Flight): void {
    flight.earlier = this.newestSent
    flight.later = null
    if (this.newestSent === null) this.oldestSent = flight
    else this.newestSent.later = flight
    this.newestSent = flight
  }

  private linkAfter(flight: Flight, next: Flight): void {
    next.earlier = flight
    next.later = flight.later
    if (flight.later === null) this.newestSent = next
    else flight.later.earlier = next
    flight.later = next
  }

  private unlink(flight: Flight): void {
    if (flight.earlier === null) this.oldestSent = flight.later
    else flight.earlier.later = flight.later
    if (flight.later === null) this.newestSent = flight.earlier
    else flight.later.earlier = flight.earlier
    flight.earlier = flight.later = null
  }

  private compact(): void {
    const { flights } = this
    if (this.head === flights.length) {
      // who has nothing on its way keeps no memory for it
      this.flights = NO_FLIGHTS
      this.head = 0
      this.ranges = null
    } else if (this.head >= COMPACT_AFTER && this.head * 2 >= this.flights.length) {
      this.flights.splice(0, this.head)
      this.head = 0
    }
  }
}
