// A C library in memory that sockets can be given: it takes apart what it is told to send, and says whatever a test wants.
import { constants } from 'node:os'
import type { Libc } from '../../lib/platform/libc.js'
import { FOUND, type PollHandle, QUIET } from '../../lib/platform/libuv.js'

/** A datagram that the kernel has been given. */
export interface Sent {
  readonly bytes: Uint8Array
  readonly port: number
  /** It came as one of several in a call (UDP_SEGMENT). */
  readonly ofTrain: boolean
}

/** What a read finds in one slot, however unlikely. */
export interface Slot {
  readonly bytes: Uint8Array
  /** As it stands in msg_len. @default that of `bytes` */
  readonly length?: number
  /** msg_flags. @default 0 */
  readonly flags?: number
  /** A control message: as msg_controllen, cmsg_len, level, type and value have it. @default none */
  readonly control?: { all?: number; length?: number; level?: number; type?: number; value: number }
}

export const SOL_UDP = 17
export const UDP_SEGMENT = 103
export const UDP_GRO = 104
export const PORT = 4000
const AF_INET = 2
const SO_RCVBUF = 8
const REGION = 2 ** 24
const { EAGAIN } = constants.errno

/** The descriptor of epoll. */
export const ALL = 4
const EPOLL_REMOVE = 2

/** A descriptor that the event loop waits for. */
class FakePoll implements PollHandle {
  /** It keeps the process. */
  isRefd = true
  hasEnded = false
  readonly close: () => void
  /** null: it leaves word. */
  readonly onRing: (() => void) | null
  status: number = QUIET

  constructor(close: () => void, onRing: (() => void) | null) {
    this.close = close
    this.onRing = onRing
  }

  ring(status: number): void {
    if (this.hasEnded) return
    this.hasEnded = status < 0
    this.status = status
    this.onRing?.()
  }

  take(): number {
    const { status } = this
    this.status = QUIET
    return status
  }

  ref(): void {
    this.isRefd = true
  }

  unref(): void {
    this.isRefd = false
  }
}

export class FakeLibc implements Libc {
  readonly sent: Sent[] = []
  /** Calls of sendmsg that had UDP_SEGMENT, whatever became of them. */
  trains = 0
  /** Asked before each call: a code of errno, with which it fails; 0: it does not. */
  refuse: (datagrams: readonly Uint8Array[], call: number) => number = () => 0
  /** What the next reads find, a list for each. */
  readonly found: Slot[][] = []
  /** Socket options that were set to 1 or more, as level and name. */
  readonly options: string[] = []
  /** What epoll waits for, by descriptor: events. */
  readonly epoll: Map<number, number> = new Map()
  /** What epoll finds of that at the next calls, a list for each. */
  readonly ready: { fd: number; events: number }[][] = []
  /** The descriptors that the event loop waits for itself. */
  readonly polls: Map<number, FakePoll> = new Map()
  /** The kernel has no room for one that libuv leaves word of. */
  refusesPolls = false
  private error = 0
  private calls = 0
  private readonly regions: Uint8Array[] = []

  /** As if nothing had happened yet. */
  clear(): void {
    this.sent.length = this.options.length = this.found.length = this.ready.length = 0
    this.trains = this.calls = 0
    this.refuse = () => 0
  }

  // ---- memory

  address(memory: Uint8Array): number {
    let index = this.regions.findIndex((region) => region.buffer === memory.buffer)
    if (index < 0) index = this.regions.push(new Uint8Array(memory.buffer)) - 1
    return (index + 1) * REGION + memory.byteOffset
  }

  private at(address: number, length: number): Uint8Array {
    const region = this.regions[Math.floor(address / REGION) - 1]
    const from = address % REGION
    if (region === undefined || from + length > region.length) throw new Error('outside of all memory')
    return region.subarray(from, from + length)
  }

  private word(view: DataView, at: number): number {
    return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
  }

  // ---- sending

  sendmsg(_fd: number, message: Uint8Array): number {
    const view = viewOf(message)
    const name = this.word(view, 0) === 0 ? null : this.at(this.word(view, 0), view.getUint32(8, true))
    const vector = viewOf(this.at(this.word(view, 16), 16 * this.word(view, 24)))
    const parts: Uint8Array[] = []
    for (let i = 0; i < this.word(view, 24); i++) {
      parts.push(this.at(this.word(vector, 16 * i), this.word(vector, 16 * i + 8)))
    }
    const bytes = Buffer.concat(parts)
    const partLength = this.partLength(view)
    const datagrams: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += partLength || bytes.length) {
      datagrams.push(new Uint8Array(bytes.subarray(at, partLength === 0 ? bytes.length : at + partLength)))
    }
    if (partLength > 0) this.trains++
    this.error = this.refuse(datagrams, this.calls++)
    if (this.error !== 0) return -1
    const port = name === null ? 0 : ((name[2] as number) << 8) | (name[3] as number)
    for (const each of datagrams) this.sent.push({ bytes: each, port, ofTrain: partLength > 0 })
    return bytes.length
  }

  private partLength(message: DataView): number {
    const length = this.word(message, 40)
    if (length === 0) return 0
    const control = viewOf(this.at(this.word(message, 32), length))
    if (control.getInt32(8, true) !== SOL_UDP || control.getInt32(12, true) !== UDP_SEGMENT)
      throw new Error('what is it?')
    return control.getUint16(16, true)
  }

  // ---- reading

  recvmmsg(_fd: number, messages: Uint8Array, count: number): number {
    const slots = this.found.shift() ?? []
    const view = viewOf(messages)
    for (const [i, slot] of slots.slice(0, count).entries()) this.fill(view, 64 * i, slot)
    this.error = EAGAIN
    return slots.length === 0 ? -1 : Math.min(slots.length, count)
  }

  private fill(view: DataView, at: number, { bytes, length = bytes.length, flags = 0, control }: Slot): void {
    const name = this.at(this.word(view, at), 16)
    name.set([AF_INET, 0, PORT >> 8, PORT & 0xff, 127, 0, 0, 1])
    const vector = viewOf(this.at(this.word(view, at + 16), 16))
    const slot = this.at(this.word(vector, 0), this.word(vector, 8))
    slot.set(bytes.subarray(0, slot.length))
    view.setUint32(at + 40, control === undefined ? 0 : (control.all ?? 24), true)
    view.setUint32(at + 48, flags, true)
    view.setUint32(at + 56, length, true)
    if (control === undefined) return
    const into = viewOf(this.at(this.word(view, at + 32), 32))
    into.setUint32(0, control.length ?? 20, true)
    into.setInt32(8, control.level ?? SOL_UDP, true)
    into.setInt32(12, control.type ?? UDP_GRO, true)
    into.setInt32(16, control.value, true)
  }

  errno(): number {
    return this.error
  }

  // ---- descriptors: there is one, and all goes well

  socket(): number {
    return 3
  }

  bind(): number {
    return 0
  }

  connect(): number {
    return 0
  }

  close(): number {
    return 0
  }

  getsockname(_fd: number, address: Uint8Array): number {
    address.set([AF_INET, 0, 0x1f, 0x90, 127, 0, 0, 1])
    return 0
  }

  getpeername(fd: number, address: Uint8Array): number {
    return this.getsockname(fd, address)
  }

  setsockopt(_fd: number, level: number, name: number, value: Uint8Array): number {
    if (viewOf(value).getInt32(0, true) > 0) this.options.push(`${level}/${name}`)
    return 0
  }

  getsockopt(_fd: number, _level: number, name: number, value: Uint8Array): number {
    if (name === SO_RCVBUF) viewOf(value).setInt32(0, 212_992, true)
    return 0
  }

  epollCreate(): number {
    return ALL
  }

  epollControl(_all: number, operation: number, fd: number, event: Uint8Array): number {
    if (operation === EPOLL_REMOVE) this.epoll.delete(fd)
    else this.epoll.set(fd, viewOf(event).getUint32(0, true))
    return 0
  }

  epollWait(_all: number, events: Uint8Array): number {
    const [size, data] = process.arch === 'x64' ? [12, 4] : [16, 8]
    const found = this.ready.shift() ?? []
    const view = viewOf(events)
    for (const [i, each] of found.entries()) {
      view.setUint32(i * size, each.events, true)
      view.setUint32(i * size + data, each.fd, true)
    }
    return found.length
  }

  /** Events of the only descriptor, as epoll was told last. */
  get awaited(): number {
    return [...this.epoll.values()].at(-1) ?? 0
  }

  poll(fd: number): FakePoll | null {
    return this.refusesPolls ? null : this.addPoll(fd, null)
  }

  bell(fd: number, _wanted: object, onRing: () => void): FakePoll {
    return this.addPoll(fd, onRing)
  }

  private addPoll(fd: number, onRing: (() => void) | null): FakePoll {
    if (this.polls.has(fd)) throw new Error('libuv waits for a descriptor once')
    const poll = new FakePoll(() => void this.polls.delete(fd), onRing)
    this.polls.set(fd, poll)
    return poll
  }

  /** The event loop finds `fd`: readable, or with an error, `status`, after which libuv waits for it no more. */
  ring(fd: number, status: number = FOUND): void {
    this.polls.get(fd)?.ring(status)
  }

  inetPton(_family: number, text: string, into: Uint8Array): number {
    into.set(text.split('.').map(Number))
    return 1
  }

  inetNtop(): null {
    return null
  }

  ifNametoindex(): number {
    return 0
  }

  ifIndextoname(): null {
    return null
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
