// Sockets with an AbortSignal: aborted before, while and after they connect, and the listeners on it.
import events, { once } from 'node:events'
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
  stateOf,
  thrown,
  turns,
  watch,
} from '../support/net-oracle.js'

const EVENTS = ['connect', 'ready', 'end', 'finish', 'error', 'close'] as const
const listenersOf = (signal: AbortSignal): number => events.getEventListeners(signal, 'abort').length

describe('a signal', () => {
  sameAsNet('aborted before the socket was made: error and close', async (net, log) => {
    const socket = new net.Socket({ signal: AbortSignal.abort(new Error('because')) })
    socket.on('error', (error) => log(error, error.cause))
    socket.on('close', () => log('close'))
    await closing(socket)
  })

  const before = async (net: Net, log: Log): Promise<void> => {
    const socket = new net.Socket({ signal: AbortSignal.abort() }).on('error', () => {})
    log(socket.destroyed)
    await closing(socket)
    log(socket.destroyed)
  }
  differsFromNet('aborted-before', 'aborted before the socket was made: it stays destroyed', before, ['true', 'true'])

  const connecting = async (net: Net, log: Log): Promise<void> => {
    const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).end())
    const client = net.connect({ port, host: '127.0.0.1', signal: AbortSignal.abort() })
    watch('client', client, log, ['connect', 'error'])
    client.on('close', () => log('client close'))
    await closing(client)
    await turns(20)
    client.destroy()
    await closed(server)
  }
  differsFromNet('aborted-before', 'aborted before connect(): it does not connect', connecting, [
    'client error AbortError(The operation was aborted) code=ABORT_ERR',
    'client close',
  ])

  sameAsNet('aborted right after connect()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal })
    watch('client', client, log, ['connect', 'ready', 'error', 'close'])
    controller.abort()
    log(client.destroyed, client.connecting)
    await closing(client)
    await closed(server)
  })

  sameAsNet('aborted a tick after connect()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).end())
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal })
    watch('client', client, log, ['connect', 'ready', 'error', 'close'])
    process.nextTick(() => controller.abort())
    await closing(client)
    await turns(5)
    await closed(server)
  })

  sameAsNet('aborted while a name is looked up', async (net, log) => {
    const controller = new AbortController()
    const lookup = (_host: string, _options: object, done: (...answer: unknown[]) => void): void => {
      setImmediate(() => done(null, [{ address: '127.0.0.1', family: 4 }]))
    }
    const client = net.connect({ port: 1, host: 'there.test', lookup, signal: controller.signal } as never)
    watch('client', client, log, ['connect', 'ready', 'error', 'close'])
    controller.abort()
    await closing(client)
    await turns(5)
  })

  sameAsNet('aborted in the listener of connect', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume().on('error', () => {}))
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal }, () => controller.abort())
    watch('client', client, log, EVENTS)
    await closing(client)
    await turns(5)
    await closed(server)
  })

  sameAsNet('aborted when connected', async (net, log) => {
    const controller = new AbortController()
    const { server, client, served } = await pair(net, {}, { signal: controller.signal })
    served.resume()
    watch('client', client, log, EVENTS)
    watch('server', served, log, ['end', 'close'])
    controller.abort()
    log(stateOf(client).destroyed, client.errored)
    await closing(client)
    await closed(server)
  })

  sameAsNet('aborted with a reason', async (net, log) => {
    const controller = new AbortController()
    const { server, client, served } = await pair(net, {}, { signal: controller.signal })
    served.resume()
    client.on('error', (error) => log(error, error.cause))
    controller.abort('enough')
    await closing(client)
    await closed(server)
  })

  sameAsNet('aborted after close: nothing', async (net, log) => {
    const controller = new AbortController()
    const { server, client, served } = await pair(net, {}, { signal: controller.signal })
    served.resume().end()
    client.resume()
    watch('client', client, log, ['error', 'close'])
    await closing(client)
    controller.abort()
    await turns()
    log(client.errored)
    await closed(server)
  })

  sameAsNet('of AbortSignal.timeout()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = net.connect({ port, host: '127.0.0.1', signal: AbortSignal.timeout(20) })
    client.on('error', (error) => log(error.name, (error.cause as Error).name))
    await closing(client)
    await closed(server)
  })

  sameAsNet('fails writes that wait', async (net, log) => {
    const { server, port } = await listening(net, {})
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal })
    watch('client', client, log, ['error', 'close'])
    client.write('a', (error) => log('a', error))
    client.write('b', (error) => log('b', error))
    controller.abort()
    await closing(client)
    await closed(server)
  })

  sameAsNet('has one listener while the socket lives, and none after', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume().end())
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal })
    await once(client, 'connect')
    log(listenersOf(controller.signal) > 0)
    client.resume()
    await closing(client)
    await turns()
    controller.abort()
    log(client.errored)
    await closed(server)
  })

  sameAsNet('of a refused connection', async (net, log) => {
    const controller = new AbortController()
    const client = net.connect({ port: await freePort(net), host: '127.0.0.1', signal: controller.signal })
    watch('client', client, log, ['error', 'close'])
    await closing(client)
    controller.abort()
    await turns()
  })

  for (const value of ['x', 5, {}, true, null, undefined]) {
    sameAsNet(`that is ${JSON.stringify(value)}`, (net, log) => {
      log(thrown(() => new net.Socket({ signal: value as never })))
      log(
        thrown(() =>
          net
            .createServer()
            .listen({ port: 0, signal: value as never })
            .on('error', () => {})
            .close(),
        ),
      )
    })
  }

  sameAsNet('of two sockets destroys both', async (net, log) => {
    const controller = new AbortController()
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const clients = [0, 1].map(() => net.connect({ port, host: '127.0.0.1', signal: controller.signal }))
    for (const client of clients) client.on('error', (error) => log(error.name))
    await Promise.all(clients.map((client) => once(client, 'connect')))
    const over = Promise.all(clients.map((client) => closing(client)))
    controller.abort()
    log(clients.map((client) => client.destroyed))
    await over
    await closed(server)
  })
})
