// What has come, many datagrams a call; trains that the kernel has put together are taken apart by the length that it tells.
import { Arena, type Libc, MSG_DONTWAIT, type Piece, putWord, SOL_UDP, UDP_GRO } from './libc.js'
import { noteAllocated } from './nursery.js'
import type { Row } from './platform.js'
import { LONGEST, type SocketAddresses } from './socket-address.js'

/** Datagrams, or trains of them, of a call. */
export const SLOTS = 16
const SLOT_BYTES = 65_536
/** From here on a datagram keeps the memory that it came in; a shorter one is lent. */
const KEPT = 32_768
/** Of msg_flags: the datagram was longer than its slot, or what the kernel told with it longer than the room for that. */
const TRUNCATED = 0x20 | 0x08
/** Of struct mmsghdr, a sockaddr, struct iovec, a struct cmsghdr with an int. */
const HEADER = 64
const NAME = 32
const VECTOR = 16
const CONTROL = 32

/** Takes what is read. */
export interface Taker {
  /** As onDatagram() of a DatagramHandler. @returns false: enough. */
  take(bytes: Uint8Array, start: number, end: number, address: string, port: number, isLent: boolean): boolean
  /** All of `row`. @returns false: enough. */
  takeRow(row: Row, address: string, port: number): boolean
}

/** One for all sockets: a socket is read to its end at a time. */
export class Inbox {
  /** Of the last read. */
  datagrams = 0
  bytes = 0
  private readonly libc: Libc
  private readonly addresses: SocketAddresses
  private readonly headers: Piece
  private readonly names: Piece
  private readonly vectors: Piece
  private readonly controls: Piece
  private readonly slots: Uint8Array[] = []
  /** Slots whose headers the kernel has filled. */
  private used = 0

  constructor(libc: Libc, addresses: SocketAddresses) {
    this.libc = libc
    this.addresses = addresses
    const arena = new Arena(libc, SLOTS * (HEADER + NAME + VECTOR + CONTROL))
    this.headers = arena.take(SLOTS * HEADER)
    this.names = arena.take(SLOTS * NAME)
    this.vectors = arena.take(SLOTS * VECTOR)
    this.controls = arena.take(SLOTS * CONTROL)
    this.used = SLOTS
    for (let i = 0; i < SLOTS; i++) {
      const { view } = this.headers
      putWord(view, i * HEADER, this.names.address + i * NAME)
      putWord(view, i * HEADER + 16, this.vectors.address + i * VECTOR)
      putWord(view, i * HEADER + 24, 1)
      putWord(view, i * HEADER + 32, this.controls.address + i * CONTROL)
      this.provide(i)
    }
  }

  /** Reads once. @returns how many slots it took, SLOTS: there may be more; negative: it failed, see errno. */
  read(fd: number, taker: Taker): number {
    this.datagrams = this.bytes = 0
    this.reset()
    const read = this.libc.recvmmsg(fd, this.headers.bytes, SLOTS, MSG_DONTWAIT, null)
    this.used = Math.max(read, 0)
    for (let i = 0; i < read; i++) if (!this.hand(i, taker)) break
    return read
  }

  private hand(i: number, taker: Taker): boolean {
    const { names, addresses } = this
    const { view } = this.headers
    const length = view.getUint32(i * HEADER + 56, true)
    const address = addresses.read(names.bytes, i * NAME)
    const port = addresses.portOf(names.bytes, i * NAME)
    const bytes = this.slots[i] as Uint8Array
    this.bytes += length
    const part = this.partOf(i, length)
    // where one ends and the next begins is not known: as one it would be another text than was sent
    if (part < 0) return true
    if (part >= length) {
      const isLent = length < KEPT
      if (!isLent) this.provide(i)
      this.datagrams++
      return taker.take(bytes, 0, length, address, port, isLent)
    }
    this.datagrams += Math.ceil(length / part)
    return taker.takeRow({ bytes, at: 0, end: length, part }, address, port)
  }

  /** How long each datagram of slot `i` is but the last one; `length` or more if it is the only one; -1: nobody knows. */
  private partOf(i: number, length: number): number {
    const header = i * HEADER
    const { view } = this.headers
    if (view.getUint32(header + 48, true) & TRUNCATED || length > SLOT_BYTES) return -1
    const controlLength = view.getUint32(header + 40, true)
    if (controlLength === 0) return length
    const at = i * CONTROL
    const control = this.controls.view
    const isGro = control.getInt32(at + 8, true) === SOL_UDP && control.getInt32(at + 12, true) === UDP_GRO
    // a cmsghdr of 16 and an int
    if (!isGro || controlLength < 20 || control.getUint32(at, true) < 20) return -1
    return control.getInt32(at + 16, true) || -1
  }

  /** Memory for what is read into slot `i`. */
  private provide(i: number): void {
    noteAllocated(SLOT_BYTES)
    const slot = new Uint8Array(Buffer.allocUnsafeSlow(SLOT_BYTES).buffer)
    this.slots[i] = slot
    putWord(this.vectors.view, i * VECTOR, this.libc.address(slot))
    putWord(this.vectors.view, i * VECTOR + 8, SLOT_BYTES)
  }

  /** The kernel writes over the lengths that it is told. */
  private reset(): void {
    const { view } = this.headers
    for (let i = 0; i < this.used; i++) {
      view.setUint32(i * HEADER + 8, LONGEST, true)
      view.setUint32(i * HEADER + 40, CONTROL, true)
    }
    this.used = 0
  }
}
