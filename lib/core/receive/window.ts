// The receive window that is advertised: from real buffer space, never shrinking, free of silly windows (RFC 9293 §3.8.6).

const MAX_FIELD = 65_535
const MAX_SHIFT = 14
/** Rounding up to the scale's unit may promise this much more than there is room for. */
const ROUNDING_ROOM = 65_536

export class ReceiveWindow {
  /** Right edge: one past the highest offset that the peer has been allowed to send. */
  edge = 1
  private shift = 0
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
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

  /** The field of a SYN or SYN,ACK: never scaled (RFC 7323 §2.2). */
  open(): number {
    const field = Math.min(this.capacity, MAX_FIELD)
    this.edge = Math.max(this.edge, 1 + field)
    return field
  }

  /** Moves the right edge where `free` bytes of buffer allow it and it is worth telling. @returns the field to send. */
  advertise(rcvNxt: number, free: number, mss: number): number {
    const wanted = this.wantedEdge(rcvNxt, free)
    if (wanted - this.edge >= this.step(mss)) this.edge = wanted
    const unit = 1 << this.shift
    const units = Math.ceil((this.edge - rcvNxt) / unit)
    // rounding down would move the edge left; rounding up for ever would never close the window
    const rounded = rcvNxt + units * unit
    if (rounded > rcvNxt + free + ROUNDING_ROOM) return this.clip(Math.floor((this.edge - rcvNxt) / unit))
    this.edge = rounded
    return this.clip(units)
  }

  /** The field as it stands, moving nothing. */
  field(rcvNxt: number): number {
    return this.clip(Math.floor((this.edge - rcvNxt) / (1 << this.shift)))
  }

  /** Whether the peer should hear of `free` bytes without having sent anything: RFC 1122 §4.2.3.3, and no ACK for each read. */
  isUpdateDue(rcvNxt: number, free: number, mss: number): boolean {
    const gain = this.wantedEdge(rcvNxt, free) - this.edge
    if (gain < this.step(mss)) return false
    return this.edge - rcvNxt < this.capacity / 4 || gain >= this.capacity / 2
  }

  private wantedEdge(rcvNxt: number, free: number): number {
    return rcvNxt + Math.min(Math.max(free, 0), MAX_FIELD << this.shift)
  }

  private step(mss: number): number {
    return Math.min(mss, this.capacity / 2)
  }

  private clip(units: number): number {
    return Math.max(0, Math.min(units, MAX_FIELD))
  }
}
