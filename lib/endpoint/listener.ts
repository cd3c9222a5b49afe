// LISTEN (RFC 9293 §3.10.7.2): a TCP port on an endpoint, its SYN queue, and who hears of what it accepts.
import type { Config } from '../core/config.js'
import type { Defences } from '../core/defences.js'
import { isSynchronized } from '../core/state.js'
import type { Queue } from '../core/surroundings.js'
import { ACK, RST, SYN } from '../wire/segment.js'
import { asIs, isIPv4Like, isIPv6, isWildcard, mapped, unmapped } from './address.js'
import type { Acceptor, Channel, ChannelOwner } from './channel.js'
import type { EndpointStats } from './counts.js'
import type { SequenceNumbers } from './isn.js'
import type { Arrival, LocalSocket } from './local-socket.js'
import { Roster } from './roster.js'
import { type RebuiltSyn, SynCookies } from './syn-cookies.js'
import type { ConnectTarget, ListenTarget } from './target.js'
import type { TimeWaitRecord } from './time-wait.js'

const DEFAULT_BACKLOG = 511
const MAX_BACKLOG = 4096
/** A queue is crowded when more than so many, and more than half of its places, are taken; or for so long, ms, after it was full. */
const CROWD = 64
const CROWDED_FOR = 10_000

export interface ListenerOwner {
  /** The handshake is done: once for each connection, which has no owner until it is given one here. */
  onConnection(channel: Channel): void
}

/** What a listener asks of its endpoint. */
export interface ListenerHost {
  readonly udpPort: number
  readonly numbers: SequenceNumbers
  /**
   * A connection in SYN-RECEIVED, in place of what `record` remembers if there is one; with `cookie`, one whose handshake
   * `arrival` completes. null: the endpoint holds as many as it may.
   */
  admit(arrival: Arrival, listener: Listener, record: TimeWaitRecord | null, cookie: RebuiltSyn | null): Channel | null
  reject(arrival: Arrival): void
  /** The handshake is done. @returns false: its address has as many connections as it may. */
  established(channel: Channel): boolean
  readonly commons: { readonly defences: Defences }
  /** Forgets a connection without a word. */
  drop(channel: Channel): void
  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel
  listenerChanged(listener: Listener): void
  now(): number
  getStats(): EndpointStats
}

export interface ListenerStats extends EndpointStats {
  readonly accepted: number
  readonly halfOpen: number
  /** SYNs that were not answered: the endpoint holds as many connections as it may. */
  readonly synsDropped: number
  /** SYNs that found the queue full and were answered with a cookie, and those that became connections. */
  readonly cookiesSent: number
  readonly cookiesRedeemed: number
}

export class Listener implements Acceptor, Queue {
  /** As it was asked for; a wildcard stays one. */
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
  readonly timeWait: 'keep' | 'release'
  readonly remembers: boolean
  /** How its connections show addresses, as net does: '::' shows IPv4 in IPv6's clothes. */
  readonly show: (address: string) => string
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
  private readonly waiting: Roster<Channel> = new Roster()
  private readonly cookies: SynCookies
  private accepted = 0
  private synsDropped = 0

  constructor(host: ListenerHost, target: ListenTarget, port: number, config: () => Config, owner: ListenerOwner) {
    this.host = host
    this.owner = owner
    this.cookies = new SynCookies(host.numbers)
    this.config = config
    this.address = target.address
    this.port = port
    this.ipv6Only = target.ipv6Only ?? false
    this.show = target.address === '::' ? mapped : isIPv6(target.address) ? asIs : unmapped
    this.timeWait = target.timeWait ?? 'keep'
    this.remembers = target.hostCache ?? false
    this.backlog = Math.max(1, Math.min(target.backlog || DEFAULT_BACKLOG, MAX_BACKLOG))
  }

  get udpPort(): number {
    return this.host.udpPort
  }

  /** Most of those that wait may well be made up (RFC 4987 §2.2). */
  get isCrowded(): boolean {
    const { size } = this.waiting
    return (size > CROWD && 2 * size > this.backlog) || this.host.now() - this.cookies.lastSentAt < CROWDED_FOR
  }

  /** Connections in SYN-RECEIVED. */
  get halfOpen(): number {
    return this.waiting.size
  }

  /**
   * New SYNs are answered with RST from now on, half-open connections are reset, established ones go on;
   * the TCP port can be listened on again at once.
   */
  close(): void {
    if (!this.open) return
    this.open = false
    for (let channel = this.waiting.oldest; channel !== null; channel = this.waiting.oldest) {
      channel.acceptor = null
      this.leave(channel)
      // its peer may have been told that it is connected, and nobody here will ever hear of it
      if (isSynchronized(channel.state) || !channel.local.blocked) channel.abort()
      else this.host.drop(channel)
    }
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
      cookiesSent: this.cookies.sent,
      cookiesRedeemed: this.cookies.redeemed,
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
    if (flags & ACK) this.ackArrives(arrival)
    else if (flags & SYN) this.synArrives(arrival, record)
  }

  established(channel: Channel): void {
    this.leave(channel)
    if (!this.host.established(channel)) {
      channel.abort()
      return
    }
    this.accepted++
    this.owner.onConnection(channel)
  }

  failed(channel: Channel): void {
    this.leave(channel)
  }

  private synArrives(arrival: Arrival, record: TimeWaitRecord | null): void {
    if (this.waiting.size < this.backlog) this.enter(this.host.admit(arrival, this, record, null))
    // the ACK of a cookie would meet the record
    else if (record !== null || !this.cookies.answer(arrival, this.config())) this.dropSyn()
    else this.host.commons.defences.cookiesSent++
  }

  private ackArrives(arrival: Arrival): void {
    const cookie = arrival.segment.flags & SYN ? null : this.cookies.redeem(arrival)
    if (cookie === null) this.host.reject(arrival)
    else {
      this.host.commons.defences.cookiesRedeemed++
      this.enter(this.host.admit(arrival, this, null, cookie))
    }
  }

  private enter(channel: Channel | null): void {
    if (channel === null) this.dropSyn()
    else channel.waits = this.waiting.enter(channel)
  }

  /** Its handshake is waited for no longer. */
  private leave(channel: Channel): void {
    channel.waits = this.waiting.leave(channel.waits)
  }

  private dropSyn(): void {
    this.synsDropped++
    this.host.commons.defences.synsDropped++
  }
}

const IPV4 = 1
const IPV6 = 2

function familiesOf({ address, ipv6Only }: { address: string; ipv6Only?: boolean | undefined }): number {
  if (address === '::') return ipv6Only ? IPV6 : IPV6 | IPV4
  return isIPv4Like(address) ? IPV4 : IPV6
}
