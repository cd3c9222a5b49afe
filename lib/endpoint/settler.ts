// Everything that has changed is settled once a turn: owners told, segments sent, the one alarm set (RFC 9293 MUST-58, MUST-59).
import { ACKED, CLOSED, CONNECTED, ENDED, READABLE } from '../core/connection.js'
import type { Alarm, Platform } from '../platform/platform.js'
import { Segment } from '../wire/segment.js'
import type { Channel } from './channel.js'
import { Deadlines, type Waking } from './deadlines.js'
import type { LocalSocket } from './local-socket.js'
import { ProgramsTurn } from './programs-turn.js'

/** Segments of one connection before the others have their turn, and of all before the incoming have theirs. */
const CHANNEL_SEGMENTS = 64
const TURN_SEGMENTS = 256
/** Whether it is the program's turn now: it writes, or ends, if not at once, then in a tick or after a promise. */
const isProgramsTurn = (news: number): boolean => (news & CONNECTED) !== 0 || (news & (ENDED | READABLE)) === ENDED

/** An endpoint, as the settler sees it. */
export interface Turning extends Waking {
  /** It waits for its turn to be over, and this one after it. */
  turning: boolean
  nextTurning: Turning | null
  /** All that was to be said in this turn has been said. */
  turnOver(now: number): void
}

/** One per stack. */
export class Settler {
  /** Refilled with each datagram that comes. */
  readonly incoming: Segment = new Segment()
  private readonly outgoing: Segment = new Segment()
  private readonly platform: Platform
  private readonly alarm: Alarm
  private readonly deadlines: Deadlines<Waking> = new Deadlines()
  /** To be settled, in order; the queue grows while it is walked. */
  private firstDirty: Channel | null = null
  private lastDirty: Channel | null = null
  /** To be settled when ticks and promises have run: what the program says there takes the ACK along (decision 029). */
  private readonly awaited: ProgramsTurn
  private firstTurning: Turning | null = null
  /** To be called once the others have been settled. */
  private after: (() => void)[] = []
  /** To be settled when their socket has drained. */
  private stalled: Set<Channel> = new Set()
  private deferred = false
  /** Datagrams are being read: onQuiet() comes in this turn. */
  private reading = false
  private readAt = Number.NaN
  /** When this turn began, or what its last channel was told had been dealt with, ms. */
  private turnAt = Number.NaN
  private settling = false
  private answering = false
  /** A branch whose answers wait to leave together. */
  private laden: LocalSocket | null = null
  private holds = 0
  private armedAt = Number.POSITIVE_INFINITY

  constructor(platform: Platform) {
    this.platform = platform
    this.alarm = platform.alarm(() => this.ring())
    this.alarm.unref()
    this.awaited = new ProgramsTurn(platform, (channels) => {
      for (const channel of channels) this.enqueue(channel)
      this.settle(platform.now())
    })
  }

  /** `channel` has heard or been told something. */
  changed(channel: Channel): void {
    if (channel.dirty) return
    channel.dirty = true
    this.enqueue(channel)
    this.later()
  }

  /** The turn of `endpoint` is to be seen to its end, even if none of its channels has changed. */
  turn(endpoint: Turning): void {
    if (endpoint.turning) return
    endpoint.turning = true
    endpoint.nextTurning = this.firstTurning
    this.firstTurning = endpoint
    this.later()
  }

  /** Calls `run` once what has changed by now has been settled. */
  afterwards(run: () => void): void {
    this.after.push(run)
    this.later()
  }

  /** A datagram is being read, and onQuiet() will follow. @returns the time, ms: those that are read together came together. */
  onReading(): number {
    if (!this.reading) {
      this.reading = true
      this.readAt = this.platform.now()
    }
    return this.readAt
  }

  /** So much has been read that it is acted on, though more follows: what is said now leaves with what is said then. */
  answer(): void {
    if (this.settling) return
    this.answering = true
    try {
      this.walk(this.readAt)
    } finally {
      this.answering = false
    }
    // the answer to what has left just now may be among what is read next
    this.readAt = this.platform.now()
  }

  /** What had come has been read. */
  onQuiet(): void {
    const at = this.reading ? this.readAt : this.platform.now()
    this.reading = false
    this.settle(at)
  }

  /** Sends what `channel` has to say. @returns how many segments have left. */
  speak(channel: Channel, now: number): number {
    const sent = this.transmit(channel, now)
    // the endpoint flushes the sockets that many share
    if (channel.local.home !== channel.local) this.flushBranch(channel)
    return sent
  }

  /** Nothing is settled after this: what can leave of what was written does, and a FIN, or, where not all can, a RST. */
  sayGoodbye(channel: Channel, now: number): void {
    const { connection, local } = channel
    connection.close()
    while (this.transmit(channel, now) === CHANNEL_SEGMENTS);
    if (connection.hasUnsent) connection.abort()
    this.transmit(channel, now)
    local.flush()
  }

  /** `local` has drained. */
  resume(local: LocalSocket): void {
    const { stalled } = this
    this.stalled = new Set()
    for (const channel of stalled) {
      if (channel.local === local) this.changed(channel)
      else this.stalled.add(channel)
    }
  }

  forget(sleeper: Waking): void {
    this.deadlines.remove(sleeper)
    // its socket may never drain
    if (this.stalled.size > 0) this.stalled.delete(sleeper as Channel)
  }

  /** Wakes `sleeper` at `at`, ms, or earlier. */
  wakeAt(sleeper: Waking, at: number): void {
    this.deadlines.schedule(sleeper, at)
    this.arm()
  }

  /** The stack has no endpoint left: nothing sleeps. */
  rest(): void {
    this.armedAt = Number.POSITIVE_INFINITY
    this.alarm.clear()
  }

  /** One endpoint more, or less, holds the process. */
  hold(on: boolean): void {
    this.holds += on ? 1 : -1
    if (this.holds === 0) this.alarm.unref()
    else if (on && this.holds === 1) this.alarm.ref()
  }

  private later(): void {
    if (this.deferred || this.reading || this.settling) return
    this.deferred = true
    this.platform.defer(this.onDeferred)
  }

  private readonly onDeferred = (): void => {
    this.deferred = false
    this.settle(this.platform.now())
  }

  private settle(at: number): void {
    if (this.settling) return
    try {
      this.walk(at)
    } finally {
      this.endTurn()
    }
  }

  private walk(at: number): void {
    this.settling = true
    this.turnAt = at
    let budget = TURN_SEGMENTS
    let current: Channel | null = null
    try {
      while (this.firstDirty !== null && budget > 0) {
        current = this.dequeue(this.firstDirty)
        budget -= this.settleChannel(current)
      }
      current = null
    } finally {
      // what an owner throws is the program's to hear, now; its channel and the others have their turn in the next settling
      if (current !== null && current.nextDirty === null && this.lastDirty !== current) {
        current.dirty = true
        this.enqueue(current)
      }
      this.settling = false
    }
  }

  private enqueue(channel: Channel): void {
    if (this.lastDirty === null) this.firstDirty = channel
    else this.lastDirty.nextDirty = channel
    this.lastDirty = channel
  }

  private dequeue(first: Channel): Channel {
    this.firstDirty = first.nextDirty
    if (this.firstDirty === null) this.lastDirty = null
    first.nextDirty = null
    return first
  }

  private endTurn(): void {
    this.laden?.flush()
    this.laden = null
    if (this.firstTurning !== null) this.turnOver(this.firstTurning)
    this.awaited.begin()
    if (this.firstDirty !== null) this.later()
    if (this.after.length > 0) this.runAfter()
  }

  private turnOver(first: Turning): void {
    this.firstTurning = null
    for (let endpoint: Turning | null = first; endpoint !== null; ) {
      const next: Turning | null = endpoint.nextTurning
      endpoint.turning = false
      endpoint.nextTurning = null
      endpoint.turnOver(this.turnAt)
      endpoint = next
    }
  }

  private runAfter(): void {
    const { after } = this
    this.after = []
    let at = 0
    try {
      while (at < after.length) (after[at++] as () => void)()
    } finally {
      // one that throws does not cost the others their call
      if (at < after.length) for (const run of after.slice(at)) this.afterwards(run)
    }
  }

  /** @returns how many segments have left. */
  private settleChannel(channel: Channel): number {
    const { connection, host } = channel
    connection.handleTimeout(this.turnAt)
    // first: what owners read opens the window, what they write takes the ACK along
    const news = deliver(channel, this.turnAt)
    // that may have taken a while, as may those before it, which is not the path's
    const now = this.platform.now()
    this.turnAt = now
    if (this.isToBeAwaited(channel, news)) {
      this.awaited.add(channel)
      return 0
    }
    channel.dirty = false
    if (channel.detached) return 0
    const sent = this.speak(channel, now)
    if (connection.hasNews) {
      deliver(channel, now)
      if (hasToHear(channel)) this.changed(channel)
    }
    if (channel.detached) return sent
    this.deadlines.schedule(channel, channel.wakeAt)
    this.arm()
    host.settled(channel, now)
    return sent
  }

  private isToBeAwaited(channel: Channel, news: number): boolean {
    const { connection, detached } = channel
    if (hasToHear(channel)) return true
    return isProgramsTurn(news) && !detached && connection.owesOnlyAck
  }

  private flushBranch(channel: Channel): void {
    const { local, connection } = channel
    // its last words would be lost with it, if there were no room for them
    if (this.answering && connection.state === 'ESTABLISHED') {
      if (this.laden !== local) this.laden?.flush()
      this.laden = local
      return
    }
    local.flush()
    if (local.blocked) this.stalled.add(channel)
  }

  private transmit(channel: Channel, now: number): number {
    const { connection, local } = channel
    const { outgoing } = this
    let sent = 0
    while (!local.blocked) {
      if (sent === CHANNEL_SEGMENTS) {
        this.changed(channel)
        return sent
      }
      if (!connection.poll(outgoing, now, CHANNEL_SEGMENTS - sent)) return sent
      outgoing.sourcePort = channel.localPort
      outgoing.destinationPort = channel.remotePort
      sent += outgoing.count
      local.send(outgoing, channel.peerAddress, channel.remoteUdpPort)
      if (!connection.mayHaveMore && !local.blocked) return sent
    }
    // the queue may point at what was sent last
    if (sent > 0) connection.holdSent()
    this.stalled.add(channel)
    return sent
  }

  // only ever moved to an earlier time; when it rings too early, it is set anew
  private arm(): void {
    const { next } = this.deadlines
    if (next >= this.armedAt) return
    this.armedAt = next
    this.alarm.set(next)
  }

  private ring(): void {
    this.armedAt = Number.POSITIVE_INFINITY
    const now = this.platform.now()
    for (;;) {
      const sleeper = this.deadlines.takeDue(now)
      if (sleeper === undefined) break
      sleeper.wake(now)
    }
    this.arm()
  }
}

/** Its owner has still to be told, of what came before it was the owner, or of what it asked to hear again. */
function hasToHear({ acceptor, untold }: Channel): boolean {
  return acceptor === null && untold !== 0
}

/** Tells the owner what has happened; a listener, when the handshake is done. @returns what they were told. */
function deliver(channel: Channel, now: number): number {
  const news = channel.connection.takeEvents()
  channel.reviewLinger((news & ACKED) !== 0, now)
  let events = news
  if (hasToHear(channel)) {
    // or who was told of the connection threw before it heard the rest
    events |= channel.untold
    channel.untold = 0
  }
  if (events === 0) return 0
  const { acceptor } = channel
  if (acceptor !== null) {
    if ((events & (CONNECTED | CLOSED)) === 0) {
      channel.untold |= events
      return 0
    }
    channel.acceptor = null
    if ((events & CONNECTED) === 0) {
      acceptor.failed(channel)
      return 0
    }
    channel.untold = (events | channel.untold) & ~CONNECTED
    try {
      acceptor.established(channel)
      events = channel.untold
      channel.untold = 0
    } finally {
      // nobody wants it
      if (channel.owner === null) channel.release(0)
    }
  }
  if (events !== 0) channel.owner?.onEvents(events)
  return events | (news & CONNECTED)
}
