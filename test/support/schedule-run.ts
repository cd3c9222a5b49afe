// A schedule carried out on two stacks in virtual time, with every promise that TCP makes checked all the while.
import { type Config, createConfig } from '../../lib/core/config.js'
import { findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import { CLOSED, CONNECTED, ENDED, WRITABLE } from '../../lib/core/events.js'
import type { Trace } from '../../lib/core/trace.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { optionsLength } from '../../lib/wire/options.js'
import { ACK, HEADER_LENGTH, RST, type Segment, SYN } from '../../lib/wire/segment.js'
import { before } from '../../lib/wire/seq.js'
import { breaksOff, type Program, type Schedule, stream } from './schedule.js'

/** A day of virtual time: what is not over then never will be. */
const LIMIT = 24 * 3_600_000
/** Rounding up to the unit of a scaled window may promise so many bytes, or this part of the buffer, beyond the room. */
const ROUNDING = 65_536
const ROUNDING_SHARE = 1 / 6

/** How a side ended. */
export interface Outcome {
  readonly reason: string | null
  readonly ended: boolean
  readonly sent: number
  readonly received: number
}

/** The program of one side. */
class Actor implements ChannelOwner {
  channel: Channel | null = null
  peer!: Actor
  ended = false
  over = false
  /** Bytes that its program has written, that the channel took, and that came from the other. */
  written = 0
  sent = 0
  received = 0
  /** It broke off: abort() or release(). */
  broke: 'abort' | 'destroy' | null = null
  /** One past the highest sequence number that it has allowed the peer, u32; before the SYN: null. */
  edge: number | null = null
  readonly config: Config
  private readonly direction: 0 | 1
  private readonly program: Program
  private readonly network: Network
  private reading = true
  private readerWaits = false
  private wantsEnd = false
  private closed = false
  private stepsDone = false
  private readonly alone: boolean

  /** `alone`: it does not wait for the other's end. `probing`: the other may break off, and the RST get lost. */
  constructor(network: Network, direction: 0 | 1, program: Program, alone: boolean, probing: boolean) {
    this.network = network
    this.direction = direction
    this.program = program
    this.alone = alone
    const keepAlive = { keepAlive: probing, keepAliveInitialDelay: 30_000, keepAliveInterval: 10_000 }
    const { congestionControl, ...settings } = program.settings
    this.config = createConfig({ ...settings, ...keepAlive, congestion: findCongestionControl(congestionControl) })
  }

  /** An active channel's program begins with the connection: end() before that would only take the SYN back. */
  begin(channel: Channel): void {
    this.channel = channel
    channel.owner = this
    if (channel.state !== 'SYN-SENT') this.step(0)
  }

  onEvents(events: number): void {
    if (this.broke !== null) throw new Error('an owner that has let go was told of something')
    this.check()
    if (events & CONNECTED) this.step(0)
    if (this.reading) this.read()
    if (events & WRITABLE) this.write()
    if (events & ENDED) this.onEnd()
    if (events & CLOSED) {
      if (this.over) throw new Error('closed twice')
      this.over = true
      this.read(true)
    }
  }

  get outcome(): Outcome {
    const { sent, received, ended } = this
    return { reason: this.channel?.reason ?? null, ended, sent, received }
  }

  private onEnd(): void {
    this.ended = true
    if (this.stepsDone) this.end()
  }

  /** Its program goes away. */
  leave(): void {
    if (this.channel === null || this.over || this.broke !== null) return
    this.broke = 'abort'
    this.channel.abort()
    this.channel.release(0)
  }

  // ---- the steps

  private step(index: number): void {
    const step = this.program.steps[index]
    if (step === undefined) {
      this.finish()
      return
    }
    this.network.clock.at(this.network.now + step.wait, () => {
      if (this.over || this.broke !== null) return
      this.act(step.act)
      if (this.broke === null) this.step(index + 1)
    })
  }

  private act(act: Program['steps'][number]['act']): void {
    const channel = this.channel as Channel
    switch (act.kind) {
      case 'write':
        if (this.wantsEnd) return
        this.written += act.bytes
        this.write()
        return
      case 'pause':
        this.reading = false
        return
      case 'resume':
        this.reading = true
        this.read()
        return
      case 'noDelay':
        channel.setNoDelay(act.on)
        return
      case 'end':
        this.end()
        return
      case 'abort':
        this.broke = 'abort'
        channel.abort()
        channel.release(0)
        return
      case 'destroy':
        this.broke = 'destroy'
        channel.release(5_000)
    }
  }

  /** Reads the rest, and ends when it is its turn. */
  private finish(): void {
    this.stepsDone = true
    this.reading = true
    this.read()
    if (!this.program.waitsForEnd || this.alone || this.ended) this.end()
  }

  private end(): void {
    this.wantsEnd = true
    this.write()
  }

  private write(): void {
    const channel = this.channel as Channel
    if (this.closed) return
    if (this.sent < this.written) this.sent += channel.send(stream(this.direction, this.sent, this.written))
    this.check()
    if (this.wantsEnd && this.sent === this.written) {
      this.closed = true
      channel.close()
    }
  }

  private read(all = false): void {
    const channel = this.channel as Channel
    if (this.readerWaits && !all) return
    for (let bytes = channel.receive(); bytes !== null; bytes = channel.receive()) {
      const from = this.received
      this.received += bytes.length
      const direction = this.direction === 0 ? 1 : 0
      if (stream(direction, from, this.received).compare(bytes) !== 0) throw new Error(`wrong bytes from ${from} on`)
      if (this.received > this.peer.sent) throw new Error('more bytes than were sent')
      if (this.program.readPause > 0 && !all) {
        this.readerWaits = true
        this.network.clock.at(this.network.now + this.program.readPause, () => {
          this.readerWaits = false
          if (this.reading && this.broke === null) this.read()
        })
        return
      }
    }
  }

  // ---- what always holds

  private check(): void {
    const { sendBuffer, maxReceiveBuffer } = this.config
    const { unacknowledged, readable, outOfOrderHeld } = (this.channel as Channel).status()
    if (unacknowledged > sendBuffer) throw new Error(`${unacknowledged} bytes to send, of ${sendBuffer} allowed`)
    const held = readable + outOfOrderHeld
    if (
      held >
      maxReceiveBuffer + (maxReceiveBuffer > 65_535 ? Math.max(ROUNDING, maxReceiveBuffer * ROUNDING_SHARE) : 0)
    ) {
      throw new Error(`${held} bytes received, of ${maxReceiveBuffer} allowed`)
    }
  }

  /** Each segment that it sends: within the peer's window and MSS, and its own window's right edge never moves left. */
  checkSegment(segment: Segment, scale: number): void {
    const { flags, seq, ack, window } = segment
    const { peer } = this
    if (flags & RST) return
    const size = HEADER_LENGTH + optionsLength(segment) + segment.textLength
    if (size > HEADER_LENGTH + peer.config.mss) throw new Error(`${size} bytes are more than the peer's MSS allows`)
    if (segment.length > 0 && (flags & SYN) === 0) {
      const end = (seq + segment.length) >>> 0
      if (peer.edge === null || before(peer.edge, end)) throw new Error(`sent up to ${end}, allowed up to ${peer.edge}`)
    }
    if ((flags & ACK) === 0) return
    const edge = (ack + window * 2 ** (flags & SYN ? 0 : scale)) >>> 0
    if (this.edge !== null && before(edge, this.edge)) throw new Error(`right edge from ${this.edge} back to ${edge}`)
    this.edge = edge
  }
}

function observe(stack: Stack, actor: Actor): void {
  stack.trace = (channel: Channel): Trace => ({
    onSegmentSent: (segment) => actor.checkSegment(segment, channel.status().receiveWindowScale),
    onSegmentReceived: () => {},
    onState: () => {},
  })
}

/**
 * Carries out `schedule` on channels, to the end of the last TIME-WAIT.
 * @throws Error when anything is not as it should be, with the last segments if `capture`
 */
export function runSchedule(schedule: Schedule, capture = false): [client: Outcome, server: Outcome] {
  const { seed, out, back, gather, kernelBuffer } = schedule
  const network = new Network({ seed, gather, sendBuffer: kernelBuffer, capture })
  const [a, b] = [network.host('10.0.0.1'), network.host('10.0.0.2')]
  network.path(a, b, out, back)
  const broken = breaksOff(schedule.client) || breaksOff(schedule.server)
  const client = new Actor(network, 0, schedule.client, true, broken)
  const server = new Actor(network, 1, schedule.server, broken, broken)
  client.peer = server
  server.peer = client
  observe(a.stack, client)
  observe(b.stack, server)
  try {
    const listener = b.stack.listen({ address: '10.0.0.2', port: 80 }, () => server.config, {
      onConnection(channel) {
        if (server.channel !== null) throw new Error('accepted twice')
        server.begin(channel)
        if (schedule.closesListener) listener.close()
      },
    })
    client.begin(a.stack.connect({ address: '10.0.0.2', port: 80 }, client.config, client))
    const isOver = (actor: Actor): boolean => actor.over || actor.broke !== null
    const gaveUp = (actor: Actor): boolean => actor.over && actor.channel?.reason === 'timed-out'
    network.advanceUntil(() => {
      if (isOver(client) && (server.channel === null || isOver(server))) return true
      // who has nothing to send never learns that the other gave up
      return network.clock.nextAt === Infinity && (gaveUp(client) || gaveUp(server))
    }, LIMIT)
    for (const actor of [client, server]) actor.leave()
    listener.close()
    network.advanceUntil(() => !a.holdsProcess && !b.holdsProcess, 60_000)
    network.advanceUntil(() => a.openSockets.length + b.openSockets.length === 0, 3_600_000)
    if (network.clock.nextAt !== Infinity) network.advance(LIMIT)
    judge(schedule, client, server)
    for (const host of [a, b]) {
      const { endpoints, waiting } = host.stack.getStats()
      const left = { endpoints, waiting, alarms: host.platform.alarms.size, holds: host.holdsProcess }
      if (endpoints + waiting + left.alarms > 0 || left.holds) throw new Error(`left over: ${JSON.stringify(left)}`)
    }
  } catch (error) {
    if (error instanceof Error && capture && !error.message.includes('datagrams:')) {
      error.message += `\n${network.report()}`
    }
    throw error
  }
  return [client.outcome, server.outcome]
}

/** Every byte and then the end, or an error that says why. */
function judge({ out, back }: Schedule, client: Actor, server: Actor): void {
  const lossy = [out, back].some(({ loss = 0, burst = null, rate = Infinity }) => loss > 0 || burst || rate < Infinity)
  for (const actor of [client, server]) {
    if (actor.channel === null || actor.broke !== null) continue
    const { reason } = actor.channel
    const { peer } = actor
    if (actor.ended && actor.received !== peer.sent) throw new Error('the end came before all bytes had')
    if (reason === null) {
      if (!actor.ended) throw new Error('over without error, and without the end')
      if (actor.sent !== actor.written) throw new Error('over without error, and not all was sent')
      if (peer.broke === null && peer.received !== actor.sent) throw new Error('over without error, not all arrived')
      continue
    }
    // the other broke off, or gave up because the path was that bad
    const gaveUp = reason === 'timed-out' || peer.channel?.reason != null
    // or the last ACKs were lost for longer than 2 MSL: all has arrived, and nobody is left to say so
    const complete = peer.ended && peer.received === actor.sent && actor.ended
    const isExplained = peer.broke !== null || (lossy && (gaveUp || complete))
    if (!isExplained) throw new Error(`ended by '${reason}', and nothing was wrong`)
  }
}
