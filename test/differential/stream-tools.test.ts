// Sockets in the hands of node:stream: pipe, pipeline, finished, async iteration, compose, web streams, disposal.
import events, { once } from 'node:events'
import type { Socket } from 'node:net'
import { addAbortSignal, Duplex, finished, PassThrough, pipeline, Readable, Transform, Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import streams from 'node:stream/promises'
import { describe } from 'vitest'
import { closed, closing, freePort, listening, type Net, pair, sameAsNet, turns, watch } from '../support/net-oracle.js'

const ENDS = ['end', 'finish', 'error', 'close'] as const

/** A server that sends everything back. */
const echoing = (net: Net, options = {}): Promise<{ server: import('node:net').Server; port: number }> =>
  listening(net, options, (socket) => socket.on('error', () => {}).pipe(socket))

describe('pipe()', () => {
  sameAsNet('there and back', async (net, log) => {
    const { server, port } = await echoing(net)
    const client = net.connect(port, '127.0.0.1')
    client.end('echo')
    log(await text(client))
    await closed(server)
  })

  sameAsNet('a socket into another', async (net, log) => {
    const far = await listening(net, {}, (socket) => socket.end('from afar'))
    const near = await listening(net, {}, (socket) => net.connect(far.port, '127.0.0.1').pipe(socket))
    log(await text(net.connect(near.port, '127.0.0.1').resume()))
    await closed(near.server)
    await closed(far.server)
  })

  sameAsNet('a file’s worth of bytes', async (net, log) => {
    const { server, client, served } = await pair(net)
    const all = Buffer.alloc(3_000_000, 'abcdefg')
    Readable.from(
      (function* () {
        for (let at = 0; at < all.length; at += 50_000) yield all.subarray(at, at + 50_000)
      })(),
    ).pipe(client)
    log('server', (await buffer(served)).equals(all))
    await closed(server)
  })

  sameAsNet('with end: false', async (net, log) => {
    const { server, client, served } = await pair(net)
    const source = new PassThrough()
    source.pipe(client, { end: false })
    source.end('first')
    await once(source, 'end')
    await turns(5)
    log(client.writableEnded)
    client.end(' second')
    log('server', await text(served))
    await closed(server)
  })

  sameAsNet('unpipe() lets the socket be', async (net, log) => {
    const { server, client, served } = await pair(net)
    const sink = new PassThrough()
    client.pipe(sink)
    log(sink.listenerCount('unpipe') > 0)
    client.unpipe(sink)
    await turns(2)
    log(client.readableFlowing, client.isPaused())
    served.end('x')
    client.resume()
    await closing(client)
    log(sink.writableEnded, sink.read())
    await closed(server)
  })

  sameAsNet('pipe and unpipe events', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('pipe', (source) => log('pipe', source instanceof PassThrough))
    client.on('unpipe', (source) => log('unpipe', source instanceof PassThrough))
    const source = new PassThrough()
    source.pipe(client)
    source.unpipe(client)
    served.resume()
    client.destroy()
    await closed(server)
  })
})

describe('pipeline()', () => {
  sameAsNet('there and back', async (net, log) => {
    const { server, port } = await echoing(net)
    const client = net.connect(port, '127.0.0.1')
    let heard = ''
    const sink = new Writable({
      write(chunk, _encoding, done) {
        heard += chunk
        done()
      },
    })
    await streams.pipeline(Readable.from(['a', 'b', 'c']), client, sink)
    log(heard, client.destroyed)
    await closed(server)
  })

  sameAsNet('with a generator in the middle', async (net, log) => {
    const { server, client, served } = await pair(net)
    const done = streams.pipeline(
      served,
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) yield String(chunk).toUpperCase()
      },
      served,
    )
    client.end('shout')
    log(await text(client))
    await done
    await closed(server)
  })

  sameAsNet('into a socket that is reset', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('error', () => {})
    const endless = new Readable({
      read() {
        setImmediate(() => this.push(Buffer.alloc(10_000)))
      },
    })
    setImmediate(() => served.resetAndDestroy())
    await streams.pipeline(endless, client).catch((error) => log(['ECONNRESET', 'EPIPE'].includes(error.code)))
    log(endless.destroyed, client.destroyed)
    await closed(server)
  })

  sameAsNet('from a source that fails', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.resume().on('error', () => {})
    const failing = new Readable({
      read() {
        this.destroy(new Error('no more'))
      },
    })
    await streams.pipeline(failing, client).catch((error) => log('pipeline', error))
    await turns()
    log(client.destroyed)
    await closed(server)
  })

  sameAsNet('with a signal', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume().on('error', () => {})
    const controller = new AbortController()
    const done = streams.pipeline(new PassThrough(), client, { signal: controller.signal })
    controller.abort()
    await done.catch((error) => log(error.name, error.code))
    log(client.destroyed)
    await closed(server)
  })

  sameAsNet('calls back once', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    await new Promise<void>((resolve) =>
      pipeline(Readable.from(['x']), client, (error) => {
        log('done', error)
        resolve()
      }),
    )
    await turns(5)
    if (!client.destroyed) await closing(client.resume())
    await closed(server)
  })

  sameAsNet('through a Transform', async (net, log) => {
    const { server, client, served } = await pair(net)
    const upper = new Transform({
      transform(chunk, _encoding, done) {
        done(null, String(chunk).toUpperCase())
      },
    })
    const heard = text(served)
    await streams.pipeline(Readable.from(['loud']), upper, client)
    log('server', await heard)
    await closed(server)
  })
})

describe('finished()', () => {
  const waits = (socket: Socket, options = {}): Promise<unknown> =>
    new Promise((resolve) => finished(socket, options, (error) => resolve(error ?? 'no error')))

  sameAsNet('of both directions', async (net, log) => {
    const { server, client, served } = await pair(net)
    const done = waits(client)
    client.resume().end()
    served.resume().end()
    log(await done, client.destroyed)
    await closed(server)
  })

  sameAsNet('of reading alone, of writing alone', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true }, { allowHalfOpen: true })
    served.resume()
    client.resume()
    client.end()
    log(await waits(client, { readable: false }), client.destroyed)
    served.end()
    log(await waits(client, { writable: false }))
    await closed(server)
  })

  sameAsNet('of a socket that is destroyed: a premature close', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    const done = waits(client)
    client.destroy()
    log(await done)
    await closed(server)
  })

  sameAsNet('of a socket that is reset', async (net, log) => {
    const { server, client, served } = await pair(net)
    const done = waits(client)
    served.resetAndDestroy()
    log(await done)
    await closed(server)
  })

  sameAsNet('of one that is refused', async (net, log) => {
    log(await waits(net.connect(await freePort(net), '127.0.0.1')))
  })

  sameAsNet('of one that has closed already', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.resume().end()
    served.resume().end()
    await closing(client)
    log(await waits(client))
    await closed(server)
  })

  sameAsNet('of one that was destroyed already', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.destroy()
    await closing(client)
    log(await waits(client))
    await closed(server)
  })

  sameAsNet('as a promise', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.end('x')
    client.resume()
    log(await streams.finished(client))
    await closed(server)
  })
})

describe('for await', () => {
  sameAsNet('to the end', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.end('all of it')
    let heard = ''
    for await (const chunk of client) heard += chunk
    log(heard, client.destroyed)
    await closed(server)
  })

  sameAsNet('with an encoding', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.setEncoding('utf8')
    served.end('grün')
    let heard = ''
    for await (const chunk of client) {
      log(typeof chunk)
      heard += chunk
    }
    log(heard)
    await closed(server)
  })

  sameAsNet('broken off destroys', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.on('error', () => {})
    served.write('first')
    for await (const chunk of client) {
      log(chunk)
      break
    }
    log(client.destroyed)
    await turns(5)
    await closed(server)
  })

  sameAsNet('that throws destroys', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log, ENDS)
    served.on('error', () => {})
    served.write('first')
    try {
      for await (const chunk of client) throw new Error(`at ${chunk}`)
    } catch (error) {
      log(error)
    }
    log(client.destroyed)
    await turns(5)
    await closed(server)
  })

  sameAsNet('iterator({ destroyOnReturn: false })', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.write('first')
    for await (const chunk of client.iterator({ destroyOnReturn: false })) {
      log(chunk)
      break
    }
    log(client.destroyed)
    served.end(' second')
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('over connections of a server: events.on()', async (net, log) => {
    const { server, port } = await listening(net, {})
    const arriving = events.on(server, 'connection')
    const clients = [0, 1, 2].map(() => net.connect(port, '127.0.0.1').resume())
    let n = 0
    for await (const [socket] of arriving) {
      ;(socket as Socket).end()
      if (++n === 3) break
    }
    log(n)
    await Promise.all(clients.map((client) => client.destroyed || closing(client)))
    await closed(server)
  })
})

describe('other tools', () => {
  sameAsNet('operators: map, take, toArray', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.end('0123456789')
    client.setEncoding('utf8')
    log((await client.map((chunk: string) => chunk.length).toArray()).reduce((a: number, b: number) => a + b, 0))
    await closed(server)
  })

  sameAsNet('Duplex.toWeb()', async (net, log) => {
    const { server, port } = await echoing(net)
    const client = net.connect(port, '127.0.0.1')
    const web = Duplex.toWeb(client)
    const writer = web.writable.getWriter()
    await writer.write(Buffer.from('over the web'))
    await writer.close()
    let heard = ''
    for await (const chunk of web.readable as unknown as AsyncIterable<Uint8Array>) heard += Buffer.from(chunk)
    log(heard)
    await closed(server)
  })

  sameAsNet('addAbortSignal()', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    const controller = new AbortController()
    log(addAbortSignal(controller.signal, client) === client)
    client.on('error', (error) => log(error))
    controller.abort()
    await closing(client)
    await closed(server)
  })

  sameAsNet('Symbol.asyncDispose', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.on('error', (error) => log(error))
    client.on('close', () => log('close'))
    log(await client[Symbol.asyncDispose]())
    log(client.destroyed)
    await closed(server)
  })

  sameAsNet('isReadable, isErrored, isDisturbed', async (net, log) => {
    const { server, client, served } = await pair(net)
    const tools = Readable as unknown as Record<string, (stream: unknown) => unknown>
    const shown = (): void =>
      log(tools.isDisturbed?.(client), client.readableDidRead, client.readableAborted, client.errored)
    shown()
    served.end('x')
    client.resume()
    await closing(client)
    shown()
    await closed(server)
  })

  sameAsNet('events.once() of an error rejects', async (net, log) => {
    const client = net.connect(await freePort(net), '127.0.0.1')
    await once(client, 'connect').catch((error) => log(error))
    await turns()
  })

  sameAsNet('a stream state of Node’s own', async (net, log) => {
    const { server, client, served } = await pair(net)
    log(client instanceof Duplex, client instanceof Readable, client instanceof Writable)
    log(client.readableObjectMode, client.writableObjectMode, client.writableCorked, client.writableNeedDrain)
    served.resume()
    client.destroy()
    await closed(server)
  })
})
