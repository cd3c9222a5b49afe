// Reading and writing as node:net does: flow, back pressure, onread, counters, and what stream's helpers make of a socket.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { addAbortSignal, finished, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import { closed, listening, overUdp, pair, sameAsNet, turns, watch } from '../support/net-oracle.js'
import { uncaughtDuring } from '../support/uncaught.js'

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Bytes that differ from each other. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff
  return bytes
}

async function all(socket: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('writing', () => {
  sameAsNet('callbacks come in order, once, and never at once', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    const order: number[] = []
    for (let i = 0; i < 20; i++) client.write(Buffer.alloc(i * 1000), () => order.push(i))
    log(order.length)
    client.end(() => order.push(20))
    await once(client, 'finish')
    log(order)
    client.destroy()
    await closed(server)
  })

  sameAsNet('a loop of writes ends, and drain comes', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.pause()
    let written = 0
    const chunk = Buffer.alloc(60_000)
    while (served.write(chunk)) written++
    log(written < 10_000, served.writableNeedDrain, served.writableLength >= served.writableHighWaterMark)
    client.resume()
    await once(served, 'drain')
    log(served.writableNeedDrain)
    served.end()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('with high water marks of 0 a write that waits says so', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = net.connect({ port, host: '127.0.0.1', highWaterMark: 0 } as never)
    log(client.writableHighWaterMark, client.readableHighWaterMark, client.write('x'), client.write('y'))
    await once(client, 'drain')
    log(client.write('z'))
    client.end()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('corked writes are one', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.on('data', (data) => log(data))
    client.cork()
    client.write('one, ')
    client.write('two, ', (error) => log('two', error))
    client.write('three')
    log(client.writableCorked, client.bytesWritten, client.writableLength)
    client.uncork()
    await turns(10)
    client.end()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('bytesWritten counts what was handed over, wherever it is', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.end(Buffer.alloc(10_000_000), () => log('ended', client.bytesWritten))
    log(client.bytesWritten)
    await once(client, 'close')
    log(client.bytesWritten, served.bytesRead)
    await closed(server)
  })

  sameAsNet('a write under way when the socket is destroyed with an error', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.pause()
    served.on('error', () => {})
    client.on('error', (error) => log('error', error))
    const errors: unknown[] = []
    for (let i = 0; i < 3; i++) client.write(Buffer.alloc(16_000_000), (error) => errors.push(Boolean(error)))
    await turns(5)
    client.destroy(new Error('enough'))
    await once(client, 'close').catch(() => {})
    await turns()
    log(errors.length, errors[2])
    served.destroy()
    await closed(server)
  })
})

describe('reading', () => {
  sameAsNet('pause() right after connect() holds', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('waiting'))
    const client = net.connect(port, '127.0.0.1')
    client.pause()
    let heard = 0
    client.on('data', (data) => {
      heard += data.length
    })
    await turns(20)
    log(heard, client.bytesRead, client.isPaused())
    client.resume()
    await once(client, 'close')
    log(heard, client.bytesRead)
    await closed(server)
  })

  sameAsNet('pause() in a data listener stops at once', async (net, log) => {
    const { server, client, served } = await pair(net)
    let events = 0
    client.on('data', () => {
      events++
      client.pause()
    })
    served.write(Buffer.alloc(500_000))
    await turns(30)
    log(events)
    client.removeAllListeners('data')
    client.resume()
    served.end()
    await once(client, 'close')
    log(client.bytesRead)
    await closed(server)
  })

  sameAsNet('with readable and read()', async (net, log) => {
    const { server, client, served } = await pair(net)
    const got: Buffer[] = []
    let ends = 0
    client.on('readable', () => {
      for (;;) {
        const bytes = client.read() as Buffer | null
        if (bytes === null) break
        got.push(bytes)
      }
    })
    client.on('end', () => ends++)
    served.write('a')
    await turns(10)
    served.end('b')
    await once(client, 'close')
    log(Buffer.concat(got), ends, client.read())
    await closed(server)
  })

  sameAsNet('unshift() after the first bytes', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('HEADbody')
    const [first] = (await once(client, 'data')) as [Buffer]
    client.pause()
    client.unshift(first.subarray(4))
    served.end(' and more')
    log(await all(client))
    await closed(server)
  })

  sameAsNet('into memory of one’s own: onread', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('abcdefghij'))
    const buffer = Buffer.alloc(4)
    let heard = ''
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback(length: number, into: Uint8Array) {
          log(length, into === buffer)
          heard += Buffer.from(into.subarray(0, length)).toString()
          return true
        },
      },
    } as never)
    client.on('data', () => log('no data event'))
    await once(client, 'close')
    log(heard, client.bytesRead)
    await closed(server)
  })

  sameAsNet('onread: the callback is called as the socket’s', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('to be read'))
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: Buffer.alloc(100),
        callback(this: unknown, length: number) {
          log('callback', this === client, length)
          return true
        },
      },
    } as never)
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('onread that stops, and goes on with resume()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end(Buffer.alloc(100_000, 'x')))
    let bytes = 0
    let calls = 0
    const client = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: () => new Uint8Array(10_000),
        callback(length: number) {
          bytes += length
          return ++calls !== 1
        },
      },
    } as never)
    await once(client, 'connect')
    await turns(20)
    log(calls)
    client.resume()
    await once(client, 'close')
    log(bytes, calls >= 10)
    await closed(server)
  })

  sameAsNet('a server that pauses on connect', async (net, log) => {
    const { server, client, served } = await pair(net, { pauseOnConnect: true })
    client.write('hello')
    let heard = ''
    served.on('data', (data) => {
      heard += data.toString()
    })
    await turns(20)
    log(served.isPaused(), served.bytesRead, heard)
    served.resume()
    await once(served, 'data')
    log(served.isPaused(), served.bytesRead, heard)
    client.end()
    await once(served, 'close')
    await closed(server)
  })

  sameAsNet('a listener that throws costs nothing but what it threw', async (net, log) => {
    const { server, client, served } = await pair(net)
    const mine = new Error('mine')
    let thrown = false
    let bytes = 0
    client.on('data', (data) => {
      bytes += data.length
      if (thrown) return
      thrown = true
      throw mine
    })
    const uncaught = await uncaughtDuring(async () => {
      served.end(Buffer.alloc(200_000))
      await once(client, 'close')
    })
    log(uncaught.length, uncaught[0] === mine, bytes)
    await closed(server)
  })
})

describe('helpers of node:stream', () => {
  sameAsNet('for await, to the end and broken off', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.end('all of it')
    log(await all(client))
    const other = await pair(net)
    other.served.on('error', () => {})
    other.served.write('x')
    for await (const chunk of other.client) {
      log(chunk)
      break
    }
    log(other.client.destroyed)
    await closed(other.server)
    await closed(server)
  })

  sameAsNet('for await throws what resets it', async (net, log) => {
    const { server, client, served } = await pair(net)
    setImmediate(() => served.resetAndDestroy())
    try {
      for await (const _ of client);
      log('no error')
    } catch (error) {
      log(error)
    }
    await closed(server)
  })

  sameAsNet('finished', async (net, log) => {
    const clean = await pair(net)
    finished(clean.client, (error) => log('clean', error))
    clean.client.resume()
    clean.served.end()
    await once(clean.client, 'close')
    const cut = await pair(net)
    finished(cut.client, (error) => log('cut', error))
    cut.client.destroy()
    await once(cut.client, 'close')
    const writing = await pair(net)
    writing.served.pause()
    writing.served.on('error', () => {})
    // the kernel's own write is cancelled, or the stream closes early: Node has said the one and the other
    finished(writing.client, (error) => log('writing', error instanceof Error))
    writing.client.write(Buffer.alloc(30_000_000))
    await turns(5)
    writing.client.destroy()
    await once(writing.client, 'close')
    writing.served.destroy()
    for (const { server } of [clean, cut, writing]) await closed(server)
  })

  sameAsNet('pipeline, there and back', async (net, log) => {
    const bytes = pattern(3_000_000)
    const { server, port } = await listening(net, { allowHalfOpen: true }, (socket) => socket.pipe(socket))
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const sink = new PassThrough({ highWaterMark: 1e9 })
    await Promise.all([pipeline(Readable.from([bytes]), client), pipeline(client, sink)])
    log(hash(sink.read() as Buffer) === hash(bytes))
    await closed(server)
  })

  sameAsNet('compose, toWeb, addAbortSignal, asyncDispose', async (net, log) => {
    const composed = await pair(net)
    composed.served.end('composed')
    log(await all(composed.client.compose(new PassThrough()) as unknown as Readable))
    await closed(composed.server)

    const web = await pair(net)
    web.served.end('web')
    const reader = Readable.toWeb(web.client).getReader()
    log(new Uint8Array((await reader.read()).value as Uint8Array), (await reader.read()).done)
    await closed(web.server)

    const aborted = await pair(net)
    const controller = new AbortController()
    addAbortSignal(controller.signal, aborted.client)
    aborted.client.on('error', (error) => log(error.name))
    controller.abort()
    await once(aborted.client, 'close').catch(() => {})
    await closed(aborted.server)

    const disposed = await pair(net)
    const dispose = (Symbol as unknown as { asyncDispose: symbol }).asyncDispose ?? Symbol.for('nodejs.asyncDispose')
    disposed.client.on('error', (error) => log(error.name))
    await (disposed.client as unknown as Record<symbol, () => Promise<void>>)[dispose]!.call(disposed.client)
    log(disposed.client.destroyed)
    await closed(disposed.server)
  })
})

describe('back pressure', () => {
  test('a reader that waits closes the peer’s window, and both sides hold no more than their buffers', async () => {
    const { server, client, served } = await pair(overUdp, {}, {
      maxReceiveBuffer: 100_000,
    } as never)
    client.pause()
    let handedOver = 0
    const write = (): void => {
      while (handedOver < 20_000_000 && served.write(Buffer.alloc(50_000), () => (handedOver += 50_000)));
    }
    served.on('drain', write)
    write()
    await expect
      .poll(() => served.writableNeedDrain && (served as never as Ours).getInfo().sendWindow < 1432)
      .toBe(true)
    // the send buffer, the window, what the streams hold
    expect(handedOver).toBeLessThan(4_194_304 + 100_000 + 200_000)
    const stopped = handedOver
    client.resume()
    await expect.poll(() => handedOver).toBeGreaterThan(stopped + 1_000_000)
    served.removeAllListeners('drain')
    served.end()
    await once(client, 'close')
    await closed(server)
  })

  test('the transfer is whole when the reader stops and goes on', async () => {
    const bytes = pattern(5_000_000)
    const { server, client, served } = await pair(overUdp)
    served.end(bytes)
    const digest = createHash('sha256')
    let since = 0
    client.on('data', (data: Buffer) => {
      digest.update(data)
      since += data.length
      if (since < 300_000) return
      since = 0
      client.pause()
      setImmediate(() => client.resume())
    })
    await once(client, 'close')
    expect(digest.digest('hex')).toBe(hash(bytes))
    await closed(server)
  })
})

type Ours = Socket & { getInfo(): { sendWindow: number } }

test('nothing is emitted but once, whatever listeners were removed', async () => {
  const { server, client, served } = await pair(overUdp)
  client.removeAllListeners()
  served.removeAllListeners()
  const seen: string[] = []
  watch('client', client, (...words) => seen.push(words.join(' ')), ['end', 'finish', 'error', 'close'])
  client.resume()
  served.end('x')
  served.resume()
  await once(client, 'close')
  expect(seen).toEqual(['client end', 'client finish', 'client close false'])
  await closed(server)
})
