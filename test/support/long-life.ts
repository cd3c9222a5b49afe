// A small world that goes on for days of virtual time: connections that come and go, idle, half open, over paths that lose.
import { type Config, createConfig } from '../../lib/core/config.js'
import { CLOSED, CONNECTED, ENDED } from '../../lib/core/events.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { SYN } from '../../lib/wire/segment.js'
import { HandMade } from './hand-made.js'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'
const STRANGER = '10.0.0.3'
const MORTAL = '10.0.0.4'
const KEEP_ALIVE = 7_200_000
/** What one that comes and goes sends, and gets back. */
const PAYLOAD = new Uint8Array(3_000).map((_, i) => i)

export interface LifeOptions {
  /** Connections that stay. */
  readonly connections: number
  /** ms between two that come, say something and go. */
  readonly churn: number
  readonly loss: number
}

/** Sends back what comes, and goes when the other does. */
class Echo implements ChannelOwner {
  readonly channel: Channel

  constructor(channel: Channel) {
    this.channel = channel
    channel.owner = this
  }

  onEvents(events: number): void {
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) this.channel.send(bytes)
    if (events & ENDED) this.channel.close()
    if (events & CLOSED) this.channel.owner = null
  }
}

class Reader implements ChannelOwner {
  readonly channel: Channel

  constructor(channel: Channel) {
    this.channel = channel
    channel.owner = this
  }

  onEvents(): void {
    while (this.channel.receive() !== null);
  }
}

export class LongLife {
  readonly network: Network
  readonly listener: Listener
  /** Those that stay. */
  readonly stayers: Channel[] = []
  /** That came and went, that ended by an error, and whose bytes were not their own. */
  gone = 0
  failed = 0
  wrong = 0
  /** Why those that failed did. */
  readonly reasons: string[] = []
  halfOpen = 0
  vanished = 0
  private readonly stack: Stack
  private readonly config: Config
  private readonly stranger: HandMade
  private stopped = false

  constructor(options: LifeOptions) {
    this.network = new Network({ seed: 7, capture: false, link: { delay: 10, loss: options.loss } })
    this.stack = new Stack(this.network.host(CLIENT).platform)
    this.config = createConfig({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE })
    const served = createConfig({ keepAlive: true, keepAliveInitialDelay: 3_600_000 })
    this.listener = new Stack(this.network.host(SERVER).platform).listen({ address: SERVER, port: 80 }, () => served, {
      onConnection: (channel) => void new Echo(channel),
    })
    this.stranger = new HandMade(this.network, this.network.host(STRANGER), 4000, { address: SERVER, port: 80 })
    // one UDP port for all that stay
    for (let i = 0; i < options.connections; i++) {
      const target = { address: SERVER, port: 80, localUdpPort: 5000 }
      this.stayers.push(new Reader(this.stack.connect(target, this.config, { onEvents: () => {} })).channel)
      if (i % 200 === 0) this.network.advance(50)
    }
    // what a connection makes when it is first used is made now
    for (const [i, channel] of this.stayers.entries()) {
      channel.send(PAYLOAD)
      if (i % 200 === 0) this.network.advance(50)
    }
    this.network.advance(60_000)
    this.every(options.churn, () => this.comeAndGo())
    this.every(10 * options.churn, () => this.leaveHalfOpen())
    this.every(60 * options.churn, () => this.vanish())
    this.every(97_000, () => this.say())
  }

  get alive(): number {
    return this.stayers.filter(({ state }) => state === 'ESTABLISHED').length
  }

  /** Of those that stay, when everybody went. */
  stayed = 0

  /** Everybody goes. @returns sockets and alarms that are left, which is nothing. */
  end(): number {
    this.stopped = true
    this.stayed = this.alive
    // those that have come go as they would
    this.network.advance(120_000)
    for (const channel of this.stayers) channel.close()
    this.listener.close()
    this.network.advance(4 * 3_600_000)
    const hosts = [SERVER, CLIENT].map((address) => this.network.host(address))
    return hosts.reduce((sum, host) => sum + host.openSockets.length + host.platform.alarms.size, 0)
  }

  private every(ms: number, run: () => void): void {
    this.network.clock.at(this.network.now + ms, () => {
      if (this.stopped) return
      run()
      this.every(ms, run)
    })
  }

  private comeAndGo(): void {
    const channel = this.stack.connect({ address: SERVER, port: 80 }, this.config, {
      onEvents: (events) => {
        if (events & CONNECTED) {
          channel.send(PAYLOAD)
          channel.close()
        }
        for (let bytes = channel.receive(); bytes !== null; bytes = channel.receive()) received += bytes.length
        if ((events & CLOSED) === 0) return
        this.gone++
        if (channel.reason !== null) this.fail(channel)
        else if (received !== PAYLOAD.length) this.wrong++
      },
    })
    let received = 0
  }

  private fail(channel: Channel): void {
    this.failed++
    this.reasons.push(`${channel.reason} at ${this.network.now} ms, port ${channel.localPort}`)
  }

  /** A SYN, and nothing more. */
  private leaveHalfOpen(): void {
    this.halfOpen++
    this.stranger.seq = (this.halfOpen * 7_919) >>> 0
    this.stranger.send(SYN, { sourcePort: 1024 + (this.halfOpen % 60_000), mss: 1460 })
    this.stranger.take()
  }

  /** A machine dies with its connection established: the other end finds out by itself. */
  private vanish(): void {
    const host = this.network.host(MORTAL)
    host.powerOn()
    this.vanished++
    const channel = host.stack.connect({ address: SERVER, port: 80 }, this.config, {
      onEvents: (events) => {
        if (events & CONNECTED) this.network.clock.at(this.network.now + 100, () => host.powerOff())
      },
    })
    channel.send(PAYLOAD)
  }

  /** One of those that stay has something to say. */
  private say(): void {
    const channel = this.stayers[this.network.random.below(this.stayers.length)]
    channel?.send(PAYLOAD)
  }
}
