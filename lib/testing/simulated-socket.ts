// A UDP socket of a simulated machine: what it is bound to, and what waits in it on its way out and in.
import type { DatagramHandler, DatagramSocket } from '../platform/platform.js'
import { MAX_DATAGRAM } from '../wire/segment.js'
import { canonical, type Family, familyOf, isWildcard, mapped } from './addresses.js'
import { Datagram, join } from './datagram.js'
import { type ErrorCode, machineError } from './machine-errors.js'
import type { SimulatedPlatform } from './simulated-platform.js'

/** How sockets send. */
export interface SendingOptions {
  /** Sockets have a kernel buffer of so many `bytes`, emptied at `rate` bit/s; beyond it send() holds views. @default null */
  sendBuffer: { rate: number; bytes: number } | null
  /** What is sent leaves at flush(), not before. @default false */
  gather: boolean
}

/** What machines have to the network. */
export interface InterfaceOptions {
  /** The largest packet, bytes: what connections offer to take, and look for, follows from it. @default 1500 */
  mtu: number
  /**
   * Machines cut what is longer than the path takes into fragments: connections rely on Ethernet's size from the start; false: what is
   * longer than `mtu` does not leave (EMSGSIZE). @default true
   */
  fragments: boolean
}

/** What a socket is bound to. */
export interface Binding {
  family: Family
  /** Canonical; null: the wildcard. */
  local: string | null
  port: number
  ipv6Only: boolean
  reuseAddr: boolean
  reusePort: boolean
  peer: { address: string; port: number } | null
  /** Bytes that may wait for the process, when it is suspended. */
  receiveBuffer: number
}

interface Held {
  parts: readonly Uint8Array[]
  address: string
  port: number
}

export class SimulatedSocket implements DatagramSocket {
  readonly binding: Binding
  refd = true
  dropped = 0
  private readonly platform: SimulatedPlatform
  private readonly handler: DatagramHandler
  private readonly options: SendingOptions
  private readonly interfaces: InterfaceOptions
  private readonly onClose: (socket: SimulatedSocket) => void
  private closed = false
  /** Bytes that arrived and that the process has not read. */
  private waiting = 0
  private readonly held: Held[] = []
  private readonly gathered: Held[] = []
  private draining = false
  private quietComes = false
  private busyUntil = -Infinity

  constructor(
    platform: SimulatedPlatform,
    binding: Binding,
    handler: DatagramHandler,
    options: SendingOptions,
    interfaces: InterfaceOptions,
    onClose: (socket: SimulatedSocket) => void,
  ) {
    this.platform = platform
    this.onClose = onClose
    this.binding = binding
    this.handler = handler
    this.options = options
    this.interfaces = interfaces
  }

  get fragments(): boolean {
    return this.interfaces.fragments
  }

  get address(): string {
    const { family, local } = this.binding
    if (local === null) return family === 4 ? '0.0.0.0' : '::'
    return family === 4 ? local : mapped(local)
  }

  get port(): number {
    return this.binding.port
  }

  get buffer(): number {
    return this.binding.receiveBuffer
  }

  get peerAddress(): string | undefined {
    const { family, peer } = this.binding
    return peer === null || family === 4 ? peer?.address : mapped(peer.address)
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    if (!this.platform.alive) return true
    if (this.closed) {
      throw Object.assign(new Error('Not running'), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' })
    }
    if (!this.options.gather) return this.leave({ parts, address, port })
    this.gathered.push({ parts: [join(parts)], address, port })
    return this.held.length === 0
  }

  flush(): boolean {
    for (const datagram of this.gathered.splice(0)) this.leave(datagram)
    return this.held.length === 0
  }

  branch(peer: { address: string; port: number }, handler: DatagramHandler, recvBufferSize: number): DatagramSocket {
    const { binding, address, port } = this
    const { reuseAddr, ipv6Only } = binding
    binding.reuseAddr = true
    try {
      return this.platform.bind({ address, port, peer, ipv6Only, reuseAddr: true, recvBufferSize }, handler)
    } finally {
      binding.reuseAddr = reuseAddr
    }
  }

  ref(): void {
    this.refd = true
  }

  unref(): void {
    this.refd = false
  }

  close(): void {
    this.closed = true
    this.held.length = 0
    this.gathered.length = 0
    this.platform.sockets.delete(this)
    this.onClose(this)
  }

  /** A datagram has come. @returns false: its buffer is full. */
  take(datagram: Datagram): boolean {
    const { bytes } = datagram
    if (this.waiting > 0 && this.waiting + bytes.length > this.binding.receiveBuffer) {
      this.dropped++
      return false
    }
    this.waiting += bytes.length
    const from = this.binding.family === 6 ? mapped(datagram.from) : datagram.from
    this.platform.enter(() => {
      this.waiting -= bytes.length
      if (this.closed) return
      this.quieten()
      this.handler.onDatagram(bytes, 0, bytes.length, from, datagram.fromPort, false)
    })
    return true
  }

  /** Has onQuiet() follow once all that arrives in this instant has been read. */
  private quieten(): void {
    if (this.quietComes) return
    this.quietComes = true
    this.platform.defer(() => {
      this.quietComes = false
      this.handler.onQuiet()
    })
  }

  /** The machine reports an error, after what runs now. */
  fail(error: Error): void {
    this.platform.clock.at(this.platform.now(), () =>
      this.platform.enter(() => {
        if (!this.closed) this.handler.onError(error)
      }),
    )
  }

  private leave(datagram: Held): boolean {
    if (this.options.sendBuffer === null) {
      this.transmit(datagram, this.platform.now())
      return true
    }
    this.held.push(datagram)
    if (!this.draining) this.drain()
    return this.held.length === 0
  }

  /** Moves what is held to the kernel's buffer, as far as it has room: only now are the views read. */
  private drain(): void {
    const { sendBuffer } = this.options
    if (sendBuffer === null) return
    const now = this.platform.now()
    const { held } = this
    while (held.length > 0) {
      const length = held[0].parts.reduce((sum, part) => sum + part.length, 0)
      const buffered = (Math.max(0, this.busyUntil - now) * sendBuffer.rate) / 8_000
      const excess = Math.min(buffered, buffered + length - sendBuffer.bytes)
      if (excess > 1e-6) {
        this.drainLater(now + (excess * 8_000) / sendBuffer.rate)
        return
      }
      this.busyUntil = Math.max(now, this.busyUntil) + (length * 8_000) / sendBuffer.rate
      this.transmit(held[0], this.busyUntil)
      held.shift()
    }
  }

  private drainLater(at: number): void {
    this.draining = true
    this.platform.clock.at(at, () =>
      this.platform.enter(() => {
        this.draining = false
        if (this.closed) return
        this.drain()
        if (this.held.length === 0) this.handler.onDrain()
      }),
    )
  }

  private transmit({ parts, address, port }: Held, at: number): void {
    const { binding, platform } = this
    const to = this.destination(address)
    const bytes = join(parts)
    const from = binding.local ?? platform.host.sourceAddress(to)
    const datagram = new Datagram(at, bytes, from ?? '', binding.port, to, port)
    const refused = refusal(datagram, this.interfaces)
    if (refused !== null) {
      this.fail(machineError(refused, 'send', address, port))
      return
    }
    const go = (): void => platform.host.transmit(datagram)
    if (at > platform.now()) platform.clock.at(at, go)
    else go()
  }

  private destination(address: string): string {
    if (this.binding.peer !== null) return this.binding.peer.address
    const to = canonical(address)
    if (isWildcard(to)) return to === '::' ? '::1' : '127.0.0.1'
    return to
  }
}

function refusal(datagram: Datagram, { fragments, mtu }: InterfaceOptions): ErrorCode | null {
  const { bytes, from, to, packetLength } = datagram
  if (bytes.length > MAX_DATAGRAM || (!fragments && packetLength > mtu)) return 'EMSGSIZE'
  if (from === '') return 'ENETUNREACH'
  return familyOf(from) === familyOf(to) ? null : 'EINVAL'
}
