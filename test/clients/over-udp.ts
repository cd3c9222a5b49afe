// The ways between a library and what it talks to, all of them over our sockets; and the real servers at their ends.
import { type EventEmitter, once } from 'node:events'
import http from 'node:http'
import nodeNet, { type AddressInfo, type Server, type ServerOpts, type Socket } from 'node:net'
import process from 'node:process'
import ours from 'tcp-over-udp'
import { beforeAll, describe, expect } from 'vitest'
import { couple, type Half } from '../../examples/bridge/couple.js'
import { type Daemon, isInstalled, missing, type Recipe, startDaemon } from '../../examples/servers/daemon.js'

/** What libraries are typed for is node:net's; what they get is ours. With OVER=tcp they get node:net: whose fault is it? */
export const net = process.env.OVER === 'tcp' ? nodeNet : (ours as unknown as typeof nodeNet)

export const host = '127.0.0.1'

/** Where something listens. */
export interface Place {
  readonly port: number
  /** Connections so far. */
  readonly connections: number
  /** Resets all that is connected. */
  cut(): void
  stop(): Promise<void>
}

async function listen(server: Server): Promise<Place> {
  let connections = 0
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections++
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async (): Promise<void> => {
    const closes = once(server, 'close')
    server.close()
    for (const socket of open) socket.destroy()
    await closes
  }
  return {
    port,
    get connections() {
      return connections
    },
    cut: () => {
      for (const socket of open) socket.resetAndDestroy()
    },
    stop,
  }
}

/** A server of ours. */
export function serve(onConnection: (socket: Socket) => void, options: ServerOpts = {}): Promise<Place> {
  return listen(net.createServer({ allowHalfOpen: true, noDelay: true, ...options }, onConnection))
}

const OPEN = { host, allowHalfOpen: true, noDelay: true }

/** Ours in, TCP out: what leads to a real server. */
export function bridgeTo(port: number): Promise<Place> {
  return serve((socket) => couple(socket, nodeNet.connect({ ...OPEN, port })))
}

/** TCP in, ours out: for a library that dials by itself. */
export function entryTo(port: number): Promise<Place> {
  const server = nodeNet.createServer({ allowHalfOpen: true, noDelay: true }, (socket: Half) => {
    couple(socket, net.connect({ ...OPEN, port }))
  })
  return listen(server)
}

/** An HTTP server's connections come from us; its time limits begin with 'listening'. */
export async function serveHttp(server: http.Server): Promise<Place> {
  const place = await serve((socket) => server.emit('connection', socket))
  server.emit('listening')
  return place
}

/** Of an HTTP client. */
export class UdpAgent extends http.Agent {
  made = 0
  readonly #port: number

  constructor(port: number, options: http.AgentOptions = {}) {
    super(options)
    this.#port = port
  }

  override createConnection(): Socket {
    this.made++
    return net.connect({ port: this.#port, host, noDelay: true })
  }
}

/** The way to a real server, while its tests run. */
export interface Way {
  /** Where the bridge listens. */
  readonly port: number
  readonly server: Daemon
  readonly bridge: Place
}

/** Tests against a real server over a bridge; where the server is missing, the report says which package has it. */
export function against(recipe: Recipe, name: string, define: (way: Way) => void): void {
  const title = isInstalled(recipe) ? name : `${name}: ${missing(recipe)}`
  describe.runIf(isInstalled(recipe))(title, () => {
    let server: Daemon
    let bridge: Place
    beforeAll(async () => {
      server = await startDaemon(recipe)
      bridge = await bridgeTo(server.port)
      return async () => {
        expect(bridge.connections).toBeGreaterThan(0)
        await bridge.stop()
        await server.stop()
      }
    })
    define({
      get port() {
        return bridge.port
      },
      get server() {
        return server
      },
      get bridge() {
        return bridge
      },
    })
  })
}

/** What comes with the next `event` of a library's emitter, whatever its types say; an 'error' is not looked at. */
export function next<Args extends unknown[] = unknown[]>(emitter: object, event: string): Promise<Args> {
  return new Promise((resolve) => {
    ;(emitter as EventEmitter).once(event, (...args) => resolve(args as Args))
  })
}

/** Bytes of a pattern that shifts, so that a piece lost or moved shows. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  return bytes
}
