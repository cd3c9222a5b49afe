// The package ws on both sides, over ours as over the kernel's TCP. All other libraries: `npm run test:clients`.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { createHttpAgent, createHttpsAgent, serve as serveOverUdp } from 'tcp-over-udp/http'
import { describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { closed, type Net, sameAsNet } from '../support/net-oracle.js'

interface Served {
  readonly wss: WebSocketServer
  dial(options?: WebSocket.ClientOptions): WebSocket
  stop(): Promise<void>
}

/** A WebSocket server whose HTTP server takes its connections from `net`. */
async function serve(net: Net): Promise<Served> {
  const httpServer = http.createServer()
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  httpServer.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request))
  })
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    httpServer.emit('connection', socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const createConnection = (({ timeout }: { timeout?: number }) =>
    net.connect({ port, host: '127.0.0.1', noDelay: true, timeout })) as typeof net.createConnection
  return {
    wss,
    dial: (options = {}) => new WebSocket('ws://localhost/', { ...options, createConnection }),
    stop: () => closed(server),
  }
}

const bytesOf = (length: number): Buffer => Buffer.alloc(length, 'what is sent')

describe('ws', () => {
  sameAsNet('texts and bytes of all sizes are echoed, deflated and not', async (net, log) => {
    const { wss, dial, stop } = await serve(net)
    wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })))
    for (const perMessageDeflate of [false, true]) {
      const ws = dial({ perMessageDeflate })
      await once(ws, 'open')
      log(ws.extensions)
      for (const message of ['ä text', bytesOf(125), bytesOf(126), bytesOf(65_536), bytesOf(1_000_000)]) {
        ws.send(message)
        const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean]
        log(isBinary, data.length, data.equals(Buffer.from(message)))
      }
      ws.close()
      log(...(await once(ws, 'close')).map(String))
    }
    await stop()
  })

  sameAsNet('closing from either side, and breaking off', async (net, log) => {
    const { wss, dial, stop } = await serve(net)
    const over = async (name: string, act: (client: WebSocket, served: WebSocket) => void): Promise<void> => {
      const connects = once(wss, 'connection') as Promise<[WebSocket]>
      const client = dial()
      const [served] = await connects
      await once(client, 'open')
      const closes = Promise.all([once(client, 'close'), once(served, 'close')])
      act(client, served)
      for (const [code, reason] of await closes) log(name, code, String(reason))
    }
    await over('client closes', (client) => client.close(4001, 'enough'))
    await over('server closes', (_client, served) => served.close(1001, 'going'))
    await over('both close', (client, served) => {
      client.close(1000)
      served.close(1000)
    })
    await over('client breaks off', (client) => client.terminate())
    await over('server breaks off', (_client, served) => served.terminate())
    await stop()
  })

  sameAsNet('pings, and a handshake that nobody answers', async (net, log) => {
    const { wss, dial, stop } = await serve(net)
    const ws = dial()
    await once(ws, 'open')
    ws.ping('are you there')
    log(...(await once(ws, 'pong')).map(String))
    ws.terminate()
    wss.handleUpgrade = (_request, socket) => void socket.resume().on('end', () => socket.end())
    const late = dial({ handshakeTimeout: 50 })
    const closes = new Promise<[number]>((resolve) => late.once('close', (code) => resolve([code])))
    late.on('error', (error) => log(error.message))
    log(...(await closes))
    await stop()
  })
})

describe('ws through the agents of tcp-over-udp/http', () => {
  test.each([
    ['ws', () => http.createServer(), () => createHttpAgent()],
    ['wss', () => https.createServer({ key: KEY, cert: CERTIFICATE }), () => createHttpsAgent({ ca: CERTIFICATE })],
  ] as const)('%s: an echo, a handshake that nobody answers, and an end', async (scheme, createHttp, createAgent) => {
    const httpServer = createHttp()
    const wss = new WebSocketServer({ noServer: true })
    httpServer.on('upgrade', (request, socket, head) => {
      if (request.url === '/silent') socket.resume().on('end', () => socket.end())
      else wss.handleUpgrade(request, socket, head, (ws) => ws.on('message', (data) => ws.send(data)))
    })
    const server = serveOverUdp(httpServer).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `${scheme}://localhost:${(server.address() as AddressInfo).port}`
    const ws = new WebSocket(url, { agent: createAgent() })
    await once(ws, 'open')
    const sent = bytesOf(1_000_000)
    ws.send(sent)
    const [data] = (await once(ws, 'message')) as [Buffer]
    expect(data.equals(sent)).toBe(true)
    const late = new WebSocket(`${url}/silent`, { agent: createAgent(), handshakeTimeout: 200 })
    const [error] = (await once(late, 'error')) as [Error]
    expect(error.message).toBe('Opening handshake has timed out')
    ws.close()
    await once(ws, 'close')
    server.close()
    await once(server, 'close')
  })
})
