// The receive window that is advertised: from real buffer space, never shrinking, free of silly windows (RFC 9293 §3.8.6).
import { DOUBLE } from '../../wire/bytes.js'
import { MAX_SHIFT } from '../../wire/options.js'

const MAX_FIELD = 65_535
/** Rounding up to the scale's unit may promise so many bytes, or this part of the buffer, more than there is room for. */
const ROUNDING_ROOM = 65_536
const ROUNDING_SHARE = 1 / 6

/**
 * What the segment in hand says, of whatever connection: where the edge is once it has left, where space alone would have put it,
 * and RCV.NXT and the free space together.
 */
const inHand = { edge: DOUBLE, granted: DOUBLE, space: DOUBLE }

export class ReceiveWindow {
  /** Right edge: one past the highest offset that the peer has been allowed to send. */
  edge: number = DOUBLE
  /** How far rounding has taken it beyond what space allowed, bytes. */
  private rounding = 0
  /** RCV.NXT and the free space as of the last segment, from the edge on: they grow when text is read, or the limit rises. */
  private toldBeyond: number
  private shift = 0
  /** Bytes of buffer as things are, and as they may become: for these the scale is chosen. */
  limit: number
  private readonly capacity: number

  constructor(capacity: number, limit: number = capacity) {
    this.edge = 1
    this.capacity = capacity
    this.limit = limit
    this.toldBeyond = limit
  }

  /** The scale to offer: the smallest with which the whole buffer can be advertised (RFC 7323 §2.3). */
  get offeredShift(): number {
    let shift = 0
    while (shift < MAX_SHIFT && this.capacity > MAX_FIELD << shift) shift++
    return shift
  }

  /** Both sides sent the option (RFC 7323 §2.2). */
  enableScaling(): void {
    this.shift = this.offeredShift
  }

  get scale(): number {
    return this.shift
  }

  /** The widest that it can ever have been, bytes. */
  get largest(): number {
    const capacity = Math.max(this.capacity, MAX_FIELD)
    return capacity + Math.max(ROUNDING_ROOM, capacity * ROUNDING_SHARE)
  }

  /** The field of a SYN or SYN,ACK: never scaled (RFC 7323 §2.2). */
  open(): number {
    const field = Math.min(this.limit, MAX_FIELD)
    inHand.edge = inHand.granted = Math.max(this.edge, 1 + field)
    inHand.space = 1 + this.limit
    this.confirm()
    return field
  }

  /** The field to send: the right edge goes where `free` bytes of buffer allow it and it is worth telling; see confirm(). */
  offer(rcvNxt: number, free: number, mss: number): number {
    const wanted = this.wantedEdge(rcvNxt, free)
    const edge = wanted - this.edge >= this.step(mss) ? wanted : this.edge
    const unit = 1 << this.shift
    const units = Math.ceil((edge - rcvNxt) / unit)
    const rounded = rcvNxt + units * unit
    // rounding down moves the edge left; rounding up for ever would never close the window
    const room = Math.max(ROUNDING_ROOM, this.limit * ROUNDING_SHARE)
    const granted = this.edge - this.rounding
    const isTooFar = rounded > Math.max(rcvNxt + free, granted) + room
    inHand.granted = edge === wanted ? wanted : granted
    inHand.edge = isTooFar ? edge : rounded
    inHand.space = rcvNxt + free
    return this.clip(isTooFar ? Math.floor((edge - rcvNxt) / unit) : units)
  }

  /** The segment with the field of the last offer() leaves: not before does the peer know of it. */
  confirm(): void {
    this.edge = inHand.edge
    // distances as int32: an idle connection has no box for them in V8's heap
    this.rounding = (inHand.edge - inHand.granted) | 0
    this.toldBeyond = (inHand.space - inHand.edge) | 0
  }

  /** The field as it stands, moving nothing. */
  field(rcvNxt: number): number {
    return this.clip(Math.floor((this.edge - rcvNxt) / (1 << this.shift)))
  }

  /** Whether the peer should hear of `free` bytes without having sent anything: RFC 1122 §4.2.3.3, and no ACK for each read. */
  isUpdateDue(rcvNxt: number, free: number, mss: number): boolean {
    // as long as nothing was read the ACKs of what arrives say all that there is to say
    if (rcvNxt + free - this.edge <= this.toldBeyond) return false
    const gain = this.wantedEdge(rcvNxt, free) - this.edge
    if (gain < this.step(mss)) return false
    const largest = Math.min(this.limit, MAX_FIELD << this.shift)
    return this.edge - rcvNxt < largest / 4 || gain >= largest / 2
  }

  private wantedEdge(rcvNxt: number, free: number): number {
    return rcvNxt + Math.min(Math.max(free, 0), MAX_FIELD << this.shift)
  }

  private step(mss: number): number {
    return Math.min(mss, this.limit / 2)
  }

  private clip(units: number): number {
    return Math.max(0, Math.min(units, MAX_FIELD))
  }
}
