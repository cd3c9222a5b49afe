// A machine in the simulated network: its addresses, its processes, and who of its sockets gets a datagram.
import { Stack } from '../endpoint/stack.js'
import type { DatagramHandler, LocalAddress } from '../platform/platform.js'
import { canonical, familyOf, isLoopback, isWildcard } from './addresses.js'
import type { VirtualClock } from './clock.js'
import type { Datagram } from './datagram.js'
import { machineError } from './machine-errors.js'
import type { Random } from './random.js'
import { type Machine, SimulatedPlatform } from './simulated-platform.js'
import { type Binding, type InterfaceOptions, type SendingOptions, SimulatedSocket } from './simulated-socket.js'

/** Linux's net.core.rmem_default. */
const RECEIVE_BUFFER = 212_992
const EPHEMERAL_FIRST = 32_768
const EPHEMERAL_COUNT = 28_232

/** What a machine asks of the network. */
export interface Wire {
  readonly clock: VirtualClock
  readonly sending: SendingOptions
  readonly interfaces: InterfaceOptions
  /** Carries a datagram away. */
  carry(host: Host, datagram: Datagram): void
  /** Tells the sender of `datagram` that nobody listens there. */
  reportUnreachable(host: Host, datagram: Datagram): void
}

export class Host implements Machine {
  /** The cable: while false nothing comes in or out; the processes run on. */
  online = true
  private readonly wire: Wire
  private readonly random: Random
  private readonly own: string[] = ['127.0.0.1', '::1']
  private processes: SimulatedPlatform[] = []
  private readonly byPort: Map<number, SimulatedSocket[]> = new Map()
  private powered = true
  private main: { platform: SimulatedPlatform; stack: Stack | null } | null = null

  constructor(wire: Wire, random: Random) {
    this.wire = wire
    this.random = random
  }

  /** Its addresses: those that it was made with, then 127.0.0.1 and ::1. */
  get addresses(): readonly string[] {
    return this.own
  }

  /** The stack of its first process, to be given to connect() and createServer(); a new one after powerOn(). */
  get stack(): Stack {
    const main = this.mainProcess()
    main.stack ??= new Stack(main.platform)
    return main.stack
  }

  /** Its first process. */
  get platform(): SimulatedPlatform {
    return this.mainProcess().platform
  }

  /** One more process, with alarms and sockets of its own. */
  process(): SimulatedPlatform {
    if (!this.powered) throw new Error('the machine is off')
    const platform = new SimulatedPlatform(this, this.wire.clock, this.random.fork())
    this.processes.push(platform)
    return platform
  }

  /** Whether anything ref'd is left in any of its processes. */
  get holdsProcess(): boolean {
    return this.processes.some((platform) => platform.holdsProcess)
  }

  /** The UDP sockets that are bound. */
  get openSockets(): { address: string; port: number; refd: boolean }[] {
    const sockets = this.processes.flatMap((platform) => [...platform.sockets])
    return sockets.map(({ address, port, refd }) => ({ address, port, refd }))
  }

  /** It vanishes: processes die without a word, datagrams to it get no answer. */
  powerOff(): void {
    this.powered = false
    for (const platform of this.processes) platform.kill()
    this.processes = []
    this.main = null
  }

  /** It is back, with nothing running: `stack` is a new one. */
  powerOn(): void {
    this.powered = true
  }

  /** Stops its processes where they are: datagrams wait in their sockets' buffers, alarms ring late. */
  suspend(): void {
    for (const platform of this.processes) platform.suspend()
  }

  resume(): void {
    for (const platform of this.processes) platform.resume()
  }

  /** One more address. */
  addAddress(address: string): void {
    const added = canonical(address)
    if (!this.own.includes(added)) this.own.splice(-2, 0, added)
  }

  /** The largest packet of the interface that has this address, bytes. */
  mtuOf(): number {
    return this.wire.interfaces.mtu
  }

  /** The address from which datagrams to `address` leave; undefined: no route. */
  sourceAddress(address: string): string | undefined {
    const to = canonical(address)
    if (this.owns(to)) return to
    if (isWildcard(to)) return to === '::' ? '::1' : '127.0.0.1'
    return this.own.find((mine) => familyOf(mine) === familyOf(to) && !isLoopback(mine))
  }

  /** Whether a datagram to this canonical address stays here. */
  owns(address: string): boolean {
    return this.own.includes(address) || address.startsWith('127.')
  }

  /** @throws EADDRINUSE, EADDRNOTAVAIL in Node's shape. */
  bind(platform: SimulatedPlatform, local: LocalAddress, handler: DatagramHandler): SimulatedSocket {
    const address = canonical(local.address)
    if (!isWildcard(address) && !this.owns(address)) {
      throw machineError('EADDRNOTAVAIL', 'bind', local.address, local.port)
    }
    const binding: Binding = {
      family: local.address.includes(':') ? 6 : 4,
      local: isWildcard(address) ? null : address,
      port: local.port,
      ipv6Only: local.ipv6Only ?? false,
      reuseAddr: local.reuseAddr ?? false,
      reusePort: local.reusePort ?? false,
      peer: null,
      receiveBuffer: local.recvBufferSize ?? RECEIVE_BUFFER,
    }
    if (local.port === 0) binding.port = this.freePort(binding)
    else if (this.isTaken(binding)) throw machineError('EADDRINUSE', 'bind', local.address, local.port)
    if (local.peer !== undefined) this.connect(binding, local.peer)
    const { sending, interfaces } = this.wire
    const socket = new SimulatedSocket(platform, binding, handler, sending, interfaces, (closed) =>
      this.release(closed),
    )
    platform.sockets.add(socket)
    const others = this.byPort.get(binding.port)
    if (others === undefined) this.byPort.set(binding.port, [socket])
    else others.push(socket)
    return socket
  }

  /** A datagram leaves. */
  transmit(datagram: Datagram): void {
    if (!this.powered || (!this.online && !this.owns(datagram.to))) datagram.fate = 'host down'
    this.wire.carry(this, datagram)
  }

  /** A datagram arrives. */
  arrive(datagram: Datagram): void {
    if (!this.powered || (!this.online && !this.owns(datagram.from))) {
      datagram.fate = 'host down'
      return
    }
    const socket = this.lookup(datagram)
    if (socket === undefined) {
      datagram.fate = 'no socket'
      this.wire.reportUnreachable(this, datagram)
    } else if (!socket.take(datagram)) datagram.fate = 'buffer full'
  }

  /** ICMP port unreachable for a datagram that one of its sockets sent: only a connected one hears of it. */
  unreachable(datagram: Datagram): void {
    if (!this.powered || (!this.online && !this.owns(datagram.to))) return
    for (const socket of this.byPort.get(datagram.fromPort) ?? []) {
      const { peer } = socket.binding
      if (peer !== null && peer.address === datagram.to && peer.port === datagram.toPort) {
        socket.fail(machineError('ECONNREFUSED', 'recvmsg'))
      }
    }
  }

  private release(socket: SimulatedSocket): void {
    const sockets = this.byPort.get(socket.port)
    const at = sockets?.indexOf(socket) ?? -1
    if (sockets === undefined || at < 0) return
    sockets.splice(at, 1)
    if (sockets.length === 0) this.byPort.delete(socket.port)
  }

  private mainProcess(): { platform: SimulatedPlatform; stack: Stack | null } {
    if (this.main === null || !this.main.platform.alive) this.main = { platform: this.process(), stack: null }
    return this.main
  }

  private connect(binding: Binding, peer: { address: string; port: number }): void {
    const address = canonical(peer.address)
    binding.peer = { address: isWildcard(address) ? (this.sourceAddress(address) as string) : address, port: peer.port }
    // as Linux does: the address it sends from becomes its own
    binding.local ??= this.sourceAddress(address) ?? null
    if (binding.local === null) throw machineError('ENETUNREACH', 'connect', peer.address, peer.port)
  }

  /** The most specific socket; the latest bound among equals, but of those that share a port each gets its flows. */
  private lookup(datagram: Datagram): SimulatedSocket | undefined {
    let best: SimulatedSocket[] = []
    let bestScore = 0
    for (const socket of this.byPort.get(datagram.toPort) ?? []) {
      const score = match(socket.binding, datagram)
      if (score === 0 || score < bestScore) continue
      if (score > bestScore) best = []
      bestScore = score
      best.push(socket)
    }
    const last = best.at(-1)
    if (!last?.binding.reusePort) return last
    const sharing = best.filter((socket) => socket.binding.reusePort)
    return sharing[hash(`${datagram.from} ${datagram.fromPort}`) % sharing.length]
  }

  private isTaken(binding: Binding): boolean {
    return (this.byPort.get(binding.port) ?? []).some((socket) => conflict(binding, socket.binding))
  }

  private freePort(binding: Binding): number {
    const start = this.random.below(EPHEMERAL_COUNT)
    for (let i = 0; i < EPHEMERAL_COUNT; i++) {
      const port = EPHEMERAL_FIRST + ((start + i) % EPHEMERAL_COUNT)
      // as Linux does: one that others have who reuse ports is free for who reuses them too
      if (!this.isTaken({ ...binding, port, reuseAddr: false })) return port
    }
    throw machineError('EADDRINUSE', 'bind', binding.local ?? (binding.family === 4 ? '0.0.0.0' : '::'))
  }
}

function takes(binding: Binding, family: 4 | 6): boolean {
  if (binding.local !== null) return familyOf(binding.local) === family
  return binding.family === family || (binding.family === 6 && !binding.ipv6Only)
}

function conflict(a: Binding, b: Binding): boolean {
  if ((a.reuseAddr && b.reuseAddr) || (a.reusePort && b.reusePort)) return false
  if (a.local !== null && b.local !== null) return a.local === b.local
  return (takes(a, 4) && takes(b, 4)) || (takes(a, 6) && takes(b, 6))
}

/** As Linux scores sockets: connected, then bound to the address, then of the datagram's own family; 0: not for it. */
function match(binding: Binding, datagram: Datagram): number {
  const { local, peer, family } = binding
  if (local === null ? !takes(binding, familyOf(datagram.to)) : local !== datagram.to) return 0
  if (peer !== null && (peer.address !== datagram.from || peer.port !== datagram.fromPort)) return 0
  return 1 + (peer === null ? 0 : 8) + (local === null ? 0 : 4) + (family === familyOf(datagram.to) ? 1 : 0)
}

function hash(text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0
  return sum >>> 0
}
