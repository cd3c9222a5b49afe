// A Platform around another whose datagrams take a bad path, in real time: to see TCP repair it.
import type { Alarm, DatagramHandler, DatagramSocket, LocalAddress, Platform } from '../platform/platform.js'
import { AlarmClock, type Scheduler } from './clock.js'
import { Datagram, join } from './datagram.js'
import { Link, type LinkOptions } from './link.js'
import { Random } from './random.js'

export interface ImpairedOptions {
  /** What is lost, and when, follows from it as far as the timing of a real machine lets it. @default 1 */
  seed?: number
  /** What happens to datagrams that leave. @default {}: nothing */
  outgoing?: Partial<LinkOptions>
  /** What happens to datagrams that arrive. @default {}: nothing */
  incoming?: Partial<LinkOptions>
}

/**
 * All sockets of this platform share one link in each direction, as they would a line:
 * `new Stack(new ImpairedPlatform(stack.platform, { outgoing: { loss: 0.2, delay: 80 } }))`.
 * Datagrams on their way out hold the process until they have left; closing a socket sends its own at once.
 */
export class ImpairedPlatform implements Platform {
  readonly outgoing: Link
  readonly incoming: Link
  private readonly platform: Platform

  constructor(platform: Platform, options: ImpairedOptions = {}) {
    const { seed = 1, outgoing = {}, incoming = {} } = options
    const random = new Random(seed)
    this.platform = platform
    // a direction that has no delay of its own adds none
    this.outgoing = new Link(prompt(new AlarmClock(platform, true)), random.fork(), { delay: 0, ...outgoing })
    this.incoming = new Link(prompt(new AlarmClock(platform, false)), random.fork(), { delay: 0, ...incoming })
  }

  now(): number {
    return this.platform.now()
  }

  random(into: Uint8Array): void {
    this.platform.random(into)
  }

  get allocate(): (length: number) => Uint8Array {
    return this.platform.allocate
  }

  defer(run: () => void): void {
    this.platform.defer(run)
  }

  afterTicks(run: () => void): void {
    this.platform.afterTicks(run)
  }

  alarm(ring: () => void): Alarm {
    return this.platform.alarm(ring)
  }

  bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket {
    const socket = new ImpairedSocket(this, handler)
    socket.inner = this.platform.bind(local, socket)
    return socket
  }

  addresses(): readonly string[] {
    return this.platform.addresses()
  }

  sourceAddress(address: string): string | undefined {
    return this.platform.sourceAddress(address)
  }

  mtuOf(address: string): number | undefined {
    return this.platform.mtuOf(address)
  }

  get descriptorLimit(): number | undefined {
    return this.platform.descriptorLimit
  }
}

/** What is due already happens at once, not after a timer that may take a ms. */
function prompt(clock: Scheduler): Scheduler {
  return {
    now: () => clock.now(),
    at: (at, run) => {
      if (at > clock.now()) return clock.at(at, run)
      run()
      return { time: at, cancel: () => undefined }
    },
  }
}

class ImpairedSocket implements DatagramSocket, DatagramHandler {
  /** Set as soon as there is one: it is made with this as its handler. */
  inner!: DatagramSocket
  private readonly path: ImpairedPlatform
  private readonly handler: DatagramHandler
  private readonly underWay: Set<Datagram> = new Set()
  private full = false
  private closed = false

  constructor(path: ImpairedPlatform, handler: DatagramHandler) {
    this.path = path
    this.handler = handler
  }

  get address(): string {
    return this.inner.address
  }

  get port(): number {
    return this.inner.port
  }

  get peerAddress(): string | undefined {
    return this.inner.peerAddress
  }

  get buffer(): number {
    return this.inner.buffer
  }

  get dropped(): number | undefined {
    return this.inner.dropped
  }

  get fragments(): boolean {
    return this.inner.fragments
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    const datagram = new Datagram(this.path.now(), join(parts), this.inner.address, this.inner.port, address, port)
    this.underWay.add(datagram)
    this.path.outgoing.send(datagram, (leaving) => {
      const known = this.underWay.delete(datagram) || leaving.duplicate
      if (known && !this.closed) this.leave(leaving)
    })
    if (datagram.fate !== 'on its way') this.underWay.delete(datagram)
    return !this.full
  }

  flush(): boolean {
    return this.inner.flush()
  }

  ref(): void {
    this.inner.ref()
  }

  unref(): void {
    this.inner.unref()
  }

  close(): void {
    for (const datagram of this.underWay) this.leave(datagram)
    this.underWay.clear()
    this.closed = true
    this.inner.close()
  }

  onDatagram(bytes: Uint8Array, start: number, end: number, address: string, port: number, isLent: boolean): void {
    const datagramBytes = bytes.subarray(start, end)
    const kept = isLent ? new Uint8Array(datagramBytes) : datagramBytes
    const datagram = new Datagram(this.path.now(), kept, address, port, this.inner.address, this.inner.port)
    this.path.incoming.send(datagram, (arriving) => {
      if (this.closed) return
      try {
        this.handler.onDatagram(arriving.bytes, 0, arriving.bytes.length, address, port, false)
      } finally {
        this.handler.onQuiet()
      }
    })
  }

  /** Each datagram is quiet by itself, when the path lets it through. */
  onQuiet(): void {}

  onDrain(): void {
    this.full = false
    this.handler.onDrain()
  }

  onError(error: Error): void {
    this.handler.onError(error)
  }

  private leave(datagram: Datagram): void {
    const sent = this.inner.send([datagram.bytes], datagram.to, datagram.toPort)
    if (!this.inner.flush() || !sent) this.full = true
  }
}
