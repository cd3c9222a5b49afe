// Processes end when nothing of theirs holds them, whatever still comes to their sockets, and threads may be ended at any time.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'tcp-over-udp'
import { beforeAll, describe, expect, test } from 'vitest'
import { node } from '../support/npm.js'
import { root } from '../support/source-tree.js'

beforeAll(() => {
  if (!existsSync(join(root, 'dist/lib/index.js'))) throw new Error('the package is not built: npm run build')
})

const program = (body: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  node(root, ['--input-type=module', '-e', body])

/** Three connections of one process with itself, on which an echo never ends; `end` is what it does after a while. */
const echoing = (offload: boolean, end: string): string => `
import { once } from 'node:events'
import { connect, createServer } from 'tcp-over-udp'
const offload = ${offload}
const sockets = []
const note = (socket) => sockets.push(socket.on('error', () => {}))
const server = createServer((socket) => { note(socket); socket.pipe(socket) })
server.listen({ port: 0, host: '127.0.0.1', offload })
await once(server, 'listening')
for (let i = 0; i < 3; i++) {
  const socket = connect({ port: server.address().port, host: '127.0.0.1', offload })
  note(socket)
  await once(socket, 'connect')
  socket.on('data', (chunk) => socket.write(chunk))
  socket.write(new Uint8Array(100_000))
}
setTimeout(() => {
  const busy = sockets.every((socket) => socket.bytesRead > 0)
  ${end}
  console.log(busy ? 'busy' : 'idle')
}, 200)
setTimeout(() => process.exit(7), 15_000).unref()
`

describe.each([true, false])('a process with an echo that never ends, offload: %s', (offload) => {
  test.each([
    ['its last socket is unref’d', 'server.unref(); for (const socket of sockets) socket.unref()'],
    ['its last socket is destroyed', 'server.close(); for (const socket of sockets) socket.destroy()'],
    ['its last socket is reset', 'server.close(); for (const socket of sockets) socket.resetAndDestroy()'],
  ])('ends when %s', async (_, end) => {
    const { code, stdout, stderr } = await program(echoing(offload, end))
    expect([code, stdout, stderr]).toEqual([0, 'busy\n', ''])
  })
})

/** A thread serves on sockets, and says of which kind they are; `then` is what the process does with it. */
const threaded = (then: string): string => `
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { connect } from 'tcp-over-udp'
const worker = new Worker(\`
  import { parentPort } from 'node:worker_threads'
  import { createServer, defaultStack } from 'tcp-over-udp'
  const nothing = () => {}
  const handler = { onDatagram: nothing, onQuiet: nothing, onDrain: nothing, onError: nothing }
  const socket = defaultStack().platform.bind({ address: '127.0.0.1', port: 0 }, handler)
  socket.close()
  // the kernel cuts into fragments what dgram sends
  const kind = socket.fragments ? 'of dgram' : 'of the C library'
  const server = createServer((each) => each.on('error', nothing).pipe(each))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage([kind, server.address().port]))
\`, { eval: true })
const [[kind, port]] = await once(worker, 'message')
const socket = connect(port, '127.0.0.1').on('error', () => {})
socket.write(new Uint8Array(200_000))
socket.on('data', (chunk) => socket.write(chunk))
while (socket.bytesRead < 2_000_000) await once(socket, 'data')
console.log(kind)
${then}
setTimeout(() => process.exit(7), 15_000).unref()
`

describe('a worker thread', () => {
  test('has sockets of dgram, and exchanges bytes with a process that may have others', async () => {
    const { code, stdout, stderr } = await program(threaded('socket.destroy(); await worker.terminate()'))
    expect([code, stdout, stderr]).toEqual([0, 'of dgram\n', ''])
  })

  test('is ended in the middle of it, and the process goes on', async () => {
    const then = `
      await worker.terminate()
      await new Promise((resolve) => setTimeout(resolve, 100))
      console.log('alive')
      socket.resetAndDestroy()`
    const { code, stdout, stderr } = await program(threaded(then))
    expect([code, stdout, stderr]).toEqual([0, 'of dgram\nalive\n', ''])
  })
})

/** A client in a process of its own, connected, that ends by `body`. @returns what its peer heard. */
async function leaving(body: string, { offload = true, first = '' } = {}): Promise<{ text: string; events: string[] }> {
  const events: string[] = []
  let text = ''
  const server = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    for (const event of ['end', 'error', 'close']) {
      socket.on(event, (what: { code?: string }) => events.push(event === 'error' ? `${what.code}` : event))
    }
    if (first !== '') socket.write(first)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const ended = await program(`
    import { once } from 'node:events'
    import { connect } from 'tcp-over-udp'
    const socket = connect({ port: ${port}, host: '127.0.0.1', offload: ${offload} })
    await once(socket, 'connect')
    ${body}`)
  for (let i = 0; i < 300 && events.at(-1) !== 'close'; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  server.close()
  expect(ended.stdout).toBe('')
  return { text, events }
}

describe.each([true, false])(
  'what is written as a process ends leaves, and the peer hears of the end, offload: %s',
  (offload) => {
    test.each([
      ['exit()', "socket.write('last words'); process.exit()"],
      ['exit() once it is written', "socket.write('last words', () => process.exit())"],
      [
        'exit() in a listener',
        "process.on('exit', () => socket.write('last words')); setTimeout(() => process.exit())",
      ],
      ['an exception that nobody catches', "socket.write('last words'); throw new Error('mine')"],
      ['nothing that holds it', "socket.write('last words'); socket.unref()"],
    ])('%s', async (_, body) => {
      // who listens for 'exit' before there is a connection is heard before it goes
      const early = body.startsWith('process.on')
      const result = await leaving(early ? `setTimeout(() => process.exit()); socket.write('last words')` : body, {
        offload,
      })
      expect(result).toEqual({ text: 'last words', events: ['end', 'close'] })
    })

    test('more than may be under way by then: it breaks off, and does not end as if that were all', async () => {
      const { events } = await leaving("socket.end(Buffer.alloc(4_000_000, 'x')); process.exit()", { offload })
      expect(events).toEqual(['ECONNRESET', 'close'])
    })
  },
)

test.each([
  ['all of it read', 'socket.resume()'],
  ['unread', ''],
])('a socket whose peer has ended, %s, holds its process no longer', async (_, body) => {
  const server = createServer((socket) => void socket.end('a greeting'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { code } = await program(`
    import { connect } from 'tcp-over-udp'
    const socket = connect({ port: ${port}, host: '127.0.0.1', allowHalfOpen: true })
    ${body}
    setTimeout(() => process.exit(7), 10_000).unref()`)
  expect(code).toBe(0)
  server.close()
})
