// A UDP socket of node:dgram, whose bind, connect and send are done when they return.
import dgram from 'node:dgram'
import { openReusing } from './descriptors.js'
import { readDropped } from './kernel-table.js'
import { noteAllocated } from './nursery.js'
import type { DatagramHandler, DatagramSocket, LocalAddress } from './platform.js'
import { isIPv6 } from './socket-address.js'
import { setImmediate } from './time.js'
import { vigil } from './vigil.js'

/**
 * A turn of the loop reads up to 32 datagrams, and nothing but setImmediate() tells when it has read the last one. Where turns bring
 * one each, as questions and answers do, each is answered at once, and only every so many is the turn looked at again.
 */
const ASK_AFTER = 16
/** Turns with one datagram each, before they are taken for the rule. */
const WATCHED_TURNS = 8

/** A longer datagram leaves from where it is: a copy would be dear. */
const LONGEST_OF_CARGO = 9_216

/** A shorter datagram's text is copied anyway, and its memory can go at once. */
const KEPT = 8_192

/** Of all sockets: what was sent from it has been read when the call returns, or it is replaced. */
let cargo: Uint8Array = new Uint8Array(LONGEST_OF_CARGO)
/** What waits to leave from it: its beginning, and whose it is. */
let loaded: Uint8Array = cargo
let loader: DgramSocket | null = null

/** A dgram socket whose bind, connect and send are done when they return. */
export class DgramSocket implements DatagramSocket {
  readonly address: string
  readonly port: number
  readonly peerAddress: string | undefined
  readonly fragments = true
  readonly buffer: number
  private readonly socket: dgram.Socket
  private readonly handler: DatagramHandler
  private readonly connected: boolean
  private readonly peerPort: number | undefined
  /** Where the datagram goes that waits to leave. */
  private toAddress = ''
  private toPort = 0
  private holding = false
  /** Sends that were not called back. */
  private pending = 0
  private closed = false
  /** It holds the process. */
  private holds = true
  /** Datagrams since the socket was last asked how many a turn brings. */
  private unasked = 0
  /** Turns to be watched for how many datagrams they bring: as long as it is several, these are answered together. */
  private watching = 0
  /** Datagrams of this turn, while it is watched. */
  private ofTurn = 0

  constructor(local: LocalAddress, handler: DatagramHandler) {
    this.handler = handler
    const socket: Owned = createSocket(local)
    this.socket = socket
    bindNow(socket, local)
    askForBuffer(socket, local.recvBufferSize)
    this.buffer = socket.getRecvBufferSize()
    socket[OWNER] = this
    socket.on('error', onError)
    socket.on('message', onMessage)
    if (local.peer !== undefined) this.peerAddress = connectNow(socket, local.peer)
    this.connected = this.peerAddress !== undefined
    this.peerPort = this.connected ? local.peer?.port : undefined
    const { address, port } = socket.address()
    this.address = address
    this.port = port
  }

  get dropped(): number | undefined {
    return this.closed ? undefined : readDropped(this.address, this.port, this.peerPort)
  }

  get cargo(): Uint8Array {
    return cargo
  }

  reserve(length: number, address: string, port: number): number {
    if (length > LONGEST_OF_CARGO) return -1
    loader?.flush()
    if (this.closed || this.holding) return -1
    if (loaded.length !== length) loaded = cargo.subarray(0, length)
    loader = this
    this.toAddress = address
    this.toPort = port
    return 0
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    this.flush()
    return this.hand(parts, address, port)
  }

  flush(): boolean {
    if (loader === this) {
      loader = null
      if (!this.hand(loaded, this.toAddress, this.toPort)) loaded = cargo = new Uint8Array(LONGEST_OF_CARGO)
    }
    return !this.holding
  }

  private hand(what: Uint8Array | readonly Uint8Array[], address: string, port: number): boolean {
    if (this.closed) return true
    if (this.connected) this.socket.send(what, this.onSent)
    else this.socket.send(what, port, address, this.onSent)
    this.pending++
    if (this.hasLeft) return true
    this.holding = true
    return false
  }

  /** Nothing points any longer at what was handed over: Node has a count; without one (Deno), each send is called back. */
  private get hasLeft(): boolean {
    return (this.socket.getSendQueueCount?.() ?? this.pending) === 0
  }

  ref(): void {
    this.holds = true
    this.socket.ref()
  }

  unref(): void {
    this.holds = false
    this.socket.unref()
  }

  close(): void {
    if (this.closed) return
    this.flush()
    this.closed = true
    this.socket.close()
  }

  /** A datagram that dgram has read. */
  take(bytes: Uint8Array, address: string, port: number): void {
    if (this.holds && this.ofTurn === 0) vigil.found()
    vigil.took(1)
    if (this.ofTurn === 0 && this.watching === 0 && ++this.unasked < ASK_AFTER) {
      try {
        this.pass(bytes, address, port)
      } finally {
        this.handler.onQuiet()
      }
      return
    }
    if (this.ofTurn++ === 0) setImmediate(this.onTurnOver)
    this.pass(bytes, address, port)
  }

  private pass(bytes: Uint8Array, address: string, port: number): void {
    const isLent = bytes.length < KEPT && canFree(bytes)
    this.handler.onDatagram(bytes, 0, bytes.length, address, port, isLent)
    if (isLent) free(bytes)
    else noteAllocated(bytes.length)
  }

  onError(error: Error): void {
    this.handler.onError(error)
  }

  private readonly onTurnOver = (): void => {
    if (this.ofTurn > 1) this.watching = WATCHED_TURNS
    else if (this.watching > 0) this.watching--
    this.unasked = 0
    this.ofTurn = 0
    this.handler.onQuiet()
  }

  // one for all sends: what failed, and that a queue has drained, is told nowhere else
  private readonly onSent = (error: Error | null): void => {
    this.pending--
    if (this.closed) return
    if (error) this.handler.onError(error)
    if (!this.holding || !this.hasLeft) return
    this.holding = false
    this.handler.onDrain()
  }
}

/** ES2024: Node has it since 21. */
const CAN_FREE = 'transfer' in ArrayBuffer.prototype

/** There is a way to give its memory back, and nothing else lies in it. */
const canFree = (bytes: Uint8Array): boolean => CAN_FREE && bytes.buffer.byteLength === bytes.length

/**
 * Here and now, where the next datagram finds it in the cache. What is left to the garbage collector is freed by another thread, and
 * dgram's own malloc, two for each datagram, waits for the lock.
 */
function free({ buffer }: Uint8Array): void {
  const memory = buffer as ArrayBufferLike & { transfer(length: number): ArrayBuffer }
  memory.transfer(0)
}

const OWNER = Symbol('owner')

/** One function hears for all sockets: a closure each would cost each some memory. */
interface Owned extends dgram.Socket {
  [OWNER]?: DgramSocket
}

function onMessage(this: Owned, bytes: Uint8Array, from: { address: string; port: number }): void {
  this[OWNER]?.take(bytes, from.address, from.port)
}

function onError(this: Owned, error: Error): void {
  this[OWNER]?.onError(error)
}

type Lookup = (
  host: string,
  options: object,
  done: (error: Error | null, address: string, family: number) => void,
) => void

// addresses are literals here: without a wait for the resolver all is done when the call returns
const asIPv4: Lookup = (host, _options, done) => done(null, host, 4)
const asIPv6: Lookup = (host, _options, done) => done(null, host, 6)

/** Bound by nobody yet; all that it is told is done when the call returns. */
export function createSocket({ address, ipv6Only, reuseAddr, reusePort }: LocalAddress): dgram.Socket {
  const family = isIPv6(address) ? 6 : 4
  return dgram.createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: ipv6Only ?? false,
    reuseAddr: reuseAddr ?? false,
    ...(reusePort ? { reusePort } : {}),
    lookup: family === 6 ? asIPv6 : asIPv4,
  })
}

/** @returns the peer as datagrams from it are reported; undefined: no route, and then each send says why. */
export function connectNow(socket: dgram.Socket, peer: { address: string; port: number }): string | undefined {
  socket.connect(peer.port, peer.address)
  try {
    return socket.remoteAddress().address
  } catch {
    return undefined
  }
}

/** Binds at once. @throws what Node would emit. */
function bindNow(socket: dgram.Socket, local: LocalAddress): void {
  const { address, port, reusePort } = local
  let failure: Error | undefined
  const onError = (error: Error): void => {
    failure = error
  }
  socket.on('error', onError)
  try {
    // a worker of a cluster would share the socket of its primary
    if (reusePort && !canReusePort()) socket.bind({ fd: openReusing(local) ?? unsupported(), exclusive: true })
    else socket.bind({ address, port, exclusive: true })
  } catch (error) {
    failure = error as Error
  }
  socket.off('error', onError)
  if (failure === undefined) return
  // it emits once more, in some versions, as it closes
  socket.on('error', () => {})
  socket.close()
  throw failure
}

/** dgram has the option since 22.12 and 23.1, and ignores what it does not know. */
export function canReusePort(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

function unsupported(): never {
  const message = 'bind ENOTSUP: reusePort needs Node.js 22.12, 23.1 or later, or koffi on Linux'
  throw Object.assign(new Error(message), { code: 'ENOTSUP', syscall: 'bind' })
}

/** Bytes: less than what machines give to those who do not ask. */
const LEAST_BUFFER = 131_072

/** As much of it as the machine grants. */
function askForBuffer(socket: dgram.Socket, size: number | undefined): void {
  if (!size) return
  for (let asked = size; asked === size || asked >= LEAST_BUFFER; asked = Math.floor(asked / 2)) {
    try {
      socket.setRecvBufferSize(asked)
      return
    } catch {}
  }
}
