// A Platform of a simulated machine: one process with its sockets, alarms and its share of virtual time.
import type { Alarm, DatagramHandler, DatagramSocket, LocalAddress, Platform } from '../platform/platform.js'
import type { Scheduled, VirtualClock } from './clock.js'
import type { Datagram } from './datagram.js'
import type { Random } from './random.js'

/** The machine that a process runs on. */
export interface Machine {
  readonly addresses: readonly string[]
  sourceAddress(address: string): string | undefined
  mtuOf(address: string): number | undefined
  /** @throws EADDRINUSE, EADDRNOTAVAIL in Node's shape. */
  bind(platform: SimulatedPlatform, local: LocalAddress, handler: DatagramHandler): DatagramSocket
  /** A datagram leaves. */
  transmit(datagram: Datagram): void
}

/** A socket of a process, as far as the process knows it. */
export interface OpenSocket {
  readonly address: string
  readonly port: number
  readonly refd: boolean
  close(): void
}

/** A process: runs, is suspended for a while, and is gone after kill(). */
export class SimulatedPlatform implements Platform {
  readonly host: Machine
  readonly clock: VirtualClock
  /** Its UDP sockets, in the order in which they were bound. */
  readonly sockets: Set<OpenSocket> = new Set()
  private readonly randomness: Random
  /** Those that are set. */
  readonly alarms: Set<SimulatedAlarm> = new Set()
  private deferred = 0
  private dead = false
  /** What happened while it was suspended; null: it runs. */
  private stalled: { run: () => void; deferred: boolean }[] | null = null

  constructor(host: Machine, clock: VirtualClock, random: Random) {
    this.host = host
    this.clock = clock
    this.randomness = random
  }

  readonly allocate = (length: number): Uint8Array => new Uint8Array(length)

  now(): number {
    return this.clock.now()
  }

  random(into: Uint8Array): void {
    this.randomness.fill(into)
  }

  defer(run: () => void): void {
    if (this.dead) return
    this.deferred++
    this.clock.defer(() =>
      this.enter(() => {
        this.deferred--
        run()
      }, true),
    )
  }

  afterTicks(run: () => void): void {
    this.defer(run)
  }

  alarm(ring: () => void): Alarm {
    return new SimulatedAlarm(this, ring)
  }

  bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket {
    if (this.dead) throw new Error('this process is dead')
    return this.host.bind(this, local, handler)
  }

  addresses(): readonly string[] {
    return this.host.addresses
  }

  sourceAddress(address: string): string | undefined {
    return this.host.sourceAddress(address)
  }

  mtuOf(address: string): number | undefined {
    return this.host.mtuOf(address)
  }

  /** Whether anything holds the process: an open socket or a set alarm that is ref'd, or a deferred call. */
  get holdsProcess(): boolean {
    if (this.deferred > 0) return true
    for (const socket of this.sockets) if (socket.refd) return true
    for (const alarm of this.alarms) if (alarm.refd) return true
    return false
  }

  get alive(): boolean {
    return !this.dead
  }

  get suspended(): boolean {
    return this.stalled !== null
  }

  /** Stops it where it is; the machine goes on to take datagrams for it. */
  suspend(): void {
    this.stalled ??= []
  }

  /** Goes on: what waited happens now, in its order. */
  resume(): void {
    const { stalled } = this
    this.stalled = null
    for (const { run, deferred } of stalled ?? []) {
      if (deferred) this.clock.defer(() => this.enter(run, true))
      else this.clock.at(this.clock.now(), () => this.enter(run, false))
    }
  }

  /** Ends it at once: sockets are closed, nothing of its own runs again. Its peers learn nothing from this. */
  kill(): void {
    this.dead = true
    this.deferred = 0
    this.stalled = null
    for (const socket of [...this.sockets]) socket.close()
    for (const alarm of [...this.alarms]) alarm.clear()
  }

  /** Runs something of this process: now, or when it is no longer suspended, or never. */
  enter(run: () => void, deferred = false): void {
    if (this.dead) return
    if (this.stalled !== null) this.stalled.push({ run, deferred })
    else run()
  }
}

/** An alarm of a process. */
export class SimulatedAlarm implements Alarm {
  refd = true
  private readonly platform: SimulatedPlatform
  private readonly onRing: () => void
  private scheduled: Scheduled | null = null

  constructor(platform: SimulatedPlatform, ring: () => void) {
    this.platform = platform
    this.onRing = ring
  }

  set(at: number): void {
    if (!this.platform.alive) return
    if (Number.isNaN(at)) throw new RangeError('an alarm was set to NaN')
    if (this.scheduled?.time === at) return
    this.clear()
    if (at === Infinity) return
    const scheduled = this.platform.clock.at(at, () => this.platform.enter(() => this.ring(scheduled)))
    this.scheduled = scheduled
    this.platform.alarms.add(this)
  }

  clear(): void {
    this.scheduled?.cancel()
    this.forget()
  }

  ref(): void {
    this.refd = true
  }

  unref(): void {
    this.refd = false
  }

  private ring(scheduled: Scheduled): void {
    if (this.scheduled !== scheduled) return // set anew, or cleared, while the process was suspended
    this.forget()
    this.onRing()
  }

  private forget(): void {
    this.scheduled = null
    this.platform.alarms.delete(this)
  }
}
