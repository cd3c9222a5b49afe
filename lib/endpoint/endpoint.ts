// One UDP port and all that lives on it: whose segment is this (RFC 9293 §3.10.7), who lives here, and for how long.
// Past 400 lines because it is one table of who lives on a port: each way in and out of it reads the same few maps.
import type { Config } from '../core/config.js'
import { Connection } from '../core/connection.js'
import { isOver } from '../core/state.js'
import { NO_QUEUE } from '../core/surroundings.js'
import type { Row } from '../platform/platform.js'
import { joinFollowing } from '../wire/join.js'
import { ACK, decode, RST, Segment, SYN } from '../wire/segment.js'
import { isUnicast, mapped } from './address.js'
import { Attempts } from './attempts.js'
import { add, Binding } from './binding.js'
import { Branches } from './branches.js'
import { Channel, type ChannelAddresses, type ChannelHost, type ChannelOwner } from './channel.js'
import type { Commons } from './commons.js'
import type { Counts, EndpointStats, OwnStats } from './counts.js'
import { Demux } from './demux.js'
import { ownStatsOf, statsOf } from './endpoint-stats.js'
import type { SequenceNumbers } from './isn.js'
import type { StackLimits } from './limits.js'
import { Listener, type ListenerHost, type ListenerOwner } from './listener.js'
import { Listeners } from './listeners.js'
import type { Arrival, DatagramSink, LocalSocket } from './local-socket.js'
import { Paths } from './paths.js'
import { Rejecter } from './reject.js'
import type { Place } from './roster.js'
import type { Settler, Turning } from './settler.js'
import type { RebuiltSyn } from './syn-cookies.js'
import type { ConnectTarget, ListenTarget, SocketChoices } from './target.js'
import { TimeWait, TimeWaitRecord } from './time-wait.js'
import { leaveBehind, surroundingsOf, type Whereabouts } from './whereabouts.js'

/** What a cookie's SYN,ACK is polled into: it is with the peer already. */
const DISCARDED = new Segment()
/** ms: a round trip, and time for what the peer repeats by itself. */
const ASKED_WITHIN = 1000

/** One that is idle but for TIME-WAIT, or what may be asked of it. */
export interface Waiting {
  readonly endpoint: Endpoint
  /** Those that it was counted with. */
  readonly sockets: number
}

/** What an endpoint asks of its stack. */
export interface EndpointHost extends Whereabouts {
  readonly limits: StackLimits
  readonly numbers: SequenceNumbers
  readonly settler: Settler
  /** Nothing is left but TIME-WAIT, answers that may be asked for, or a place among those who share the port. */
  endpointWaits(endpoint: Endpoint): void
  endpointClosed(endpoint: Endpoint): void
  /** When it wants to hear what time it is, ms. */
  readonly reportAt: number
  report(now: number): void
  connectFrom(endpoint: Endpoint, target: ConnectTarget, config: Config, owner: ChannelOwner): Channel
}

export class Endpoint implements DatagramSink, ChannelHost, ListenerHost, Turning {
  readonly binding: Binding
  closed = false
  // ---- the settler's
  turning = false
  nextTurning: Turning | null = null
  slot = -1
  // ---- the stack's
  /** How its UDP socket was made, if that goes to any local address and port, and to one peer; else null. */
  choices: Readonly<SocketChoices> | null = null
  /** Among all that are open. */
  place: Place<Endpoint> | null = null
  /** Among those that are idle but for TIME-WAIT. */
  waits: Place<Waiting> | null = null
  private readonly host: EndpointHost
  private readonly demux: Demux
  readonly commons: Commons
  // ---- made when they are needed: the endpoint of a client has one connection and nothing else
  branches: Branches | null = null
  timeWait: TimeWait | null = null
  private rejecter: Rejecter | null = null
  private paths: Paths | null = null
  private listeners: Listeners | null = null
  private attempts: Attempts | null = null

  channels = 0
  private listening = 0
  /** Channels and listeners that hold the process. */
  private holds = 0
  /** The peer may ask until then, ms, what a RST meant (decision 036). */
  private asksUntil = 0
  /** A listener that does not keep TIME-WAIT has closed. */
  private releasing = false

  /** `commons`: shared with the other endpoints of a single connection, or its own. */
  constructor(host: EndpointHost, commons: Commons) {
    this.host = host
    this.commons = commons
    this.demux = new Demux(host.numbers.scramble)
    this.binding = new Binding(host.platform, this)
  }

  get numbers(): SequenceNumbers {
    return this.host.numbers
  }

  private get settler(): Settler {
    return this.host.settler
  }

  private get counts(): Counts {
    return this.commons.counts
  }

  get udpPort(): number {
    return this.binding.port
  }

  /** Nothing but TIME-WAIT records lives here. */
  get idle(): boolean {
    return this.channels === 0 && this.listening === 0
  }

  /** Datagrams that found no room in any of its sockets; undefined: the machine does not say. */
  get dropped(): number | undefined {
    return add(this.binding.dropped, this.branches?.dropped ?? 0)
  }

  now(): number {
    return this.host.platform.now()
  }

  /** Nobody came to live here after all. */
  closeIfIdle(): void {
    if (this.idle) this.settler.turn(this)
  }

  /** The last that is said here (decision 037). */
  sayGoodbye(): void {
    const now = this.now()
    for (const tenant of this.demux) if (tenant instanceof Channel) this.settler.sayGoodbye(tenant, now)
    this.binding.flush()
  }

  /** Lets go of the UDP port, at once. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.timeWait?.clear()
    this.settler.forget(this)
    if (this.holds > 0) this.settler.hold(false)
    this.binding.close()
    this.branches?.close()
    this.host.endpointClosed(this)
  }

  // ---- what is to live here

  /** The TCP port is free for a listener there. */
  canListen(port: number, target: ListenTarget): boolean {
    return this.listeners === null || this.listeners.isFree(port, target)
  }

  /** Anything listens on, or connects from, this TCP port towards the peer. */
  isTaken(local: LocalSocket, peerAddress: string, udpPort: number, remotePort: number, localPort: number): boolean {
    if (this.listeners?.has(localPort)) return true
    return this.demux.find(local, peerAddress, udpPort, remotePort, localPort) !== null
  }

  listen(target: ListenTarget, port: number, config: () => Config, owner: ListenerOwner): Listener {
    const listener = new Listener(this, target, port, config, owner)
    this.listeners ??= new Listeners()
    this.listeners.add(listener)
    this.listening++
    this.releasing = false
    this.listenerChanged(listener)
    return listener
  }

  /** A connection in SYN-SENT, whose SYN leaves in this turn. @returns null: one between these ports lives already. */
  open(
    addresses: ChannelAddresses,
    config: Config,
    owner: ChannelOwner,
    former: TimeWaitRecord | null = null,
  ): Channel | null {
    const { local, peerAddress, remoteUdpPort, remotePort, localPort } = addresses
    const tenant = this.demux.find(local, peerAddress, remoteUdpPort, remotePort, localPort)
    let record = former
    if (tenant instanceof TimeWaitRecord && tenant.makesWayFor(config)) {
      record = tenant
      this.timeWait?.remove(tenant)
    } else if (tenant !== null) {
      return null
    }
    const channel = new Channel(this, addresses, owner, null)
    const { iss, timestampOffset } = this.numbers.choose(local, localPort, peerAddress, remoteUdpPort, remotePort)
    const first = record?.issBeyond(iss) ?? iss
    channel.connection = Connection.active(
      config,
      first,
      timestampOffset,
      surroundingsOf(channel, this.host, this.commons, NO_QUEUE),
    )
    if (record !== null) {
      record.local = local
      channel.former = record
    }
    channel.connection.open(this.now())
    this.attempts ??= new Attempts()
    this.attempts.add(channel)
    this.attach(channel, config)
    return channel
  }

  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel {
    return this.host.connectFrom(this, target, config, owner)
  }

  /** What is left of a connection between the same ports. */
  recordOf(peerAddress: string, udpPort: number, remotePort: number, localPort: number): TimeWaitRecord | null {
    const tenant = this.demux.find(this.binding.locals[0] as LocalSocket, peerAddress, udpPort, remotePort, localPort)
    return tenant instanceof TimeWaitRecord ? tenant : null
  }

  getStats(): EndpointStats {
    return statsOf(this)
  }

  /** Without what it has in common with others. */
  ownStats(): OwnStats {
    return ownStatsOf(this)
  }

  // ---- what its channels and listeners say

  changed(channel: Channel): void {
    // what comes until it is settled is charged for then
    if (channel.dirty) return
    this.commons.admission.account(channel)
    this.settler.changed(channel)
  }

  hurry(channel: Channel): void {
    this.settler.speak(channel, this.now())
    this.settler.turn(this)
  }

  released(channel: Channel): void {
    this.commons.admission.released(channel)
  }

  holdChanged(channel: Channel): void {
    const holds = channel.holdsProcess
    if (holds === channel.held) return
    channel.held = holds
    this.addHold(holds ? 1 : -1)
  }

  localAddressOf(channel: Channel): string {
    const source = this.host.platform.sourceAddress(channel.peerAddress)
    if (source === undefined) return channel.local.address
    return channel.local.address === '::' ? mapped(source) : source
  }

  listenerChanged(listener: Listener): void {
    const holds = listener.open && listener.refd
    if (holds !== listener.held) {
      listener.held = holds
      this.addHold(holds ? 1 : -1)
    }
    if (listener.open) return
    this.listeners?.remove(listener)
    this.listening--
    if (listener.timeWait === 'release') this.releasing = true
    // in the same turn somebody may listen here again
    this.settler.turn(this)
  }

  admit(
    arrival: Arrival,
    listener: Listener,
    record: TimeWaitRecord | null,
    cookie: RebuiltSyn | null,
  ): Channel | null {
    const { local, segment, address, udpPort, now } = arrival
    if (this.commons.admission.isRefused(address, this.channels)) return null
    if (record !== null) this.timeWait?.remove(record)
    const addresses = {
      local,
      peerAddress: address,
      remoteUdpPort: udpPort,
      remotePort: segment.sourcePort,
      localPort: segment.destinationPort,
      remembers: listener.remembers,
      show: listener.show,
    }
    const channel = new Channel(this, addresses, null, listener)
    const { sourcePort, destinationPort } = segment
    const { iss, timestampOffset } = cookie ?? this.numbers.choose(local, destinationPort, address, udpPort, sourcePort)
    const first = record?.issBeyond(iss) ?? iss
    const config = listener.config()
    // when a cookie left nobody knows: the cautious guess makes the first RTO a long one
    const began = cookie === null ? now : now - config.initialRto
    const { syn } = cookie ?? { syn: segment }
    channel.connection = Connection.passive(
      config,
      first,
      timestampOffset,
      syn,
      began,
      surroundingsOf(channel, this.host, this.commons, listener),
    )
    if (cookie !== null) {
      // its SYN,ACK is with the peer already
      channel.connection.poll(DISCARDED, began)
      channel.connection.handleSegment(segment, now)
    }
    this.attach(channel, config)
    return channel
  }

  established(channel: Channel): boolean {
    return this.commons.admission.established(channel)
  }

  reject(arrival: Arrival): void {
    this.counts.unowned++
    if (this.paths?.mayConcern(arrival)) return
    const { local, segment, address, udpPort, now } = arrival
    this.rejecter ??= new Rejecter(this.host.limits.maxResets, this.numbers.draw, this.counts)
    this.rejecter.reject(local, segment, address, udpPort, now)
  }

  drop(channel: Channel): void {
    this.detach(channel)
    this.settler.turn(this)
  }

  // ---- what the sockets say

  onDatagram(
    local: LocalSocket,
    bytes: Uint8Array,
    start: number,
    end: number,
    from: string,
    udpPort: number,
    isLent: boolean,
    row: Row | null,
  ): void {
    if (this.closed) return
    const now = this.settler.onReading()
    const segment = this.settler.incoming
    this.counts.datagrams++
    if (now >= this.host.reportAt) this.host.report(now)
    // nothing can be sent to UDP port 0
    if (udpPort === 0 || !decode(bytes, segment, start, end)) {
      this.counts.malformed++
      return
    }
    segment.isLent = isLent
    const { home } = local
    const address = home.peerAddress ?? from
    const { sourcePort, destinationPort } = segment
    let tenant = this.demux.find(home, address, udpPort, sourcePort, destinationPort)
    if (tenant instanceof Channel) {
      if (!this.makesWay(tenant, segment, now)) {
        if (row !== null && row.at < row.end) this.join(tenant, segment, row)
        this.paths?.heard(tenant, segment, now)
        if (!tenant.hearsOfFormer(segment, now)) this.segmentArrives(tenant, local, segment, now)
        return
      }
      tenant = this.demux.find(home, address, udpPort, sourcePort, destinationPort)
    }
    const arrival: Arrival = { local: home, segment, address, udpPort, now }
    if (tenant instanceof TimeWaitRecord) this.recordArrives(tenant, arrival)
    else this.strangerArrives(arrival)
  }

  /** Whether `channel` is over, and the peer begins anew in the same turn, before it has been settled. */
  private makesWay(channel: Channel, { flags }: Segment, now: number): boolean {
    if ((flags & SYN) === 0 || !isOver(channel.state) || channel.local.blocked) return false
    // its listener has yet to hear of it
    if (channel.acceptor !== null) return false
    this.settler.speak(channel, now)
    this.conclude(channel, now)
    this.settler.turn(this)
    return true
  }

  /** What comes behind `segment`, and continues it, comes with it. */
  private join({ connection }: Channel, segment: Segment, row: Row): void {
    const { bytes, part, end, at } = row
    row.at = joinFollowing(segment, bytes, at - part, part, end, connection.mostTogether(segment))
    this.counts.datagrams += segment.count - 1
  }

  private segmentArrives(channel: Channel, local: LocalSocket, segment: Segment, now: number): void {
    if (channel.local !== local) this.openBranches().move(channel, local)
    local.heardAt = Math.ceil(now)
    const { connection } = channel
    connection.handleSegment(segment, now)
    // text in somebody else's name takes no room from those who receive
    if (segment.textLength > 0 && connection.heardAt === now) local.noteText(channel, now)
    this.changed(channel)
    if (connection.isAckUrgent) this.settler.answer()
  }

  /** The new path has proved itself by this segment, whose echo tells nothing of time. */
  private follow(channel: Channel, { local, segment, address, udpPort, now }: Arrival): void {
    if (!this.commons.admission.moves(channel, address)) return
    this.counts.pathsFollowed++
    this.demux.remove(channel)
    this.branches?.leave(channel)
    channel.moveTo(local, address, udpPort)
    channel.connection.setRoom(local.room)
    this.demux.add(channel)
    segment.tsEcr = 0
    this.segmentArrives(channel, local, segment, now)
    // what it acknowledges went the old way
    channel.connection.takeNewPath(now)
  }

  onQuiet(): void {
    this.settler.onQuiet()
  }

  onDrain(local: LocalSocket): void {
    this.settler.resume(local)
    this.settler.turn(this)
  }

  onError(local: LocalSocket, error: Error & { code?: unknown; address?: unknown; port?: unknown }): void {
    this.counts.socketErrors++
    if (error.code === 'EMSGSIZE') this.tooLong(local, error.address, error.port)
    if (error.code === 'ECONNREFUSED') {
      local.heardAt = 0
      this.asksUntil = 0
      this.closeIfIdle()
    }
    this.attempts?.failed(local, error)
  }

  /** A datagram to this peer, of a connected socket to the only one, was longer than packets may be. */
  private tooLong(local: LocalSocket, address: unknown, port: unknown): void {
    const now = this.host.platform.now()
    for (const tenant of this.demux) {
      if (!(tenant instanceof Channel) || tenant.local !== local) continue
      const isMeant = tenant.peerAddress === address && tenant.remoteUdpPort === port
      if (!isMeant && local.peerAddress === null) continue
      tenant.connection.handleTooLong(now)
      this.changed(tenant)
    }
  }

  private recordArrives(record: TimeWaitRecord, arrival: Arrival): void {
    const { segment, now } = arrival
    record.local = arrival.local
    if ((segment.flags & (SYN | ACK | RST)) === SYN) {
      const listener = this.listeners?.of(arrival)
      if (listener !== undefined && record.admits(segment, listener.config().timestamps)) {
        listener.segmentArrives(arrival, record)
        return
      }
    }
    this.timeWait?.segmentArrives(record, segment, now)
  }

  private strangerArrives(arrival: Arrival): void {
    if (!isUnicast(arrival.address)) return // MUST-63
    if (this.binding.isSelf(arrival)) {
      this.counts.selfAddressed++
      return
    }
    const moved = this.paths?.claim(arrival) ?? null
    if (moved !== null) {
      this.follow(moved, arrival)
      return
    }
    // before the socket is chosen, the addresses must be as they are now
    if (arrival.local.wildcard && arrival.segment.flags === SYN) this.binding.refresh(arrival.now)
    const listener = this.listeners?.of(arrival)
    if (listener !== undefined) listener.segmentArrives(arrival, null)
    else this.reject(arrival)
  }

  // ---- life

  /** Where a channel belongs after it has spoken. */
  settled(channel: Channel, now: number): void {
    this.settler.turn(this)
    this.commons.admission.account(channel)
    const { connection } = channel
    const { state } = connection
    if (state !== 'SYN-SENT' && this.attempts !== null) this.answered(channel)
    const silent = !channel.dirty && !channel.local.blocked
    if (silent && isOver(state)) {
      this.conclude(channel, now)
      return
    }
    this.holdChanged(channel)
    if (!channel.local.blocked && connection.isConfined) this.openBranches().make(channel, now)
  }

  /** Nothing is left of `channel` but what its peer may still have to hear. */
  private conclude(channel: Channel, now: number): void {
    const { connection, former } = channel
    this.detach(channel)
    leaveBehind(channel, this.host.hosts, now)
    if (connection.state === 'TIME-WAIT') this.keep(new TimeWaitRecord(channel, connection.timeWaitSeed(), now))
    // nobody has answered: what it took the place of is as it was
    else if (former !== null && !connection.isAnswered) this.keep(former)
    else if (connection.isResetDoubtful && channel.local.heardAt > 0) {
      this.asksUntil = Math.ceil(now + ASKED_WITHIN)
    }
  }

  sleeps(channel: Channel): void {
    this.settler.wakeAt(channel, channel.wakeAt)
  }

  /** TIME-WAIT is over for some, or nobody asks any more. */
  wake(): void {
    this.settler.turn(this)
  }

  turnOver(now: number): void {
    if (this.closed) return
    const { admission } = this.commons
    if (admission.wantsShedding(this.channels, now)) {
      for (const tenant of this.demux) if (tenant instanceof Channel) admission.shed(tenant, now)
    }
    this.binding.flush()
    const { timeWait } = this
    if (timeWait !== null && timeWait.next <= now) timeWait.expire(now)
    const isAsked = this.asksUntil > now
    if (this.idle && !this.binding.blocked) {
      // who leaves a port that others share breaks their connections (decision 022)
      const keeps = isAsked || this.binding.reusePort || (timeWait !== null && timeWait.size > 0)
      if (keeps && !this.releasing) this.host.endpointWaits(this)
      else this.close()
    }
    if (this.closed) return
    if (timeWait !== null) this.settler.wakeAt(this, timeWait.next)
    if (isAsked) this.settler.wakeAt(this, this.asksUntil)
  }

  private openBranches(): Branches {
    this.branches ??= new Branches(this.host.platform, this)
    return this.branches
  }

  private attach(channel: Channel, config: Config): void {
    this.channels++
    if (config.followPeer) {
      this.paths ??= new Paths(this.host.platform, this.counts)
      this.paths.add(channel)
    }
    this.demux.add(channel)
    this.holdChanged(channel)
    this.changed(channel)
  }

  private detach(channel: Channel): void {
    if (channel.detached) return
    channel.detached = true
    this.channels--
    this.demux.remove(channel)
    this.paths?.remove(channel)
    this.settler.forget(channel)
    this.branches?.leave(channel)
    this.commons.admission.left(channel)
    if (this.attempts !== null) this.answered(channel)
    this.holdChanged(channel)
  }

  private keep(record: TimeWaitRecord): void {
    const { maxTimeWaitRecords, maxTimeWaitAcks } = this.host.limits
    this.timeWait ??= new TimeWait(this.demux, maxTimeWaitRecords, maxTimeWaitAcks, this.numbers.draw, this.counts)
    this.timeWait.add(record)
  }

  /** It no longer waits for an answer to its SYN. */
  private answered(channel: Channel): void {
    if (this.attempts?.remove(channel)) this.attempts = null
  }

  private addHold(change: number): void {
    const held = this.holds > 0
    this.holds += change
    const holds = this.holds > 0
    if (holds === held || this.closed) return
    this.settler.hold(holds)
    this.binding.setHolding(holds)
  }
}
