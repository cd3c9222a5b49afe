// The connections of the chat: TCP over UDP, on a bad path if one asks for it.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'tcp-over-udp'
import type { ChatOptions } from './options.js'

// A peer that has vanished is noticed after 10 + 3 x 5 seconds by TCP itself, in an idle room too.
const OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
  keepAliveInterval: 5000,
  keepAliveCount: 3,
  userTimeout: 20_000,
}

export class Transport {
  readonly #port: number

  constructor({ port }: ChatOptions) {
    this.#port = port
  }

  /** A connected socket. */
  async dial(host: string, connectTimeout: number, signal: AbortSignal): Promise<Socket> {
    const socket = connect({ ...OPTIONS, host, port: this.#port, connectTimeout })
    const abort = (): unknown => socket.destroy()
    signal.addEventListener('abort', abort, { once: true })
    try {
      await once(socket, 'connect', { signal })
      return socket
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** A server that listens. */
  async listen(host: string, onSocket: (socket: Socket) => void): Promise<Server> {
    const server = createServer(OPTIONS, onSocket)
    server.listen({ host, port: this.#port })
    await once(server, 'listening')
    return server
  }
}
