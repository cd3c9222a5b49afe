// What diagnostics channels hear of sockets and servers.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { describe } from 'vitest'
import {
  closed,
  closing,
  freePort,
  type Log,
  listening,
  type Net,
  sameAsNet,
  thrown,
  turns,
} from '../support/net-oracle.js'

type Message = Record<string, unknown>

/** Logs what is published while `act` runs, by `show`. */
async function hear(
  names: readonly string[],
  log: (name: string, message: Message) => void,
  act: () => Promise<void>,
): Promise<void> {
  const listener = (message: unknown, name: string | symbol): void => log(String(name), message as Message)
  for (const name of names) subscribe(name, listener)
  try {
    await act()
  } finally {
    for (const name of names) unsubscribe(name, listener)
  }
}

describe('net.client.socket', () => {
  const heard = (net: Net, log: Log, act: () => Promise<void>): Promise<void> =>
    hear(
      ['net.client.socket'],
      (name, message) => {
        const socket = message.socket as { connecting: boolean; remoteAddress: unknown }
        log(name, Object.keys(message), socket instanceof net.Socket, socket.connecting)
      },
      act,
    )

  sameAsNet('hears of connect()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    await heard(net, log, async () => {
      const client = net.connect(port, '127.0.0.1').resume()
      log('returned')
      await closing(client)
    })
    await closed(server)
  })

  sameAsNet('of a socket that connects by itself, and again', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    await heard(net, log, async () => {
      const client = new net.Socket().resume()
      log('made')
      client.connect(port, '127.0.0.1')
      await closing(client)
      client.connect(port, '127.0.0.1')
      await closing(client)
    })
    await closed(server)
  })

  sameAsNet('of connect() that throws', async (net, log) => {
    await heard(net, log, async () => {
      log(thrown(() => net.connect({ port: 70000, host: '127.0.0.1' })))
      log(thrown(() => net.connect({} as never)))
      log(thrown(() => net.connect({ port: 1, objectMode: true } as never)))
    })
  })
})

describe('net.server.socket', () => {
  sameAsNet('hears of each connection, after its listeners', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      log('server connection')
      socket.end()
    })
    await hear(
      ['net.server.socket'],
      (name, message) => log('server', name, Object.keys(message), message.socket instanceof net.Socket),
      async () => {
        const client = net.connect(port, '127.0.0.1').resume()
        await closing(client)
      },
    )
    await closed(server)
  })

  sameAsNet('not of one that is dropped', async (net, log) => {
    const { server, port } = await listening(net, {})
    server.maxConnections = -1
    await hear(
      ['net.server.socket'],
      () => log('server heard'),
      async () => {
        const client = net
          .connect(port, '127.0.0.1')
          .on('error', () => {})
          .resume()
        await closing(client)
        log('dropped')
      },
    )
    await closed(server)
  })
})

describe('tracing:net.server.listen', () => {
  const NAMES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((name) => `tracing:net.server.listen:${name}`)
  const heard = (net: Net, log: Log, act: () => Promise<void>): Promise<void> =>
    hear(
      NAMES,
      (name, message) => {
        const { server, options, error } = message as {
          server: { listening: boolean }
          options: unknown
          error: unknown
        }
        log(name, Object.keys(message), server instanceof net.Server, server.listening, options, error)
      },
      act,
    )

  sameAsNet('hears of listen()', async (net, log) => {
    await heard(net, log, async () => {
      const server = net.createServer()
      server.on('listening', () => log('listening'))
      server.listen(0)
      log('returned')
      await once(server, 'listening')
      await closed(server)
    })
  })

  sameAsNet('of listen() with options', async (net, log) => {
    await heard(net, log, async () => {
      const server = net.createServer().listen({ port: 0, host: '127.0.0.1', backlog: 3 })
      await once(server, 'listening')
      await closed(server)
    })
  })

  sameAsNet('of listen() with a name', async (net, log) => {
    await heard(net, log, async () => {
      const server = net.createServer().listen(0, 'localhost')
      await once(server, 'listening')
      await closed(server)
    })
  })

  sameAsNet('of one that fails', async (net, log) => {
    const { server: other, port } = await listening(net, {})
    await heard(net, log, async () => {
      const server = net.createServer()
      server.on('error', (error) => log('error', error))
      server.listen(port, '127.0.0.1')
      await turns(5)
    })
    await closed(other)
  })

  sameAsNet('of one that throws', async (net, log) => {
    await heard(net, log, async () => {
      const server = net.createServer()
      log(thrown(() => server.listen({ port: 70000 })))
      log(thrown(() => server.listen({} as never)))
      server.listen(await freePort(net))
      log(thrown(() => server.listen(0)))
      await once(server, 'listening')
      await closed(server)
    })
  })
})
