// A server as node:net has it: listening and closing, its errors, its limits, its signals.
import events, { EventEmitter, once } from 'node:events'
import type { Server, ServerOpts, Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  closed,
  freePort,
  type Log,
  listening,
  type Net,
  overUdp,
  pair,
  sameAsNet,
  turns,
} from '../support/net-oracle.js'

function watchServer(server: Server, log: Log): void {
  for (const event of ['listening', 'close', 'error']) {
    server.on(event, (...args: unknown[]) => log('event', event, ...args, server.listening))
  }
}

const address = (server: Server): unknown => {
  const at = server.address()
  return at === null || typeof at === 'string' ? at : { ...at, port: at.port > 0 }
}

describe('listening', () => {
  sameAsNet('binds before it returns', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    log(server.listening, server.address())
    log(server.listen(0, () => log('called back', server.listenerCount('listening'))) === server)
    log(server.listening, address(server))
    await once(server, 'listening')
    log(server.listenerCount('listening'))
    log(server.close() === server, server.listening, server.address())
    await once(server, 'close')
  })

  sameAsNet('on the wildcard by default, for IPv4 and IPv6', async (net, log) => {
    const server = net.createServer((socket) => {
      log('server', socket.remoteAddress, socket.remoteFamily, socket.localAddress, socket.localFamily)
      socket.end()
    })
    server.listen()
    log(address(server))
    const { port } = server.address() as { port: number }
    for (const host of ['127.0.0.1', '::1']) {
      const client = net.connect(port, host)
      await once(client, 'connect')
      log(client.remoteAddress, client.remoteFamily, client.localAddress)
      client.resume()
      await once(client, 'close')
    }
    await closed(server)
  })

  sameAsNet('on IPv6 only', async (net, log) => {
    const server = net.createServer((socket) => socket.end()).listen({ port: 0, host: '::', ipv6Only: true })
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const four = net.connect(port, '127.0.0.1')
    four.on('error', (error) => log(error))
    await once(four, 'close').catch(() => {})
    const six = net.connect(port, '::1')
    six.resume()
    await once(six, 'close')
    log('closed')
    await closed(server)
  })

  sameAsNet('on the address of a name', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, 'localhost')
    log(server.listening)
    await once(server, 'listening')
    log(address(server))
    await closed(server)
  })

  sameAsNet('closed before the name was looked up', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, 'localhost')
    server.close((error) => log('closed', error))
    await new Promise((resolve) => setTimeout(resolve, 50))
    log(server.listening)
  })

  sameAsNet('twice', async (net, log) => {
    const server = net.createServer().listen(0)
    try {
      server.listen(0)
    } catch (error) {
      log(error)
    }
    await closed(server)
  })

  sameAsNet('on a port that is taken, then on one that is not', async (net, log) => {
    const taken = await listening(net, {})
    const server = net.createServer()
    watchServer(server, log)
    server.once('error', () => server.listen(0, '127.0.0.1'))
    const listens = new Promise((resolve) => server.on('listening', resolve))
    server.listen(taken.port, '127.0.0.1')
    log(server.listening)
    await listens
    await closed(server)
    await closed(taken.server)
  })

  sameAsNet('on a port that a wildcard has', async (net, log) => {
    const taken = net.createServer().listen(0)
    const { port } = taken.address() as { port: number }
    const server = net.createServer()
    watchServer(server, log)
    server.listen(port)
    await once(server, 'listening').catch(() => {})
    await closed(taken)
  })

  sameAsNet('on an address of another machine', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, '192.0.2.1')
    await once(server, 'listening').catch(() => {})
    server.listen(9999, '192.0.2.1')
    await once(server, 'listening').catch(() => {})
  })

  sameAsNet('again on the same port, in the same tick', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('again'))
    server.close()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect(port, '127.0.0.1')
    client.on('data', (data) => log(data))
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('again while a connection of before lives on', async (net, log) => {
    const { server, client, served, port } = await pair(net)
    server.close((error) => log('first closed', error))
    log(server.listening, server.address())
    const second = net.createServer((socket) => socket.end('second')).listen(port, '127.0.0.1')
    await once(second, 'listening')
    const other = net.connect(port, '127.0.0.1')
    other.on('data', (data) => log(data))
    await once(other, 'close')
    served.write('still here')
    log(...(await once(client, 'data')))
    client.end()
    await once(server, 'close')
    await closed(second)
  })

  sameAsNet('after close() nobody is let in', async (net, log) => {
    const { server, client, port } = await pair(net)
    server.close()
    const late = net.connect(port, '127.0.0.1')
    late.on('error', (error) => log(error))
    await once(late, 'close').catch(() => {})
    client.destroy()
    await once(server, 'close')
  })
})

describe('closing', () => {
  sameAsNet('waits for the last connection', async (net, log) => {
    const { server, client } = await pair(net)
    server.on('close', () => log('event close'))
    server.close((error) => log('called back', error))
    await turns(10)
    log('a connection is left')
    client.end()
    await once(server, 'close')
  })

  sameAsNet('a server that does not listen', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.close((error) => log('called back', error))
    await turns()
    server.close('no function' as never)
    await turns()
  })

  sameAsNet('twice', async (net, log) => {
    const { server } = await listening(net, {})
    watchServer(server, log)
    server.close((error) => log('first', error))
    server.close((error) => log('second', error))
    await turns(10)
  })

  sameAsNet('by disposal', async (net, log) => {
    const dispose = (Symbol as unknown as { asyncDispose?: symbol }).asyncDispose
    const { server } = await listening(net, {})
    if (dispose === undefined) return log('no disposal here')
    const disposable = server as unknown as Record<symbol, () => Promise<void>>
    await disposable[dispose]!()
    log(server.listening)
    await disposable[dispose]!()
    log('again')
  })

  sameAsNet('by a signal', async (net, log) => {
    const controller = new AbortController()
    const server = net.createServer()
    watchServer(server, log)
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await once(server, 'listening')
    log(events.getEventListeners(controller.signal, 'abort').length)
    controller.abort()
    await once(server, 'close')
    const late = net.createServer()
    watchServer(late, log)
    late.listen({ port: 0, host: '127.0.0.1', signal: AbortSignal.abort() })
    await once(late, 'close')
  })

  test('those whose handshake nobody will finish hear of it at once', async () => {
    const server = overUdp.createServer((socket) => socket.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const clients = Array.from({ length: 5 }, () => overUdp.connect(port, '127.0.0.1'))
    for (const client of clients) client.on('error', () => {})
    const ends = clients.map((client) => new Promise((resolve) => client.on('close', resolve)))
    const [first] = clients as [Socket]
    await once(first, 'connect')
    server.close()
    for (const client of clients) client.write('anybody?')
    await Promise.all(ends)
    expect(clients.map((client) => client.destroyed)).toEqual(Array<boolean>(5).fill(true))
  })
})

describe('connections', () => {
  sameAsNet('are counted', async (net, log) => {
    const { server, client, port } = await pair(net)
    const count = (): Promise<unknown[]> => new Promise((resolve) => server.getConnections((...args) => resolve(args)))
    log(await count(), server.getConnections(() => {}) === server)
    const second = net.connect(port, '127.0.0.1')
    await once(server, 'connection')
    log(await count())
    client.destroy()
    second.destroy()
    await turns(20)
    log(await count())
    await closed(server)
  })

  test('are counted once, even if a served socket connects anew', async () => {
    const { server, client, served, port } = await pair(overUdp)
    client.end()
    served.resume()
    await once(served, 'close')
    served.connect(port, '127.0.0.1')
    await once(server, 'connection')
    served.destroy()
    await turns(5)
    const count = await new Promise((resolve) => server.getConnections((_error, number) => resolve(number)))
    expect(count).toBeGreaterThanOrEqual(0)
    await closed(server)
  })

  sameAsNet('beyond maxConnections are dropped', async (net, log) => {
    const { server, client, served, port } = await pair(net)
    server.maxConnections = 1
    server.on('connection', () => log('server: a connection'))
    server.on('drop', (data) => log('server: dropped', Object.keys(data ?? {}), data?.localPort === port))
    const second = net.connect(port, '127.0.0.1')
    second.on('connect', () => log('second connected'))
    second.on('error', () => {})
    second.resume()
    await once(second, 'close').catch(() => {})
    client.destroy()
    if (!served.destroyed) await once(served, 'close')
    const third = net.connect(port, '127.0.0.1')
    await once(server, 'connection')
    third.destroy()
    await closed(server)
  })

  sameAsNet('have the options of the server', async (net, log) => {
    const options: ServerOpts = { allowHalfOpen: true, noDelay: true, keepAlive: true, highWaterMark: 1234 }
    const { server, client, served } = await pair(net, options)
    log(server.constructor.name, (served as Socket & { server: Server }).server === server)
    log(served.allowHalfOpen, served.readableHighWaterMark, served.writableHighWaterMark)
    const shown = server as unknown as Record<string, unknown>
    log(shown.allowHalfOpen, shown.noDelay, shown.keepAlive, shown.pauseOnConnect, shown.highWaterMark)
    client.destroy()
    served.destroy()
    await closed(server)
  })

  sameAsNet('whose async listener rejects are destroyed', async (net, log) => {
    const before = EventEmitter.captureRejections
    EventEmitter.captureRejections = true
    try {
      const server = net.createServer()
      const mine = new Error('mine')
      server.on('connection', async (socket) => {
        socket.on('error', (error) => log('server', error === mine))
        throw mine
      })
      server.listen(0)
      const client = net.connect((server.address() as { port: number }).port, '127.0.0.1')
      client.on('error', () => {})
      client.resume()
      await once(client, 'close').catch(() => {})
      server.on('listening', async () => {
        throw mine
      })
      server.on('error', (error) => log(error === mine))
      server.emit('listening')
      await turns()
      await closed(server)
    } finally {
      EventEmitter.captureRejections = before
    }
  })

  sameAsNet('to a port that is free afterwards', async (net, log) => {
    const port = await freePort(net)
    for (let i = 0; i < 5; i++) {
      const server = net.createServer((socket) => socket.end(String(i)))
      server.listen(port, '127.0.0.1')
      const client = net.connect(port, '127.0.0.1')
      client.on('data', (data) => log(data))
      await once(client, 'close')
      await closed(server)
    }
  })

  sameAsNet('are made by both: connect() with server.address()', async (net, log) => {
    const server = net.createServer((socket) => socket.end('here')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect(server.address() as never)
    client.on('data', (data) => log(data))
    await once(client, 'close')
    await closed(server)
  })
})

type Case = readonly [what: string, call: (net: Net) => unknown]
const CASES: readonly Case[] = [
  ['connect to a path', (net) => net.connect('/tmp/no-such-socket')],
  ['connect({ path })', (net) => net.connect({ path: '/tmp/no-such-socket' })],
  ['listen on a path', (net) => net.createServer().listen('/tmp/no-such-socket')],
  ['listen({ path })', (net) => net.createServer().listen({ path: '/tmp/no-such-socket' })],
  ['listen({ fd })', (net) => net.createServer().listen({ fd: 0 })],
  ['listen(handle)', (net) => net.createServer().listen({ _handle: {} })],
  ['new Socket({ fd })', (net) => new net.Socket({ fd: 0 })],
  ['new Socket({ handle })', (net) => new net.Socket({ handle: {} } as never)],
]

test('an IP address is bound before listen() returns, too', async () => {
  const server = overUdp.createServer().listen(0, '127.0.0.1')
  expect(server.listening).toBe(true)
  expect(server.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' })
  await closed(server)
})

test.each(CASES)('%s is not supported, and says so', (_what, call) => {
  expect(() => call(overUdp)).toThrow(expect.objectContaining({ code: 'ERR_TCP_OVER_UDP_UNSUPPORTED', name: 'Error' }))
})
