// Two machines of a simulated network with sockets on them: connections, servers and time, as a program sees them.
import { once } from 'node:events'
import { connect, createServer, type NetConnectOpts, type Server, type ServerOpts, type Socket } from 'tcp-over-udp'
import { type Host, Network, type NetworkOptions } from 'tcp-over-udp/testing'

export const HERE = '10.0.0.1'
export const THERE = '10.0.0.2'
export const PORT = 9000

export class Machines {
  readonly network: Network
  readonly here: Host
  readonly there: Host

  constructor(options: NetworkOptions = {}) {
    this.network = new Network(options)
    this.here = this.network.host(HERE)
    this.there = this.network.host(THERE)
  }

  get now(): number {
    return this.network.now
  }

  /** A server there. */
  listen(options: ServerOpts = {}, onConnection: (socket: Socket) => void = () => {}): Server {
    const server = createServer({ stack: this.there.stack, ...options }, onConnection)
    return server.listen(PORT, THERE)
  }

  /** A socket here that connects there. */
  connect(options: Partial<NetConnectOpts> = {}): Socket {
    return connect({ port: PORT, host: THERE, stack: this.here.stack, ...options })
  }

  /** Both ends of a connection. */
  async pair(
    options: ServerOpts = {},
    clientOptions: Partial<NetConnectOpts> = {},
  ): Promise<{ client: Socket; served: Socket; server: Server }> {
    const server = this.listen(options)
    const arrives = once(server, 'connection') as Promise<[Socket]>
    const client = this.connect(clientOptions)
    const connects = once(client, 'connect')
    const [[served]] = await this.network.wait(Promise.all([arrives, connects]), 10_000)
    return { client, served, server }
  }

  /** Runs until the emitter has an event, and answers with what came with it. */
  async event(emitter: NodeJS.EventEmitter, name: string, limit: number): Promise<unknown[]> {
    return await this.network.wait(
      new Promise((resolve) => emitter.once(name, (...args: unknown[]) => resolve(args))),
      limit,
    )
  }
}
