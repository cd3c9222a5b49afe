// Resets: who sends one, what the peer sees of it, and what a dead connection answers.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe } from 'vitest'
import {
  closed,
  closing,
  differsFromNet,
  type Log,
  listening,
  type Net,
  pair,
  sameAsNet,
  turns,
  watch,
} from '../support/net-oracle.js'

const ENDS = ['end', 'finish', 'error', 'close'] as const

const reading = (socket: Socket): Socket => socket.resume().on('error', () => {})

describe('resetAndDestroy()', () => {
  sameAsNet('of a connected socket: both sides', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    watch('server', served, log, ENDS)
    served.resume()
    log(client.resetAndDestroy() === client, client.destroyed, client.readyState, client.pending)
    await closing(served)
    await closed(server)
  })

  sameAsNet('of a socket of a server', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    watch('server', served, log, ENDS)
    client.resume()
    served.resetAndDestroy()
    await closing(client)
    log(client.errored, client.bytesRead)
    await closed(server)
  })

  sameAsNet('with what was written before and not sent', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    reading(served)
    client.write(Buffer.alloc(20_000_000))
    client.resetAndDestroy()
    await closing(client)
    await turns(10)
    await closed(server)
  })

  const afterEnd = async (net: Net, log: Log): Promise<void> => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['error', 'close'])
    reading(served)
    client.end()
    client.resetAndDestroy()
    await turns(20)
    served.destroy()
    await closed(server)
  }
  differsFromNet('reset-after-end', 'after end(), in the same turn', afterEnd, ['client close false'])

  sameAsNet('after the peer’s end', async (net, log) => {
    const { server, client, served } = await pair(net, {}, { allowHalfOpen: true })
    reading(served).end()
    client.resume()
    await once(client, 'end')
    watch('client', client, log, ENDS)
    client.resetAndDestroy()
    await closing(client)
    await turns(10)
    await closed(server)
  })

  sameAsNet('after destroy(): nothing more', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    reading(served)
    client.destroy()
    log(client.resetAndDestroy() === client)
    await closing(client)
    await turns(10)
    await closed(server)
  })

  sameAsNet('after close: nothing more', async (net, log) => {
    const { server, client, served } = await pair(net)
    reading(served)
    client.resume().end()
    await closing(client)
    watch('client', client, log, ENDS)
    log(client.resetAndDestroy() === client)
    await turns()
    await closed(server)
  })

  sameAsNet('of a new socket: Socket is closed', async (net, log) => {
    const socket = new net.Socket()
    watch('socket', socket, log, ['end', 'finish', 'error'])
    socket.on('close', () => log('close'))
    socket.resetAndDestroy()
    log(socket.destroyed)
    await closing(socket)
  })

  sameAsNet('twice', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    reading(served)
    client.resetAndDestroy().resetAndDestroy()
    await closing(client)
    await closed(server)
  })

  sameAsNet('and a new connection of the same socket', async (net, log) => {
    const { server, client, served, port } = await pair(net)
    reading(served)
    server.on('connection', (socket) => socket.on('error', () => {}).end('again'))
    client.resetAndDestroy()
    await closing(client)
    client.connect(port, '127.0.0.1')
    client.on('data', (data) => log(data))
    watch('client', client, log, ENDS)
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      watch('server', socket, log, ENDS)
      socket.resetAndDestroy()
    })
    const client = net.connect(port, '127.0.0.1')
    client.on('error', (error: NodeJS.ErrnoException) => log('client', error.code))
    client.on('close', (hadError) => log('client close', hadError))
    await closing(client)
    await closed(server)
  })
})

describe('a peer’s reset', () => {
  sameAsNet('is seen without a data listener', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resetAndDestroy()
    await closing(client)
    await closed(server)
  })

  sameAsNet('fails a write that waits for room', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['close'])
    client.on('error', (error: NodeJS.ErrnoException) => log(error.code))
    served.pause()
    client.write(Buffer.alloc(20_000_000))
    client.write('x', (error: NodeJS.ErrnoException | null | undefined) => log('written', error?.code))
    await turns(10)
    served.resetAndDestroy()
    await closing(client)
    await closed(server)
  })

  const unheard = async (net: Net, log: Log): Promise<void> => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    served.on('error', (error: NodeJS.ErrnoException) => log('server', error.code))
    client.resetAndDestroy()
    await turns(20)
    log('server', served.destroyed)
    served.destroy()
    await closed(server)
  }
  differsFromNet('reset-is-heard', 'is heard by who does not read', unheard, ['server ECONNRESET', 'server true'])

  sameAsNet('after this side’s end()', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true })
    watch('client', client, log, ENDS)
    served.resume()
    client.end()
    await once(served, 'end')
    served.resetAndDestroy()
    await closing(client)
    await closed(server)
  })

  sameAsNet('leaves the rest of the server alone', async (net, log) => {
    const { server, port, client, served } = await pair(net)
    const other = net.connect(port, '127.0.0.1')
    const [servedToo] = await once(server, 'connection')
    reading(served)
    client.resetAndDestroy()
    await closing(served)
    servedToo.end('here')
    other.on('data', (data) => log(data))
    await closing(other)
    await closed(server)
  })

  const unread = async (net: Net, log: Log): Promise<void> => {
    const { server, client, served } = await pair(net)
    served.on('error', (error: NodeJS.ErrnoException) => log('server', error.code))
    served.on('close', (hadError) => log('server close', hadError))
    served.resume()
    client.pause()
    served.write('never read')
    await turns(10)
    log(client.readableLength)
    client.destroy()
    await closing(served)
    await closed(server)
  }
  differsFromNet('unread-bytes-reset', 'destroy() with a few bytes in the stream’s buffer', unread, [
    '10',
    'server ECONNRESET',
    'server close true',
  ])

  sameAsNet('is what who writes to a destroyed socket hears', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true })
    let codes: unknown
    served.on('error', (error: NodeJS.ErrnoException) => {
      codes = error.code
    })
    served.resume()
    client.destroy()
    await once(served, 'end')
    for (let i = 0; i < 50 && !served.destroyed; i++) {
      served.write('x')
      await turns()
    }
    log('server', codes === 'EPIPE' || codes === 'ECONNRESET', served.destroyed)
    await closed(server)
  })
})

describe('a dead socket', () => {
  const deaths: readonly [name: string, kill: (client: Socket, served: Socket) => void][] = [
    ['destroyed', (client) => client.destroy()],
    ['destroyed with an error', (client) => client.destroy(new Error('mine'))],
    ['reset by its peer', (_client, served) => served.resetAndDestroy()],
    ['ended by both', (client, served) => client.resume().end() && served.resume().end()],
  ]
  for (const [name, kill] of deaths) {
    sameAsNet(`${name} answers so`, async (net, log) => {
      const { server, client, served } = await pair(net)
      client.on('error', () => {})
      served.on('error', () => {}).resume()
      kill(client, served)
      await closing(client)
      log(client.write('x', (error) => log('written', error instanceof Error)))
      await turns()
      log(client.pause() === client, client.resume() === client, client.read())
      log(client.setTimeout(5) === client, client.timeout, client.setNoDelay() === client)
      log(client.setKeepAlive(true) === client, client.ref() === client, client.unref() === client)
      log(client.setEncoding('utf8') === client, client.address(), client.readyState, client.bufferSize)
      log(client.destroy() === client, client.resetAndDestroy() === client, client.destroySoon())
      log(client.push(null), client.readable, client.writable, client.readableAborted, client.readableDidRead)
      await turns()
      await closed(server)
    })
  }

  sameAsNet('gives each write its own error', async (net, log) => {
    const { server, client, served } = await pair(net)
    reading(served)
    client.destroy()
    for (let i = 0; i < 3; i++) client.write('x', (error) => log(i, error))
    client.end('y', (error?: Error) => log('end', error))
    await closing(client)
    await closed(server)
  })
})
