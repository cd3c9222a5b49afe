// setTimeout() of sockets: what arms and disarms it, when it fires, and what it is not.
import { once } from 'node:events'
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
  thrown,
  watch,
} from '../support/net-oracle.js'
import { warningOf } from '../support/warnings.js'

// Short enough to wait for, and far apart: what comes after SHORT has come before LONG, whatever the machine does.
const SHORT = 15
const LONG = 120

describe('setTimeout()', () => {
  sameAsNet('returns the socket and shows as timeout', (net, log) => {
    const socket = new net.Socket()
    for (const value of [0, 1, 1.5, 0.5, 5000, 2 ** 31 - 1]) log(socket.setTimeout(value) === socket, socket.timeout)
    socket.setTimeout(0)
    log(socket.timeout)
  })

  sameAsNet('adds its callback once, and 0 takes it away', (net, log) => {
    const socket = new net.Socket()
    const called = (): void => {}
    const n = (): number => socket.listenerCount('timeout')
    socket.setTimeout(5000, called)
    log(n())
    socket.setTimeout(5000, called)
    log(n())
    socket.setTimeout(0, called)
    log(n())
    socket.setTimeout(0)
    log(n())
    socket.setTimeout(0, called)
    log(n())
  })

  sameAsNet('of a wrong value throws', (net, log) => {
    const socket = new net.Socket()
    for (const value of ['1', -1, Number.NaN, Number.POSITIVE_INFINITY, null, undefined, {}, true]) {
      log(thrown(() => socket.setTimeout(value as never)))
    }
    log(thrown(() => socket.setTimeout(7, 'x' as never)))
    socket.setTimeout(0)
  })

  const wrong = (net: Net, log: Log): void => {
    const socket = new net.Socket()
    socket.setTimeout(5000)
    thrown(() => socket.setTimeout(-1))
    log(socket.timeout)
    socket.setTimeout(0)
  }
  differsFromNet('wrong-timeout', 'of a wrong value leaves the one before', wrong, ['5000'])

  sameAsNet('fires on an idle connection, and closes nothing', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    watch('client', client, log, ['timeout', 'error', 'close'])
    client.setTimeout(SHORT, (...args: unknown[]) => log('called back', args))
    await once(client, 'timeout')
    log(client.destroyed, client.readyState, client.timeout, client.listenerCount('timeout'))
    client.setTimeout(0)
    client.destroy()
    await closed(server)
  })

  sameAsNet('does not fire again without activity', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    let fired = 0
    client.on('timeout', () => fired++)
    client.setTimeout(SHORT)
    await delay(LONG)
    log(fired)
    client.destroy()
    await closed(server)
  })

  for (const [name, act] of [
    ['a write', 'write'],
    ['what is read', 'read'],
    ['setTimeout() itself', 'set'],
  ] as const) {
    sameAsNet(`fires again after ${name}`, async (net, log) => {
      const { server, client, served } = await pair(net)
      served.resume()
      client.resume()
      client.setTimeout(SHORT)
      await once(client, 'timeout')
      if (act === 'write') client.write('x')
      else if (act === 'read') served.write('x')
      else client.setTimeout(SHORT)
      await once(client, 'timeout')
      log('again')
      client.destroy()
      await closed(server)
    })
  }

  sameAsNet('of a socket that is not connected', async (net, log) => {
    const socket = new net.Socket()
    socket.setTimeout(SHORT)
    await once(socket, 'timeout')
    log(socket.destroyed, socket.readyState)
  })

  sameAsNet('of a socket at the server', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.resume()
    served.setTimeout(SHORT, () => served.end('bye'))
    served.resume()
    client.on('data', (data) => log(data))
    await closing(client)
    await closed(server)
  })

  sameAsNet('goes with the socket: not after destroy()', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    watch('client', client, log, ['timeout', 'close'])
    client.setTimeout(SHORT)
    client.destroy()
    log(client.setTimeout(SHORT) === client, client.timeout)
    await delay(LONG)
    await closed(server)
  })

  sameAsNet('nor after close', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.setTimeout(SHORT)
    served.resume().end()
    client.resume()
    await closing(client)
    log('closed')
    watch('client', client, log, ['timeout'])
    await delay(LONG)
    await closed(server)
  })

  sameAsNet('nor after the connection was refused', async (net, log) => {
    const client = net.connect({ port: await freePort(net), host: '127.0.0.1', timeout: LONG / 2 })
    client.on('error', () => {})
    await closing(client)
    log('closed')
    watch('client', client, log, ['timeout'])
    await delay(LONG)
    log(client.timeout)
  })

  sameAsNet('can be taken back in time', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    watch('client', client, log, ['timeout'])
    client.setTimeout(LONG / 2)
    client.setTimeout(0)
    await delay(LONG)
    log(client.timeout)
    client.destroy()
    await closed(server)
  })

  sameAsNet('can be set anew in its listener', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    let fired = 0
    client.on('timeout', () => {
      fired++
      client.setTimeout(fired < 3 ? SHORT : 0)
    })
    client.setTimeout(SHORT)
    while (fired < 3) await once(client, 'timeout')
    await delay(LONG)
    log(fired, client.timeout)
    client.destroy()
    await closed(server)
  })

  sameAsNet('destroy(error) in its listener', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    watch('client', client, log, ['timeout', 'error', 'close'])
    client.setTimeout(SHORT, () => client.destroy(new Error('too slow')))
    await closing(client)
    await closed(server)
  })

  sameAsNet('of one socket in the listener of another', async (net, log) => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.resume()
    client.setTimeout(SHORT, () => served.setTimeout(SHORT, () => log('both')))
    await once(served, 'timeout')
    client.destroy()
    await closed(server)
  })

  sameAsNet('stays for the next connection', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = new net.Socket()
    client.setTimeout(5000)
    client.connect(port, '127.0.0.1', () => client.end())
    client.resume()
    await closing(client)
    log(client.timeout)
    client.connect(port, '127.0.0.1', () => client.end())
    log(client.timeout)
    await closing(client)
    await closed(server)
  })

  sameAsNet('longer than a timer can be: clipped, with a warning', async (net, log) => {
    const socket = new net.Socket()
    const warned = warningOf('TimeoutOverflowWarning')
    log(socket.setTimeout(2 ** 31) === socket, socket.timeout)
    const warning = await warned
    log(warning.name, warning.message)
    socket.setTimeout(0)
  })
})

describe('setNoDelay() and setKeepAlive()', () => {
  const VALUES = [undefined, true, false, 0, 1, 'x', null, {}] as const
  sameAsNet('take anything, in any state', async (net, log) => {
    const { server, client, served } = await pair(net)
    const socket = new net.Socket()
    for (const value of VALUES) {
      log(socket.setNoDelay(value as never) === socket, client.setNoDelay(value as never) === client)
      log(
        socket.setKeepAlive(value as never) === socket,
        client.setKeepAlive(value as never, value as never) === client,
      )
    }
    for (const value of [0, 1, 999, 1000, 1e9, -1, Number.NaN, '5000'])
      log(client.setKeepAlive(true, value as never) === client)
    client.setKeepAlive(false)
    served.on('data', (data) => served.end(data))
    client.on('data', (data) => log(data))
    client.write('still')
    await closing(client)
    log(client.setNoDelay() === client, client.setKeepAlive(true, 5) === client)
    await closed(server)
  })
})

describe('ref() and unref()', () => {
  sameAsNet('return the socket or the server, in any state', async (net, log) => {
    const socket = new net.Socket()
    log(socket.ref() === socket, socket.unref() === socket, socket.ref() === socket)
    const { server, client, served } = await pair(net)
    log(server.ref() === server, server.unref() === server, server.ref() === server)
    log(client.unref() === client, client.ref() === client, served.unref() === served, served.ref() === served)
    served.resume()
    client.destroy()
    log(client.ref() === client, client.unref() === client)
    await closed(server)
    log(server.ref() === server, server.unref() === server)
  })

  sameAsNet('before and while connecting', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('x'))
    const client = new net.Socket()
    client.unref().ref()
    client.connect(port, '127.0.0.1')
    client.unref().ref()
    client.on('data', (data) => log(data))
    await closing(client)
    await closed(server)
  })
})
