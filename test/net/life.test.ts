// The life of a socket as node:net tells it: events, their order, and what can be read at each.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe } from 'vitest'
import { closed, freePort, type Log, listening, pair, sameAsNet, turns, watch } from '../support/net-oracle.js'

/** The events of a socket that never connects: node:net does not say with its 'close' whether there was an error. */
function watchUnconnected(socket: Socket, log: Log): void {
  watch('socket', socket, log, ['connect', 'ready', 'end', 'finish', 'error'])
  socket.on('close', () => log('socket close'))
}

/** All that can be read of a socket's state. */
function state(socket: Socket): Record<string, unknown> {
  const { connecting, pending, readyState, destroyed, readable, writable, bytesRead, bytesWritten } = socket
  const { remoteAddress, remoteFamily, localAddress, localFamily, timeout, allowHalfOpen, bufferSize } = socket
  return {
    ...{ connecting, pending, readyState, destroyed, readable, writable, bytesRead, bytesWritten },
    ...{ remoteAddress, remoteFamily, localAddress, localFamily, timeout, allowHalfOpen, bufferSize },
    ports: [typeof socket.remotePort, typeof socket.localPort],
    address: Object.keys(socket.address()),
  }
}

describe('a conversation', () => {
  sameAsNet('has the same events, and the same state in each', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      log('server: state at connection', state(socket), socket.localPort === port)
      watch('server', socket, log)
      socket.on('data', (data) => log('server data', data, state(socket)))
      socket.on('end', () => log('server: state at end', state(socket)))
      socket.on('close', () => log('server: bytes at close', socket.bytesRead, socket.bytesWritten))
      socket.write('hello')
    })
    const client = net.connect({ port, host: '127.0.0.1' })
    log('after connect()', state(client))
    watch('client', client, log)
    client.on('connect', () => log('at connect', state(client), client.remotePort === port))
    client.on('data', (data) => {
      log('client data', data)
      client.end('goodbye', () => log('end called back', client.bytesWritten))
    })
    client.on('error', () => {})
    await once(client, 'close')
    log('after close', client.readyState, client.pending, client.destroyed, client.bytesRead, client.bytesWritten)
    await closed(server)
  })

  sameAsNet('ended by the server first', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      watch('server', socket, log)
      socket.resume()
      socket.end('all there is')
    })
    const client = net.connect(port, '127.0.0.1')
    client.on('data', (data) => log('client data', data))
    client.on('end', () => {
      log('at end', client.destroyed, client.readyState)
      process.nextTick(() => log('a tick after end', client.destroyed))
    })
    client.on('finish', () => log('at finish', client.destroyed, client.readyState))
    client.on('close', (hadError) => log('client close', hadError, client.readyState))
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('half open: the side that has ended goes on to read', async (net, log) => {
    const { server, client, served } = await pair(net, { allowHalfOpen: true }, { allowHalfOpen: true })
    watch('server', served, log)
    watch('client', client, log)
    served.resume()
    client.end('question')
    await once(served, 'end')
    log(served.readyState, client.readyState, served.writable, served.readable, client.writable)
    const answer: Buffer[] = []
    client.on('data', (data: Buffer) => answer.push(data))
    for (let i = 0; i < 5; i++) {
      served.write(`part ${i} `)
      await turns()
    }
    served.end()
    await once(client, 'close')
    log(Buffer.concat(answer))
    await closed(server)
  })

  sameAsNet('text in an encoding, with characters cut in two', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.setEncoding('utf8')
    let heard = ''
    client.on('data', (text) => {
      log(typeof text)
      heard += text
    })
    const bytes = Buffer.from('übergroße Größe €')
    served.setNoDelay(true)
    served.write(bytes.subarray(0, 1))
    await turns(8)
    served.end(bytes.subarray(1))
    await once(client, 'close')
    log(heard)
    await closed(server)
  })

  sameAsNet('writes in every encoding, and of every kind of array', async (net, log) => {
    const { server, client, served } = await pair(net)
    const got: Buffer[] = []
    served.on('data', (data: Buffer) => got.push(data))
    client.write('616263', 'hex')
    client.write('ZGVm', 'base64')
    client.write('é', 'latin1')
    client.write('x', 'utf16le')
    client.write(new Uint8Array([65, 66]))
    client.write(new Uint16Array([0x4443]) as never)
    client.write(new DataView(new Uint8Array([69]).buffer) as never)
    log(client.bytesWritten)
    client.end()
    await once(served, 'close')
    log(Buffer.concat(got), client.bytesWritten)
    await closed(server)
  })
})

describe('before a connection', () => {
  sameAsNet('a new socket', async (net, log) => {
    const socket = new net.Socket()
    log(state(socket), socket.address())
    log(socket.setTimeout(0) === socket, socket.setNoDelay() === socket, socket.setKeepAlive() === socket)
    log(socket.ref() === socket, socket.unref() === socket, socket.pause() === socket, socket.resume() === socket)
    log(socket.setEncoding('utf8') === socket, new net.Socket().destroySoon() === undefined)
    watchUnconnected(socket, log)
    log(socket.destroy() === socket, socket.destroy().destroy() === socket)
    await once(socket, 'close')
    log(state(socket))
  })

  sameAsNet('destroyed with an error', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    const error = new Error('mine')
    socket.on('error', (given) => log(given === error))
    socket.destroy(error)
    await once(socket, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('reset without ever being connected', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    log(socket.resetAndDestroy() === socket)
    await once(socket, 'close').catch(() => {})
    await turns()
    socket.resetAndDestroy()
    await turns()
  })

  sameAsNet('written to without ever being connected', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    socket.write('x', (error) => log('written', error))
    await once(socket, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('ended without ever being connected', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    log(socket.end('x', () => log('ended')) === socket)
    await turns()
    socket.destroy()
    await turns()
  })

  sameAsNet('ended without a word and without ever being connected', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    socket.end(() => log('ended'))
    await turns()
    log(state(socket), socket.writableFinished)
    socket.destroy()
    await turns()
  })

  sameAsNet('destroySoon() without ever being connected', async (net, log) => {
    const socket = new net.Socket()
    watchUnconnected(socket, log)
    socket.destroySoon()
    await turns()
    log(state(socket), socket.destroyed)
    socket.destroy()
    await turns()
  })

  sameAsNet('ended, and connected later', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const socket = new net.Socket()
    socket.on('close', () => log('close'))
    socket.end(() => log('ended'))
    await turns()
    const again = socket.writableFinished
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    // before Node 22 the end has waited for this
    if (again) socket.end('x', () => log('ended again'))
    await once(socket.resume(), 'close')
    await closed(server)
  })
})

describe('connecting', () => {
  sameAsNet('with writes and an end before it is connected', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('data', (data) => log('server data', data))
      socket.on('end', () => log('server end'))
    })
    const client = net.connect(port, '127.0.0.1', () => log('the listener of connect()'))
    watch('client', client, log)
    client.on('connect', () => log('connected', client.bytesWritten))
    client.write('a', () => log('a written'))
    log(client.bytesWritten, client.bufferSize, client.writableLength, client.readyState)
    client.write('b', () => log('b written'))
    client.end('c', () => log('ended'))
    log(client.bytesWritten, client.bufferSize, client.readyState)
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('what is written in connect follows what was written before', async (net, log) => {
    const got: Buffer[] = []
    const { server, port } = await listening(net, {}, (socket) => socket.on('data', (data: Buffer) => got.push(data)))
    const client = net.connect(port, '127.0.0.1')
    client.on('connect', () => client.end('2'))
    client.write('1')
    await once(client, 'close')
    await closed(server)
    log(Buffer.concat(got))
  })

  sameAsNet('destroyed at once', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log)
    client.write('x', (error) => log('written', error))
    client.destroy()
    log(client.connecting, client.destroyed, client.readyState)
    await once(client, 'close')
    await turns()
    await closed(server)
  })

  sameAsNet('reset before it is connected', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}))
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connect', 'ready', 'error', 'close'])
    client.resetAndDestroy()
    log(client.destroyed)
    await once(client, 'close')
    await turns(10)
    await closed(server)
  })

  sameAsNet('to a port on which nobody listens', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready', 'end', 'close'])
    client.on('error', (error) => log(error, client.connecting, client.destroyed))
    await once(client, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('to a port on which nobody listens, with writes that wait', async (net, log) => {
    const client = net.connect(await freePort(net), '127.0.0.1')
    watchUnconnected(client, log)
    client.write('first', (error) => log('first', error))
    client.end('second', () => log('ended'))
    await once(client, 'close').catch(() => {})
    await turns(5)
  })

  sameAsNet('to port 0', async (net, log) => {
    const client = net.connect(0, '127.0.0.1')
    client.on('error', (error) => log(String(error).startsWith('Error: connect E')))
    client.on('close', (hadError) => log(hadError))
    await turns(20)
  })

  sameAsNet('from a local address and port', async (net, log) => {
    const { server, port } = await listening(net, {})
    const localPort = await freePort(net)
    const client = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2', localPort })
    await once(client, 'connect')
    log(client.localAddress, client.localPort === localPort)
    const again = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2', localPort })
    again.on('error', ({ code, syscall }: NodeJS.ErrnoException) => {
      log(/^EADDR(INUSE|NOTAVAIL)$/.test(code as string), /^(bind|connect)$/.test(syscall as string))
    })
    again.on('close', (hadError) => log(hadError))
    await once(again, 'close').catch(() => {})
    client.destroy()
    await closed(server)
  })

  sameAsNet('from an address of another machine', async (net, log) => {
    const client = net.connect({ port: 9, host: '127.0.0.1', localAddress: '192.0.2.1' })
    watch('client', client, log)
    await once(client, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('again and again, in the close listener', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('x'))
    const ports = new Set<unknown>()
    const client = new net.Socket()
    let times = 0
    client.on('data', (data) => log('data', data, client.bytesRead))
    client.on('connect', () => ports.add(client.localPort))
    watch('client', client, log, ['end', 'finish', 'error'])
    const over = new Promise<void>((resolve) => {
      client.on('close', (hadError) => {
        log('close', hadError)
        if (++times === 5) resolve()
        else client.connect(port, '127.0.0.1')
      })
    })
    client.connect(port, '127.0.0.1')
    await over
    log(times, ports.size)
    await closed(server)
  })

  sameAsNet('again after a destroy() that cut a write short', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('error', () => {})
      socket.on('end', () => log('server end'))
      socket.resume()
    })
    const client = net.connect(port, '127.0.0.1')
    client.write(Buffer.alloc(30_000_000))
    await once(client, 'connect')
    client.destroy()
    await new Promise<void>((resolve) => {
      client.once('close', () => {
        client.connect(port, '127.0.0.1', () => client.end('second life'))
        resolve()
      })
    })
    await once(client, 'close')
    log(client.bytesWritten, client.errored)
    await closed(server)
  })

  sameAsNet('again after it failed', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect(port, '127.0.0.1')
    client.on('error', (error) => log(error))
    await once(client, 'close').catch(() => {})
    await turns()
    const server = net.createServer((socket) => socket.end('y')).listen(port, '127.0.0.1')
    await once(server, 'listening')
    client.connect(port, '127.0.0.1', () => log('connected', client.connecting, client.destroyed, client.readyState))
    client.on('data', (data) => log(data))
    await once(client, 'close')
    log(client.readyState)
    await closed(server)
  })
})

describe('ending', () => {
  sameAsNet('destroy() after all was read is an end to the peer', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('server', served, log)
    watch('client', client, log)
    served.resume()
    client.destroy()
    log(client.destroyed, client.readyState)
    await once(served, 'close')
    await closed(server)
  })

  sameAsNet('destroy() with unread bytes is a reset to the peer', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('server', served, log, ['end', 'error', 'close'])
    watch('client', client, log, ['end', 'error', 'close'])
    served.on('error', () => {})
    client.pause()
    served.write(Buffer.alloc(1_000_000))
    await turns(20)
    client.destroy()
    await once(served, 'close').catch(() => {})
    await turns()
    await closed(server)
  })

  sameAsNet('resetAndDestroy()', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('server', served, log)
    watch('client', client, log)
    log(client.resetAndDestroy() === client, client.destroyed)
    client.write('x', (error) => log('written', error))
    await once(served, 'close').catch(() => {})
    await turns()
    client.resetAndDestroy()
    await closed(server)
  })

  sameAsNet('destroySoon() loses nothing', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log)
    let bytes = 0
    served.on('data', (data) => {
      bytes += data.length
    })
    client.write(Buffer.alloc(3_000_000))
    client.destroySoon()
    log(client.destroyed, client.writableEnded)
    await once(served, 'close')
    log(bytes)
    await closed(server)
  })

  sameAsNet('destroy() in the listener of finish loses nothing', async (net, log) => {
    const { server, client, served } = await pair(net)
    let bytes = 0
    served.on('data', (data) => {
      bytes += data.length
    })
    client.on('finish', () => client.destroy())
    client.end(Buffer.alloc(2_000_000))
    await once(served, 'close')
    log(bytes)
    await closed(server)
  })

  sameAsNet('write() after end()', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    watch('client', client, log)
    client.end('x')
    log(client.write('y', (error) => log('written', error)))
    await once(client, 'close').catch(() => {})
    await turns()
    await closed(server)
  })

  sameAsNet('write() after destroy()', async (net, log) => {
    const { server, client } = await pair(net)
    watch('client', client, log)
    client.destroy()
    log(client.write('y', (error) => log('written', error)))
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('write() in the end listener goes through, later it fails', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.on('data', (data) => log('server data', data))
    watch('client', client, log)
    client.resume()
    client.on('end', () => log('in end', client.write('still')))
    client.on('finish', () => {
      log(
        'in finish',
        client.write('too late', (error) => log('written', error)),
      )
      log(client.write('again too late'))
    })
    served.end()
    await once(client, 'close').catch(() => {})
    await turns()
    await closed(server)
  })

  sameAsNet('many writes after a reset, and one error', async (net, log) => {
    const { server, client, served } = await pair(net)
    let errors = 0
    client.on('error', () => errors++)
    client.on('close', (hadError) => log('close', hadError))
    const over = once(client, 'close').catch(() => {})
    served.resetAndDestroy()
    const failed: Promise<unknown>[] = []
    for (let i = 0; i < 50 && !client.destroyed; i++) {
      failed.push(new Promise((resolve) => client.write('x', resolve)))
      await turns(1)
    }
    await over
    for (let i = 0; i < 5; i++) failed.push(new Promise((resolve) => client.write('x', resolve)))
    const last = (await Promise.all(failed)).at(-1)
    log(errors, last)
    await closed(server)
  })

  sameAsNet('an end that nobody reads for comes all the same', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log)
    served.end()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('an end behind unread bytes is held back', async (net, log) => {
    const { server, client, served } = await pair(net)
    watch('client', client, log)
    client.pause()
    served.end('unread')
    await turns(10)
    log(client.readyState, client.destroyed, client.isPaused())
    client.on('data', (data) => log(data))
    log('resumed')
    client.resume()
    await once(client, 'close')
    await closed(server)
  })
})

describe('a class of node:net', () => {
  sameAsNet('can be called without new, and extended', async (net, log) => {
    type Plain = (options?: object) => object
    const { Socket, Server } = net as unknown as { Socket: Plain; Server: Plain }
    log(Socket({}) instanceof net.Socket, Server({}) instanceof net.Server, Socket.name, Server.name)
    class Mine extends net.Socket {
      mark = 'mine'
    }
    const mine = new Mine({ allowHalfOpen: true })
    log(mine instanceof net.Socket, mine instanceof Mine, mine.mark, mine.allowHalfOpen, mine.constructor.name)
    const { Stream } = net as unknown as { Stream: unknown }
    log(Stream === net.Socket, new net.Socket().constructor === net.Socket)
    log(net.Socket.prototype.bytesWritten, net.Socket.prototype.bytesRead, net.Socket.prototype.remoteAddress)
    log(net.Socket.prototype.pending, net.Socket.prototype.localPort, net.Socket.prototype.bufferSize)
    log(net.connect === net.createConnection, Object.keys(new net.Socket()).includes('server'))
  })

  sameAsNet('connect() goes through the method that the prototype has now', async (net, log: Log) => {
    const { connect } = net.Socket.prototype
    const { server, port } = await listening(net, {})
    try {
      net.Socket.prototype.connect = function patched(this: Socket, ...args: unknown[]) {
        log('patched')
        return connect.apply(this, args as never)
      } as never
      const client = net.connect(port, '127.0.0.1')
      await once(client, 'connect')
      client.destroy()
    } finally {
      net.Socket.prototype.connect = connect
    }
    await closed(server)
  })
})
