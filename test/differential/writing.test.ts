// Writing: what write() takes and answers, its callbacks, corks, high water marks, 'drain', and the counts.
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
  thrown,
  turns,
  watch,
} from '../support/net-oracle.js'

/** All that a socket reads until it ends. */
function heardBy(socket: Socket): () => string {
  const chunks: Buffer[] = []
  socket.on('data', (data: Buffer) => chunks.push(data))
  return () => Buffer.concat(chunks).toString('latin1')
}

type Write = (socket: Socket, called: (error?: Error | null) => void) => unknown

describe('write() of', () => {
  const FORMS: readonly [name: string, write: Write][] = [
    ['text', (socket) => socket.write('text')],
    ['text, with a callback', (socket, called) => socket.write('text', called)],
    ['text and encoding', (socket) => socket.write('74657874', 'hex')],
    ['text, encoding, callback', (socket, called) => socket.write('74657874', 'hex', called)],
    ['text and undefined', (socket, called) => socket.write('text', undefined, called)],
    ['text and null', (socket, called) => socket.write('text', null as never, called)],
    ["text in 'utf-8'", (socket) => socket.write('grün', 'utf-8')],
    ["text in 'UTF8'", (socket) => socket.write('grün', 'UTF8' as never)],
    ['text in latin1', (socket) => socket.write('grün', 'latin1')],
    ['text in binary', (socket) => socket.write('grün', 'binary')],
    ['text in ascii', (socket) => socket.write('grün', 'ascii')],
    ['text in ucs2', (socket) => socket.write('grün', 'ucs2')],
    ['text in utf16le', (socket) => socket.write('grün', 'utf16le')],
    ['text in base64', (socket) => socket.write('Z3L8bg==', 'base64')],
    ['text in base64url', (socket) => socket.write('Z3L8bg', 'base64url')],
    ['hex of odd length', (socket) => socket.write('746', 'hex')],
    ['no text', (socket, called) => socket.write('', called)],
    ['a buffer', (socket) => socket.write(Buffer.from('text'))],
    ['a buffer and an encoding: not looked at', (socket) => socket.write(Buffer.from('text'), 'hex')],
    ['an empty buffer', (socket, called) => socket.write(Buffer.alloc(0), called)],
    ['a Uint8Array', (socket) => socket.write(new Uint8Array([65, 66]))],
    ['a part of one', (socket) => socket.write(new Uint8Array([65, 66, 67, 68]).subarray(1, 3))],
    ['an array on shared memory', (socket) => socket.write(new Uint8Array(new SharedArrayBuffer(3)))],
    ['a Uint16Array', (socket) => socket.write(new Uint16Array([0x4241]) as never)],
    ['a DataView', (socket) => socket.write(new DataView(new Uint8Array([65, 66, 67]).buffer, 1) as never)],
  ]
  for (const [name, write] of FORMS) {
    sameAsNet(name, async (net, log) => {
      const { server, client, served } = await pair(net)
      const heard = heardBy(served)
      log(thrown(() => log(write(client, (error) => log('called back', error)))))
      log(client.bytesWritten, client.writableLength)
      client.end()
      await closing(served)
      log('server heard', heard())
      await closed(server)
    })
  }

  const WRONG: readonly [name: string, value: unknown][] = [
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    ['a boolean', true],
    ['an object', {}],
    ['an array', [65]],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a symbol', Symbol.iterator],
    ['a bigint', 5n],
    ['a function', () => {}],
  ]
  for (const [name, value] of WRONG) {
    sameAsNet(`${name}: throws`, async (net, log) => {
      const { server, client, served } = await pair(net)
      watch('client', client, log, ['error', 'close'])
      served.resume()
      log(thrown(() => client.write(value as never, () => log('called back'))))
      log(client.destroyed, client.writableLength)
      client.destroy()
      await closed(server)
    })
  }

  sameAsNet('an unknown encoding throws', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    log(thrown(() => client.write('text', 'klingon' as never)))
    log(thrown(() => client.end('text', 'klingon' as never)))
    log(thrown(() => client.setDefaultEncoding('klingon' as never)))
    client.destroy()
    await closed(server)
  })

  sameAsNet('text in the default encoding that was set', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    log(client.setDefaultEncoding('hex') === client)
    client.end('74657874')
    await closing(served)
    log('server heard', heard())
    await closed(server)
  })
})

describe('callbacks of write()', () => {
  sameAsNet('come in order, after the call, before finish', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['finish', 'close'])
    served.resume()
    for (const text of ['a', 'b', 'c']) client.write(text, (error) => log(text, error))
    client.end('d', () => log('ended'))
    log('returned')
    await closing(client)
    await closed(server)
  })

  sameAsNet('come after connect', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = net.connect(port, '127.0.0.1', () => log('connect'))
    client.on('ready', () => log('ready'))
    client.write('a', () => log('a'))
    client.write('b', () => log('b'))
    client.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('may write again', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    client.write('a', () => client.write('b', () => client.write('c', () => client.end('d'))))
    await closing(client)
    await closed(server)
    log('server heard', heard())
  })

  sameAsNet('may destroy the socket', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['finish', 'error', 'close'])
    served.resume()
    client.write('a', () => {
      log('a')
      client.destroy()
    })
    client.write('b', (error) => log('b', error))
    await closing(client)
    await closed(server)
  })

  sameAsNet('have nothing as their argument', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    await new Promise<void>((resolve) =>
      client.write('a', (...args: unknown[]) => {
        log(args)
        resolve()
      }),
    )
    await new Promise<void>((resolve) =>
      client.end((...args: unknown[]) => {
        log(args)
        resolve()
      }),
    )
    await closing(client)
    await closed(server)
  })

  sameAsNet('a thousand of them', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    const seen: number[] = []
    for (let i = 0; i < 1000; i++) client.write('x', () => seen.push(i))
    client.end()
    await closing(served)
    log(
      seen.length,
      seen.every((value, i) => value === i),
      heard().length,
    )
    await closed(server)
  })
})

describe('cork()', () => {
  sameAsNet('holds back, and uncork() lets go', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    client.cork()
    log(
      client.write('a', () => log('a')),
      client.write('b', () => log('b')),
    )
    log(client.writableCorked, client.writableLength, client.bytesWritten, client.bufferSize)
    await turns(5)
    log('server heard', heard())
    client.uncork()
    log(client.writableCorked, client.writableLength)
    client.end()
    await closing(served)
    log('server heard', heard())
    await closed(server)
  })

  sameAsNet('counts', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    client.cork()
    client.cork()
    client.write('a')
    client.uncork()
    log(client.writableCorked)
    await turns(5)
    log('server heard', heard())
    client.uncork()
    log(client.writableCorked)
    client.end()
    await closing(served)
    log('server heard', heard())
    await closed(server)
  })

  sameAsNet('takes text in encodings and buffers together', async (net, log) => {
    const { server, client, served } = await pair(net)
    const heard = heardBy(served)
    client.cork()
    client.write('é', 'latin1')
    client.write(Buffer.from('b'))
    client.write('63', 'hex')
    client.write(new Uint8Array([100]))
    log(client.bytesWritten)
    client.uncork()
    log(client.bytesWritten)
    client.end()
    await closing(served)
    log('server heard', heard(), client.bytesWritten)
    await closed(server)
  })

  sameAsNet('before the connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('data', (data) => log('server data', data))
    })
    const client = net.connect(port, '127.0.0.1')
    client.cork()
    client.write('a')
    client.write('b')
    log(client.bytesWritten, client.writableLength)
    process.nextTick(() => client.uncork())
    await once(client, 'ready')
    log(client.bytesWritten)
    await turns(5)
    client.end()
    await closing(client)
    await closed(server)
  })

  sameAsNet('uncork() without cork() is nothing', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    log(client.uncork(), client.writableCorked)
    client.end()
    await closing(client)
    await closed(server)
  })
})

describe('the high water mark', () => {
  for (const highWaterMark of [0, 1, 10, 100_000]) {
    sameAsNet(`of ${highWaterMark}: what write() answers before the connection`, async (net, log) => {
      const { server, port } = await listening(net, {}, (socket) => socket.resume())
      const client = net.connect({ port, host: '127.0.0.1', highWaterMark } as never)
      client.on('drain', () => log('drain'))
      log(client.writableHighWaterMark, client.readableHighWaterMark)
      for (let i = 0; i < 4; i++) log(client.write('12345'), client.writableLength, client.writableNeedDrain)
      await once(client, 'ready')
      await turns(3)
      log(client.writableLength, client.writableNeedDrain)
      client.end()
      await closing(client)
      await closed(server)
    })
  }

  sameAsNet('for each direction', (net, log) => {
    const socket = new net.Socket({ readableHighWaterMark: 5, writableHighWaterMark: 7 } as never)
    log(socket.readableHighWaterMark, socket.writableHighWaterMark)
    const other = new net.Socket({ highWaterMark: 9, readableHighWaterMark: 5 } as never)
    log(other.readableHighWaterMark, other.writableHighWaterMark)
    log(thrown(() => new net.Socket({ highWaterMark: -1 } as never)))
    log(thrown(() => new net.Socket({ readableHighWaterMark: 'x' } as never)))
    log(thrown(() => new net.Socket({ writableHighWaterMark: Number.NaN } as never)))
  })

  sameAsNet('is Node’s unless something else is said', async (net, log) => {
    const { server, client, served } = await pair(net)
    log(client.readableHighWaterMark, client.writableHighWaterMark)
    log(served.readableHighWaterMark, served.writableHighWaterMark)
    served.resume()
    client.destroy()
    await closed(server)
  })

  for (const highWaterMark of [0, 5]) {
    sameAsNet(`of the server’s options: ${highWaterMark}`, async (net, log) => {
      const { server, client, served } = await pair(net, { highWaterMark } as never)
      log(served.readableHighWaterMark, served.writableHighWaterMark, client.writableHighWaterMark)
      served.resume()
      client.destroy()
      await closed(server)
    })
  }
})

describe('a peer that does not read', () => {
  sameAsNet('makes write() answer false, and drain come when it reads', async (net, log) => {
    const { server, client, served } = await pair(net)
    const chunk = Buffer.alloc(100_000)
    let written = 0
    served.pause()
    client.on('drain', () => log('drain', client.writableLength))
    for (; written < 300; written++) client.write(chunk)
    await turns(20)
    log(client.write('x'), client.writableNeedDrain, client.writableLength > 0)
    client.end()
    let heard = 0
    served.on('data', (data) => {
      heard += data.length
    })
    served.resume()
    await closing(served)
    log('server heard', heard === written * chunk.length + 1, client.bytesWritten === heard)
    await closed(server)
  })

  sameAsNet('and is then destroyed', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.pause()
    client.on('error', () => log('error'))
    client.on('close', (hadError) => log('close', hadError))
    client.write(Buffer.alloc(20_000_000))
    await turns(10)
    served.destroy()
    await closing(client)
    await closed(server)
  })

  sameAsNet('holds finish back', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ['finish', 'close'])
    served.pause()
    client.end(Buffer.alloc(20_000_000))
    await turns(20)
    log(client.writableFinished, client.writableLength > 0, client.bytesWritten)
    served.resume()
    await closing(client)
    await closed(server)
  })
})

describe('bytesWritten', () => {
  sameAsNet('counts at once, in bytes of the encoding', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    const shown: number[] = []
    for (const [text, encoding] of [
      ['é', 'utf8'],
      ['é', 'latin1'],
      ['00ff', 'hex'],
      ['é', 'utf16le'],
      ['Z3L8bg==', 'base64'],
    ] as const) {
      client.write(text, encoding)
      shown.push(client.bytesWritten)
    }
    log(shown)
    client.end()
    await closing(client)
    log(client.bytesWritten)
    await closed(server)
  })

  sameAsNet('of one large piece', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.write(Buffer.alloc(10_000_000), () => log('written', client.bytesWritten))
    log(client.bytesWritten)
    client.end(() => log('ended', client.bytesWritten))
    await closing(client)
    log(client.bytesWritten)
    await closed(server)
  })

  sameAsNet('at the other end is bytesRead', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.write(Buffer.alloc(3_000_000))
    client.end('12345')
    await closing(served)
    log(client.bytesWritten, served.bytesRead, served.bytesWritten, client.bytesRead)
    await closed(server)
  })
})

describe('write() without a connection', () => {
  sameAsNet('of a new socket', async (net, log) => {
    const socket = new net.Socket()
    socket.on('error', (error) => log('error', error))
    socket.on('close', () => log('close'))
    socket.write('a', (error) => log('a', error))
    socket.write('b', (error) => log('b', error))
    log(socket.bufferSize, socket.pending)
    await closing(socket)
  })

  differsFromNet(
    'write-before-connect',
    'of a new socket, as it looks at once',
    async (net, log) => {
      const socket = new net.Socket().on('error', () => {})
      log(socket.write('a'), socket.readyState)
      await closing(socket)
    },
    ['true open'],
  )

  const inTime = async (net: Net, log: Log): Promise<void> => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('data', (data) => log('server data', data))
    })
    const socket = new net.Socket()
    socket.on('error', (error) => log('error', error))
    socket.on('close', () => log('close'))
    socket.write('a', (error) => log('a', error))
    socket.connect(port, '127.0.0.1', () => socket.end())
    await closing(socket)
    await closed(server)
  }
  differsFromNet('write-before-connect', 'and connect() in the same tick', inTime, [
    'a null',
    'close',
    'server data <a>',
  ])

  sameAsNet('corked, and connect() in the same tick', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('data', (data) => log('server data', data))
    })
    const socket = new net.Socket()
    socket.on('error', (error) => log('error', error))
    socket.on('close', () => log('close'))
    socket.cork()
    socket.write('a', (error) => log('a', error))
    socket.write('b', (error) => log('b', error))
    socket.connect(port, '127.0.0.1', () => socket.end())
    socket.uncork()
    await closing(socket)
    await closed(server)
  })

  sameAsNet('of a socket that was closed', async (net, log) => {
    const { server, client, served } = await pair(net, {}, { allowHalfOpen: true })
    served.resume().end()
    client.resume().end()
    await closing(client)
    client.on('error', (error) => log('error', error))
    log(client.write('a', (error) => log('a', error)))
    await turns()
    await closed(server)
  })
})
