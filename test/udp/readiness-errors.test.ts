// Sockets that the event loop waits for themselves, and whose peer goes: what the kernel then tells ends libuv's waiting, and not ours.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadLibc } from '../../lib/platform/libc.js'
import { createOffload } from '../../lib/platform/offload.js'
import { OffloadSocket } from '../../lib/platform/offload-socket.js'
import { node } from '../support/npm.js'
import { root } from '../support/source-tree.js'

const HOST = '127.0.0.1'
const CLIENTS = 3
const ROUNDS = 40
/** ms after which something else wakes it. */
const LATE = 3_000
/** No process of a test has so many. */
const NO_DESCRIPTOR = 2 ** 20 - 1

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

/** In a process of its own, which nothing else wakes: its only socket has one peer, which goes, and an immediate behind what is told. */
const alone = (port: number): string => `
import dgram from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import { loadLibc } from './dist/lib/platform/libc.js'
import { createOffload } from './dist/lib/platform/offload.js'
import { OffloadSocket } from './dist/lib/platform/offload-socket.js'
const [host, port] = ['${HOST}', ${port}]
let heard, sentAt = 0
const handler = {
  onDatagram: () => heard(), onQuiet: () => {}, onDrain: () => {},
  onError: ({ code }) => { console.log(code, performance.now() - sentAt < ${LATE / 2} ? 'at once' : 'late'); process.exit() },
}
const socket = new OffloadSocket(createOffload(loadLibc()), { address: host, port: 0, peer: { address: host, port } }, handler)
const ask = (text) => new Promise((resolve) => { heard = resolve; socket.send([Buffer.from(text)], host, port) })
for (let i = 1; i < ${ROUNDS}; i++) await ask('go on')
await ask('go')
const isFree = () => new Promise((resolve) => {
  const other = dgram.createSocket('udp4').on('error', () => resolve(false))
  other.bind(port, host, () => other.close(() => resolve(true)))
})
while (!(await isFree())) await delay(10)
setTimeout(() => {
  sentAt = performance.now()
  socket.send([Buffer.from('?')], host, port)
  setImmediate(() => {})
}, 10)
setTimeout(() => {}, ${LATE})
`

test.runIf(libc !== null)('one hears that its peer has gone though the program puts something off', async () => {
  if (!existsSync(join(root, 'dist/lib/index.js'))) throw new Error('the package is not built: npm run build')
  const { server, port } = await echo()
  server.on('message', (bytes) => `${bytes}` === 'go' && setImmediate(() => server.close()))
  const { stdout, stderr } = await node(root, ['--input-type=module', '-e', alone(port)])
  expect([stdout, stderr]).toEqual(['ECONNREFUSED at once\n', ''])
})

test.runIf(libc !== null)('what cannot be waited for is no handle, and does not end the process', () => {
  expect(libc?.poll(NO_DESCRIPTOR)).toBe(null)
})
