// Sockets that the event loop waits for themselves, and whose peer goes: what the kernel then tells ends libuv's waiting, and not ours.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { loadLibc } from '../../lib/platform/libc.js'
import { createOffload } from '../../lib/platform/offload.js'
import { OffloadSocket } from '../../lib/platform/offload-socket.js'

const HOST = '127.0.0.1'
const CLIENTS = 3
const ROUNDS = 40

const libc = loadLibc()
const closing: { close(): void }[] = []

afterEach(() => {
  for (const one of closing.splice(0)) one.close()
})

/** What comes back goes back. */
async function echo(port = 0): Promise<{ server: dgram.Socket; port: number }> {
  const server = dgram.createSocket('udp4')
  server.on('message', (bytes, from) => server.send(bytes, from.port, from.address))
  server.bind(port, HOST)
  await once(server, 'listening')
  return { server, port: server.address().port }
}

class Client {
  readonly socket: OffloadSocket
  readonly errors: string[] = []
  private heard: () => void = () => {}

  constructor(offload: ReturnType<typeof createOffload>, port: number) {
    this.socket = new OffloadSocket(
      offload,
      { address: HOST, port: 0, peer: { address: HOST, port } },
      {
        onDatagram: () => this.heard(),
        onQuiet: () => {},
        onDrain: () => {},
        onError: (error: Error & { code?: string }) => void this.errors.push(error.code ?? error.message),
      },
    )
    closing.push(this.socket)
  }

  /** Until the answer comes. */
  async ask(port: number): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.heard = resolve
    })
    this.socket.send([new Uint8Array(10)], HOST, port)
    await answered
  }
}

test.runIf(libc !== null)('several whose peer goes, and comes again, hear it', async () => {
  const offload = createOffload(libc as NonNullable<typeof libc>)
  const { server, port } = await echo()
  const clients = Array.from({ length: CLIENTS }, () => new Client(offload, port))
  for (const client of clients) for (let i = 0; i < ROUNDS; i++) await client.ask(port)
  server.close()
  await once(server, 'close')
  // all at once: each is told that nobody is there
  for (const { socket } of clients) socket.send([new Uint8Array(10)], HOST, port)
  while (clients.some(({ errors }) => errors.length === 0)) await new Promise(setImmediate)
  expect(clients.map(({ errors }) => errors)).toEqual(clients.map(() => ['ECONNREFUSED']))
  const again = await echo(port)
  closing.push(again.server)
  for (const client of clients) for (let i = 0; i < ROUNDS; i++) await client.ask(port)
})
