// How much of a UDP socket's buffer is one connection's: what is on its way over a short path waits there, and there only, and what
// does not fit is lost. So the windows of those who receive at the same time add up to no more (decision 020).

/** A connection that text comes for. */
export interface Receiver {
  /** The room's. */
  receivedIn: number
}

/** Who receives within so many ms of another receives at the same time. */
const ROUND = 50
/** The machine counts its own overhead, which for short datagrams is as much again. */
const USABLE = 1 / 2
/** From this length on it is small, and more of them fit (decision 043). */
const LONG_SEGMENT = 16_384
const MORE_OF_LONG = 1.4
/** However many there are. */
const LEAST = 4_096

export class ReceiveRoom {
  /** For each, bytes of short segments. */
  bytes: number
  private readonly usable: number
  private round = 0
  private roundAt = Number.NEGATIVE_INFINITY
  /** In this round, and in the one before. */
  private receivers = 0
  private receiversBefore = 0
  /** Of a room of one's own that somebody else receives in, in this round and in the one before; Infinity: nobody does. */
  private apart = Number.POSITIVE_INFINITY
  private apartBefore = Number.POSITIVE_INFINITY

  /** `buffer`: bytes that the socket may hold. */
  constructor(buffer: number) {
    this.usable = Math.max(buffer * USABLE, LEAST)
    this.bytes = this.usable
  }

  /** For each, bytes of segments of this length. */
  bytesFor(segment: number): number {
    return segment < LONG_SEGMENT ? this.bytes : Math.floor(MORE_OF_LONG * this.bytes)
  }

  /** Several receive. */
  get isShared(): boolean {
    return this.bytes < this.usable
  }

  /** Less than those have who receive apart, if any do. */
  get isBehind(): boolean {
    return this.bytes < this.most && this.most !== Number.POSITIVE_INFINITY
  }

  private get most(): number {
    return Math.min(this.apart, this.apartBefore)
  }

  /** Text has come for `receiver`. */
  note(receiver: Receiver, now: number): void {
    if (now - this.roundAt >= ROUND) this.begin(now)
    if (receiver.receivedIn === this.round) return
    receiver.receivedIn = this.round
    this.receivers++
    this.share()
  }

  /** Text has come for somebody who has `room` and used to have his share of this one: those who share it get no more. */
  noteApart(room: ReceiveRoom, now: number): void {
    if (now - this.roundAt >= ROUND) this.begin(now)
    if (room.usable >= this.apart) return
    this.apart = room.usable
    this.share()
  }

  private begin(now: number): void {
    const goesOn = now - this.roundAt < 2 * ROUND
    this.receiversBefore = goesOn ? this.receivers : 0
    this.apartBefore = goesOn ? this.apart : Number.POSITIVE_INFINITY
    this.roundAt = now
    this.round++
    this.receivers = 0
    this.apart = Number.POSITIVE_INFINITY
    this.share()
  }

  private share(): void {
    const each = this.usable / Math.max(this.receivers, this.receiversBefore, 1)
    this.bytes = Math.max(LEAST, Math.floor(Math.min(each, this.most)))
  }
}

let lone = new ReceiveRoom(0)
let loneBuffer = 0

/** All of a buffer: of a socket that hears one peer. They have it together, as far as their buffers are of one size. */
export function loneRoom(buffer: number): ReceiveRoom {
  if (buffer !== loneBuffer) lone = new ReceiveRoom(buffer)
  loneBuffer = buffer
  return lone
}
