// The stack of one machine: its endpoints by UDP port, its secrets, its limits; where connect and listen begin.
// Past 400 lines because who gets which UDP port is decided in one place: each way to one looks at what the others hold.
import type { Config } from '../core/config.js'
import type { Trace } from '../core/trace.js'
import type { LocalAddress, Platform } from '../platform/platform.js'
import { asIs, canonical, destination, isIPv4Like, isIPv6, isWildcard, mapped, unmapped } from './address.js'
import { add } from './binding.js'
import type { Channel, ChannelOwner } from './channel.js'
import { Commons } from './commons.js'
import { Endpoint, type EndpointHost, type Waiting } from './endpoint.js'
import { HostCache } from './host-cache.js'
import { SequenceNumbers } from './isn.js'
import { coded, resolveLimits, type StackLimits } from './limits.js'
import type { Listener, ListenerOwner } from './listener.js'
import type { LocalSocket } from './local-socket.js'
import { choosePort } from './ports.js'
import { Roster } from './roster.js'
import { Settler } from './settler.js'
import { type ConnectTarget, type ListenTarget, type SocketChoices, socketChoices } from './target.js'
import type { TimeWaitRecord } from './time-wait.js'
import { type DropsObserver, type TotalStats, Totals } from './totals.js'

export interface StackStats {
  /** UDP ports in use. */
  readonly endpoints: number
  /** Of these, the ones on which nothing is left but TIME-WAIT, or a place among those who share the port. */
  readonly waiting: number
  /** Bytes that the machine grants for what waits to be read, of the socket with the least; Infinity: there is none. */
  readonly receiveBuffer: number
  /** Datagrams that found no room in the sockets that are open now; undefined: the machine does not say. */
  readonly dropped: number | undefined
}

/** So many of clients' UDP sockets wait: who connects once more takes one of them over. */
const PLENTY = 256
/** ms: who has been heard so lately is still reached from the address that the socket has. */
const FRESH = 1_000

export class Stack implements EndpointHost {
  readonly platform: Platform
  readonly limits: StackLimits
  readonly numbers: SequenceNumbers
  readonly settler: Settler
  /** What is known of remote hosts, for the connections that have `hostCache` on. */
  readonly hosts: HostCache
  /** Gives each new connection its observer; null: none is observed. */
  trace: ((channel: Channel) => Trace | null) | null = null
  private readonly endpoints: Roster<Endpoint> = new Roster()
  /** Of the endpoints that have one connection each. */
  private readonly ofClients: Commons
  private readonly totals: Totals
  /** Those that any number of connections and listeners may share; a client's own is not among them. */
  private readonly shared: Map<number, Endpoint> = new Map()
  /** Those with `reusePort`: the machine, which deals out what comes to such a port, knows no other way to share one. */
  private readonly reusing: Set<Endpoint> = new Set()
  /** Idle but for TIME-WAIT. */
  private readonly waiting: Roster<Waiting> = new Roster()
  private waitingSockets = 0

  /** `limits`: bounds other than the defaults. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE */
  constructor(platform: Platform, limits: Partial<StackLimits> = {}) {
    if (typeof platform?.bind !== 'function') {
      throw coded(new TypeError('The "platform" argument must be a Platform.'), 'ERR_INVALID_ARG_TYPE')
    }
    this.platform = platform
    this.limits = resolveLimits(limits)
    this.ofClients = new Commons(this.limits)
    this.totals = new Totals(this.ofClients)
    this.numbers = new SequenceNumbers(platform)
    this.settler = new Settler(platform)
    this.hosts = new HostCache(this.limits.maxRememberedHosts)
  }

  /**
   * Begins to connect; the SYN leaves after this turn.
   * @throws the machine's error: for the local address EADDRINUSE, EADDRNOTAVAIL, EACCES, EMFILE, or for want of a route
   */
  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel {
    const { localUdpPort } = target
    if (localUdpPort !== undefined) {
      return this.connectFrom(this.sharedAt(target, localUdpPort), target, config, owner)
    }
    const address = peerOf(target, config)
    const remoteUdpPort = udpPortOf(target)
    const { localPort = 0, localAddress } = target
    const choices = socketChoices(target)
    const isUsual = localPort === 0 && localAddress === undefined && !config.followPeer
    const former = isUsual ? this.takeOver(choices, config, address, remoteUdpPort, target.port) : null
    if (former !== null) return this.openOwn(former, target, config, owner)
    const endpoint = new Endpoint(this, this.ofClients)
    if (isUsual) endpoint.choices = choices
    let record: TimeWaitRecord | null = null
    const wanted = {
      address: localAddress ?? (isIPv6(address) ? '::' : '0.0.0.0'),
      port: localPort,
      ...choices,
      // a connected socket would hear the peer nowhere else, and leave from nowhere else
      ...(config.followPeer ? {} : { peer: { address, port: remoteUdpPort } }),
    }
    const reclaim = (victim: Endpoint): void => {
      record = victim.recordOf(address, remoteUdpPort, target.port, localPort)
      if (record?.makesWayFor(config) === false) throw bindError('EADDRINUSE', wanted.address, localPort)
    }
    this.bind(endpoint, wanted, reclaim, config.followPeer)
    return this.openOwn(endpoint, target, config, owner, record)
  }

  /** @throws the machine's bind error (EADDRINUSE, EADDRNOTAVAIL, EACCES); the port is bound on return */
  listen(target: ListenTarget, config: () => Config, owner: ListenerOwner): Listener {
    const wanted = { ...target, address: canonical(target.address) }
    const local = {
      address: wanted.address,
      port: target.udpPort ?? target.port,
      ipv6Only: target.ipv6Only ?? false,
      ...socketChoices(target),
    }
    const endpoint = target.reusePort ? this.reusingAt(local, wanted) : this.listeningAt(local, wanted)
    let { port } = target
    if (port === 0) {
      const free = target.udpPort === undefined ? endpoint.udpPort : this.freePort(endpoint, wanted)
      if (free === undefined) throw bindError('EADDRINUSE', target.address, 0)
      port = free
    } else if (!endpoint.canListen(port, wanted)) {
      throw bindError('EADDRINUSE', target.address, port)
    }
    this.wake(endpoint)
    return endpoint.listen(wanted, port, config, owner)
  }

  /** Calls `run` once what has been said to connections by now has left. */
  afterwards(run: () => void): void {
    this.settler.afterwards(run)
  }

  getStats(): StackStats {
    let receiveBuffer = Number.POSITIVE_INFINITY
    let dropped: number | undefined = 0
    for (const endpoint of this.endpoints) {
      receiveBuffer = Math.min(receiveBuffer, endpoint.binding.buffer)
      dropped = add(dropped, endpoint.dropped)
    }
    return { endpoints: this.endpoints.size, waiting: this.waiting.size, receiveBuffer, dropped }
  }

  /** What all endpoints of this stack have counted, those that are closed too. */
  getTotals(): TotalStats {
    return this.totals.sum(this.endpoints)
  }

  /** `observer` hears once a second at most, and as long as datagrams come, what was dropped, doubted or refused. */
  observeDrops(observer: DropsObserver): void {
    this.totals.observe(observer, this.platform.now())
  }

  // ---- the endpoints'

  get reportAt(): number {
    return this.totals.reportAt
  }

  report(now: number): void {
    this.totals.report(this.endpoints, now)
  }

  /** A connection from a UDP port that is bound already. */
  connectFrom(endpoint: Endpoint, target: ConnectTarget, config: Config, owner: ChannelOwner): Channel {
    try {
      // its listener has gone while a name was looked up
      if (endpoint.closed) throw bindError('EADDRNOTAVAIL', target.localAddress ?? '::', endpoint.udpPort)
      // the answer would come to any of those who share it
      if (endpoint.binding.reusePort) throw bindError('EADDRINUSE', target.localAddress ?? '::', endpoint.udpPort)
      const address = destination(canonical(target.address))
      const remoteUdpPort = udpPortOf(target)
      const local = this.localTowards(endpoint, address, target)
      const peerAddress = isIPv6(local.address) ? mapped(address) : address
      const localPort =
        target.localPort ??
        choosePort(this.platform, (port) => endpoint.isTaken(local, peerAddress, remoteUdpPort, target.port, port))
      if (localPort === undefined) throw bindError('EADDRNOTAVAIL', local.address, 0)
      const show = isIPv6(address) ? asIs : unmapped
      const remembers = target.hostCache ?? false
      const addresses = { local, peerAddress, remoteUdpPort, remotePort: target.port, localPort, remembers, show }
      const channel = endpoint.open(addresses, config, owner)
      if (channel === null) throw bindError('EADDRINUSE', local.address, localPort)
      this.wake(endpoint)
      return channel
    } catch (error) {
      endpoint.closeIfIdle()
      throw error
    }
  }

  endpointWaits(endpoint: Endpoint): void {
    if (endpoint.waits !== null) return
    // one that shares its port does not go early: that would break connections of others (decision 022)
    const sockets = endpoint.binding.reusePort ? 0 : endpoint.binding.locals.length
    endpoint.waits = this.waiting.enter({ endpoint, sockets })
    this.waitingSockets += sockets
    for (const { endpoint: oldest } of this.waiting) {
      if (this.waitingSockets <= this.mostWaiting) return
      if (!oldest.binding.reusePort) oldest.close()
    }
  }

  endpointClosed(endpoint: Endpoint): void {
    this.wake(endpoint)
    endpoint.place = this.endpoints.leave(endpoint.place)
    this.totals.endpointClosed(endpoint)
    if (this.endpoints.size === 0) {
      this.settler.rest()
      this.platform.atExit?.(this.onExit, false)
    }
    this.reusing.delete(endpoint)
    if (this.shared.get(endpoint.udpPort) === endpoint) this.shared.delete(endpoint.udpPort)
  }

  /** The process ends (decision 037). */
  private readonly onExit = (): void => {
    for (const endpoint of this.endpoints) endpoint.sayGoodbye()
  }

  /** The only connection of a client's endpoint. `record`: what was left of one between the same ports, if that has gone. */
  private openOwn(
    endpoint: Endpoint,
    target: ConnectTarget,
    config: Config,
    owner: ChannelOwner,
    record: TimeWaitRecord | null = null,
  ): Channel {
    const local = endpoint.binding.locals[0] as LocalSocket
    const addresses = {
      local,
      peerAddress: local.peerAddress ?? peerOf(target, config),
      remoteUdpPort: udpPortOf(target),
      remotePort: target.port,
      localPort: local.port,
      remembers: target.hostCache ?? false,
      show: asIs,
    }
    try {
      // nothing else lives there: the ports cannot be taken
      return endpoint.open(addresses, config, owner, record) as Channel
    } catch (error) {
      // a congestion controller of the program's own threw
      endpoint.closeIfIdle()
      throw error
    }
  }

  /** UDP sockets that may wait. */
  private get mostWaiting(): number {
    const quarter = Math.floor((this.platform.descriptorLimit ?? Number.POSITIVE_INFINITY) / 4)
    return Math.min(this.limits.maxTimeWaitSockets, quarter)
  }

  /** The one that waits for longest, if many do and its UDP socket is as a new one would be (decision 034). */
  private takeOver(
    choices: SocketChoices,
    config: Config,
    address: string,
    udpPort: number,
    remotePort: number,
  ): Endpoint | null {
    const endpoint = this.waiting.oldest?.endpoint
    if (endpoint?.choices !== choices || this.waitingSockets < Math.min(PLENTY, this.mostWaiting)) return null
    const local = endpoint.binding.locals[0] as LocalSocket
    const isFresh = this.platform.now() - local.heardAt <= FRESH
    if (!isFresh || !endpoint.recordOf(address, udpPort, remotePort, local.port)?.makesWayFor(config)) return null
    this.wake(endpoint)
    return endpoint
  }

  /** It has more than TIME-WAIT again, or nothing at all. */
  private wake(endpoint: Endpoint): void {
    if (endpoint.waits === null) return
    this.waitingSockets -= endpoint.waits.member.sockets
    endpoint.waits = this.waiting.leave(endpoint.waits)
  }

  /** Where a connection from `udpPort` is to live: on what has it bound, or on all addresses, so that others can join. */
  private sharedAt(target: ConnectTarget, udpPort: number): Endpoint {
    const existing = udpPort === 0 ? undefined : this.shared.get(udpPort)
    if (existing !== undefined) return existing
    const choices = socketChoices(target)
    if (target.localAddress !== undefined) {
      return this.share({ address: canonical(target.localAddress), port: udpPort, ...choices })
    }
    try {
      return this.share({ address: '::', port: udpPort, ...choices })
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (isIPv6(target.address) || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error
      // a machine without IPv6
      return this.share({ address: '0.0.0.0', port: udpPort, ...choices })
    }
  }

  /** Where a listener on `local` is to live. */
  private listeningAt(local: LocalAddress, wanted: ListenTarget): Endpoint {
    const existing = local.port === 0 ? undefined : this.shared.get(local.port)
    if (existing === undefined) return this.share(local)
    const isTaken = wanted.port !== 0 && !existing.canListen(wanted.port, wanted)
    // who is refused leaves no sockets behind
    if (isTaken || existing.binding.covers(local)) return existing
    if (existing.idle) {
      existing.close()
      return this.share(local)
    }
    existing.binding.hold(local)
    return existing
  }

  /** Where a listener lives that shares its port: one more of this process has sockets of its own, unless the TCP port differs. */
  private reusingAt(local: LocalAddress, wanted: ListenTarget): Endpoint {
    for (const endpoint of this.reusing) {
      const isThere = endpoint.udpPort === local.port && endpoint.binding.covers(local)
      if (isThere && endpoint.canListen(wanted.port, wanted)) return endpoint
    }
    const endpoint = this.endpoint()
    this.bind(endpoint, { ...local, reusePort: true })
    this.reusing.add(endpoint)
    return endpoint
  }

  /** One that any number of connections may live on. */
  private endpoint(): Endpoint {
    return new Endpoint(this, new Commons(this.limits))
  }

  private share(local: LocalAddress): Endpoint {
    const endpoint = this.endpoint()
    this.bind(endpoint, local)
    this.shared.set(endpoint.udpPort, endpoint)
    return endpoint
  }

  /** What only waits in TIME-WAIT makes room for what is wanted now. */
  private bind(
    endpoint: Endpoint,
    local: LocalAddress,
    onReclaim?: (victim: Endpoint) => void,
    isRoaming = false,
  ): void {
    for (;;) {
      try {
        endpoint.binding.hold(local, isRoaming)
        endpoint.place = this.endpoints.enter(endpoint)
        if (this.endpoints.size === 1) this.platform.atExit?.(this.onExit, true)
        return
      } catch (error) {
        const victim = this.reclaimable((error as { code?: unknown }).code, local.port)
        if (victim === undefined) throw error
        onReclaim?.(victim)
        victim.close()
      }
    }
  }

  private reclaimable(code: unknown, port: number): Endpoint | undefined {
    for (const { endpoint } of this.waiting) {
      if (code === 'EMFILE' || code === 'ENFILE') return endpoint
      if (code === 'EADDRINUSE' && endpoint.udpPort === port) return endpoint
    }
    return undefined
  }

  private localTowards(endpoint: Endpoint, address: string, target: ConnectTarget): LocalSocket {
    if (target.localAddress !== undefined) {
      const own = canonical(target.localAddress)
      if (endpoint.binding.at(own) === undefined) {
        endpoint.binding.hold({ address: own, port: endpoint.udpPort, ...socketChoices(target) })
      }
      return endpoint.binding.at(own) as LocalSocket
    }
    const source = this.platform.sourceAddress(unmapped(address))
    const exact = source === undefined ? undefined : endpoint.binding.at(source)
    const local = exact ?? endpoint.binding.locals.find((each) => canReach(each, address))
    if (local === undefined) throw bindError('EADDRNOTAVAIL', address, endpoint.udpPort)
    return local
  }

  private freePort(endpoint: Endpoint, wanted: ListenTarget): number | undefined {
    return choosePort(this.platform, (port) => !endpoint.canListen(port, wanted))
  }
}

function canReach(local: LocalSocket, address: string): boolean {
  if (local.address === '::') return true
  if (isWildcard(local.address)) return isIPv4Like(address)
  return isIPv4Like(local.address) === isIPv4Like(address)
}

/** Where a client's own socket goes to. */
function peerOf({ address }: ConnectTarget, { followPeer }: Config): string {
  return followPeer ? destination(canonical(address)) : canonical(address)
}

function udpPortOf(target: ConnectTarget): number {
  const port = target.udpPort ?? target.port
  if (port !== 0) return port
  // no datagram can be sent there; kernels say the same of TCP
  throw machineError('connect', 'ECONNREFUSED', target.address, port)
}

function bindError(code: string, address: string, port: number): Error {
  return machineError('bind', code, address, port)
}

/** In the shape of the machine's own. */
function machineError(syscall: string, code: string, address: string, port: number): Error {
  return Object.assign(new Error(`${syscall} ${code} ${address}:${port}`), { code, syscall, address, port })
}
