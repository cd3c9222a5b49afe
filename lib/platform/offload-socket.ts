// A UDP socket that dgram waits for and the C library reads and writes: many datagrams a call (decision 019).
import type dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { connectNow, createSocket } from './dgram-socket.js'
import type { Inbox, Taker } from './inbox.js'
import {
  AF_INET,
  AF_INET6,
  IP_MTU_DISCOVER,
  IPV6_MTU_DISCOVER,
  IPV6_V6ONLY,
  type Libc,
  type Option,
  PMTUDISC_PROBE,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_DGRAM,
  systemError,
} from './libc.js'
import type { DatagramHandler, DatagramSocket, LocalAddress } from './platform.js'
import { LONGEST, type SocketAddresses } from './socket-address.js'
import { LONGEST_OF_TRAIN, type Train } from './train.js'

/** Datagrams that are read before they are answered: an ACK for so many segments at most. */
const TURN = 16
/** As long as so many wait they are read at once, so often before others have their turn: dgram's way in is dear. */
const ROUNDS = 16

/** What a device says that cannot cut trains apart. */
const NO_TRAINS: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'EOPNOTSUPP', 'ENOPROTOOPT'])
/** A queue in front of the kernel, where dgram can wait for room. */
const NO_ROOM: ReadonlySet<string> = new Set(['EAGAIN', 'ENOBUFS'])

/** What all of these sockets share: one of them sends, or is read, at a time. */
export interface Offload {
  readonly libc: Libc
  readonly addresses: SocketAddresses
  readonly train: Train
  readonly inbox: Inbox
  /** Whose train it is that waits to leave. */
  loader: OffloadSocket | null
}

export class OffloadSocket implements DatagramSocket, Taker {
  readonly address: string
  readonly port: number
  readonly peerAddress: string | undefined
  readonly fragments = false
  private readonly offload: Offload
  private readonly handler: DatagramHandler
  private readonly fd: number
  private readonly socket: dgram.Socket
  private readonly connected: boolean
  /** Where the train goes. */
  private toAddress = ''
  private toPort = 0
  /** The device takes trains. */
  private cuts = true
  /** dgram has a queue of ours: what follows has to queue, too. */
  private queueing = false
  private closed = false

  /** @throws the machine's error, as dgram would emit it. */
  constructor(offload: Offload, local: LocalAddress, handler: DatagramHandler) {
    this.offload = offload
    this.handler = handler
    this.fd = this.open(local)
    try {
      this.bind(local)
      this.socket = createSocket(local)
      this.socket.bind({ fd: this.fd, exclusive: true })
    } catch (error) {
      offload.libc.close(this.fd)
      throw error
    }
    // dgram sets it for whatever it is given
    this.set(SO_REUSEADDR, local.reuseAddr ? 1 : 0)
    this.socket.on('error', (error) => this.handler.onError(error))
    this.socket.on('message', this.onMessage)
    if (local.peer !== undefined) this.peerAddress = connectNow(this.socket, local.peer)
    this.connected = this.peerAddress !== undefined
    const { address, port } = this.socket.address()
    this.address = address
    this.port = port
  }

  get cargo(): Uint8Array {
    return this.offload.train.cargo
  }

  reserve(length: number, address: string, port: number): number {
    const { offload } = this
    const { train } = offload
    if (length > LONGEST_OF_TRAIN || this.closed) return -1
    if (offload.loader !== this) {
      offload.loader?.flush()
      this.toAddress = address
      this.toPort = port
    } else if (!train.hasRoom(length) || !this.isTowards(address, port)) {
      this.flush()
      this.toAddress = address
      this.toPort = port
    }
    if (this.queueing) return -1
    offload.loader = this
    return train.reserve(length)
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    if (this.closed) return true
    // what waits goes first
    this.flush()
    if (this.queueing) return this.queue(Buffer.concat(parts), address, port)
    this.offload.loader?.flush()
    this.aim(address, port)
    if (this.offload.train.sendPieces(this.fd, parts)) return true
    const code = this.errorCode()
    if (NO_ROOM.has(code)) return this.queue(Buffer.concat(parts), address, port)
    this.fail(code, 'send', address, port)
    return true
  }

  flush(): boolean {
    const { offload } = this
    if (offload.loader !== this) return !this.queueing
    offload.loader = null
    const { train } = offload
    this.aim(this.toAddress, this.toPort)
    if (train.count === 1 || this.cuts) {
      if (!train.send(this.fd)) this.sendEach(this.errorCode())
    } else this.sendEach(null)
    train.clear()
    return !this.queueing
  }

  ref(): void {
    this.socket.ref()
  }

  unref(): void {
    this.socket.unref()
  }

  close(): void {
    if (this.closed) return
    if (this.offload.loader === this) this.flush()
    this.closed = true
    this.socket.close()
  }

  // ---- sending

  private isTowards(address: string, port: number): boolean {
    return this.connected || (port === this.toPort && address === this.toAddress)
  }

  private aim(address: string, port: number): void {
    const { train, addresses } = this.offload
    train.destinationLength = this.connected ? 0 : addresses.put(address, port, train.destination)
  }

  /** The train has not left as one, or this device takes none; nothing of it is lost by that. */
  private sendEach(code: string | null): void {
    const { train } = this.offload
    const { toAddress, toPort } = this
    if (code !== null && NO_TRAINS.has(code) && train.count > 1) this.cuts = false
    else if (code !== null && !NO_ROOM.has(code)) {
      this.fail(code, 'send', toAddress, toPort)
      return
    }
    for (let i = 0; i < train.count; i++) {
      if (!this.queueing && train.send(this.fd, i, 1)) continue
      const failure = this.queueing ? 'EAGAIN' : this.errorCode()
      if (NO_ROOM.has(failure)) {
        this.queueRest(i)
        return
      }
      this.fail(failure, 'send', toAddress, toPort)
    }
  }

  private queueRest(first: number): void {
    const { train } = this.offload
    const bytes = train.copy(first)
    for (let at = 0; at < bytes.length; at += train.partLength) {
      this.queue(bytes.subarray(at, at + train.partLength), this.toAddress, this.toPort)
    }
  }

  /** dgram waits until there is room. */
  private queue(bytes: Uint8Array, address: string, port: number): boolean {
    if (this.connected) this.socket.send(bytes, this.onSent)
    else this.socket.send(bytes, port, address, this.onSent)
    this.queueing = this.socket.getSendQueueCount() > 0
    return !this.queueing
  }

  private readonly onSent = (error: Error | null): void => {
    if (this.closed) return
    if (error) this.handler.onError(error)
    if (!this.queueing || this.socket.getSendQueueCount() > 0) return
    this.queueing = false
    this.handler.onDrain()
  }

  private errorCode(): string {
    return getSystemErrorName(-this.offload.libc.errno())
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

  private readonly onMessage = (bytes: Uint8Array, from: { address: string; port: number }): void => {
    let read = 0
    try {
      this.handler.onDatagram(bytes, bytes.length, from.address, from.port, false)
      read = this.read()
    } finally {
      this.handler.onQuiet()
    }
    for (let round = 0; round < ROUNDS && read >= TURN; round++) {
      read = this.read()
      if (read > 0) this.handler.onQuiet()
    }
  }

  /** @returns how many datagrams there were. */
  private read(): number {
    if (this.closed) return 0
    const read = this.offload.inbox.read(this.fd, TURN, this)
    if (read < 0) this.fail(this.errorCode(), 'recvmmsg')
    return read
  }

  take(bytes: Uint8Array, length: number, address: string, port: number, isLent: boolean): boolean {
    this.handler.onDatagram(bytes, length, address, port, isLent)
    return !this.closed
  }

  // ---- the descriptor

  private open({ address, port }: LocalAddress): number {
    const { libc } = this.offload
    const fd = libc.socket(isIPv6(address) ? AF_INET6 : AF_INET, SOCK_DGRAM, 0)
    if (fd < 0) throw systemError(libc, 'bind', address, port)
    return fd
  }

  private bind({ address, port, ipv6Only, reuseAddr, reusePort, recvBufferSize }: LocalAddress): void {
    const { libc, addresses } = this.offload
    const isV6 = isIPv6(address)
    if (isV6) {
      this.set(IPV6_V6ONLY, ipv6Only ? 1 : 0)
      this.set(IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    }
    // a dual-stack socket sends IPv4 as well
    if (!isV6 || !ipv6Only) this.set(IP_MTU_DISCOVER, PMTUDISC_PROBE)
    if (reuseAddr) this.set(SO_REUSEADDR, 1)
    if (reusePort) this.set(SO_REUSEPORT, 1)
    // the kernel grants as much of it as it may
    if (recvBufferSize) this.set(SO_RCVBUF, recvBufferSize)
    const name = new Uint8Array(LONGEST)
    const length = addresses.put(address, port, name)
    if (libc.bind(this.fd, name, length) < 0) throw systemError(libc, 'bind', address, port)
  }

  private set([level, name]: Option, value: number): boolean {
    const word = new Uint8Array(new Int32Array([value]).buffer)
    return this.offload.libc.setsockopt(this.fd, level, name, word, word.length) === 0
  }
}
