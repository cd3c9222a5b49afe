// LISTEN (RFC 9293 §3.10.7.2): a TCP port on an endpoint, its SYN queue, and who hears of what it accepts.
import type { Config } from '../core/config.js'
import { isSynchronized } from '../core/state.js'
import { ACK, RST, type Segment, SYN } from '../wire/segment.js'
import { isIPv4Like, isWildcard, unmapped } from './address.js'
import type { Acceptor, Channel, ChannelOwner } from './channel.js'
import type { LocalSocket } from './local-socket.js'
import type { ConnectTarget, EndpointStats, ListenTarget } from './target.js'
import type { TimeWaitRecord } from './time-wait.js'

const DEFAULT_BACKLOG = 511
const MAX_BACKLOG = 4096
/** An honest peer's ACK has come by then: what waits longer may make room. */
const PATIENCE = 1000

export interface ListenerOwner {
  /** The handshake is done: once for each connection, which has no owner until it is given one here. */
  onConnection(channel: Channel): void
}

/** What a listener asks of its endpoint. */
export interface ListenerHost {
  readonly udpPort: number
  /** A connection in SYN-RECEIVED; null: the endpoint holds as many as it may. */
  admit(arrival: Arrival, listener: Listener, record: TimeWaitRecord | null): Channel | null
  reject(arrival: Arrival): void
  /** Forgets a connection without a word. */
  drop(channel: Channel): void
  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel
  listenerChanged(listener: Listener): void
  now(): number
  getStats(): EndpointStats
}

/** A segment and where it came from. */
export interface Arrival {
  local: LocalSocket
  segment: Segment
  address: string
  udpPort: number
  now: number
}

export interface ListenerStats extends EndpointStats {
  readonly accepted: number
  readonly halfOpen: number
  /** SYNs that found the queue full. */
  readonly synsDropped: number
}

export class Listener implements Acceptor {
  /** As it was asked for; a wildcard stays one. */
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
  readonly timeWait: 'keep' | 'release'
  readonly config: () => Config
  /** It hears of new connections. */
  open = true
  /** ref() or unref() was last. */
  refd = true
  /** Counted among what holds the process. */
  held = false
  private readonly host: ListenerHost
  private readonly owner: ListenerOwner
  private readonly backlog: number
  /** In order of their SYNs, with the time of each. */
  private readonly waiting: Map<Channel, number> = new Map()
  private accepted = 0
  private synsDropped = 0

  constructor(host: ListenerHost, target: ListenTarget, port: number, config: () => Config, owner: ListenerOwner) {
    this.host = host
    this.owner = owner
    this.config = config
    this.address = target.address
    this.port = port
    this.ipv6Only = target.ipv6Only ?? false
    this.timeWait = target.timeWait ?? 'keep'
    this.backlog = Math.max(1, Math.min(target.backlog || DEFAULT_BACKLOG, MAX_BACKLOG))
  }

  get udpPort(): number {
    return this.host.udpPort
  }

  /** Connections in SYN-RECEIVED. */
  get halfOpen(): number {
    return this.waiting.size
  }

  /**
   * New SYNs are answered with RST from now on, half-open connections are forgotten, established ones go on;
   * the TCP port can be listened on again at once.
   */
  close(): void {
    if (!this.open) return
    this.open = false
    for (const channel of this.waiting.keys()) {
      channel.acceptor = null
      // established in this very turn, and nobody will ever hear of it
      if (isSynchronized(channel.state)) channel.abort()
      else this.host.drop(channel)
    }
    this.waiting.clear()
    this.host.listenerChanged(this)
  }

  /** A listener that is ref'd holds the process. */
  ref(): void {
    this.refd = true
    this.host.listenerChanged(this)
  }

  unref(): void {
    this.refd = false
    this.host.listenerChanged(this)
  }

  /** A connection from this listener's own UDP port (`target.localUdpPort` is not looked at). @throws EADDRINUSE, EADDRNOTAVAIL */
  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel {
    return this.host.connect(target, config, owner)
  }

  getStats(): ListenerStats {
    return {
      ...this.host.getStats(),
      accepted: this.accepted,
      halfOpen: this.waiting.size,
      synsDropped: this.synsDropped,
    }
  }

  // ---- the endpoint's

  /** Whether it listens where this came in. */
  covers(local: LocalSocket, peerAddress: string): boolean {
    if (this.address === '::') return !this.ipv6Only || !isIPv4Like(peerAddress)
    if (this.address === '0.0.0.0') return isIPv4Like(peerAddress)
    return unmapped(local.address) === unmapped(this.address)
  }

  /** Whether a datagram could be meant for both. */
  overlaps(target: { address: string; ipv6Only?: boolean | undefined }): boolean {
    const families = familiesOf(this) & familiesOf(target)
    if (families === 0) return false
    return isWildcard(this.address) || isWildcard(target.address) || unmapped(this.address) === unmapped(target.address)
  }

  /** `record`: what is left of a connection between the same ports, if the SYN may take its place. */
  segmentArrives(arrival: Arrival, record: TimeWaitRecord | null): void {
    const { flags } = arrival.segment
    if (flags & RST) return
    if (flags & ACK) this.host.reject(arrival)
    else if (flags & SYN) this.synArrives(arrival, record)
  }

  established(channel: Channel): void {
    this.waiting.delete(channel)
    this.accepted++
    this.owner.onConnection(channel)
  }

  failed(channel: Channel): void {
    this.waiting.delete(channel)
  }

  private synArrives(arrival: Arrival, record: TimeWaitRecord | null): void {
    if (this.waiting.size >= this.backlog && !this.makeRoom(arrival.now)) {
      this.synsDropped++
      return
    }
    const channel = this.host.admit(arrival, this, record)
    if (channel === null) this.synsDropped++
    else this.waiting.set(channel, arrival.now)
  }

  // RFC 4987 §3.4: the oldest half-open connection goes, if its peer has had time enough to answer
  private makeRoom(now: number): boolean {
    for (const [channel, since] of this.waiting) {
      if (isSynchronized(channel.state)) continue
      if (now - since < PATIENCE) return false
      this.waiting.delete(channel)
      channel.acceptor = null
      this.host.drop(channel)
      return true
    }
    return false
  }
}

const IPV4 = 1
const IPV6 = 2

function familiesOf({ address, ipv6Only }: { address: string; ipv6Only?: boolean | undefined }): number {
  if (address === '::') return ipv6Only ? IPV6 : IPV6 | IPV4
  return isIPv4Like(address) ? IPV4 : IPV6
}
