// Everything that has changed is settled once a turn: owners told, segments sent, the one alarm set (RFC 9293 MUST-58, MUST-59).
import { ACKED, CLOSED, CONNECTED } from '../core/connection.js'
import type { Alarm, Platform } from '../platform/platform.js'
import { Segment } from '../wire/segment.js'
import type { Channel } from './channel.js'
import { Deadlines } from './deadlines.js'
import type { LocalSocket } from './local-socket.js'

/** Segments of one connection before the others have their turn, and of all before the incoming have theirs. */
const CHANNEL_SEGMENTS = 64
const TURN_SEGMENTS = 256

/** What the settler asks of its endpoint. */
export interface SettlerHost {
  /** `channel` has spoken: it may be over, or hold the process no longer. */
  settled(channel: Channel, now: number): void
  /** All have spoken, or the alarm has rung. */
  turnOver(now: number): void
}

export class Settler {
  private readonly platform: Platform
  private readonly host: SettlerHost
  private readonly alarm: Alarm
  private readonly deadlines: Deadlines<Channel> = new Deadlines()
  private readonly outgoing = new Segment()
  /** To be settled, in order; it grows while it is walked. */
  private readonly dirty: Channel[] = []
  /** To be settled when their socket has drained. */
  private stalled: Set<Channel> = new Set()
  private deferred = false
  private closed = false
  private armedAt = Number.POSITIVE_INFINITY

  constructor(platform: Platform, host: SettlerHost) {
    this.platform = platform
    this.host = host
    this.alarm = platform.alarm(() => this.ring())
    this.alarm.unref()
  }

  /** A settling is to come in this turn. */
  get pending(): boolean {
    return this.deferred
  }

  /** `channel` has heard or been told something. */
  changed(channel: Channel): void {
    if (channel.dirty) return
    channel.dirty = true
    this.dirty.push(channel)
    this.later()
  }

  /** A settling in this turn, even if there is nothing to settle. */
  later(): void {
    if (this.deferred || this.closed) return
    this.deferred = true
    this.platform.defer(this.settle)
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

  forget(channel: Channel): void {
    this.deadlines.remove(channel)
  }

  /** turnOver() is wanted at `at`, ms, or earlier. */
  wakeAt(at: number): void {
    // only ever moved to an earlier time; when it rings too early, it is set anew
    const next = Math.min(this.deadlines.next, at)
    if (next >= this.armedAt) return
    this.armedAt = next
    this.alarm.set(next)
  }

  /** Whether the alarm holds the process. */
  hold(on: boolean): void {
    if (on) this.alarm.ref()
    else this.alarm.unref()
  }

  close(): void {
    this.closed = true
    this.alarm.clear()
  }

  private readonly settle = (): void => {
    this.deferred = false
    if (this.closed) return
    const { dirty } = this
    let budget = TURN_SEGMENTS
    let at = 0
    let current: Channel | undefined
    try {
      while (at < dirty.length && budget > 0) {
        current = dirty[at++] as Channel
        budget -= this.settleChannel(current)
      }
      current = undefined
    } finally {
      dirty.splice(0, at)
      // what an owner throws is the program's to hear, now; its channel and the others have their turn in the next settling
      if (current !== undefined && !dirty.includes(current)) {
        current.dirty = true
        dirty.push(current)
      }
      if (dirty.length > 0) this.later()
      this.host.turnOver(this.platform.now())
    }
  }

  /** @returns how many segments have left. */
  private settleChannel(channel: Channel): number {
    const now = this.platform.now()
    const { connection } = channel
    if (connection.wakeAt <= now) connection.handleTimeout(now)
    // first: what owners read opens the window, what they write takes the ACK along
    deliver(channel, now)
    channel.dirty = false
    if (channel.detached) return 0
    const sent = this.transmit(channel, now)
    deliver(channel, now)
    if (channel.detached) return sent
    this.deadlines.schedule(channel, channel.wakeAt)
    this.host.settled(channel, now)
    return sent
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
      if (!connection.poll(outgoing, now)) return sent
      outgoing.sourcePort = channel.localPort
      outgoing.destinationPort = channel.remotePort
      local.send(outgoing, channel.peerAddress, channel.remoteUdpPort)
      sent++
    }
    this.stalled.add(channel)
    return sent
  }

  private ring(): void {
    this.armedAt = Number.POSITIVE_INFINITY
    const now = this.platform.now()
    for (;;) {
      const channel = this.deadlines.takeDue(now)
      if (channel === undefined) break
      // acted on after the datagrams that wait in the socket: one of them may be the missing ACK
      if (channel.wakeAt <= now) this.changed(channel)
      else this.deadlines.schedule(channel, channel.wakeAt)
    }
    this.host.turnOver(now)
  }
}

/** Tells the owner what has happened; a listener, when the handshake is done. */
function deliver(channel: Channel, now: number): void {
  let events = channel.connection.takeEvents()
  channel.reviewLinger((events & ACKED) !== 0, now)
  if (events === 0) return
  const { acceptor } = channel
  if (acceptor !== null) {
    if ((events & (CONNECTED | CLOSED)) === 0) {
      channel.early |= events
      return
    }
    channel.acceptor = null
    if ((events & CONNECTED) === 0) {
      acceptor.failed(channel)
      return
    }
    events = (events | channel.early) & ~CONNECTED
    try {
      acceptor.established(channel)
    } finally {
      // nobody wants it
      if (channel.owner === null) channel.release(0)
    }
  }
  if (events !== 0) channel.owner?.onEvents(events)
}
