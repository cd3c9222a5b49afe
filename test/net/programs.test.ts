// Node's own programs on top of it: http, https, tls and http2, with net replaced and nothing else changed.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import { describe, expect, test } from 'vitest'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { closed, type Net, overUdp, sameAsNet, turns } from '../support/net-oracle.js'

async function text(message: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of message.setEncoding('utf8')) all += chunk
  return all
}

/** An HTTP server that takes its connections from `net`. */
async function serve(net: Net, handler: http.RequestListener): Promise<{ port: number; stop: () => Promise<void> }> {
  const httpServer = http.createServer(handler)
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    httpServer.emit('connection', socket)
  })
  server.on('listening', () => httpServer.emit('listening'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      httpServer.closeAllConnections()
      await closed(server)
    },
  }
}

class OverAgent extends http.Agent {
  readonly sockets_: Socket[] = []
  readonly #net: Net
  readonly #port: number

  constructor(net: Net, port: number, options: http.AgentOptions = {}) {
    super(options)
    this.#net = net
    this.#port = port
  }

  override createConnection(): Socket {
    const socket = this.#net.connect({ port: this.#port, host: '127.0.0.1' })
    this.sockets_.push(socket)
    return socket
  }
}

const get = (options: http.RequestOptions, body?: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = http.request(options, resolve).on('error', reject)
    request.end(body)
  })

describe('http', () => {
  sameAsNet('requests one after the other on a connection kept alive', async (net, log) => {
    const { port, stop } = await serve(net, async (request, response) => {
      response.setHeader('x-from', request.socket.remoteAddress as string)
      response.end(`${request.method} ${request.url} ${await text(request)}`)
    })
    const agent = new OverAgent(net, port, { keepAlive: true })
    for (let i = 0; i < 10; i++) {
      const answer = await get({ agent, path: `/${i}`, method: 'POST' }, `body ${i}`)
      log(answer.statusCode, answer.headers['x-from'], await text(answer))
      await turns(2)
    }
    log(agent.sockets_.length)
    agent.destroy()
    await stop()
  })

  sameAsNet('many at once, with bodies of all sizes', async (net, log) => {
    const { port, stop } = await serve(net, (request, response) => request.pipe(response))
    const agent = new OverAgent(net, port, { keepAlive: true, maxSockets: 10 })
    const sizes = Array.from({ length: 40 }, (_, i) => (i * 7919) % 200_000)
    const lengths = await Promise.all(
      sizes.map(async (size) => (await text(await get({ agent, method: 'POST' }, 'x'.repeat(size)))).length),
    )
    log(lengths.every((length, i) => length === sizes[i]))
    agent.destroy()
    await stop()
  })

  sameAsNet('an answer before the whole request was read', async (net, log) => {
    const { port, stop } = await serve(net, (_request, response) => {
      response.writeHead(413, { connection: 'close' })
      response.end('too much')
    })
    const request = http.request({ agent: new OverAgent(net, port), method: 'POST' })
    request.on('error', () => {})
    const answers = once(request, 'response') as Promise<[IncomingMessage]>
    request.write(Buffer.alloc(300_000))
    const [answer] = await answers
    log(answer.statusCode, await text(answer))
    request.destroy()
    await stop()
  })

  sameAsNet('a request that ends half of its connection is answered', async (net, log) => {
    const { port, stop } = await serve(net, (_request, response) => response.end('answered'))
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end('GET / HTTP/1.0\r\n\r\n')
    let heard = ''
    for await (const chunk of socket) heard += String(chunk)
    log(heard.split('\r\n')[0], heard.endsWith('answered'))
    await stop()
  })

  sameAsNet('a connection that the server cuts is hung up', async (net, log) => {
    const { port, stop } = await serve(net, (request) => request.socket.destroy())
    await get({ agent: new OverAgent(net, port) }).catch((error) => log(error.message, error.code))
    await stop()
  })

  sameAsNet('a response that is reset', async (net, log) => {
    const { port, stop } = await serve(net, (request, response) => {
      response.write('begun')
      setTimeout(() => request.socket.resetAndDestroy(), 20)
    })
    const answer = await get({ agent: new OverAgent(net, port) })
    await text(answer).catch((error) => log(error.code))
    await stop()
  })

  sameAsNet('an upgrade hands the socket over', async (net, log) => {
    const httpServer = http.createServer()
    httpServer.on('upgrade', (_request, socket: Socket, head: Buffer) => {
      socket.unshift(head)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const server = net.createServer({ allowHalfOpen: true }, (socket) => httpServer.emit('connection', socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const request = http.request({
      agent: new OverAgent(net, port),
      headers: { connection: 'Upgrade', upgrade: 'echo' },
    })
    request.end()
    const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket]
    socket.end('over to you')
    let heard = ''
    for await (const chunk of socket) heard += String(chunk)
    log(heard)
    await closed(server)
  })

  sameAsNet('half a header times out', async (net, log) => {
    const httpServer = http.createServer({ headersTimeout: 50, connectionsCheckingInterval: 20 })
    const server = net.createServer({ allowHalfOpen: true }, (socket) => httpServer.emit('connection', socket))
    server.on('listening', () => httpServer.emit('listening'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write('GET / HTTP/1.1\r\nhost:')
    let heard = ''
    for await (const chunk of client) heard += String(chunk)
    log(heard.split('\r\n')[0])
    httpServer.close()
    await closed(server)
  })
})

const LOCAL = { servername: 'localhost', ca: CERTIFICATE }

describe('tls and https', () => {
  sameAsNet('a conversation, ended by either side', async (net, log) => {
    const tlsServer = tls.createServer({ key: KEY, cert: CERTIFICATE }, (secure) => secure.pipe(secure))
    const server = net.createServer({ allowHalfOpen: true }, (raw) => {
      raw.on('error', () => {})
      tlsServer.emit('connection', raw)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const raw = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const secure = tls.connect({ socket: raw, ...LOCAL })
    await once(secure, 'secureConnect')
    log(secure.authorized)
    secure.end('x'.repeat(500_000))
    let length = 0
    for await (const chunk of secure) length += (chunk as Buffer).length
    log(length)
    raw.destroy()
    await closed(server)
  })

  sameAsNet('https, kept alive', async (net, log) => {
    const httpsServer = https.createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
      response.end(`secure ${request.url}`)
    })
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
      raw.on('error', () => {})
      httpsServer.emit('connection', raw)
    })
    server.on('listening', () => httpsServer.emit('listening'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    class SecureAgent extends https.Agent {
      override createConnection(): tls.TLSSocket {
        return tls.connect({ socket: net.connect({ port, host: '127.0.0.1' }), ...LOCAL })
      }
    }
    const agent = new SecureAgent({ keepAlive: true })
    for (let i = 0; i < 5; i++) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        https.get({ agent, path: `/${i}` }, resolve).on('error', reject)
      })
      log(await text(answer))
    }
    agent.destroy()
    httpsServer.closeAllConnections()
    await closed(server)
  })
})

describe('http2', () => {
  sameAsNet('a hundred streams on one connection', async (net, log) => {
    const h2 = http2.createServer()
    h2.on('stream', (stream) => {
      stream.respond()
      stream.pipe(stream)
    })
    const server = net.createServer({ allowHalfOpen: true }, (socket) => h2.emit('connection', socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const session = http2.connect('http://localhost', {
      createConnection: () => net.connect({ port, host: '127.0.0.1' }),
    })
    const lengths = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const stream = session.request({ ':method': 'POST' })
        stream.end('x'.repeat(i * 100))
        let length = 0
        for await (const chunk of stream) length += (chunk as Buffer).length
        return length
      }),
    )
    log(lengths.every((length, i) => length === i * 100))
    await new Promise<void>((resolve) => session.close(resolve))
    await closed(server)
  })

  test('a session whose transport dies is closed', async () => {
    const h2 = http2.createServer()
    const served: Socket[] = []
    const server = overUdp.createServer({ allowHalfOpen: true }, (socket) => {
      served.push(socket)
      h2.emit('connection', socket)
    })
    h2.on('sessionError', () => {})
    server.listen(0, '127.0.0.1')
    const { port } = server.address() as AddressInfo
    const session = http2.connect('http://localhost', {
      createConnection: () => overUdp.connect({ port, host: '127.0.0.1' }),
    })
    const errors: unknown[] = []
    session.on('error', (error) => errors.push(error))
    const stream = session.request({ ':method': 'POST' })
    stream.on('error', (error) => errors.push(error))
    const closes = once(session, 'close').catch(() => {})
    await once(session, 'connect')
    await turns(20)
    served[0]!.resetAndDestroy()
    await closes
    expect(session.destroyed).toBe(true)
    expect(stream.destroyed).toBe(true)
    await closed(server)
  })
})
