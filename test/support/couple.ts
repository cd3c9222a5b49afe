// A client and a server, each a stack on a machine of a simulated network, and what their connections go through.
import { type Config, createConfig } from '../../lib/core/config.js'
import { ENDED } from '../../lib/core/events.js'
import type { State } from '../../lib/core/state.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import type { Stack } from '../../lib/endpoint/stack.js'
import type { ConnectTarget, ListenTarget } from '../../lib/endpoint/target.js'
import type { Datagram } from '../../lib/testing/datagram.js'
import type { Host } from '../../lib/testing/host.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { EVENT_NAMES } from './recorder.js'

export const CLIENT = '10.0.0.1'
export const SERVER = '10.0.0.2'
export const PORT = 9000

/** The states of each channel, from the moment it was made, with the time of each. */
const histories: WeakMap<Channel, { state: State; at: number }[]> = new WeakMap()

/** Records the states of every connection of `stack`. */
export function watch(stack: Stack): void {
  stack.trace = (channel) => {
    const history: { state: State; at: number }[] = []
    histories.set(channel, history)
    return {
      onSegmentSent: () => {},
      onSegmentReceived: () => {},
      onState: (_from, state) => void history.push({ state, at: stack.platform.now() }),
    }
  }
}

/** Who owns a channel: reads what comes, writes what it is told to, and remembers. */
export class Party implements ChannelOwner {
  channel!: Channel
  /** Names of events, each noted when it happens for the first time. */
  readonly events: string[] = []
  readonly received: Uint8Array[] = []
  /** Takes what arrives at once. */
  reading = true
  /** Answers the peer's FIN with its own. */
  closesOnEnd = false

  onEvents(bits: number): void {
    for (const [bit, name] of EVENT_NAMES) if (bits & bit && !this.events.includes(name)) this.events.push(name)
    if (this.reading) this.read()
    if (this.closesOnEnd && bits & ENDED) this.channel.close()
  }

  read(): void {
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) this.received.push(bytes)
  }

  get text(): string {
    return Buffer.concat(this.received).toString('latin1')
  }

  send(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    if (this.channel.send(bytes) !== bytes.length) throw new Error('no room')
  }

  get state(): State {
    return this.channel.state
  }

  get history(): { state: State; at: number }[] {
    return histories.get(this.channel) ?? []
  }

  /** States in order, joined. */
  get states(): string {
    return this.history.map(({ state }) => state).join(' ')
  }

  /** When it came to `state`, ms. */
  at(state: State): number {
    return this.history.find((step) => step.state === state)?.at ?? Number.NaN
  }
}

export interface CoupleOptions {
  network?: NetworkOptions
  /** Of both sides. */
  config?: Parameters<typeof createConfig>[0]
  client?: Partial<Config>
  server?: Partial<Config>
  target?: Partial<ListenTarget>
}

export class Couple {
  readonly network: Network
  readonly clientHost: Host
  readonly serverHost: Host
  readonly clientConfig: Config
  readonly serverConfig: Config
  client!: Party
  /** Those that the listener has accepted, in order. */
  readonly accepted: Party[] = []
  listener: Listener | null = null
  /** Called with each that is accepted, before it hears anything. */
  onAccepted: (party: Party) => void = () => {}
  private readonly target: Partial<ListenTarget>

  constructor(options: CoupleOptions = {}) {
    const { network = {}, config = {}, client = {}, server = {}, target = {} } = options
    this.network = new Network({ ...network, link: { delay: 10, ...network.link } })
    this.clientHost = this.network.host(CLIENT)
    this.serverHost = this.network.host(SERVER)
    this.clientConfig = createConfig({ ...config, ...client })
    this.serverConfig = createConfig({ ...config, ...server })
    this.target = target
    watch(this.clientHost.stack)
    watch(this.serverHost.stack)
  }

  /** The first that was accepted. */
  get server(): Party {
    const [first] = this.accepted
    if (first === undefined) throw new Error(`nothing was accepted\n${this.network.report()}`)
    return first
  }

  listen(target: Partial<ListenTarget> = {}): this {
    this.listener = this.serverHost.stack.listen(
      { address: SERVER, port: PORT, ...this.target, ...target },
      () => this.serverConfig,
      {
        onConnection: (channel) => {
          const party = own(new Party(), channel)
          this.accepted.push(party)
          this.onAccepted(party)
        },
      },
    )
    return this
  }

  connect(target: Partial<ConnectTarget> = {}, config: Partial<Config> = {}): Party {
    const party = new Party()
    const chosen = { ...this.clientConfig, ...config }
    party.channel = this.clientHost.stack.connect({ address: SERVER, port: PORT, ...target }, chosen, party)
    this.client = party
    return party
  }

  /** Listens, connects, and waits until both sides are ESTABLISHED. */
  establish(): this {
    this.listen().connect()
    this.network.advanceUntil(() => this.accepted.length > 0, 60_000)
    return this
  }

  /** Datagrams sent by one side that match, in order. */
  sent(from: string, matches: (datagram: Datagram) => boolean = () => true): Datagram[] {
    return this.network.capture.filter((datagram) => datagram.from === from && !datagram.duplicate && matches(datagram))
  }

  /** What is left on both machines. */
  get leftovers(): Record<string, unknown> {
    return { ...leftoversOf('client', this.clientHost), ...leftoversOf('server', this.serverHost) }
  }
}

export function own(party: Party, channel: Channel): Party {
  party.channel = channel
  channel.owner = party
  return party
}

function leftoversOf(name: string, host: Host): Record<string, unknown> {
  return { [`${name} sockets`]: host.openSockets.length, [`${name} holds process`]: host.holdsProcess }
}

/** What `leftovers` says when nothing is left. */
export const NOTHING_LEFT: Readonly<Record<string, unknown>> = {
  'client sockets': 0,
  'client holds process': false,
  'server sockets': 0,
  'server holds process': false,
}

/** A rule for `lose`, or a filter of a capture: exactly these flags. */
export function flags(wanted: number): (datagram: Datagram) => boolean {
  return (datagram) => datagram.segment?.flags === wanted
}

/** All of these flags, and perhaps others. */
export function withFlag(wanted: number): (datagram: Datagram) => boolean {
  return (datagram) => ((datagram.segment?.flags ?? 0) & wanted) === wanted
}
