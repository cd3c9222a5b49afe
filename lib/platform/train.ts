// What leaves in one call: a datagram, or a train of them that the kernel cuts apart (UDP_SEGMENT), or one from several pieces of memory.
import { Arena, type Libc, MSG_DONTWAIT, MSG_NOSIGNAL, type Piece, putWord, SOL_UDP, UDP_SEGMENT } from './libc.js'
import { LONGEST } from './socket-address.js'

/** A longer datagram leaves alone: what a train saves is little then, and a copy is dear. */
export const LONGEST_OF_TRAIN = 9_216
/** The kernel's limits: datagrams of a train (older kernels), bytes of a UDP datagram over IPv4. */
const MOST_DATAGRAMS = 64
const MOST_BYTES = 65_507
/** A piece that is shorter may lie in V8's heap: it is copied. */
const SHORT = 128
const PIECES = 4
/** Of struct msghdr. */
const MSGHDR = 56

/** One for all sockets: it leaves before another socket begins one. */
export class Train {
  /** Datagrams, their bytes, and the length of each but the last. */
  count = 0
  length = 0
  partLength = 0
  private readonly libc: Libc
  /** Where its datagrams are, one behind the other. */
  readonly cargo: Uint8Array
  private readonly cargoAddress: number
  private readonly name: Piece
  private readonly message: Piece
  private readonly vector: Piece
  private readonly control: Piece

  constructor(libc: Libc) {
    this.libc = libc
    const arena = new Arena(libc, MOST_BYTES + 1024)
    const cargo = arena.take(MOST_BYTES)
    this.cargo = cargo.bytes
    this.cargoAddress = cargo.address
    this.name = arena.take(LONGEST)
    this.vector = arena.take(16 * PIECES)
    this.control = arena.take(24)
    this.message = arena.take(MSGHDR)
    const { view } = this.control
    putWord(view, 0, 18) // cmsg_len: its header of 16 and a u16
    view.setInt32(8, SOL_UDP, true)
    view.setInt32(12, UDP_SEGMENT, true)
    putWord(this.message.view, 0, this.name.address)
    putWord(this.message.view, 16, this.vector.address)
    putWord(this.message.view, 32, this.control.address)
  }

  /** Where the destination of what leaves next is written. */
  get destination(): Uint8Array {
    return this.name.bytes
  }

  /** Bytes of the destination; 0: the socket is connected. */
  set destinationLength(length: number) {
    putWord(this.message.view, 0, length === 0 ? 0 : this.name.address)
    this.message.view.setUint32(8, length, true)
  }

  /** Whether one of `length` bytes can join: only the last of a train may be shorter than the others. */
  hasRoom(length: number): boolean {
    if (this.count === 0) return true
    const whole = this.count * this.partLength === this.length
    return whole && length <= this.partLength && this.count < MOST_DATAGRAMS && this.length + length <= MOST_BYTES
  }

  /** One of `length` bytes joins. @returns where in `cargo` it is to be written. */
  reserve(length: number): number {
    const at = this.length
    if (this.count++ === 0) this.partLength = length
    this.length += length
    return at
  }

  /** The train leaves, or only the datagrams from `first` on, one of them. @returns false: it has not; see errno. */
  send(fd: number, first = 0, count: number = this.count): boolean {
    const from = first * this.partLength
    const to = Math.min(from + count * this.partLength, this.length)
    this.point(0, this.cargoAddress + from, to - from)
    return this.call(fd, 1, count > 1)
  }

  /** One datagram from where its pieces lie; the train must be empty. @returns false: it has not left; see errno. */
  sendPieces(fd: number, parts: readonly Uint8Array[]): boolean {
    let copied = 0
    let pieces = 0
    for (const part of parts) {
      if (part.length < SHORT) {
        this.cargo.set(part, copied)
        this.point(pieces++, this.cargoAddress + copied, part.length)
        copied += part.length
      } else this.point(pieces++, this.libc.address(part), part.length)
    }
    return this.call(fd, pieces, false)
  }

  /** A copy of the datagrams from `first` on: the train's memory is about to be used again. */
  copy(first: number): Uint8Array {
    return this.cargo.slice(first * this.partLength, this.length)
  }

  clear(): void {
    this.count = 0
    this.length = 0
  }

  private point(piece: number, address: number, length: number): void {
    putWord(this.vector.view, 16 * piece, address)
    putWord(this.vector.view, 16 * piece + 8, length)
  }

  private call(fd: number, pieces: number, cut: boolean): boolean {
    const { view, bytes } = this.message
    view.setUint32(24, pieces, true)
    view.setUint32(40, cut ? 24 : 0, true)
    if (cut) this.control.view.setUint16(16, this.partLength, true)
    return this.libc.sendmsg(fd, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0
  }
}
