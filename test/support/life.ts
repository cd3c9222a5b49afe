// A life: a client's and a server's machine in virtual time, sockets of net/ on them, and the certainty that nothing is left at the end.
import type { State } from '../../lib/core/state.js'
import type { Stack } from '../../lib/endpoint/stack.js'
import { createServer, type Server } from '../../lib/net/server.js'
import type { ServerOpts } from '../../lib/net/server-options.js'
import { connect, type Socket } from '../../lib/net/socket.js'
import type { NetConnectOpts } from '../../lib/net/socket-options.js'
import type { Datagram } from '../../lib/testing/datagram.js'
import type { Host } from '../../lib/testing/host.js'
import type { Link } from '../../lib/testing/link.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { ACK, FIN, RST, type Segment, SYN } from '../../lib/wire/segment.js'
import { CLIENT, PORT, SERVER } from './couple.js'

/** A socket and all that has happened to it. */
export interface Told {
  readonly socket: Socket
  /** Names of its events in order; 'error' with its code, 'close' with hadError. */
  readonly events: string[]
  /** When each happened first, ms. */
  readonly at: Map<string, number>
  readonly received: Buffer[]
}

export class Life {
  readonly network: Network
  readonly client: Host
  readonly server: Host
  readonly servers: Server[] = []
  readonly accepted: Told[] = []
  readonly connected: Told[] = []
  /** States of all connections in order, by machine: 'SYN-SENT ESTABLISHED …'. */
  readonly states: Map<Host, string[]> = new Map()

  constructor(options: NetworkOptions = {}) {
    this.network = new Network({ ...options, link: { delay: 10, ...options.link } })
    this.client = this.network.host(CLIENT)
    this.server = this.network.host(SERVER)
    this.record(this.client)
    this.record(this.server)
  }

  /** The way from client to server. */
  get out(): Link {
    return this.network.link(this.client, this.server)
  }

  /** The way back. */
  get back(): Link {
    return this.network.link(this.server, this.client)
  }

  /** A server at PORT. */
  serve(options: ServerOpts = {}, each: (told: Told) => void = () => {}, port = PORT): Server {
    const server = createServer({ stack: this.server.stack, ...options }, (socket) => {
      const told = tell(this.network, socket)
      this.accepted.push(told)
      each(told)
    })
    this.servers.push(server)
    return server.listen(port, SERVER)
  }

  connect(options: Partial<NetConnectOpts> = {}): Told {
    const target = { stack: this.client.stack, host: SERVER, port: PORT }
    const told = tell(this.network, connect({ ...target, ...options } as NetConnectOpts))
    this.connected.push(told)
    return told
  }

  /** A server, and a client that is connected to it; both read what comes. */
  async pair(
    options: Partial<NetConnectOpts> = {},
    serverOptions: ServerOpts = options as ServerOpts,
  ): Promise<[client: Told, server: Told]> {
    const { accepted } = this
    const before = accepted.length
    if (this.servers.length === 0) this.serve(serverOptions)
    const client = this.connect(options)
    await this.network.runUntil(() => accepted.length > before && client.at.has('connect'), 60_000)
    const server = accepted.at(-1) as Told
    return [client, server]
  }

  run(ms: number): Promise<void> {
    return this.network.run(ms)
  }

  /** Waits for an event of a socket, at most `limit` ms. @returns when it was, ms */
  async until(told: Told, event: string, limit = 10_000): Promise<number> {
    await this.network.runUntil(() => told.at.has(event), limit)
    return told.at.get(event) as number
  }

  /** What one side has sent. */
  sent(from: Host, matches: (segment: Segment) => boolean = () => true): (Datagram & { segment: Segment })[] {
    const address = from === this.client ? CLIENT : SERVER
    return this.network.capture.filter(
      (datagram): datagram is Datagram & { segment: Segment } =>
        datagram.from === address && !datagram.duplicate && datagram.segment !== null && matches(datagram.segment),
    )
  }

  statesOf(host: Host): string {
    return (this.states.get(host) ?? []).join(' ')
  }

  /** Whether nothing at all is left on a machine. */
  isFree(host: Host): boolean {
    const { endpoints, waiting } = host.stack.getStats()
    return host.openSockets.length + endpoints + waiting === 0 && !host.holdsProcess && host.platform.alarms.size === 0
  }

  /** When the last UDP port of `host` is free, ms. */
  async freeAt(host: Host, limit = 300_000): Promise<number> {
    await this.network.runUntil(() => host.openSockets.length === 0, limit)
    return this.network.now
  }

  /** The program is over: servers close, open sockets are destroyed; after that nothing may be left on either machine. */
  async end(limit = 1_500_000): Promise<void> {
    for (const server of this.servers) if (server.listening) server.close()
    for (const { socket } of [...this.accepted, ...this.connected]) socket.destroy()
    await this.network.runUntil(() => this.isFree(this.client) && this.isFree(this.server), limit)
  }

  /** Its states are recorded from now on. */
  record(host: Host): void {
    const states: string[] = []
    this.states.set(host, states)
    observe(host.stack, (state) => void states.push(state))
  }
}

function observe(stack: Stack, onState: (state: State) => void): void {
  stack.trace = () => ({
    onSegmentSent: () => {},
    onSegmentReceived: () => {},
    onState: (_from, to) => onState(to),
  })
}

function tell(network: Network, socket: Socket): Told {
  const told: Told = { socket, events: [], at: new Map(), received: [] }
  const note = (name: string): void => {
    told.events.push(name)
    if (!told.at.has(name)) told.at.set(name, network.now)
  }
  socket.on('connect', () => note('connect'))
  socket.on('data', (data) => void told.received.push(data))
  socket.on('end', () => note('end'))
  socket.on('finish', () => note('finish'))
  socket.on('error', (error) => {
    note(`error ${(error as { code?: string }).code}`)
    note('error')
  })
  socket.on('close', (hadError) => note(hadError ? 'close with error' : 'close'))
  return told
}

/** What has come, as text. */
export function textOf(told: Told): string {
  return Buffer.concat(told.received).toString('latin1')
}

/** What has come, counted. */
export function bytesOf(told: Told): number {
  return told.received.reduce((sum, { length }) => sum + length, 0)
}

export const isSyn = ({ flags }: Segment): boolean => flags === SYN
export const isSynAck = ({ flags }: Segment): boolean => flags === (SYN | ACK)
export const isFin = ({ flags }: Segment): boolean => (flags & FIN) !== 0
export const isReset = ({ flags }: Segment): boolean => (flags & RST) !== 0
export const isBareAck = ({ flags, textLength }: Segment): boolean => flags === ACK && textLength === 0
export const isText = ({ textLength }: Segment): boolean => textLength > 0

/** A rule for `lose`: the first `count` that match. */
export function firstOf(count: number, matches: (segment: Segment) => boolean): (datagram: Datagram) => boolean {
  let left = count
  return ({ segment }) => left > 0 && segment !== null && matches(segment) && left-- > 0
}
