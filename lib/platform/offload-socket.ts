// A UDP socket that the C library reads and writes, many datagrams a call (decision 019).
import { SLOTS, type Taker } from './inbox.js'
import { errorName, GRO, SO_RCVBUF, systemError } from './libc.js'
import type { Offload } from './offload.js'
import type { DatagramHandler, DatagramSocket, LocalAddress, Row } from './platform.js'
import { throwLater, type Waiter } from './readiness.js'
import { LONGEST_OF_TRAIN } from './train.js'
import { vigil } from './vigil.js'

/** What is read at a time, before others have their turn. */
const MOST_DATAGRAMS = 256
const MOST_BYTES = 2 ** 20

/** What a device says that cannot cut trains apart. */
const NO_TRAINS: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'ENOTSUP', 'ENOPROTOOPT'])
/** No packet of the interface holds it. */
const TOO_LONG = 'EMSGSIZE'
/** There will be room later. */
const NO_ROOM: ReadonlySet<string> = new Set(['EAGAIN', 'ENOBUFS'])
/** Of what was sent before. */
const TOLD: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'])
/** Nothing is there to be read. */
const NOTHING: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR'])

/** A datagram that found no room. */
interface Waiting {
  readonly bytes: Uint8Array
  readonly address: string
  readonly port: number
}

/** Never added to. */
const NONE: Waiting[] = []

export class OffloadSocket implements DatagramSocket, Taker, Waiter {
  readonly address: string
  readonly port: number
  readonly peerAddress: string | undefined
  readonly fragments = false
  readonly buffer: number
  private readonly ipv6Only: boolean
  private readonly hasNeighbours: boolean
  private readonly offload: Offload
  private readonly handler: DatagramHandler
  readonly fd: number
  private readonly connected: boolean
  /** The device takes trains. */
  private cuts = true
  /** The kernel may put trains together. */
  private gathers = false
  /** What found no room: what follows has to wait, too. */
  private waiting = NONE
  private closed = false
  /** It holds the process. */
  private holds = false

  /** `home`: whose address it has as well. @throws the machine's error, as dgram would emit it. */
  constructor(offload: Offload, local: LocalAddress, handler: DatagramHandler, home?: OffloadSocket) {
    const { descriptors, neighbours } = offload
    this.offload = offload
    this.ipv6Only = local.ipv6Only ?? false
    this.hasNeighbours = local.reuseAddr ?? false
    this.handler = handler
    this.fd = local.reuseAddr || home !== undefined ? neighbours.open(local, home) : descriptors.open(local)
    if (local.peer !== undefined) this.peerAddress = this.connect(local.peer)
    this.connected = this.peerAddress !== undefined
    const { address, port } = descriptors.local(this.fd)
    this.address = address
    this.port = port
    this.buffer = descriptors.get(this.fd, SO_RCVBUF)
    if (!offload.readiness.watch(this.fd, this)) {
      const error = systemError(offload.libc, 'bind', local.address, local.port)
      descriptors.close(this.fd)
      throw error
    }
    if (this.hasNeighbours) neighbours.add(port, this)
    this.ref()
  }

  get dropped(): number | undefined {
    return this.closed ? undefined : this.offload.descriptors.dropped(this.fd)
  }

  get cargo(): Uint8Array {
    return this.offload.train.cargo
  }

  reserve(length: number, address: string, port: number): number {
    const { offload } = this
    const { train } = offload
    if (length > LONGEST_OF_TRAIN || this.closed) return -1
    const joins = offload.loader === this && train.hasRoom(length) && this.isTowards(address, port)
    if (!joins) {
      offload.loader?.flush()
      offload.toAddress = address
      offload.toPort = port
    }
    if (this.isWaiting) return -1
    offload.loader = this
    return train.reserve(length)
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    if (this.closed) return true
    // what waits goes first
    this.flush()
    if (this.isWaiting) return this.wait(Buffer.concat(parts), address, port)
    this.offload.loader?.flush()
    this.aim(address, port)
    const { train } = this.offload
    if (train.sendPieces(this.fd, parts)) return true
    let code = this.errorCode()
    if (this.isNews(code, address, port)) {
      if (train.sendPieces(this.fd, parts)) return true
      code = this.errorCode()
    }
    if (NO_ROOM.has(code)) return this.wait(Buffer.concat(parts), address, port)
    this.fail(code, 'send', address, port)
    return true
  }

  flush(): boolean {
    const { offload } = this
    if (offload.loader === this) {
      offload.loader = null
      const { train } = offload
      this.aim(offload.toAddress, offload.toPort)
      if (train.count > 1 && !this.cuts) this.sendEach(null)
      else if (!train.send(this.fd)) this.sendAgain(this.errorCode())
      train.clear()
    }
    return !this.isWaiting
  }

  branch(peer: { address: string; port: number }, handler: DatagramHandler, recvBufferSize: number): DatagramSocket {
    const { address, port, ipv6Only } = this
    const branch = { address, port, peer, ipv6Only, recvBufferSize }
    const socket = new OffloadSocket(this.offload, branch, handler, this)
    if (socket.connected) return socket
    // it would take what is meant for all others
    socket.close()
    throw new Error(`connect failed: ${peer.address}:${peer.port}`)
  }

  ref(): void {
    this.hold(true)
  }

  unref(): void {
    this.hold(false)
  }

  close(): void {
    if (this.closed) return
    this.flush()
    this.hold(false)
    if (this.isWaiting) this.offload.readiness.awaitRoom(this.fd, false)
    this.closed = true
    this.offload.readiness.unwatch(this.fd)
    if (this.hasNeighbours) this.offload.neighbours.remove(this.port, this.fd)
    this.offload.descriptors.close(this.fd)
  }

  private hold(on: boolean): void {
    if (on === this.holds || this.closed) return
    this.holds = on
    this.offload.readiness.hold(on)
  }

  // ---- sending

  private get isWaiting(): boolean {
    return this.waiting.length > 0
  }

  private isTowards(address: string, port: number): boolean {
    return this.connected || (port === this.offload.toPort && address === this.offload.toAddress)
  }

  private aim(address: string, port: number): void {
    const { train, addresses } = this.offload
    train.destinationLength = this.connected ? 0 : addresses.put(address, port, train.destination)
  }

  private sendAgain(code: string): void {
    const { train, toAddress, toPort } = this.offload
    if (!this.isNews(code, toAddress, toPort)) this.sendEach(code)
    else if (!train.send(this.fd)) this.sendEach(this.errorCode())
  }

  /** What the network tells of an earlier datagram (ICMP) is told once, in the place of sending the next: that goes again. */
  private isNews(code: string, address: string, port: number): boolean {
    if (!this.connected || !TOLD.has(code)) return false
    this.fail(code, 'send', address, port)
    return true
  }

  /** The train has not left as one, or this device takes none; nothing of it is lost by that. */
  private sendEach(code: string | null): void {
    const { train, toAddress, toPort } = this.offload
    if (code !== null && !NO_ROOM.has(code)) {
      if (train.count > 1 && NO_TRAINS.has(code)) this.cuts = false
      // of a train each that is too long says so itself
      else if (train.count === 1 || code !== TOO_LONG) this.fail(code, 'send', toAddress, toPort)
      if (train.count === 1) return
    }
    for (let i = 0; i < train.count; i++) {
      if (train.send(this.fd, i, 1)) continue
      const failure = this.errorCode()
      if (NO_ROOM.has(failure)) {
        this.waitWithRest(i)
        return
      }
      // older kernels have EINVAL for a train of what is too long: the device is none the worse for it
      if (failure === TOO_LONG && code !== null && train.count > 1) this.cuts = true
      this.fail(failure, 'send', toAddress, toPort)
    }
  }

  private waitWithRest(first: number): void {
    const { train, toAddress, toPort } = this.offload
    const bytes = train.copy(first)
    for (let at = 0; at < bytes.length; at += train.partLength) {
      this.wait(bytes.subarray(at, at + train.partLength), toAddress, toPort)
    }
  }

  private wait(bytes: Uint8Array, address: string, port: number): boolean {
    if (this.waiting === NONE) this.waiting = []
    if (this.waiting.push({ bytes, address, port }) === 1) this.offload.readiness.awaitRoom(this.fd, true)
    return false
  }

  onWritable(): void {
    // an event of a descriptor that had this number before
    if (!this.isWaiting) return
    const { waiting, offload } = this
    offload.loader?.flush()
    let sent = 0
    for (const { bytes, address, port } of waiting) {
      this.aim(address, port)
      if (!offload.train.sendPieces(this.fd, [bytes])) {
        const code = this.errorCode()
        if (NO_ROOM.has(code)) break
        this.fail(code, 'send', address, port)
      }
      sent++
    }
    waiting.splice(0, sent)
    if (waiting.length > 0) return
    this.waiting = NONE
    this.offload.readiness.awaitRoom(this.fd, false)
    this.handler.onDrain()
  }

  private errorCode(): string {
    return errorName(this.offload.libc)
  }

  /** Told later: who sends is in the middle of something. */
  private fail(code: string, syscall: string, address?: string, port?: number): void {
    const where = address === undefined ? '' : ` ${address}:${port}`
    const error = Object.assign(new Error(`${syscall} ${code}${where}`), { code, syscall, address, port })
    process.nextTick(() => {
      if (!this.closed) this.handler.onError(error)
    })
  }

  // ---- receiving

  onReadable(): number {
    const { inbox } = this.offload
    let datagrams = 0
    let bytes = 0
    for (let slots = SLOTS; slots === SLOTS && datagrams < MOST_DATAGRAMS && bytes < MOST_BYTES; ) {
      try {
        slots = this.closed ? 0 : inbox.read(this.fd, this)
        if (slots < 0) this.unread(this.errorCode())
      } finally {
        this.handler.onQuiet()
      }
      if (slots === SLOTS && !this.gathers && !this.closed) this.gather()
      datagrams += inbox.datagrams
      bytes += inbox.bytes
    }
    vigil.took(datagrams)
    return bytes
  }

  /** Much comes at a time: it may come in trains. Not before, for to have a socket ready for them costs as much as a connection. */
  private gather(): void {
    this.gathers = true
    this.offload.descriptors.set(this.fd, GRO, 1)
  }

  /** Nothing was read; perhaps because the network has told something of what was sent (ICMP). */
  private unread(code: string): void {
    if (!NOTHING.has(code)) this.fail(code, 'recvmsg')
  }

  // whatever is thrown: what was read in the same call has left the kernel, and is not to be lost
  take(bytes: Uint8Array, start: number, end: number, address: string, port: number, isLent: boolean): boolean {
    try {
      this.handler.onDatagram(bytes, start, end, address, port, isLent)
    } catch (error) {
      throwLater(error)
    }
    return !this.closed
  }

  takeRow(row: Row, address: string, port: number): boolean {
    while (row.at < row.end && !this.closed) {
      try {
        this.takeOf(row, address, port)
      } catch (error) {
        throwLater(error)
      }
    }
    return !this.closed
  }

  private takeOf(row: Row, address: string, port: number): void {
    const { handler } = this
    if (handler.onRow !== undefined) {
      handler.onRow(row, address, port)
      return
    }
    const start = row.at
    row.at = Math.min(start + row.part, row.end)
    handler.onDatagram(row.bytes, start, row.at, address, port, true)
  }

  /** @returns the peer as datagrams from it are reported; undefined: no route, which is told later, and each send says why. */
  private connect(peer: { address: string; port: number }): string | undefined {
    const { descriptors } = this.offload
    if (descriptors.connect(this.fd, peer)) return descriptors.peerAddress(this.fd, peer.address)
    this.fail(this.errorCode(), 'connect', peer.address, peer.port)
    return undefined
  }
}
