// What has come, many datagrams a call.
import { Arena, type Libc, MSG_DONTWAIT, type Piece, putWord } from './libc.js'
import { LONGEST, type SocketAddresses } from './socket-address.js'

const SLOTS = 16
const SLOT_BYTES = 65_536
/** From here on a datagram keeps the memory that it came in; a shorter one is lent. */
const KEPT = 16_384
/** Of struct mmsghdr, a sockaddr, struct iovec. */
const HEADER = 64
const NAME = 32
const VECTOR = 16

/** Takes what is read. */
export interface Taker {
  /** As onDatagram() of a DatagramHandler. @returns false: enough. */
  take(bytes: Uint8Array, length: number, address: string, port: number, isLent: boolean): boolean
}

/** One for all sockets: a socket is read to its end at a time. */
export class Inbox {
  private readonly libc: Libc
  private readonly addresses: SocketAddresses
  private readonly headers: Piece
  private readonly names: Piece
  private readonly vectors: Piece
  private readonly slots: Uint8Array[] = []

  constructor(libc: Libc, addresses: SocketAddresses) {
    this.libc = libc
    this.addresses = addresses
    const arena = new Arena(libc, SLOTS * (HEADER + NAME + VECTOR))
    this.headers = arena.take(SLOTS * HEADER)
    this.names = arena.take(SLOTS * NAME)
    this.vectors = arena.take(SLOTS * VECTOR)
    for (let i = 0; i < SLOTS; i++) {
      const { view } = this.headers
      putWord(view, i * HEADER, this.names.address + i * NAME)
      putWord(view, i * HEADER + 16, this.vectors.address + i * VECTOR)
      putWord(view, i * HEADER + 24, 1)
      this.provide(i)
      this.reset(i)
    }
  }

  /** Reads `most` datagrams or more, or all that there are. @returns how many; negative: it failed, see errno. */
  read(fd: number, most: number, taker: Taker): number {
    let count = 0
    while (count < most) {
      const read = this.libc.recvmmsg(fd, this.headers.bytes, SLOTS, MSG_DONTWAIT, null)
      if (read < 0) return count > 0 || this.libc.errno() === EAGAIN ? count : -1
      let wanted = true
      for (let i = 0; i < read; i++) {
        // what was read has to be looked at, or its slots would be lost
        if (wanted) wanted = this.hand(i, taker)
        this.reset(i)
      }
      count += read
      if (!wanted || read < SLOTS) break
    }
    return count
  }

  private hand(i: number, taker: Taker): boolean {
    const { names } = this
    const length = this.headers.view.getUint32(i * HEADER + 56, true)
    const address = this.addresses.read(names.bytes, i * NAME)
    const port = ((names.bytes[i * NAME + 2] as number) << 8) | (names.bytes[i * NAME + 3] as number)
    const bytes = this.slots[i] as Uint8Array
    const isLent = length < KEPT
    if (!isLent) this.provide(i)
    return taker.take(bytes, length, address, port, isLent)
  }

  /** Memory for what is read into slot `i`. */
  private provide(i: number): void {
    const slot = new Uint8Array(Buffer.allocUnsafeSlow(SLOT_BYTES).buffer)
    this.slots[i] = slot
    putWord(this.vectors.view, i * VECTOR, this.libc.address(slot))
    putWord(this.vectors.view, i * VECTOR + 8, SLOT_BYTES)
  }

  private reset(i: number): void {
    this.headers.view.setUint32(i * HEADER + 8, LONGEST, true)
  }
}

/** Nothing is there. */
const EAGAIN = 11
