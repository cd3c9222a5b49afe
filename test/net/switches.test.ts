// Time-outs, signals, ref and unref, and the other switches of a socket, beside node:net's.
import events, { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Machines } from '../support/machines.js'
import { closed, listening, overUdp, pair, sameAsNet, turns, watch } from '../support/net-oracle.js'
import { warningOf } from '../support/warnings.js'

describe('setTimeout', () => {
  sameAsNet('fires once when idle, and again after activity', async (net, log) => {
    const { server, client, served } = await pair(net)
    let fired = 0
    log(client.setTimeout(20, () => log('called back')) === client, client.timeout)
    client.on('timeout', () => fired++)
    client.resume()
    await once(client, 'timeout')
    await delay(60)
    log(fired, client.destroyed)
    served.write('x')
    await once(client, 'timeout')
    log(fired)
    client.setTimeout(0)
    log(client.timeout)
    served.write('x')
    await delay(40)
    log(fired)
    client.destroy()
    log(client.setTimeout(5) === client, client.timeout)
    await closed(server)
  })

  sameAsNet('0 takes a listener away', async (net, log) => {
    const socket = new net.Socket()
    const listener = (): void => log('timeout')
    socket.setTimeout(10, listener)
    log(socket.listenerCount('timeout'))
    socket.setTimeout(0, listener)
    log(socket.listenerCount('timeout'))
    await delay(20)
    socket.destroy()
  })

  sameAsNet('before anything else, and on a server’s sockets', async (net, log) => {
    const socket = new net.Socket()
    socket.setTimeout(5)
    await once(socket, 'timeout')
    log('unconnected')
    const { server, client, served } = await pair(net)
    served.setTimeout(5, () => {
      log('served')
      client.setTimeout(5)
    })
    await once(client, 'timeout')
    client.destroy()
    await closed(server)
  })

  test('is a transfer’s business only when nothing moves', async () => {
    const world = new Machines({ link: { delay: 10 } })
    const { client, served } = await world.pair()
    let fired = 0
    client.setTimeout(50, () => fired++)
    client.resume()
    for (let i = 0; i < 10; i++) {
      served.write('x')
      await world.network.run(45)
    }
    expect(fired).toBe(0)
    await world.network.run(100)
    expect(fired).toBe(1)
  })

  test('of connect() covers connecting', async () => {
    // nobody answers: a UDP socket that is no TCP
    const { createSocket } = await import('node:dgram')
    const deaf = createSocket('udp4')
    await new Promise<void>((resolve) => deaf.bind(0, '127.0.0.1', resolve))
    const client = overUdp.connect({ port: deaf.address().port, host: '127.0.0.1', timeout: 20 })
    await once(client, 'timeout')
    expect([client.connecting, client.timeout]).toEqual([true, 20])
    client.destroy()
    deaf.close()
  })

  sameAsNet('longer than a timer can be is clipped with a warning', async (net, log) => {
    const warned = warningOf('TimeoutOverflowWarning')
    const socket = new net.Socket()
    socket.setTimeout(2 ** 33)
    const warning = await warned
    log(warning.name, socket.timeout)
    socket.destroy()
  })
})

describe('a signal', () => {
  sameAsNet('destroys what is connecting', async (net, log) => {
    const { server, port } = await listening(net, {})
    const controller = new AbortController()
    const client = net.connect({ port, host: '127.0.0.1', signal: controller.signal } as never)
    watch('client', client, log)
    controller.abort()
    await once(client, 'close').catch(() => {})
    await turns(5)
    await closed(server)
  })

  sameAsNet('destroys what is connected, and leaves no listener', async (net, log) => {
    const controller = new AbortController()
    const { server, client, served } = await pair(net, {}, { signal: controller.signal } as never)
    served.resume()
    client.on('error', (error) => log('client', error.name, (error as NodeJS.ErrnoException).code))
    client.on('close', (hadError) => log('client close', hadError))
    controller.abort()
    await once(client, 'close').catch(() => {})
    await turns(5)
    log(events.getEventListeners(controller.signal, 'abort').length)
    await closed(server)
  })

  test('has one listener while the socket lives, and none afterwards', async () => {
    const controller = new AbortController()
    const { server, client, served } = await pair(overUdp, {}, { signal: controller.signal } as never)
    expect(events.getEventListeners(controller.signal, 'abort').length).toBe(1)
    served.end()
    client.resume()
    await once(client, 'close')
    expect(events.getEventListeners(controller.signal, 'abort').length).toBe(0)
    await closed(server)
  })

  test.each(['new Socket()', 'connect()'])('that was aborted before %s', async (how) => {
    const signal = AbortSignal.abort()
    const socket =
      how === 'connect()'
        ? overUdp.connect({ port: 1, host: '127.0.0.1', signal } as never)
        : new overUdp.Socket({ signal })
    const seen: unknown[] = []
    socket.on('connect', () => seen.push('connect'))
    socket.on('error', (error) => seen.push(error.name))
    socket.on('close', (hadError) => seen.push(hadError))
    expect(socket.destroyed).toBe(true)
    await turns(5)
    expect(seen).toEqual(['AbortError', true])
    expect(events.getEventListeners(signal, 'abort').length).toBe(0)
  })
})

describe('what is remembered until there is a connection', () => {
  sameAsNet('every switch can be set before connecting', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const socket = new net.Socket()
    log(socket.setNoDelay(true).setKeepAlive(true, 1000).setTimeout(10_000).unref().ref() === socket)
    socket.connect(port, '127.0.0.1')
    log(socket.setNoDelay(false).setKeepAlive(false).unref().ref() === socket)
    socket.resume()
    await once(socket, 'close')
    await closed(server)
  })
})
