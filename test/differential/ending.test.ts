// How connections end: end() and half-open, destroy() and its kin, and what each side sees of it.
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

/** Where a socket stands, in short. */
const flags = (socket: Socket): string =>
  [
    socket.readyState,
    socket.destroyed && 'destroyed',
    socket.readableEnded && 'readableEnded',
    socket.writableEnded && 'writableEnded',
    socket.writableFinished && 'writableFinished',
    socket.closed && 'closed',
    socket.pending && 'pending',
  ]
    .filter(Boolean)
    .join(' ')

function watchBoth(client: Socket, served: Socket, log: Log): void {
  watch('client', client, log, ENDS)
  watch('server', served, log, ENDS)
}

describe('end()', () => {
  for (const allowHalfOpen of [false, true]) {
    describe(allowHalfOpen ? 'half open allowed' : 'half open not allowed', () => {
      sameAsNet('by the client, then by the server', async (net, log) => {
        const { server, client, served } = await pair(net, { allowHalfOpen }, { allowHalfOpen })
        watchBoth(client, served, log)
        client.resume()
        served.resume()
        client.end()
        log(flags(client))
        await once(served, 'end')
        log('server', flags(served))
        served.end()
        await closing(client)
        log(flags(client))
        log('server', flags(served))
        await closed(server)
      })

      sameAsNet('by the server, then by the client', async (net, log) => {
        const { server, client, served } = await pair(net, { allowHalfOpen }, { allowHalfOpen })
        watchBoth(client, served, log)
        client.resume()
        served.resume()
        served.end()
        await once(client, 'end')
        log(flags(client))
        client.end()
        await closing(client)
        log(flags(client))
        await closed(server)
      })

      sameAsNet('by both at once', async (net, log) => {
        const { server, client, served } = await pair(net, { allowHalfOpen }, { allowHalfOpen })
        watchBoth(client, served, log)
        client.resume()
        served.resume()
        client.end()
        served.end()
        await closing(client)
        await closed(server)
      })

      sameAsNet('in the listener of end', async (net, log) => {
        const { server, client, served } = await pair(net, { allowHalfOpen }, { allowHalfOpen })
        watchBoth(client, served, log)
        client.on('end', () => client.end('an answer'))
        client.resume()
        served.on('data', (data) => log('server data', data))
        served.end('a question')
        await closing(client)
        await closed(server)
      })

      sameAsNet('of a side that reads on', async (net, log) => {
        const { server, client, served } = await pair(net, { allowHalfOpen: true }, { allowHalfOpen })
        watchBoth(client, served, log)
        let heard = ''
        client.setEncoding('utf8').on('data', (text) => {
          heard += text
        })
        served.resume()
        client.end()
        await once(served, 'end')
        for (let i = 0; i < 3; i++) {
          served.write(`${i} `)
          await turns()
        }
        served.end('done')
        await closing(client)
        log(heard, client.bytesRead)
        await closed(server)
      })
    })
  }

  const FORMS: readonly [name: string, end: (socket: Socket, called: () => void) => unknown][] = [
    ['end()', (socket) => socket.end()],
    ['end(cb)', (socket, called) => socket.end(called)],
    ['end(text)', (socket) => socket.end('text')],
    ['end(text, cb)', (socket, called) => socket.end('text', called)],
    ['end(text, encoding)', (socket) => socket.end('74657874', 'hex')],
    ['end(text, encoding, cb)', (socket, called) => socket.end('dGV4dA==', 'base64', called)],
    ['end(buffer, cb)', (socket, called) => socket.end(Buffer.from('text'), called)],
    ["end('')", (socket) => socket.end('')],
    ['end(Buffer.alloc(0), cb)', (socket, called) => socket.end(Buffer.alloc(0), called)],
    ['end(null)', (socket) => socket.end(null as never)],
    ['end(undefined, cb)', (socket, called) => socket.end(undefined as never, called)],
    ['end(undefined, undefined, cb)', (socket, called) => socket.end(undefined as never, undefined, called)],
    ['end() twice', (socket) => socket.end('once').end()],
    ['end(cb) twice', (socket, called) => socket.end(called).end(called)],
  ]
  for (const [name, end] of FORMS) {
    sameAsNet(name, async (net, log) => {
      const { server, client, served } = await pair(net)
      watchBoth(client, served, log)
      served.on('data', (data) => log('server data', data))
      const returned = end(client, () => log('called back', client.bytesWritten))
      log(returned === client, flags(client), client.bytesWritten)
      await closing(client)
      await closed(server)
    })
  }

  sameAsNet('twice with text: the second is a write after end', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    client.end('once')
    client.end('twice', (error?: Error) => log('called back', error))
    await closing(client)
    await closed(server)
  })

  sameAsNet('after finish: the callback gets an error', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true }, { allowHalfOpen: true })
    served.resume()
    client.end()
    await once(client, 'finish')
    await new Promise<void>((resolve) =>
      client.end((error?: Error) => {
        log('called back', error)
        resolve()
      }),
    )
    served.end()
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('after destroy()', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume().on('error', () => {})
    client.destroy()
    log(client.end((error?: Error) => log('called back', error)) === client)
    await closing(client)
    await closed(server)
  })

  sameAsNet('after destroy(), with text', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume().on('error', () => {})
    client.destroy()
    client.end('text', (error?: Error) => log('called back', error))
    await closing(client)
    await closed(server)
  })

  sameAsNet('after close', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.resume().end()
    await closing(client)
    watch('client', client, log, ENDS)
    client.end((error?: Error) => log('called back', error))
    await turns()
    log(flags(client))
    await closed(server)
  })

  sameAsNet('of a writable that is corked sends what is in it', async (net, log) => {
    const { server, client, served } = await pair(net)
    let heard = ''
    served.on('data', (data) => {
      heard += data
    })
    client.cork()
    client.write('a')
    client.write('b')
    client.end('c')
    await closing(client)
    await closed(server)
    log('server heard', heard)
  })

  sameAsNet('is seen although nobody listens for end or data', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['close'])
    watch('server', served, log, ['close'])
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('with bytes that nobody reads: no end and no close', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.end('unread')
    await turns(20)
    log(flags(client), client.readableLength, client.readableFlowing)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('and a readable listener: null is read at the end', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.on('readable', () => {
      for (;;) {
        const chunk = client.read()
        log('read', chunk)
        if (chunk === null) return
      }
    })
    served.end('all')
    await closing(client)
    await closed(server)
  })

  sameAsNet('allowHalfOpen can be set later', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.allowHalfOpen = true
    watch('client', client, log, ENDS)
    client.resume()
    served.resume()
    served.end()
    await once(client, 'end')
    await turns(5)
    log(flags(client))
    client.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('allowHalfOpen can be taken away later', async (net, log) => {
    const { server, client, served } = await pair(net, {}, { allowHalfOpen: true })
    client.allowHalfOpen = false
    watch('client', client, log, ENDS)
    client.resume()
    served.resume()
    served.end()
    await closing(client)
    log(flags(client))
    await closed(server)
  })

  sameAsNet('allowHalfOpen of the server can be set later, for those that come', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => log('server', socket.allowHalfOpen))
    ;(server as unknown as { allowHalfOpen: boolean }).allowHalfOpen = true
    const client = net.connect(port, '127.0.0.1')
    const [served] = await once(server, 'connection')
    served.resume()
    client.end()
    await once(served, 'end')
    await turns(5)
    log('server', flags(served))
    served.end()
    client.resume()
    await closing(client)
    await closed(server)
  })
})

describe('write() after the peer’s end', () => {
  sameAsNet('in the listener of end, with half open: goes through', async (net, log) => {
    const { server, client, served } = await pair(net, {}, { allowHalfOpen: true })
    served.on('data', (data) => log('server data', data))
    watchBoth(client, served, log)
    client.resume()
    client.on('end', () => {
      log(client.write('late', (error) => log('written', error)))
      client.end()
    })
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of finish: EPIPE', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.resume()
    client.on('finish', () => log(client.write('late', (error) => log('written', error))))
    served.resume().end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of close', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.resume()
    client.on('close', () => log(client.write('late', (error) => log('written', error))))
    served.resume().end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('a tick after the listener of end', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.resume()
    client.on('end', () => process.nextTick(() => log(client.write('late', (error) => log('written', error)))))
    served.resume().end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('end(text) in the listener of finish', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.resume()
    client.on('finish', () => client.end('late', (error?: Error) => log('written', error)))
    served.resume().end()
    await closing(client)
    await closed(server)
  })
})

describe('destroy()', () => {
  sameAsNet('what is seen at once, and later', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    log(client.destroy() === client, flags(client), client.errored)
    await closing(client)
    log(flags(client), client.errored)
    await closed(server)
  })

  sameAsNet('with an error', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    const error = new Error('mine')
    client.on('error', (given) => log(given === error, flags(client)))
    client.destroy(error)
    log(client.errored === error)
    await closing(client)
    await closed(server)
  })

  sameAsNet('with what is no error', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroy('a text' as never)
    await closing(client)
    await closed(server)
  })

  sameAsNet('with null', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroy(null as never)
    await closing(client)
    await closed(server)
  })

  sameAsNet('twice, with two errors', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroy(new Error('first')).destroy(new Error('second'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('without an error, then with one', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroy()
    client.destroy(new Error('late'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of data: no more of it', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.on('error', () => {})
    client.on('data', (data) => {
      log('client data', data)
      client.destroy()
    })
    served.write('1')
    await once(client, 'data')
    served.write('2')
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of end', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    client.resume()
    served.resume()
    client.on('end', () => client.destroy())
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of finish', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    client.on('finish', () => client.destroy())
    client.end('x')
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of error', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.on('error', () => client.destroy(new Error('another')))
    client.destroy(new Error('one'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('right after end(): what was written arrives', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    let heard = ''
    served.on('data', (data) => {
      heard += data
    })
    served.on('end', () => log('server end'))
    client.end('everything')
    client.destroy()
    await closing(client)
    await closed(server)
    log('server heard', heard)
  })

  const cutOff =
    (error?: Error) =>
    async (net: Net, log: Log): Promise<void> => {
      const { server, client, served } = await pair(net)
      watch('client', client, log, ENDS)
      served.pause()
      served.on('error', () => {})
      client.write(Buffer.alloc(20_000_000), (error) => log('first', error))
      client.write('x', (error) => log('second', error))
      await turns(5)
      client.destroy(error)
      await closing(client)
      await turns(5)
      served.destroy()
      await closed(server)
    }
  const gone = 'Error(Cannot call write after a stream was destroyed) code=ERR_STREAM_DESTROYED'
  differsFromNet('cut-off-write-fails', 'with a write under way: its callback', cutOff(), [
    'client close false',
    `first ${gone}`,
    `second ${gone}`,
  ])
  differsFromNet('cut-off-write-fails', 'with an error and a write under way', cutOff(new Error('enough')), [
    'client error Error(enough)',
    'first Error(enough)',
    'second Error(enough)',
    'client close true',
  ])

  sameAsNet('at the server, in the listener of connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      watch('server', socket, log, ENDS)
      socket.destroy()
      log('server', flags(socket))
    })
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connect', 'end', 'close'])
    client.on('error', () => {})
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('of a new socket', async (net, log) => {
    const socket = new net.Socket()
    watch('socket', socket, log, ['end', 'finish', 'error'])
    socket.on('close', () => log('close'))
    socket.destroy()
    log(flags(socket))
    await closing(socket)
    log(flags(socket))
  })
})

describe('destroySoon()', () => {
  sameAsNet('ends and destroys', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    client.write('x')
    log(client.destroySoon(), flags(client))
    await closing(client)
    await closed(server)
  })

  sameAsNet('after end()', async (net, log) => {
    const { server, client, served } = await pair(net)
    watchBoth(client, served, log)
    served.resume()
    client.end('x')
    client.destroySoon()
    log(flags(client))
    await closing(client)
    await closed(server)
  })

  sameAsNet('after finish', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true })
    watchBoth(client, served, log)
    served.resume()
    client.end('x')
    await once(client, 'finish')
    client.destroySoon()
    log(flags(client))
    await closing(client)
    served.end()
    await closed(server)
  })

  sameAsNet('twice', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroySoon()
    client.destroySoon()
    await closing(client)
    await closed(server)
  })

  sameAsNet('after destroy()', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume()
    client.destroy()
    client.destroySoon()
    await closing(client)
    await closed(server)
  })
})
