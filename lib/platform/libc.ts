// What Linux offers and dgram does not: calls into the C library by way of koffi, if that is installed (decision 019).
import { createRequire } from 'node:module'
import { endianness } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { bindPoll, functionsOf, type Koffi, type LoopHandle, type PollHandle } from './libuv.js'

/** Calls answer -1 and leave their error in errno(). Memory that is pointed at has to lie outside of V8's heap: in an Arena. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number
  getpeername(fd: number, address: Uint8Array, length: Uint8Array): number
  close(fd: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number
  sendmsg(fd: number, message: Uint8Array, flags: number): number
  epollCreate(flags: number): number
  epollControl(all: number, operation: number, fd: number, event: Uint8Array): number
  epollWait(all: number, events: Uint8Array, most: number, timeout: number): number
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number
  /** Text to address; 1: it is one. */
  inetPton(family: number, text: string, into: Uint8Array): number
  /** Address to text, ended by a 0; null: it is none. */
  inetNtop(family: number, address: Uint8Array, into: Uint8Array, length: number): unknown
  ifNametoindex(name: string): number
  /** Name of an interface, ended by a 0; null: there is none. */
  ifIndextoname(index: number, into: Uint8Array): unknown
  /** Has Node's event loop wait for `fd`, and leave word (null: it can't), or call. */
  poll(fd: number): PollHandle | null
  bell(fd: number, wanted: { readable: boolean }, onRing: () => void): LoopHandle
  errno(): number
  /** Where `memory` begins. */
  address(memory: Uint8Array): number
}

// the layouts of structures and the numbers below are those of these
const MACHINES: ReadonlySet<string> = new Set(['x64', 'arm64'])

export const AF_INET = 2
export const AF_INET6 = 10
/** Close-on-exec and not blocking. */
export const SOCK_DGRAM: number = 2 | 0o2000000 | 0o4000
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const SOL_UDP = 17
export const UDP_SEGMENT = 103
export const UDP_GRO = 104

/** Socket options by level and number. */
export const SO_REUSEADDR: Option = [1, 2]
export const SO_RCVBUF: Option = [1, 8]
export const SO_REUSEPORT: Option = [1, 15]
export const SO_MEMINFO: Option = [1, 55]
export const IPV6_V6ONLY: Option = [41, 26]
export const IP_MTU_DISCOVER: Option = [0, 10]
export const IPV6_MTU_DISCOVER: Option = [41, 23]
/** The kernel may hand up several datagrams of one length as one, and tells that length. */
export const GRO: Option = [SOL_UDP, UDP_GRO]
/** Of those of IP and IPv6: never fragment, and do not look at what the kernel knows of the path (RFC 8899 needs both). */
export const PMTUDISC_PROBE = 3
export type Option = readonly [level: number, name: number]

let libc: Libc | null | undefined

/** null: this machine is another, or koffi is not installed. */
export function loadLibc(): Libc | null {
  if (libc === undefined) libc = tryToLoad()
  return libc
}

function tryToLoad(): Libc | null {
  if (process.platform !== 'linux' || !MACHINES.has(process.arch) || endianness() !== 'LE') return null
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    // older versions lack what is needed here
    const isNewEnough = typeof koffi.view === 'function' && typeof koffi.node?.poll === 'function'
    const poll = isNewEnough ? bindPoll(koffi) : null
    return poll === null ? null : bindings(koffi, poll)
  } catch {
    return null
  }
}

function bindings(koffi: Koffi, poll: Libc['poll']): Libc {
  const func = functionsOf(koffi)
  return {
    socket: func('int socket(int family, int type, int protocol)'),
    bind: func('int bind(int fd, void *address, uint32_t length)'),
    connect: func('int connect(int fd, void *address, uint32_t length)'),
    getsockname: func('int getsockname(int fd, void *address, void *length)'),
    getpeername: func('int getpeername(int fd, void *address, void *length)'),
    close: func('int close(int fd)'),
    setsockopt: func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
    getsockopt: func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    sendmsg: func('int64_t sendmsg(int fd, void *message, int flags)'),
    epollCreate: func('int epoll_create1(int flags)'),
    epollControl: func('int epoll_ctl(int all, int operation, int fd, void *event)'),
    epollWait: func('int epoll_wait(int all, void *events, int most, int timeout)'),
    recvmmsg: func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)'),
    inetPton: func('int inet_pton(int family, const char *text, void *into)'),
    inetNtop: func('void *inet_ntop(int family, void *address, void *into, uint32_t length)'),
    ifNametoindex: func('unsigned int if_nametoindex(const char *name)'),
    ifIndextoname: func('void *if_indextoname(unsigned int index, void *into)'),
    poll,
    bell: koffi.node.poll,
    errno: () => koffi.errno(),
    address: (memory) => Number(koffi.address(memory)),
  }
}

/** libuv's number for an error that has none. */
const UNKNOWN = -4094

/** The name of the error that a call has left. */
export function errorName(libc: Libc): string {
  return getSystemErrorName(-libc.errno() || UNKNOWN)
}

/** The error that a call has left, in the shape of Node's own. */
export function systemError(libc: Libc, syscall: string, address: string, port: number): Error {
  const errno = -libc.errno() || UNKNOWN
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`${syscall} ${code} ${address}:${port}`), { code, errno, syscall, address, port })
}

/** Memory at an address that never changes, dealt out in pieces: what C is pointed at. */
export class Arena {
  readonly base: number
  private readonly bytes: Uint8Array
  private used = 0

  constructor(libc: Libc, size: number) {
    // short typed arrays lie in V8's heap, where they are moved
    this.bytes = new Uint8Array(new ArrayBuffer(Math.max(size, 4096)))
    this.base = libc.address(this.bytes)
  }

  take(length: number): Piece {
    const at = this.used
    this.used += Math.ceil(length / 16) * 16
    if (this.used > this.bytes.length) throw new RangeError('the arena is too small')
    const bytes = this.bytes.subarray(at, at + length)
    return { bytes, view: new DataView(bytes.buffer, at, length), address: this.base + at }
  }
}

export interface Piece {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly address: number
}

/** A pointer or a size_t. */
export function putWord(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}
