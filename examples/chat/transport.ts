// The connections of the chat: TCP over UDP, on a bad path if one asks for it.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, defaultStack, type Server, type Socket, Stack } from 'tcp-over-udp'
import { ImpairedPlatform } from 'tcp-over-udp/testing'
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
  // a room over a path that loses every tenth datagram is still a room
  congestionControl: 'bbr',
} as const

export class Transport {
  readonly #port: number
  readonly #stack: Stack

  constructor({ port, loss, delay }: ChatOptions) {
    this.#port = port
    this.#stack = defaultStack()
    if (loss > 0 || delay > 0) {
      const badPath = new ImpairedPlatform(this.#stack.platform, {
        seed: randomInt(2 ** 31),
        outgoing: { loss, delay },
      })
      this.#stack = new Stack(badPath)
    }
  }

  /** A connected socket. */
  async dial(host: string, connectTimeout: number, signal: AbortSignal): Promise<Socket> {
    const socket = connect({ ...OPTIONS, stack: this.#stack, host, port: this.#port, connectTimeout })
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
    const server = createServer({ ...OPTIONS, stack: this.#stack }, onSocket)
    server.listen({ host, port: this.#port })
    await once(server, 'listening')
    return server
  }
}
