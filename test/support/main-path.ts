// What every runtime has to do, step by step: the names of the steps as arguments, or all; each prints a line of its own.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, createServer, type Server, type Socket } from 'tcp-over-udp'
import { createHttpAgent, createHttpsAgent, serve } from 'tcp-over-udp/http'
import { MessageStream } from 'tcp-over-udp/message'
import { Network } from 'tcp-over-udp/testing'
import { CERTIFICATE, KEY } from './certificate.js'

const HOST = '127.0.0.1'
const STEP_LIMIT = 30_000 // ms

function check(right: boolean, what: string): void {
  if (!right) throw new Error(what)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, HOST)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: Server): Promise<void> {
  const over = once(server, 'close')
  server.close()
  await over
}

const gone = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.on('close', resolve))

async function httpExchange(secure: boolean): Promise<void> {
  const handler: http.RequestListener = async (request, response) => {
    response.end(`${request.method} ${(await text(request)).length}`)
  }
  const upper = secure ? https.createServer({ key: KEY, cert: CERTIFICATE }, handler) : http.createServer(handler)
  const server = serve(upper)
  const port = await listen(server)
  const agent = secure
    ? createHttpsAgent({ keepAlive: true, ca: CERTIFICATE, servername: 'localhost' })
    : createHttpAgent({ keepAlive: true })
  const options = { agent, port, host: HOST, method: 'POST' }
  for (const length of [0, 100_000]) {
    const request = secure ? https.request(options) : http.request(options)
    const answers = once(request, 'response') as Promise<[http.IncomingMessage]>
    request.end('x'.repeat(length))
    const [answer] = await answers
    check((await text(answer)) === `POST ${length}`, 'the answer is another')
  }
  agent.destroy()
  await closed(server)
}

const STEPS: Record<string, () => Promise<void>> = {
  connect: async () => {
    const server = createServer((socket) => socket.end('hello'))
    const port = await listen(server)
    const socket = connect(port, HOST)
    check((await text(socket)) === 'hello' && socket.remotePort === port, 'not what was said')
    await closed(server)
  },

  stream: async () => {
    const server = createServer((socket) => socket.pipe(socket))
    const socket = connect(await listen(server), HOST)
    const sent = Buffer.alloc(2 ** 17, 'stream')
    const sums = [createHash('sha256').update(sent).digest('hex')]
    socket.end(sent)
    const got = createHash('sha256')
    for await (const chunk of socket) got.update(chunk as Buffer)
    check(got.digest('hex') === sums[0], 'bytes were lost or changed')
    await closed(server)
  },

  'half-close': async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let question = ''
      socket.on('data', (bytes) => {
        question += String(bytes)
      })
      socket.on('end', () => setTimeout(() => socket.end(`answer to ${question}`), 20))
    })
    const socket = connect({ port: await listen(server), host: HOST, allowHalfOpen: true })
    socket.end('question')
    check((await text(socket)) === 'answer to question', 'no answer after the FIN')
    await closed(server)
  },

  refused: async () => {
    const server = createServer()
    const port = await listen(server)
    await closed(server)
    await delay(20)
    const socket = connect({ port, host: HOST, connectTimeout: 3_000 })
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve))
    check(error.code === 'ECONNREFUSED', `${error.code} instead of ECONNREFUSED`)
  },

  reset: async () => {
    const server = createServer((socket) => setTimeout(() => socket.resetAndDestroy(), 20))
    const socket = connect(await listen(server), HOST)
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve))
    check(error.code === 'ECONNRESET', `${error.code} instead of ECONNRESET`)
    await closed(server)
  },

  messages: async () => {
    const server = createServer(async (socket) => {
      const messages = new MessageStream(socket)
      for await (const message of messages) await messages.send(`got ${String(message)}`)
    })
    const socket = connect(await listen(server), HOST)
    const messages = new MessageStream(socket)
    const heard: string[] = []
    for (const word of ['one', 'two']) await messages.send(word)
    for await (const message of messages) {
      heard.push(String(message))
      if (heard.length === 2) break
    }
    check(heard.join() === 'got one,got two', heard.join())
    socket.destroy()
    await closed(server)
  },

  http: () => httpExchange(false),
  https: () => httpExchange(true),

  'virtual time': async () => {
    const network = new Network({ seed: 7, link: { delay: 40, loss: 0.05 } })
    const [a, b] = [network.host('10.0.0.1'), network.host('10.0.0.2')]
    createServer({ stack: b.stack }, (socket) => socket.end('an hour')).listen(80)
    const socket = connect({ stack: a.stack, host: '10.0.0.2', port: 80 }).resume()
    await network.wait(gone(socket), 60_000)
    check(socket.bytesRead === 7, 'not all arrived')
  },
}

const chosen = process.argv.slice(2)
let failed = false
for (const [name, step] of Object.entries(STEPS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const limit = delay(STEP_LIMIT, undefined, { ref: false }).then(() => {
    throw new Error('no end after 30 s')
  })
  try {
    await Promise.race([step(), limit])
    process.stdout.write(`${name}: works\n`)
  } catch (error) {
    failed = true
    process.stdout.write(`${name}: ${(error as Error).message.split('\n')[0]}\n`)
  }
}
// what failed has left something open; else nothing may hold the process
if (failed) process.exit(1)
