// WebSockets: ws on both sides, undici's client, and socket.io.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { Server as SocketIoServer } from 'socket.io'
import { io } from 'socket.io-client'
import { Agent, type buildConnector, WebSocket as UndiciWebSocket } from 'undici'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { host, net, type Place, pattern, serveHttp, UdpAgent } from './over-udp.js'

let place: Place
afterEach(() => place.stop())

/** A server that sends all messages back. */
async function serveEcho(httpServer: http.Server = http.createServer()): Promise<WebSocketServer> {
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  httpServer.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request))
  })
  wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })))
  place = await serveHttp(httpServer)
  return wss
}

const connect = (timeout?: number): Socket => net.connect({ port: place.port, host, noDelay: true, timeout })

/** ws hands its `handshakeTimeout` on as `timeout`, to whoever makes the connection. */
const dial = (options: WebSocket.ClientOptions = {}): WebSocket =>
  new WebSocket('ws://localhost/', {
    ...options,
    createConnection: (({ timeout }: { timeout?: number }) => connect(timeout)) as typeof net.createConnection,
  })

async function answerTo(ws: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answers = once(ws, 'message') as Promise<[Buffer]>
  ws.send(message)
  const [data] = await answers
  return data
}

describe('ws', () => {
  test.each([false, true])('messages up to 16 MiB come back whole (deflated: %s)', async (perMessageDeflate) => {
    await serveEcho()
    const ws = dial({ perMessageDeflate })
    await once(ws, 'open')
    expect(String(await answerTo(ws, 'ä text'))).toBe('ä text')
    for (const length of [0, 1000, 70_000, 16 * 2 ** 20]) {
      const bytes = pattern(length)
      expect((await answerTo(ws, bytes)).equals(bytes)).toBe(true)
    }
    ws.close()
    await once(ws, 'close')
  })

  test('a thousand messages sent at once come back in order', async () => {
    await serveEcho()
    const ws = dial()
    await once(ws, 'open')
    const heard: string[] = []
    const all = new Promise<void>((resolve) => {
      ws.on('message', (data) => {
        if (heard.push(String(data)) === 1000) resolve()
      })
    })
    const sent = Array.from({ length: 1000 }, (_, i) => `message ${i}`)
    for (const text of sent) ws.send(text)
    await all
    expect(heard).toEqual(sent)
    ws.terminate()
  })

  test('pings are answered', async () => {
    await serveEcho()
    const ws = dial()
    await once(ws, 'open')
    ws.ping('are you there')
    const [data] = (await once(ws, 'pong')) as [Buffer]
    expect(String(data)).toBe('are you there')
    ws.terminate()
  })

  test('either side closes, with code and reason; a cut connection is 1006', async () => {
    const wss = await serveEcho()
    const closing = async (act: (client: WebSocket, served: WebSocket) => void): Promise<unknown[]> => {
      const connections = once(wss, 'connection') as Promise<[WebSocket]>
      const client = dial()
      const [served] = await connections
      await once(client, 'open')
      const closes = Promise.all([once(client, 'close'), once(served, 'close')])
      act(client, served)
      return (await closes).map(([code, reason]) => `${code} ${String(reason)}`)
    }
    expect(await closing((client) => client.close(4001, 'enough'))).toEqual(['4001 enough', '4001 enough'])
    expect(await closing((_client, served) => served.close(1001, 'going'))).toEqual(['1001 going', '1001 going'])
    expect(await closing((client) => client.terminate())).toEqual(['1006 ', '1006 '])
    expect(await closing((_client, served) => served.terminate())).toEqual(['1006 ', '1006 '])
  })

  test('who does not read holds the sender up', async () => {
    const wss = await serveEcho()
    const connections = once(wss, 'connection') as Promise<[WebSocket]>
    const client = dial()
    const [served] = await connections
    await once(client, 'open')
    client.pause()
    const bytes = pattern(1_000_000)
    for (let i = 0; i < 64; i++) served.send(bytes)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(served.bufferedAmount).toBeGreaterThan(0)
    let heard = 0
    const all = new Promise<void>((resolve) => {
      client.on('message', (data: Buffer) => {
        heard += data.length
        if (heard === 64 * bytes.length) resolve()
      })
    })
    client.resume()
    await all
    expect(served.bufferedAmount).toBe(0)
    client.terminate()
  })

  test('a handshake that nobody answers times out', async () => {
    const httpServer = http.createServer()
    httpServer.on('upgrade', () => {})
    place = await serveHttp(httpServer)
    const ws = dial({ handshakeTimeout: 100 })
    const [error] = (await once(ws, 'error')) as [Error]
    expect(error.message).toBe('Opening handshake has timed out')
  })

  test('wss: the same through TLS', async () => {
    await serveEcho(https.createServer({ key: KEY, cert: CERTIFICATE }))
    const ws = new WebSocket('wss://localhost/', {
      createConnection: (() =>
        tls.connect({ socket: connect(), servername: 'localhost', ca: CERTIFICATE })) as typeof net.createConnection,
    })
    await once(ws, 'open')
    const bytes = pattern(1_000_000)
    expect((await answerTo(ws, bytes)).equals(bytes)).toBe(true)
    ws.close(1000, 'done')
    const [code, reason] = await once(ws, 'close')
    expect([code, String(reason)]).toEqual([1000, 'done'])
  })
})

describe('undici', () => {
  test('its WebSocket talks and closes', async () => {
    await serveEcho()
    const dispatcher = new Agent({
      connect: (_options: buildConnector.Options, done: buildConnector.Callback) => {
        const socket = connect()
        socket.once('connect', () => done(null, socket))
        socket.once('error', (error) => done(error, null))
      },
    })
    const ws = new UndiciWebSocket('ws://localhost/', { dispatcher })
    await once(ws as unknown as EventTarget, 'open')
    const answers = once(ws as unknown as EventTarget, 'message') as Promise<[MessageEvent]>
    ws.send('hello')
    const [{ data }] = await answers
    expect(data).toBe('hello')
    ws.close(4002, 'bye')
    const [{ code, reason }] = (await once(ws as unknown as EventTarget, 'close')) as [CloseEvent]
    expect([code, reason]).toEqual([4002, 'bye'])
    await dispatcher.close()
  })
})

describe('socket.io', () => {
  test.each([
    ['polling', ['polling']],
    ['websocket', ['websocket']],
    ['polling, then an upgrade', ['polling', 'websocket']],
  ])('%s: events, acknowledgements, binary, and a disconnect that both see', async (_name, transports) => {
    const httpServer = http.createServer()
    const server = new SocketIoServer(httpServer)
    place = await serveHttp(httpServer)
    const agent = new UdpAgent(place.port, { keepAlive: true })
    const gone = new Promise<string>((resolve) => {
      server.on('connection', (socket) => {
        socket.on('question', (text, bytes, answer) => answer(text.toUpperCase(), bytes))
        socket.on('disconnect', resolve)
      })
    })
    const options: object = { agent, transports, reconnection: false } // its types know agents of browsers only
    const client = io('http://localhost', options)
    await new Promise<void>((resolve) => client.on('connect', resolve))
    await vi.waitUntil(() => client.io.engine.transport.name === transports.at(-1))
    const bytes = pattern(100_000)
    const [text, back] = await new Promise<[string, Buffer]>((resolve) => {
      client.emit('question', 'loud', bytes, (...answer: [string, Buffer]) => resolve(answer))
    })
    expect(text).toBe('LOUD')
    expect(bytes.equals(back)).toBe(true)
    client.disconnect()
    expect(await gone).toMatch(/client namespace disconnect|transport close/)
    await server.close()
    agent.destroy()
  })
})
