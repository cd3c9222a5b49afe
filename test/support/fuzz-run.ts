// One case of the fuzzer over whole connections: two stacks, a network that forges, a bystander that must not feel it. All of it follows from the seed.
import { type Config, createConfig } from '../../lib/core/config.js'
import { congestionControls, findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import { CLOSED, ENDED } from '../../lib/core/events.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Datagram } from '../../lib/testing/datagram.js'
import type { Host } from '../../lib/testing/host.js'
import { Network } from '../../lib/testing/network.js'
import { Random } from '../../lib/testing/random.js'
import { checkConnection, must } from './fuzz.js'
import { checkCodec, mangle } from './mangle.js'

/** Forged datagrams of a case. */
export const CASE_SEGMENTS = 500
const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'
const BYSTANDER = '10.0.0.3'
const BACKLOG = 16
/** Real datagrams that forgeries are made from, of each direction. */
const REMEMBERED = 24
/** What both ends may send for one forged datagram, and for themselves. */
const ANSWERS = 8
const OWN = 20_000
/** ms in which all is over. */
const LIMIT = 600_000

const CHUNK = 4_096
const PERIOD = 251
const STREAM = new Uint8Array(70_000).map((_, i) => i % PERIOD)

const streamAt = (from: number, length: number): Uint8Array => STREAM.subarray(from % PERIOD, (from % PERIOD) + length)

const isStream = (bytes: Uint8Array, from: number): boolean =>
  bytes.length < STREAM.length - PERIOD && Buffer.compare(bytes, streamAt(from, bytes.length)) === 0

/** Writes what it is told to, reads or does not. */
class Party implements ChannelOwner {
  readonly channel: Channel
  reading = true
  over = false
  received = 0
  private toSend = 0
  /** What comes is the stream. */
  private readonly exact: boolean

  constructor(channel: Channel, exact: boolean) {
    this.channel = channel
    this.exact = exact
    channel.owner = this
  }

  write(length: number): void {
    this.toSend += length
    this.flush()
  }

  onEvents(events: number): void {
    if (this.reading) this.read()
    this.flush()
    if (this.exact && events & ENDED) this.channel.close()
    if (events & CLOSED) {
      must(!this.over, 'CLOSED twice')
      this.over = true
    }
  }

  read(): void {
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) {
      must(!this.exact || isStream(bytes, this.received), `the bystander's bytes after ${this.received}`)
      this.received += bytes.length
    }
  }

  private sent = 0
  private flush(): void {
    while (this.toSend > 0) {
      const bytes = streamAt(this.sent, Math.min(this.toSend, CHUNK))
      const taken = this.channel.send(bytes)
      this.sent += taken
      this.toSend -= taken
      if (taken < bytes.length) return
    }
  }
}

class FuzzCase {
  readonly network: Network
  private readonly random: Random
  private readonly server: Host
  private readonly client: Host
  private readonly listener: Listener
  private readonly config: Config
  private readonly clientStack: Stack
  private readonly parties: Party[] = []
  private readonly bystanders: Party[] = []
  private readonly toServer: Datagram[] = []
  private readonly toClient: Datagram[] = []
  private forged = 0

  constructor(seed: number, capture: boolean) {
    const random = new Random(seed)
    this.random = random
    const delay = 0.1 + 20 * random.next()
    const network = new Network({ seed, capture, link: { delay, loss: random.chance(0.3) ? 0.02 : 0 } })
    this.network = network
    this.server = network.host(SERVER)
    this.client = network.host(CLIENT)
    const stack = new Stack(this.server.platform, { maxTimeWaitRecords: 64 })
    this.clientStack = new Stack(this.client.platform)
    this.config = anyConfig(random)
    this.listener = stack.listen({ address: SERVER, port: 80, backlog: BACKLOG }, () => this.config, {
      onConnection: (channel) => this.accept(channel),
    })
    this.tap(this.client, this.server, this.toServer)
    this.tap(this.server, this.client, this.toClient)
    const calm = createConfig({ msl: 500, userTimeout: 120_000 })
    const channel = new Stack(network.host(BYSTANDER).platform).connect({ address: SERVER, port: 80 }, calm, {
      onEvents: () => {},
    })
    this.bystanders.push(new Party(channel, true))
    this.connect()
    this.connect()
  }

  run(): void {
    const { random, network } = this
    const length = 20_000 + random.below(60_000)
    let bystanderWrote = false
    for (let i = 0; i < CASE_SEGMENTS; i++) {
      this.act()
      this.forge()
      network.advance(pause(random))
      const [bystander] = this.bystanders
      if (!bystanderWrote && bystander?.channel.state === 'ESTABLISHED') {
        bystander.write(length)
        bystander.channel.close()
        bystanderWrote = true
      }
      if (i % 8 === 0) this.check()
    }
    this.check()
    this.finish(length)
  }

  /** The bystander's bytes have all come, and nothing is left of anybody. */
  private finish(length: number): void {
    const { network, listener } = this
    network.advance(LIMIT / 2)
    const [bystander, served] = this.bystanders
    must(bystander !== undefined && served !== undefined, 'the bystander got in')
    must(served?.received === length, `${served?.received} of the bystander's ${length} bytes`)
    must(
      bystander?.over === true && bystander.channel.reason === null,
      `the bystander ended: ${bystander?.channel.reason}`,
    )
    for (const { channel } of this.parties) channel.release(0)
    listener.close()
    network.advance(LIMIT / 2)
    must(
      this.parties.every(({ channel }) => channel.detached),
      'a connection is left',
    )
    for (const host of [this.server, this.client]) {
      must(host.openSockets.length === 0 && !host.holdsProcess, `${host.openSockets.length} sockets are left`)
      must(host.platform.alarms.size === 0, 'an alarm is left')
    }
    const most = ANSWERS * this.forged + OWN
    const sent =
      network.link(this.client, this.server).stats.entered + network.link(this.server, this.client).stats.entered
    must(sent <= most, `${sent} datagrams were sent, with ${this.forged} forged`)
  }

  private connect(): void {
    const target = { address: SERVER, port: 80 }
    const channel = this.clientStack.connect(target, this.config, { onEvents: () => {} })
    this.parties.push(new Party(channel, false))
  }

  private accept(channel: Channel): void {
    if (channel.remoteAddress === BYSTANDER) this.bystanders.push(new Party(channel, true))
    else this.parties.push(new Party(channel, false))
  }

  private tap(from: Host, to: Host, into: Datagram[]): void {
    this.network.link(from, to).set({
      lose: (datagram) => {
        into.push(datagram)
        if (into.length > REMEMBERED) into.shift()
        return false
      },
    })
  }

  /** A program does something. */
  private act(): void {
    const { random, parties } = this
    if (random.chance(0.01)) this.connect()
    if (!random.chance(0.2)) return
    const party = parties[random.below(parties.length)] as Party
    const kind = random.below(100)
    if (kind < 60) party.write(random.below(20_000))
    else if (kind < 70) party.reading = false
    else if (kind < 90) {
      party.reading = true
      party.read()
    } else if (kind < 96) party.channel.close()
    else if (kind < 98) party.channel.release(1_000)
    else party.channel.abort()
  }

  private forge(): void {
    const { random, network } = this
    const towardsServer = random.chance(0.5)
    const known = towardsServer ? this.toServer : this.toClient
    if (known.length === 0) return
    const real = known[random.below(known.length)] as Datagram
    const other = known[random.below(known.length)] as Datagram
    const bytes = mangle(real.bytes, other.bytes, random)
    checkCodec(bytes)
    let { from, fromPort } = real
    if (random.chance(0.1)) fromPort = random.below(65_536)
    if (random.chance(0.03)) from = '10.0.0.66'
    this.forged++
    const datagram = new Datagram(network.now, bytes, from, fromPort, real.to, real.toPort)
    if (towardsServer) this.server.arrive(datagram)
    else this.client.arrive(datagram)
  }

  private check(): void {
    for (const { channel } of [...this.parties, ...this.bystanders]) checkConnection(channel.connection)
    const { halfOpen, timeWait } = this.listener.getStats()
    must(halfOpen <= BACKLOG, `${halfOpen} half-open connections`)
    must(timeWait <= 64, `${timeWait} TIME-WAIT records`)
  }
}

/** Mostly at once; sometimes long enough for timers. */
function pause(random: Random): number {
  const kind = random.below(100)
  if (kind < 60) return 0
  if (kind < 92) return random.next() * 4
  return random.next() * (kind < 99 ? 300 : 5_000)
}

function anyConfig(random: Random): Config {
  const control = congestionControls[random.below(congestionControls.length)] as string
  return createConfig({
    timestamps: random.chance(0.8),
    sack: random.chance(0.8),
    windowScaling: random.chance(0.8),
    noDelay: random.chance(0.5),
    followPeer: random.chance(0.3),
    maxReceiveBuffer: pick(random, [2_000, 65_536, 2 ** 20]),
    sendBuffer: pick(random, [5_000, 100_000]),
    congestion: findCongestionControl(control),
    keepAlive: true,
    keepAliveInitialDelay: 5_000,
    keepAliveInterval: 1_000,
    keepAliveCount: 3,
    natKeepAlive: random.chance(0.2) ? 2_000 : 0,
    maxRto: 10_000,
    maxRetries: 6,
    maxSynRetries: 4,
    maxSynAckRetries: 3,
    finWait2Timeout: 5_000,
    msl: 500,
  })
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T
}

/** Carries out the case of `seed`. @throws Error that says what does not hold; with `capture` also what passed last */
export function runFuzzCase(seed: number, capture = false): void {
  const scene = new FuzzCase(seed, capture)
  try {
    scene.run()
  } catch (error) {
    if (capture && error instanceof Error) error.message += `\n${scene.network.report()}`
    throw error
  }
}
