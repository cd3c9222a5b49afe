// HTTP servers and clients of others: express and fastify; axios, got and undici; and http-proxy between.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import axios from 'axios'
import express from 'express'
import fastify from 'fastify'
import got from 'got'
import httpProxy from 'http-proxy'
import { createHttpAgent, serve } from 'tcp-over-udp/http'
import { type buildConnector, Agent as UndiciAgent, fetch as undiciFetch, request as undiciRequest } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import { host, net, next, type Place, pattern, serveHttp, UdpAgent } from './over-udp.js'

const places: Place[] = []
afterEach(async () => {
  await Promise.all(places.splice(0).map((place) => place.stop()))
})

async function placed(server: http.Server): Promise<Place> {
  const place = await serveHttp(server)
  places.push(place)
  return place
}

/** Says what it was sent; what it is asked for by length; goes wrong on demand. */
function application(): express.Express {
  const app = express()
  app.post('/echo', (request, response) => void request.pipe(response.type('bin')))
  app.post('/json', express.json(), (request, response) => void response.json({ got: request.body, from: request.ip }))
  app.get('/bytes/:length', (request, response) => void response.send(pattern(Number(request.params.length))))
  app.get('/busy', (_request, response) => void response.status(503).send('later'))
  app.get('/cut', (request, response) => {
    response.write('begun')
    setTimeout(() => (request.socket as Socket).resetAndDestroy(), 20)
  })
  app.get('/never', () => {})
  return app
}

const serveApplication = (): Promise<Place> => placed(http.createServer(application()))

describe('express', () => {
  test('routes, bodies, and the address of who asks', async () => {
    const place = await serveApplication()
    const agent = new UdpAgent(place.port)
    const { data } = await axios.post('http://localhost/json', { n: 1 }, { httpAgent: agent })
    expect(data).toEqual({ got: { n: 1 }, from: host })
  })

  test('the same by serve() and an agent of createHttpAgent()', async () => {
    const server = serve(http.createServer(application())).listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const httpAgent = createHttpAgent({ keepAlive: true })
    const { data } = await axios.post(`http://${host}:${port}/json`, { n: 2 }, { httpAgent })
    expect(data).toEqual({ got: { n: 2 }, from: host })
    httpAgent.destroy()
    const closes = once(server, 'close')
    server.close()
    await closes
  })
})

describe('fastify', () => {
  test('its serverFactory takes a server that our sockets are given to', async () => {
    let server: http.Server | undefined
    const app = fastify({
      serverFactory: (handler) => {
        server = http.createServer(handler)
        return server
      },
    })
    app.post('/sum', async (request) => ({ sum: (request.body as number[]).reduce((a, b) => a + b), from: request.ip }))
    await app.ready()
    const place = await placed(server as http.Server)
    const numbers = Array.from({ length: 10_000 }, (_, i) => i)
    const options = { httpAgent: new UdpAgent(place.port) }
    const { data } = await axios.post('http://localhost/sum', numbers, options)
    expect(data).toEqual({ sum: 49_995_000, from: host })
    await app.close()
  })
})

describe('axios', () => {
  test('a hundred requests on four connections kept alive', async () => {
    const place = await serveApplication()
    const agent = new UdpAgent(place.port, { keepAlive: true, maxSockets: 4 })
    const ask = async (n: number): Promise<number> =>
      (await axios.post('http://localhost/json', { n }, { httpAgent: agent })).data.got.n
    const all = Array.from({ length: 100 }, (_, i) => i)
    expect(await Promise.all(all.map(ask))).toEqual(all)
    expect(agent.made).toBe(4)
    expect(place.connections).toBe(4)
    agent.destroy()
  })

  test('32 MB up and down; a request taken back; one that takes too long', async () => {
    const place = await serveApplication()
    const httpAgent = new UdpAgent(place.port)
    const bytes = pattern(32_000_000)
    const options = { httpAgent, responseType: 'arraybuffer', maxBodyLength: Number.POSITIVE_INFINITY } as const
    const { data } = await axios.post('http://localhost/echo', bytes, options)
    expect(bytes.equals(data)).toBe(true)
    await expect(
      axios.get('http://localhost/never', { httpAgent, signal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({ code: 'ERR_CANCELED' })
    await expect(axios.get('http://localhost/never', { httpAgent, timeout: 100 })).rejects.toMatchObject({
      code: 'ECONNABORTED',
    })
  })
})

describe('got', () => {
  test('streams both ways; retries what fails; says ECONNRESET of a response cut short', async () => {
    const place = await serveApplication()
    const agent = { http: new UdpAgent(place.port, { keepAlive: true }) }
    const bytes = pattern(8_000_000)
    const echo = got.stream.post('http://localhost/echo', { agent })
    const [back] = await Promise.all([buffer(echo), pipeline(Readable.from([bytes]), echo)])
    expect(bytes.equals(back)).toBe(true)
    const failing = got('http://localhost/busy', {
      agent,
      retry: { limit: 2, calculateDelay: ({ attemptCount }) => (attemptCount > 2 ? 0 : 1) },
    })
    await expect(failing).rejects.toMatchObject({ response: { statusCode: 503, retryCount: 2 } })
    await expect(got('http://localhost/cut', { agent, retry: { limit: 0 } })).rejects.toMatchObject({
      code: 'ECONNRESET',
    })
    agent.http.destroy()
  })

  test('nobody listens: ECONNREFUSED', async () => {
    const agent = { http: new UdpAgent(1) }
    await expect(got('http://localhost/', { agent, retry: { limit: 0 } })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('http-proxy', () => {
  test('to a server over there, upgrades included', async () => {
    const origin = http.createServer(application())
    origin.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      socket.pipe(socket)
    })
    const behind = await placed(origin)
    const proxy = httpProxy.createProxyServer({
      target: 'http://localhost',
      agent: new UdpAgent(behind.port, { keepAlive: true }),
      xfwd: true,
    })
    const front = http.createServer((request, response) => proxy.web(request, response))
    front.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
    const { port } = await placed(front)
    const { data } = await axios.post('http://localhost/json', { via: 'proxy' }, { httpAgent: new UdpAgent(port) })
    expect(data.got).toEqual({ via: 'proxy' })
    const request = http.get({ agent: new UdpAgent(port), headers: { connection: 'Upgrade', upgrade: 'websocket' } })
    const [, socket] = await next<[http.IncomingMessage, Socket]>(request, 'upgrade')
    const bytes = pattern(1_000_000)
    const [back] = await Promise.all([buffer(socket), socket.end(bytes)])
    expect(bytes.equals(back)).toBe(true)
    proxy.close()
  })
})

describe('undici', () => {
  const dispatcherTo = (port: number, options: UndiciAgent.Options = {}): UndiciAgent =>
    new UndiciAgent({
      ...options,
      connect: (_options: buildConnector.Options, done: buildConnector.Callback) => {
        const socket = net.connect({ port, host, noDelay: true })
        const failed = (error: Error): void => done(error, null)
        socket.once('error', failed)
        socket.once('connect', () => {
          socket.removeListener('error', failed) // done() is to be called once
          done(null, socket)
        })
      },
    })

  test('request: pipelined, kept alive, and 16 MB up and down', async () => {
    const place = await serveApplication()
    const dispatcher = dispatcherTo(place.port, { connections: 1, pipelining: 10 })
    const lengths = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const { body } = await undiciRequest(`http://localhost/bytes/${i * 100}`, { dispatcher })
        return (await body.arrayBuffer()).byteLength
      }),
    )
    expect(lengths).toEqual(Array.from({ length: 100 }, (_, i) => i * 100))
    expect(place.connections).toBe(1)
    const bytes = pattern(16_000_000)
    const { body } = await undiciRequest('http://localhost/echo', { dispatcher, method: 'POST', body: bytes })
    expect(bytes.equals(Buffer.from(await body.arrayBuffer()))).toBe(true)
    await dispatcher.close()
  })

  test('fetch: a body in a stream, one that is aborted, one that is reset', async () => {
    const place = await serveApplication()
    const dispatcher = dispatcherTo(place.port)
    const body = Readable.toWeb(Readable.from(['a ', 'streamed ', 'body'])) as ReadableStream
    const answer = await undiciFetch('http://localhost/echo', { dispatcher, method: 'POST', body, duplex: 'half' })
    expect(await answer.text()).toBe('a streamed body')
    await expect(
      undiciFetch('http://localhost/never', { dispatcher, signal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({ name: 'TimeoutError' })
    const cut = await undiciFetch('http://localhost/cut', { dispatcher })
    await expect(cut.text()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } })
    await dispatcher.destroy()
  })
})
