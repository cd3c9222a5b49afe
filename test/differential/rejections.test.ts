// What programs do wrong: listeners that throw, async listeners that reject, errors that nobody listens for.
import events, { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
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
  turns,
  watch,
} from '../support/net-oracle.js'

/** Runs `act`; what nobody catches meanwhile, and what rejects unheard, is logged. */
async function uncaught(log: Log, act: () => Promise<void>): Promise<void> {
  const listeners = process.rawListeners('unhandledRejection') as NodeJS.UnhandledRejectionListener[]
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => log('unhandled', error))
  process.setUncaughtExceptionCaptureCallback((error) => log('uncaught', error))
  try {
    await act()
    await turns(5)
  } finally {
    process.setUncaughtExceptionCaptureCallback(null)
    process.removeAllListeners('unhandledRejection')
    for (const listener of listeners) process.on('unhandledRejection', listener)
  }
}

const ENDS = ['connect', 'ready', 'end', 'finish', 'error', 'close'] as const

describe('a listener that throws', () => {
  const CLIENT_EVENTS = ['ready', 'data', 'end', 'finish', 'close'] as const
  for (const event of CLIENT_EVENTS) {
    sameAsNet(`of ${event}: it is uncaught, and the socket goes on`, async (net, log) => {
      await uncaught(log, async () => {
        const { server, port } = await listening(net, {}, (socket) => socket.end('hello'))
        const client = net.connect(port, '127.0.0.1')
        client.once(event, () => {
          throw new Error(`in ${event}`)
        })
        client.on('data', (data) => log('data', data))
        for (const name of ['end', 'finish', 'close']) client.on(name, () => log(name))
        let over = false
        client.prependListener('close', () => {
          over = true
        })
        // after a listener of 'end' that threw it never comes
        for (let i = 0; i < 100 && !over; i++) await turns(1)
        await turns()
        client.destroy()
        await closed(server)
      })
    })
  }

  const inConnect = async (net: Net, log: Log): Promise<void> => {
    await uncaught(log, async () => {
      const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).end('hello'))
      const client = net.connect(port, '127.0.0.1', () => {
        throw new Error('in connect')
      })
      for (const name of ['ready', 'data', 'end']) client.on(name, () => log(name))
      await turns(60)
      client.destroy()
      await closed(server)
    })
  }
  const goesOn = ['uncaught Error(in connect)', 'data', 'end']
  differsFromNet('connect-listener-throws', 'of connect: the socket goes on', inConnect, goesOn)

  sameAsNet('of connection: the socket lives', async (net, log) => {
    await uncaught(log, async () => {
      const { server, port } = await listening(net, {})
      server.once('connection', (socket) => {
        socket.end('before')
        throw new Error('in connection')
      })
      const client = net.connect(port, '127.0.0.1')
      client.on('data', (data) => log(data))
      await closing(client)
      await closed(server)
    })
  })

  sameAsNet('of listening', async (net, log) => {
    await uncaught(log, async () => {
      const server = net.createServer()
      server.once('listening', () => {
        throw new Error('in listening')
      })
      server.listen(0, '127.0.0.1')
      await turns(5)
      log(server.listening)
      await closed(server)
    })
  })

  sameAsNet('of error', async (net, log) => {
    await uncaught(log, async () => {
      const client = net.connect(await freePort(net), '127.0.0.1')
      client.on('error', () => {
        throw new Error('in error')
      })
      client.on('close', (hadError) => log('close', hadError))
      await closing(client)
    })
  })

  sameAsNet('a callback of write()', async (net, log) => {
    await uncaught(log, async () => {
      const { server, client, served } = await pair(net)
      served.resume()
      watch('client', client, log, ENDS)
      client.write('a', () => {
        throw new Error('in the callback')
      })
      client.end('b')
      await closing(client)
      await closed(server)
    })
  })

  sameAsNet('a callback of close()', async (net, log) => {
    await uncaught(log, async () => {
      const { server } = await listening(net, {})
      server.close(() => {
        throw new Error('in the callback')
      })
      await turns(5)
      log(server.listening)
    })
  })

  sameAsNet('of timeout', async (net, log) => {
    await uncaught(log, async () => {
      const { server, client, served } = await pair(net)
      served.resume()
      client.setTimeout(5, () => {
        throw new Error('in timeout')
      })
      await delay(30)
      log(client.destroyed)
      client.destroy()
      await closed(server)
    })
  })
})

describe('an error that nobody listens for', () => {
  sameAsNet('of a connection that is refused', async (net, log) => {
    await uncaught(log, async () => {
      const client = net.connect(await freePort(net), '127.0.0.1')
      client.on('close', (hadError) => log('close', hadError))
      await closing(client)
    })
  })

  sameAsNet('of a server', async (net, log) => {
    await uncaught(log, async () => {
      const { server: other, port } = await listening(net, {})
      net.createServer().listen(port, '127.0.0.1')
      await turns(5)
      await closed(other)
    })
  })

  sameAsNet('of a reset', async (net, log) => {
    await uncaught(log, async () => {
      const { server, client, served } = await pair(net)
      served.resetAndDestroy()
      client.on('close', (hadError) => log('close', hadError))
      await closing(client)
      await closed(server)
    })
  })

  sameAsNet('of destroy()', async (net, log) => {
    await uncaught(log, async () => {
      const { server, client, served } = await pair(net)
      served.resume()
      client.destroy(new Error('mine'))
      await closing(client)
      await closed(server)
    })
  })
})

describe('captureRejections', () => {
  const rejecting = async (): Promise<void> => {
    await null
    throw new Error('rejected')
  }

  /** A server with `captureRejections` on, by the default of all emitters. */
  const capturing = (net: Net): Server => {
    events.captureRejections = true
    try {
      return net.createServer()
    } finally {
      events.captureRejections = false
    }
  }

  sameAsNet('of all emitters: a rejecting connection listener destroys the socket', async (net, log) => {
    const server = capturing(net)
    server.on('connection', (socket: Socket) => {
      watch('server', socket, log, ENDS)
    })
    server.on('connection', rejecting)
    server.on('error', (error) => log('server error', error))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect((server.address() as { port: number }).port, '127.0.0.1')
    client.on('error', () => {}).resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('of all emitters: a rejecting listening listener is the server’s error', async (net, log) => {
    const server = capturing(net)
    server.on('listening', rejecting)
    server.on('error', (error) => log('server error', error))
    server.listen(0, '127.0.0.1')
    await turns(10)
    log(server.listening)
    await closed(server)
  })

  const ofServer = async (net: Net, log: Log): Promise<void> => {
    await uncaught(log, async () => {
      const server = net.createServer({ captureRejections: true } as never)
      server.on('listening', rejecting)
      server.on('error', (error) => log('server error', error))
      server.listen(0, '127.0.0.1')
      await turns(10)
      await closed(server)
    })
  }
  const isError = ['server error Error(rejected)']
  differsFromNet('capture-rejections-option', 'of the server’s options', ofServer, isError)

  const symbol = Symbol.for('nodejs.rejection')
  const byHand = (net: Net, log: Log): Server => {
    const server = net.createServer()
    server.on('error', (error) => log('server error', error))
    return server
  }

  sameAsNet('by hand, of a connection', async (net, log) => {
    const server = byHand(net, log)
    const socket = new net.Socket()
    socket.on('error', (error) => log('socket error', error))
    ;(server as never as Record<symbol, (...args: unknown[]) => void>)[symbol]?.(
      new Error('mine'),
      'connection',
      socket,
    )
    log(socket.destroyed)
    await turns()
  })

  sameAsNet('by hand, of another event', async (net, log) => {
    const server = byHand(net, log)
    ;(server as never as Record<symbol, (...args: unknown[]) => void>)[symbol]?.(new Error('mine'), 'listening')
    await turns()
  })

  sameAsNet('of a socket', async (net, log) => {
    const socket = new net.Socket({ captureRejections: true } as never)
    watch('socket', socket, log, ['error'])
    socket.on('something', rejecting)
    socket.emit('something')
    await turns(5)
    log(socket.destroyed)
  })
})
