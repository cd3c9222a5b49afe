// The life of a server: listening, failing, closing, and in which order its events come.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { describe } from 'vitest'
import {
  closed,
  closing,
  differsFromNet,
  freePort,
  type Log,
  listening,
  type Net,
  pair,
  sameAsNet,
  thrown,
  turns,
} from '../support/net-oracle.js'

const EVENTS = ['listening', 'connection', 'error', 'close'] as const

/** Logs a server's events by their names, and 'error' with its error. */
function watchServer(server: Server, log: Log, name = 'server'): void {
  for (const event of EVENTS) {
    server.on(event, (given?: unknown) => log(name, event, given instanceof Error ? given : '', server.listening))
  }
}

describe('a server', () => {
  sameAsNet('that is new', (net, log) => {
    const server = net.createServer()
    log(server.listening, server.address(), server.maxConnections, server.eventNames())
    log(server.ref() === server, server.unref() === server, server.getConnections(() => {}) === server)
  })

  sameAsNet('with a listener has it for connection', (net, log) => {
    const listener = (): void => {}
    log(net.createServer(listener).listeners('connection')[0] === listener)
    log(net.createServer({}, listener).listeners('connection')[0] === listener)
    log(net.createServer(undefined, listener).listeners('connection')[0] === listener)
    log(net.createServer(null as never, listener).listeners('connection')[0] === listener)
    log(net.createServer(listener as never, () => {}).listenerCount('connection'))
    log(net.createServer({}, 'x' as never).listenerCount('connection'))
    log(new net.Server(listener).listeners('connection')[0] === listener)
    log(new net.Server({}, listener).listeners('connection')[0] === listener)
  })

  sameAsNet('has the options as properties', (net, log) => {
    const shown = (options?: object): unknown => {
      const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive } = net.createServer(options) as never
      return [allowHalfOpen, pauseOnConnect, noDelay, keepAlive]
    }
    log(shown())
    log(shown({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true }))
    log(shown({ pauseOnConnect: 1, noDelay: 'x', keepAlive: {} }))
    log(shown({ pauseOnConnect: 0, noDelay: '', keepAlive: null }))
  })

  sameAsNet('has highWaterMark as a property', (net, log) => {
    const shown = (options: object): unknown =>
      (net.createServer(options) as unknown as { highWaterMark: unknown }).highWaterMark
    log(shown({}), shown({ highWaterMark: 0 }), shown({ highWaterMark: 5 }), shown({ highWaterMark: -1 }))
    log(shown({ highWaterMark: undefined }), shown({ highWaterMark: 1e9 }))
  })

  const delays = (net: Net, log: Log): void => {
    const shown = (options: object): unknown =>
      (net.createServer(options) as unknown as { keepAliveInitialDelay: unknown }).keepAliveInitialDelay
    log(shown({}), shown({ keepAliveInitialDelay: 0 }), shown({ keepAliveInitialDelay: -5000 }))
    log(shown({ keepAliveInitialDelay: 5000 }), shown({ keepAliveInitialDelay: 1500 }))
  }
  differsFromNet('keep-alive-delay-in-ms', 'has keepAliveInitialDelay as a property', delays, ['0 0 0', '5000 1500'])

  sameAsNet('can be given a listener of any event before it listens', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await closed(server)
  })

  sameAsNet('listens again after it was closed', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    for (let i = 0; i < 3; i++) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      await closed(server)
    }
  })

  sameAsNet('takes connections again after it was closed', async (net, log) => {
    const { server } = await listening(net, {}, (socket) => socket.end('hello'))
    await closed(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.on('data', (data) => log(data))
    await closing(client)
    await closed(server)
  })
})

describe('listen() that is called', () => {
  sameAsNet('twice while it listens', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0)
    log(thrown(() => server.listen(0, () => log('never'))))
    log(server.listening, server.listenerCount('listening'))
    await once(server, 'listening')
    log(thrown(() => server.listen()))
    await closed(server)
  })

  sameAsNet('twice while a name is looked up: the later one counts', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, 'localhost', () => log('the first'))
    server.listen(0, '127.0.0.1', () => log('the second', (server.address() as AddressInfo).address))
    await once(server, 'listening')
    await turns(20)
    await closed(server)
  })

  sameAsNet('in its own error listener', async (net, log) => {
    const { server: other, port } = await listening(net, {})
    const server = net.createServer()
    watchServer(server, log)
    server.once('error', () => server.listen(0, '127.0.0.1'))
    server.listen(port, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    await closed(server)
    await closed(other)
  })

  sameAsNet('in its own close listener', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    server.once('close', () => server.listen(0, '127.0.0.1'))
    server.close()
    await once(server, 'listening')
    await closed(server)
  })

  sameAsNet('in its own listening listener', async (net, log) => {
    const server = net.createServer()
    server.on('listening', () => log(thrown(() => server.listen(0))))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await closed(server)
  })
})

describe('listen() fails', () => {
  sameAsNet('on a port that is taken', async (net, log) => {
    const { server: other, port } = await listening(net, {})
    const server = net.createServer()
    watchServer(server, log)
    server.listen(port, '127.0.0.1', () => log('never'))
    await once(server, 'error').catch(() => {})
    server.once('error', () => {})
    await turns()
    log(server.listening, server.address())
    await closed(other)
  })

  sameAsNet('on a port that is taken, by the wildcard', async (net, log) => {
    const other = net.createServer().listen(0)
    await once(other, 'listening')
    const server = net.createServer()
    server.on('error', (error) => log(error))
    server.listen((other.address() as AddressInfo).port)
    await turns()
    await closed(other)
  })

  sameAsNet('and close() afterwards says that it does not run', async (net, log) => {
    const { server: other, port } = await listening(net, {})
    const server = net.createServer()
    watchServer(server, log)
    server.listen(port, '127.0.0.1')
    await turns()
    server.close((error) => log('closed', error))
    await turns()
    await closed(other)
  })

  sameAsNet('and close() at once: what comes of both', async (net, log) => {
    const { server: other, port } = await listening(net, {})
    const server = net.createServer()
    watchServer(server, log)
    server.listen(port)
    server.close((error) => log('closed', error))
    await turns(10)
    await closed(other)
  })

  sameAsNet('on a name that does not exist, and then not on another', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, 'no.such.name.invalid')
    await new Promise((resolve) => server.once('error', resolve))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await closed(server)
  })
})

describe('close()', () => {
  sameAsNet('returns the server, in every state', async (net, log) => {
    const server = net.createServer()
    log(server.close() === server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    log(server.close() === server)
    await once(server, 'close')
    log(server.close() === server)
    await turns()
  })

  sameAsNet(
    'calls back before other listeners of close that come later, after those that were there',
    async (net, log) => {
      const { server } = await listening(net, {})
      server.on('close', () => log('there before'))
      server.close((...args) => log('called back', args))
      server.on('close', () => log('came later'))
      await once(server, 'close')
    },
  )

  sameAsNet('of a server that never listened emits close, and says so to the callback', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.close((error) => log('called back', error))
    log('returned')
    await turns()
  })

  sameAsNet('takes anything for a callback', async (net, log) => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    watchServer(server, log)
    server.close('x' as never)
    await once(server, 'close')
    log(
      thrown(() => server.close(5 as never)),
      thrown(() => server.close({} as never)),
    )
    await turns()
  })

  sameAsNet('twice: both are called back', async (net, log) => {
    const { server } = await listening(net, {})
    watchServer(server, log)
    server.close((error) => log('first', error))
    server.close((error) => log('second', error))
    await turns(5)
  })

  sameAsNet('twice, with a connection that is open', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchServer(server, log)
    server.close((error) => log('first', error))
    server.close((error) => log('second', error))
    await turns(5)
    log('still open')
    served.resume()
    client.destroy()
    await once(server, 'close')
    await turns()
  })

  sameAsNet('before listening was emitted: it never is', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, () => log('never'))
    server.close((error) => log('called back', error))
    await turns(5)
    log(server.listenerCount('listening'))
  })

  sameAsNet('while a name is looked up', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen(0, 'localhost')
    server.close((error) => log('called back', error))
    await turns(30)
    log(server.listening)
  })

  sameAsNet('and listen() at once: one close, and it listens', async (net, log) => {
    const { server } = await listening(net, {})
    watchServer(server, log)
    server.close(() => log('called back', server.listening))
    server.listen(0)
    await once(server, 'listening')
    await turns()
    log(server.listening)
    await closed(server)
  })

  sameAsNet('in the listener of connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      server.close(() => log('closed'))
      socket.end('bye')
    })
    watchServer(server, log)
    const client = net.connect(port, '127.0.0.1')
    client.on('data', (data) => log('client', data))
    client.on('end', () => log('client end'))
    await once(server, 'close')
  })

  sameAsNet('does not end connections', async (net, log) => {
    const { server, client, served } = await pair(net)
    server.close(() => log('server closed'))
    client.write('still')
    served.once('data', (data) => {
      log('server heard', data)
      served.end('here')
    })
    client.on('data', (data) => log('client', data))
    await once(server, 'close')
  })

  sameAsNet('waits for a connection that is half open', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true })
    served.resume()
    client.end()
    await once(served, 'end')
    server.close(() => log('closed'))
    await turns(10)
    log('not yet')
    served.end()
    await once(server, 'close')
  })

  sameAsNet('comes before the close of the last socket, or after it?', async (net, log) => {
    const { server, client, served } = await pair(net)
    server.on('close', () => log('the server'))
    served.on('close', () => log('its socket'))
    served.resume()
    server.close()
    client.end()
    await once(server, 'close')
    await turns()
  })

  sameAsNet('when its sockets are destroyed in its very call', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('error', () => {})
    server.on('close', () => log('the server'))
    served.on('close', () => log('its socket'))
    server.close()
    served.destroy()
    await once(server, 'close')
    await turns()
  })

  sameAsNet('leaves the port to another server', async (net, log) => {
    const { server, port } = await listening(net, {})
    server.close()
    const other = net.createServer().listen(port, '127.0.0.1')
    other.on('error', (error) => log(error))
    await once(other, 'listening')
    log('listens')
    await closed(other)
  })

  sameAsNet('by Symbol.asyncDispose, with a connection that ends later', async (net, log) => {
    const { server, client, served } = await pair(net)
    const disposed = server[Symbol.asyncDispose]()
    disposed.then((value) => log('disposed', value))
    await turns()
    log(server.listening)
    served.resume()
    client.end()
    await disposed
    await server[Symbol.asyncDispose]()
    log('again')
  })
})

describe('address()', () => {
  sameAsNet('is null when nothing listens', async (net, log) => {
    const server = net.createServer()
    log(server.address())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    log(server.address())
    server.close()
    log(server.address())
    await once(server, 'close')
    log(server.address())
  })

  sameAsNet('has its keys in this order', async (net, log) => {
    const { server } = await listening(net, {})
    log(Object.keys(server.address() as AddressInfo))
    await closed(server)
  })

  sameAsNet('can be given to connect()', async (net, log) => {
    const { server } = await listening(net, {}, (socket) => socket.end('here'))
    const client = net.connect(server.address() as never)
    client.on('data', (data) => log(data))
    await closing(client)
    await closed(server)
  })

  sameAsNet('shows the port that was asked for', async (net, log) => {
    const port = await freePort(net)
    const server = net.createServer().listen(port)
    await once(server, 'listening')
    log((server.address() as AddressInfo).port === port)
    await closed(server)
  })
})

describe('a signal', () => {
  sameAsNet('that is aborted closes the server', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    const controller = new AbortController()
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await once(server, 'listening')
    controller.abort()
    log(server.listening)
    await once(server, 'close')
  })

  sameAsNet('that was aborted before', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    server.listen({ port: 0, signal: AbortSignal.abort() })
    log(server.listening)
    await once(server, 'close')
    await turns()
  })

  sameAsNet('that is aborted while it is looked up', async (net, log) => {
    const server = net.createServer()
    watchServer(server, log)
    const controller = new AbortController()
    server.listen({ port: 0, host: 'localhost', signal: controller.signal })
    controller.abort()
    await turns(30)
    log(server.listening)
  })

  sameAsNet('that is aborted after the server was closed does nothing', async (net, log) => {
    const server = net.createServer()
    const controller = new AbortController()
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await once(server, 'listening')
    await closed(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    controller.abort()
    log(server.listening)
    await closed(server)
  })

  sameAsNet('lets connections be', async (net, log) => {
    const controller = new AbortController()
    const server = net.createServer().listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await once(server, 'listening')
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [served] = await once(server, 'connection')
    controller.abort()
    served.end('still')
    client.on('data', (data) => log(data))
    await once(server, 'close')
  })
})
