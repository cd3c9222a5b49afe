// Reading: flowing and paused, read() and 'readable', encodings, onread, pauseOnConnect, unshift, and the counts.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe } from 'vitest'
import { closed, closing, type Log, listening, pair, sameAsNet, turns, watch } from '../support/net-oracle.js'

const ENDS = ['pause', 'resume', 'end', 'error', 'close'] as const

/** Logs what flows, whatever pieces it comes in: as one line when it ends. */
function logFlow(name: string, socket: Socket, log: Log): void {
  let all = ''
  socket.on('data', (chunk) => {
    all += chunk
  })
  socket.on('end', () => log(name, 'heard', all))
}

describe('pause() and resume()', () => {
  sameAsNet('isPaused() and readableFlowing in each state', async (net, log) => {
    const { server, client, served } = await pair(net)
    const shown = (): void => log(client.isPaused(), client.readableFlowing)
    shown()
    client.pause()
    shown()
    client.on('data', () => {})
    shown()
    client.resume()
    shown()
    client.removeAllListeners('data')
    shown()
    client.pause()
    shown()
    served.resume()
    client.destroy()
    await closed(server)
  })

  sameAsNet('emit pause and resume', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    client.pause().pause()
    log('paused')
    client.resume().resume()
    log('resumed')
    await turns(1)
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('hold back what comes, and give it', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    logFlow('client', client, log)
    client.pause()
    served.write('a')
    await turns(10)
    log(client.readableLength, client.bytesRead)
    client.resume()
    await once(client, 'data')
    client.pause()
    served.end('b')
    await turns(10)
    log(client.readableLength, client.readableEnded)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('before the connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('hello'))
    const client = new net.Socket()
    client.pause()
    client.connect(port, '127.0.0.1')
    client.on('data', (data) => log(data))
    await once(client, 'ready')
    await turns(10)
    log(client.isPaused(), client.bytesRead, client.readableLength)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of connect', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('hello'))
    const client = net.connect(port, '127.0.0.1', () => client.pause())
    client.on('data', (data) => log(data))
    await once(client, 'ready')
    await turns(10)
    log(client.isPaused(), client.bytesRead)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.pause()
      socket.on('data', (data) => log('server data', data))
      setImmediate(() => {
        log('server', socket.isPaused())
        socket.resume()
      })
    })
    const client = net.connect(port, '127.0.0.1', () => client.end('hello'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listener of data, each time', async (net, log) => {
    const { server, client, served } = await pair(net)
    for (const text of ['a', 'b', 'c']) {
      served.write(text)
      await turns(5)
    }
    served.end()
    client.on('data', (data) => {
      log(data, client.isPaused())
      client.pause()
      setImmediate(() => client.resume())
    })
    await closing(client)
    await closed(server)
  })

  sameAsNet('let megabytes through, paused now and then', async (net, log) => {
    const { server, client, served } = await pair(net)
    let heard = 0
    let pauses = 0
    client.on('data', (data) => {
      heard += data.length
      if (heard > pauses * 1_000_000) {
        pauses++
        client.pause()
        setImmediate(() => client.resume())
      }
    })
    served.end(Buffer.alloc(5_000_000))
    await closing(client)
    log(heard, pauses, client.bytesRead)
    await closed(server)
  })
})

describe('read()', () => {
  sameAsNet('without a listener', async (net, log) => {
    const { server, client, served } = await pair(net)
    log(client.read(), client.readableLength)
    served.write('abcdef')
    await turns(10)
    log(client.readableLength, client.read(2), client.read(10), client.read(), client.read())
    served.end()
    await turns(10)
    log(client.read(), client.readableEnded)
    if (!client.destroyed) await closing(client)
    await closed(server)
  })

  sameAsNet('read(0)', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('abc')
    await turns(10)
    log(client.read(0), client.readableLength)
    client.destroy()
    served.on('error', () => {})
    await closed(server)
  })

  sameAsNet('of so many bytes, with readable', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('readable', () => {
      for (let chunk = client.read(4); chunk !== null; chunk = client.read(4)) log(chunk)
    })
    client.on('end', () => log('end'))
    served.end('0123456789')
    await closing(client)
    await closed(server)
  })

  sameAsNet('more than there is: waits', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('abc')
    await turns(10)
    log(client.read(5))
    served.write('de')
    await turns(10)
    log(client.read(5))
    served.on('error', () => {})
    client.destroy()
    await closed(server)
  })

  sameAsNet('readable, then data: both', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('data', (data) => log('data', data))
    client.on('readable', () => log('readable', client.read()))
    served.write('a')
    await turns(10)
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('readable listeners that go make it flow again', async (net, log) => {
    const { server, client, served } = await pair(net)
    const listener = (): void => log('readable')
    client.on('readable', listener)
    client.on('data', (data) => log('data', data))
    log(client.readableFlowing)
    client.off('readable', listener)
    await turns(2)
    log(client.readableFlowing)
    client.resume()
    served.end('a')
    await closing(client)
    await closed(server)
  })
})

describe('unshift()', () => {
  sameAsNet('gives bytes back', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('abc')
    await turns(10)
    client.unshift(Buffer.from('-'))
    client.unshift('>', 'utf8')
    log(client.readableLength, client.bytesRead)
    logFlow('client', client, log)
    served.end('def')
    await closing(client)
    await closed(server)
  })

  sameAsNet('after end: an error', async (net, log) => {
    const { server, client, served } = await pair(net, {}, { allowHalfOpen: true })
    client.on('error', (error) => log('error', error))
    client.resume()
    served.resume().end()
    await once(client, 'end')
    log(client.unshift(Buffer.from('x')))
    if (!client.destroyed) await closing(client)
    await closed(server)
  })
})

describe('setEncoding()', () => {
  for (const encoding of ['utf8', 'latin1', 'hex', 'base64', 'utf16le', 'ascii'] as const) {
    sameAsNet(`to ${encoding}`, async (net, log) => {
      const { server, client, served } = await pair(net)
      log(client.setEncoding(encoding) === client, client.readableEncoding)
      logFlow('client', client, log)
      served.end('grün, €')
      await closing(client)
      log(client.bytesRead)
      await closed(server)
    })
  }

  sameAsNet('with characters cut in two', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.setEncoding('utf8')
    client.on('data', (text) => log(text))
    const bytes = Buffer.from('€')
    for (const at of [0, 1, 2]) {
      served.write(bytes.subarray(at, at + 1))
      await turns(10)
    }
    served.end(bytes.subarray(0, 2))
    await closing(client)
    await closed(server)
  })

  sameAsNet('when bytes wait already', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('grün')
    await turns(10)
    client.setEncoding('utf8')
    log(client.read(), client.readableLength)
    client.resume()
    served.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('an encoding that does not exist', (net, log) => {
    const socket = new net.Socket()
    try {
      socket.setEncoding('klingon' as never)
    } catch (error) {
      log(error)
    }
    log(socket.readableEncoding)
  })
})

describe('onread', () => {
  sameAsNet('reads into one buffer', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('hello'))
    const buffer = Buffer.alloc(100)
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback: (length: number, given: Uint8Array) => {
          log(length, given === buffer, Buffer.from(given.subarray(0, length)))
          return true
        },
      },
    })
    client.on('data', () => log('never'))
    watch('client', client, log, ['end', 'close'])
    await closing(client)
    log(client.bytesRead)
    await closed(server)
  })

  sameAsNet('in pieces of its length', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('0123456789'))
    let all = ''
    let longest = 0
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: Buffer.alloc(3),
        callback: (length: number, given: Uint8Array) => {
          all += Buffer.from(given.subarray(0, length))
          longest = Math.max(longest, length)
          return true
        },
      },
    })
    await closing(client)
    log(all, longest)
    await closed(server)
  })

  sameAsNet('asks a function for a buffer', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('0123456789'))
    let all = ''
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: () => new Uint8Array(4),
        callback: (length: number, given: Uint8Array) => {
          all += Buffer.from(given.subarray(0, length))
          return true
        },
      },
    })
    await closing(client)
    log(all)
    await closed(server)
  })

  sameAsNet('stops when the callback says false, goes on with resume()', async (net, log) => {
    const { server, client, served } = await (async () => {
      const calls: string[] = []
      const made = await pair(net, {}, {
        onread: {
          buffer: Buffer.alloc(2),
          callback: (length: number, given: Uint8Array) => {
            calls.push(String(Buffer.from(given.subarray(0, length))))
            log(calls.join())
            return false
          },
        },
      } as never)
      return made
    })()
    served.end('abcdef')
    for (let i = 0; i < 3; i++) {
      await turns(10)
      log('resume', client.isPaused())
      client.resume()
    }
    if (!client.destroyed) await closing(client)
    await closed(server)
  })

  const HALF: readonly [name: string, onread: unknown][] = [
    ['without a callback', { buffer: Buffer.alloc(10) }],
    ['without a buffer', { callback: () => true }],
    ['null', null],
    ['true', true],
    ['with a buffer that is none', { buffer: [], callback: () => true }],
  ]
  for (const [name, onread] of HALF) {
    sameAsNet(`${name} is none: data`, async (net, log) => {
      const { server, port } = await listening(net, {}, (socket) => socket.end('hello'))
      const client = net.connect({ port, host: '127.0.0.1', onread } as never)
      client.on('data', (data) => log('data', data))
      await closing(client)
      await closed(server)
    })
  }
})

describe('pauseOnConnect', () => {
  sameAsNet('no byte is read before resume()', async (net, log) => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    served.on('data', (data) => log('server data', data))
    client.write('hello')
    await turns(10)
    log('server', served.isPaused(), served.bytesRead, served.readableLength, served.readableFlowing)
    served.resume()
    client.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('a data listener does not resume', async (net, log) => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    served.on('data', () => log('server data'))
    log('server', served.isPaused(), served.readableFlowing)
    client.end('x')
    await turns(10)
    log('server', served.bytesRead)
    served.resume()
    await closing(served)
    await closed(server)
  })

  sameAsNet('read() reads', async (net, log) => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    client.write('hello')
    await turns(10)
    let chunk: unknown = null
    for (; chunk === null; chunk = served.read()) await turns(5)
    log('server', chunk, served.bytesRead)
    served.resume()
    client.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('it can write meanwhile', async (net, log) => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    client.on('data', (data) => log('client', data))
    served.end('out')
    await once(client, 'end')
    served.resume()
    await closing(served)
    await closed(server)
  })

  sameAsNet('is a property that can be set later', async (net, log) => {
    const { server, port } = await listening(net, {})
    ;(server as unknown as { pauseOnConnect: boolean }).pauseOnConnect = true
    const client = net.connect(port, '127.0.0.1')
    const [served] = await once(server, 'connection')
    log('server', served.isPaused())
    served.resume()
    client.destroy()
    await closed(server)
  })
})

describe('bytesRead', () => {
  sameAsNet('grows with what was read', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('data', (data) => log(data.length, client.bytesRead))
    for (const text of ['a', 'bb', 'ccc']) {
      served.write(text)
      await turns(10)
    }
    served.end()
    await closing(client)
    log(client.bytesRead)
    await closed(server)
  })

  sameAsNet('stays after destroy()', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.on('error', () => {})
    served.write('abc')
    await once(client, 'data')
    client.destroy()
    log(client.bytesRead)
    await closing(client)
    log(client.bytesRead)
    await closed(server)
  })
})

describe('readable: false and writable: false', () => {
  for (const options of [{ readable: false }, { writable: false }, { readable: true, writable: true }]) {
    sameAsNet(`${JSON.stringify(options)} of a new socket`, (net, log) => {
      const socket = new net.Socket(options)
      log(socket.readable, socket.writable, socket.readyState)
    })
  }
})
