// A network in virtual time: machines, a link in each direction between them, and a record of every datagram.
import { setImmediate as turn } from 'node:timers/promises'
import { canonical } from './addresses.js'
import { VirtualClock } from './clock.js'
import type { Datagram } from './datagram.js'
import { Host, type Wire } from './host.js'
import { Link, type LinkOptions } from './link.js'
import { Random } from './random.js'
import type { InterfaceOptions, SendingOptions } from './simulated-socket.js'

export interface NetworkOptions extends Partial<SendingOptions>, Partial<InterfaceOptions> {
  /** All that is random follows from it. @default 1 */
  seed?: number
  /** Of every direction between two machines, until it is set otherwise. @default {} */
  link?: Partial<LinkOptions>
  /** Keep a record of every datagram. @default true */
  capture?: boolean
  /** The clock's first time, ms. @default 0 */
  start?: number
}

/** ms, one way, from a machine to itself. */
const LOOPBACK_DELAY = 0.02
/** Turns of the event loop to wait for code that has work of its own, when no event is left. */
const IDLE_TURNS = 100
/** Turns of the event loop between two instants, at most. */
const MAX_TURNS = 32
/** Lines of the capture in the message of a failure. */
const TAIL = 40

export class Network {
  readonly seed: number
  readonly clock: VirtualClock
  /** For the use of tests: drawing from it changes nothing in the network. */
  readonly random: Random
  /** Every datagram since the beginning, or clearCapture(), in the order of sending. */
  readonly capture: Datagram[] = []
  /** Whether connected sockets hear of closed ports. */
  icmp = true
  private readonly capturing: boolean
  private readonly streams: Random
  private readonly defaults: Partial<LinkOptions>
  private readonly hosts: Map<string, Host> = new Map()
  private readonly links: Map<Host, Map<Host, Link>> = new Map()
  private readonly wire: Wire

  constructor(options: NetworkOptions = {}) {
    const { seed = 1, link = {}, capture = true, start = 0 } = options
    const { sendBuffer = null, gather = false, mtu = 1500, fragments = true } = options
    this.seed = seed
    this.clock = new VirtualClock(start)
    this.streams = new Random(seed)
    this.random = this.streams.fork()
    this.capturing = capture
    this.defaults = link
    this.wire = {
      clock: this.clock,
      sending: { sendBuffer, gather },
      interfaces: { mtu, fragments },
      carry: (host, datagram) => this.carry(host, datagram),
      reportUnreachable: (host, datagram) => this.reportUnreachable(host, datagram),
    }
  }

  /** The machine that has `address`, made if there is none; it gets `more` addresses. */
  host(address: string, ...more: string[]): Host {
    const host = this.hosts.get(canonical(address)) ?? new Host(this.wire, this.streams.fork())
    for (const one of [address, ...more]) {
      const owner = this.hosts.get(canonical(one))
      if (owner !== undefined && owner !== host) throw new Error(`${one} is another machine's address`)
      host.addAddress(one)
      this.hosts.set(canonical(one), host)
    }
    return host
  }

  /** The direction from one machine to another; to itself: its loopback. */
  link(from: Host, to: Host): Link {
    const links = this.links.get(from) ?? new Map<Host, Link>()
    this.links.set(from, links)
    let link = links.get(to)
    if (link === undefined) {
      const options = from === to ? { delay: LOOPBACK_DELAY } : this.defaults
      link = new Link(this.clock, this.streams.fork(), options)
      links.set(to, link)
    }
    return link
  }

  /** Sets both directions between two machines. */
  path(a: Host, b: Host, options: Partial<LinkOptions>, back: Partial<LinkOptions> = options): void {
    this.link(a, b).set(options)
    this.link(b, a).set(back)
  }

  /** Makes one direction pass through `link`: several that share it share its rate and queue. */
  route(from: Host, to: Host, link: Link): void {
    this.link(from, to)
    this.links.get(from)?.set(to, link)
  }

  /** The time, ms. */
  get now(): number {
    return this.clock.now()
  }

  /** Lets `ms` pass without a turn of the real event loop: for code that uses no streams, promises or ticks. */
  advance(ms: number): void {
    this.guard(() => this.clock.advance(ms))
  }

  /** The same, until `done`. @throws Error when it does not come true within `limit` ms. */
  advanceUntil(done: () => boolean, limit: number): void {
    const until = this.now + limit
    while (!done()) if (!this.guard(() => this.clock.step(until))) throw this.late(limit)
  }

  /** Lets `ms` pass; between instants ticks, promises and immediates run until there are none. */
  async run(ms: number): Promise<void> {
    const until = this.now + ms
    await idle()
    while (this.instant(until)) await idle()
    this.clock.runTo(until)
  }

  /** Runs until `done`. @throws Error when it does not come true within `limit` ms. */
  async runUntil(done: () => boolean, limit: number): Promise<void> {
    const until = this.now + limit
    let waited = 0
    await idle()
    while (!done()) {
      if (this.instant(until)) waited = 0
      else if (this.clock.nextAt !== Infinity || ++waited > IDLE_TURNS) throw this.late(limit)
      await idle()
    }
  }

  /** Runs until `promise` settles, and answers as it does. @throws Error when it does not within `limit` ms. */
  async wait<T>(promise: Promise<T>, limit: number): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    await this.runUntil(() => settled, limit)
    return promise
  }

  clearCapture(): void {
    this.capture.length = 0
  }

  /** The capture, or its last lines, in tcpdump's manner. */
  dump(last: number = Infinity): string {
    return this.capture.slice(-last).join('\n')
  }

  /** For the message of a failure: seed, time, and what passed last. */
  report(): string {
    const { length } = this.capture
    const tail = length === 0 ? '' : `, the last of ${length} datagrams:\n${this.dump(TAIL)}`
    return `seed ${this.seed}, at ${this.now} ms${tail}`
  }

  /** Runs all that is due in the next instant. @returns false: nothing is, by `until`. */
  private instant(until: number): boolean {
    const at = this.clock.nextAt
    if (at > until || at === Infinity) return false
    this.guard(() => {
      while (this.clock.step(at));
    })
    return true
  }

  private guard<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw explain(error, this)
    }
  }

  private late(limit: number): Error {
    const why = this.clock.nextAt === Infinity ? 'nothing is left that could happen' : `not within ${limit} ms`
    return explain(new Error(why), this) as Error
  }

  private carry(host: Host, datagram: Datagram): void {
    if (this.capturing) this.capture.push(datagram)
    if (datagram.fate !== 'on its way') return
    const to = host.owns(datagram.to) ? host : this.hosts.get(datagram.to)
    if (to === undefined) {
      datagram.fate = 'no host'
      return
    }
    this.link(host, to).send(datagram, (arriving) => {
      if (arriving.duplicate && this.capturing) this.capture.push(arriving)
      to.arrive(arriving)
    })
  }

  private reportUnreachable(host: Host, datagram: Datagram): void {
    const sender = host.owns(datagram.from) ? host : this.hosts.get(datagram.from)
    if (!this.icmp || sender === undefined) return
    const { delay, outages } = this.link(host, sender).options
    const { now } = this
    if (outages.some(([from, to]) => now >= from && now < to)) return
    this.clock.at(now + delay, () => sender.unreachable(datagram))
  }
}

/** Runs `body` on a network; what it throws tells the seed and what passed last. */
export async function simulate(
  options: NetworkOptions,
  body: (network: Network) => Promise<void> | void,
): Promise<void> {
  const network = new Network(options)
  try {
    await body(network)
  } catch (error) {
    throw explain(error, network)
  }
}

/** Lets ticks, promises and immediates run, also those that they lead to, as long as they do not go on for ever. */
async function idle(): Promise<void> {
  let turns = 0
  do await turn()
  while (++turns < MAX_TURNS && process.getActiveResourcesInfo().includes('Immediate'))
}

const EXPLAINED: unique symbol = Symbol('explained')

function explain(error: unknown, network: Network): unknown {
  if (!(error instanceof Error) || EXPLAINED in error) return error
  error.message += `\n${network.report()}`
  Object.defineProperty(error, EXPLAINED, { value: true })
  return error
}
