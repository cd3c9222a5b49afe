// A Connection bound to an endpoint and a remote address: what an owner holds, and what the demux finds.
import type { Connection } from '../core/connection.js'
import type { State } from '../core/state.js'
import type { Status } from '../core/status.js'
import type { CloseReason } from '../core/tcb.js'
import type { Segment } from '../wire/segment.js'
import type { Orphan } from './budget.js'
import type { Waking } from './deadlines.js'
import type { Tenant } from './demux.js'
import type { LocalSocket } from './local-socket.js'
import type { Receiver } from './receive-room.js'
import type { Place } from './roster.js'
import type { TimeWaitRecord } from './time-wait.js'

/** Who hears a connection's events. */
export interface ChannelOwner {
  /**
   * `events`: bits of core/connection.ts (CONNECTED READABLE ENDED WRITABLE ACKED CLOSED), each at most once a settling.
   * May call anything of the channel and the stack; what it throws is the program's to catch.
   */
  onEvents(events: number): void
}

/** What a channel asks of its endpoint. */
export interface ChannelHost {
  now(): number
  /** The user has said something: settle `channel` in this turn. */
  changed(channel: Channel): void
  /** Send what `channel` has to say at once: it will say nothing of it later. */
  hurry(channel: Channel): void
  /** `channel` has spoken: it may be over, or hold the process no longer. */
  settled(channel: Channel, now: number): void
  /** Wake `channel` when it wants to be woken. */
  sleeps(channel: Channel): void
  /** `channel` has no owner any more. */
  released(channel: Channel): void
  /** Whether `channel` holds the process may have changed. */
  holdChanged(channel: Channel): void
  /** The address that `channel` speaks from, when its socket is bound to a wildcard. */
  localAddressOf(channel: Channel): string
}

/** Who waits for a passive channel's handshake. */
export interface Acceptor {
  /** ESTABLISHED is reached. */
  established(channel: Channel): void
  /** It will not be. */
  failed(channel: Channel): void
}

export interface ChannelAddresses {
  local: LocalSocket
  /** As `local` spells it. */
  peerAddress: string
  remoteUdpPort: number
  remotePort: number
  localPort: number
  /** It takes from the host cache, and leaves there what it has seen. */
  remembers: boolean
  /** How addresses are shown: IPv4 in IPv6's clothes or out of them, whatever the socket is. */
  show: (address: string) => string
}

export class Channel implements Tenant, Waking, Receiver, Orphan {
  /** null: orphan; the endpoint goes on with it until the connection is over. */
  owner: ChannelOwner | null
  /** The machine's own error, when that is what ended the attempt to connect (ECONNREFUSED, ENETUNREACH, ...). */
  error: Error | null = null
  /** TCP ports, and the peer's UDP port. */
  readonly localPort: number
  readonly remotePort: number
  remoteUdpPort: number
  remoteAddress: string

  // ---- the endpoint's: not for owners
  readonly host: ChannelHost
  /** Set by the endpoint as soon as the channel is made. */
  connection!: Connection
  local: LocalSocket
  peerAddress: string
  readonly remembers: boolean
  nextInChain: Tenant | null = null
  slot = -1
  receivedIn = 0
  /** Waits to be settled, and this one after it. */
  dirty = false
  nextDirty: Channel | null = null
  /** What it took the place of, while it is in SYN-SENT: the peer may not have done with that. */
  former: TimeWaitRecord | null = null
  /** Over: no segment reaches it any more; what is unread can still be received. */
  detached = false
  acceptor: Acceptor | null
  /** Among those whose handshake is waited for, by a listener or by who connects. */
  waits: Place<Channel> | null = null
  /** Among those without an owner. */
  orphaned: Place<Orphan> | null = null
  /** Events to be told: those that came before the handshake was done, or that the owner wants to hear again. */
  untold = 0
  /** And not before the turn is over. */
  patient = false
  /** Counted among what holds the process. */
  held = false
  /** Bytes that it has been charged for. */
  memory = 0
  /** Counted among the connections of its remote address. */
  counted = false
  /** The end of an orphan's hold on the process, unless there is progress, ms; null: it has none. */
  lingerAt: number | null = null

  private readonly show: (address: string) => string
  private refd = true
  private released = false
  private lingerTimeout = 0
  private shownLocalAddress: string | null = null

  constructor(host: ChannelHost, addresses: ChannelAddresses, owner: ChannelOwner | null, acceptor: Acceptor | null) {
    this.host = host
    this.owner = owner
    this.acceptor = acceptor
    this.local = addresses.local
    this.localPort = addresses.localPort
    this.remotePort = addresses.remotePort
    this.remoteUdpPort = addresses.remoteUdpPort
    this.peerAddress = addresses.peerAddress
    this.remembers = addresses.remembers
    this.show = addresses.show
    this.remoteAddress = addresses.show(addresses.peerAddress)
  }

  /** The address that the peer called, or that was bound; under a wildcard, that of the interface towards the peer. */
  get localAddress(): string {
    if (this.shownLocalAddress === null) {
      const address = this.local.wildcard ? this.host.localAddressOf(this) : this.local.address
      this.shownLocalAddress = this.show(address)
    }
    return this.shownLocalAddress
  }

  get localUdpPort(): number {
    return this.local.port
  }

  get state(): State {
    return this.connection.state
  }

  /** Why the connection ended; null: not at all yet, or by FINs on both sides. */
  get reason(): CloseReason | null {
    return this.error !== null ? 'refused' : this.connection.reason
  }

  /** The peer's FIN has come: nothing follows what is readable. */
  get ended(): boolean {
    return this.connection.ended
  }

  /** Bytes that receive() has not given out yet. */
  get readable(): number {
    return this.connection.readable
  }

  /** Bytes sent or queued that the peer has not acknowledged. */
  get unacknowledged(): number {
    return this.connection.unacknowledged
  }

  /** Copies bytes into the send buffer. @returns how many it took; WRITABLE follows if not all. */
  send(bytes: Uint8Array): number {
    const taken = this.connection.send(bytes)
    this.changed()
    return taken
  }

  /** The next bytes in order, by reference; null: none now. */
  receive(): Uint8Array | null {
    const bytes = this.connection.receive()
    // room has been made: the peer may have to hear of it
    if (bytes !== null) this.changed()
    return bytes
  }

  /**
   * Whether `segment` is of what this one took the place of: its peer waits for the last ACK. That goes again, as in TIME-WAIT, and behind it
   * the SYN, which the peer could make nothing of; no more often than it would leave by itself.
   */
  hearsOfFormer(segment: Segment, now: number): boolean {
    const { former, connection } = this
    if (former === null) return false
    if (connection.isAnswered) {
      this.former = null
      return false
    }
    if (!former.isSpokenOf(segment)) return false
    // what the peer repeats always has its answer, as in TIME-WAIT; a bare ACK may be the answer to what has just left
    const isFirst = former.answeredAfter !== connection.synExpiries
    if (isFirst || segment.length > 0) former.acknowledge(now)
    if (isFirst) {
      former.answeredAfter = connection.synExpiries
      connection.repeatSyn()
      this.changed()
    }
    return true
  }

  /**
   * From onEvents(): the owner is told `events` once ticks and promises have run, before anything is sent.
   * `inTurn`: and what they have put off to immediates, too.
   */
  again(events: number, inTurn: boolean): void {
    this.untold |= events
    this.patient = inTurn
  }

  /** A FIN after all that was sent; receiving goes on. */
  close(): void {
    this.connection.close()
    this.changed()
  }

  /** A RST; everything queued is dropped. */
  abort(): void {
    // what has come has been taken: without its ACK the peer never hears of it, or that it is connected
    if (this.connection.owesOnlyAck) this.host.hurry(this)
    this.connection.abort()
    this.changed()
  }

  /**
   * The owner is gone: it hears nothing more, what is unread or still comes is answered with a RST, a FIN follows what was sent.
   * `lingerTimeout`: ms without progress that what is unacknowledged holds the process; 0: not at all.
   */
  release(lingerTimeout: number): void {
    if (this.released) return
    this.released = true
    this.owner = null
    this.lingerTimeout = lingerTimeout
    const now = this.host.now()
    this.connection.closeRead(now)
    this.connection.close()
    if (lingerTimeout > 0 && this.connection.hasUnacknowledged) this.lingerAt = now + lingerTimeout
    this.changed()
    this.host.holdChanged(this)
    this.host.released(this)
  }

  setNoDelay(on: boolean): void {
    this.connection.setNoDelay(on)
    this.changed()
  }

  /** ms of silence before the first probe, ms between unanswered ones, and how many; 0: as configured. */
  setKeepAlive(on: boolean, initialDelay: number, interval: number, count: number): void {
    this.connection.setKeepAlive(on, initialDelay, this.host.now(), interval, count)
    this.changed()
  }

  ref(): void {
    this.refd = true
    this.host.holdChanged(this)
  }

  unref(): void {
    this.refd = false
    this.host.holdChanged(this)
  }

  status(): Status {
    return this.connection.status(this.host.now())
  }

  // ---- the endpoint's

  /** The peer is there now. */
  moveTo(local: LocalSocket, peerAddress: string, remoteUdpPort: number): void {
    this.local = local
    this.peerAddress = peerAddress
    this.remoteUdpPort = remoteUdpPort
    this.remoteAddress = this.show(peerAddress)
    this.shownLocalAddress = null
  }

  /** When it has to be settled though nothing happens, ms. */
  get wakeAt(): number {
    const { connection, lingerAt } = this
    return lingerAt === null ? connection.wakeAt : Math.min(connection.wakeAt, lingerAt)
  }

  // acted on after the datagrams that wait in the socket: one of them may be the missing ACK
  wake(now: number): void {
    if (this.wakeAt <= now) this.changed()
    else this.host.sleeps(this)
  }

  get holdsProcess(): boolean {
    if (this.detached || this.acceptor !== null) return false
    // whoever still waits to hear what was acknowledged has as long as what is unacknowledged
    if (this.released) return this.lingerAt !== null
    // after the peer's FIN nothing comes: with nothing under way a socket waits for its own program alone
    const isWaiting = !this.connection.ended || this.connection.hasUnacknowledged
    return isWaiting && this.owner !== null && this.refd
  }

  /** An orphan's time: longer with each progress, over when all is acknowledged. */
  reviewLinger(progress: boolean, now: number): void {
    if (this.lingerAt === null) return
    if (!this.connection.hasUnacknowledged) this.lingerAt = null
    else if (progress) this.lingerAt = now + this.lingerTimeout
    else if (this.lingerAt <= now) this.lingerAt = null
  }

  /** The machine says that the peer cannot be reached: only an attempt to connect ends by that (RFC 9293 §3.9.2.2). */
  unreachable(error: Error): void {
    if (this.connection.state !== 'SYN-SENT') return
    this.error = error
    this.connection.close()
    this.changed()
  }

  private changed(): void {
    if (!this.detached) this.host.changed(this)
  }
}
