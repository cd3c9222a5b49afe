// connect() that fails, and connect() that is called off: errors, events, and what becomes of what was written.
import { once } from 'node:events'
import type { Socket } from 'node:net'
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
  stateOf,
  thrown,
  turns,
  watch,
} from '../support/net-oracle.js'

const ALL = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'connect',
  'ready',
  'end',
  'finish',
  'error',
  'close',
] as const

const refused = async (net: Net): Promise<Socket> => net.connect(await freePort(net), '127.0.0.1')

describe('a connection that is refused', () => {
  sameAsNet('has these events', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('over IPv6', async (net, log) => {
    const client = net.connect(await freePort(net), '::1')
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('on an IPv4 address inside IPv6', async (net, log) => {
    const client = net.connect(await freePort(net), '::ffff:127.0.0.1')
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('from a local address', async (net, log) => {
    const client = net.connect({ port: await freePort(net), host: '127.0.0.1', localAddress: '127.0.0.5' })
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('from a local address and port', async (net, log) => {
    const [port, localPort] = [await freePort(net), await freePort(net)]
    const client = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.5', localPort })
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('from a local port alone', async (net, log) => {
    const [port, localPort] = [await freePort(net), await freePort(net)]
    const client = net.connect({ port, host: '127.0.0.1', localPort })
    watch('client', client, log, ALL)
    await closing(client)
  })

  sameAsNet('shows this state in the listeners of error and close', async (net, log) => {
    const client = await refused(net)
    client.on('error', () => log('error', stateOf(client)))
    client.on('close', () => log('close', stateOf(client)))
    await closing(client)
    log(stateOf(client), client.errored !== null, client.closed)
  })

  sameAsNet('has no callback', async (net, log) => {
    const client = net.connect(await freePort(net), '127.0.0.1', () => log('never'))
    client.on('error', () => log('error', client.listenerCount('connect') > 0))
    await closing(client)
  })

  sameAsNet('with a write that waits', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.write('x', (error) => log('written', error))
    await closing(client)
    log(client.bytesWritten, client.writableLength)
  })

  sameAsNet('with three writes that wait', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    for (const text of ['a', 'b', 'c']) client.write(text, (error) => log('written', text, error))
    await closing(client)
  })

  const waiting = async (net: Net, log: Log): Promise<void> => {
    const client = await refused(net)
    client.on('error', () => {})
    for (const text of ['a', 'b', 'c']) client.write(text)
    log(client.bytesWritten)
    await closing(client)
    log(client.bytesWritten)
  }
  differsFromNet('bytes-written-stay', 'bytes of writes that waited for it', waiting, ['3', '3'])

  sameAsNet('with an end that waits', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.end(() => log('ended'))
    await closing(client)
  })

  sameAsNet('with corked writes', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.cork()
    client.write('a', (error) => log('a', error))
    client.write('b', (error) => log('b', error))
    client.uncork()
    await closing(client)
  })

  sameAsNet('with a write in its error listener', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.on('error', () => log(client.write('x', (error) => log('written', error))))
    await closing(client)
  })

  sameAsNet('with a destroy() in its error listener', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.on('error', () => client.destroy(new Error('another')))
    await closing(client)
  })

  sameAsNet('and is connected again in its error listener? in its close listener', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.once('close', () => client.connect(port, '127.0.0.1'))
    client.resume()
    await once(client, 'ready').catch(() => once(client, 'ready'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('is an end to a for await', async (net, log) => {
    const client = await refused(net)
    try {
      for await (const chunk of client) log(chunk)
    } catch (error) {
      log(error)
    }
  })

  sameAsNet('a hundred times in a row', async (net, log) => {
    const port = await freePort(net)
    const codes = new Set<unknown>()
    for (let i = 0; i < 30; i++) {
      const client = net.connect(port, '127.0.0.1')
      client.on('error', (error: NodeJS.ErrnoException) => codes.add(error.code))
      await new Promise((resolve) => client.on('close', resolve))
    }
    log(codes)
  })

  sameAsNet('ten at once', async (net, log) => {
    const port = await freePort(net)
    const all = Array.from({ length: 10 }, () => {
      const client = net.connect(port, '127.0.0.1')
      return new Promise((resolve) => client.on('error', resolve))
    })
    for (const error of await Promise.all(all)) log(error)
  })

  sameAsNet('while it is paused, corked and has an encoding', async (net, log) => {
    const client = await refused(net)
    watch('client', client, log, ALL)
    client.setEncoding('utf8').pause()
    client.cork()
    await closing(client)
  })

  sameAsNet('by port 1', async (net, log) => {
    const client = net.connect(1, '127.0.0.1')
    watch('client', client, log, ALL)
    await closing(client)
  })
})

describe('a connection that cannot be tried', () => {
  const PLACES: readonly [name: string, options: object][] = [
    ['the broadcast address', { host: '255.255.255.255', port: 9 }],
    ['a local address of another machine', { host: '127.0.0.1', port: 9, localAddress: '192.0.2.1' }],
    ['a local address of another family', { host: '127.0.0.1', port: 9, localAddress: '::1' }],
    ['a local IPv4 address, to IPv6', { host: '::1', port: 9, localAddress: '127.0.0.1' }],
    ['an IPv6 address of another machine', { host: '::1', port: 9, localAddress: '2001:db8::1' }],
  ]
  for (const [name, options] of PLACES) {
    sameAsNet(name, async (net, log) => {
      const client = net.connect(options as never)
      watch('client', client, log, ALL)
      await closing(client)
    })
  }

  sameAsNet('a local port that is taken', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1', localPort: port })
    client.on('error', (error: NodeJS.ErrnoException) => log(error.code, error.syscall))
    await closing(client)
    await closed(server)
  })

  sameAsNet('the wildcard is this machine', async (net, log) => {
    const server = net.createServer((socket) => socket.end('me')).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    for (const host of ['0.0.0.0', '::']) {
      const client = net.connect(port, host)
      client.on('data', (data) => log(host, data))
      client.on('error', (error) => log(host, error))
      await closing(client)
    }
    await closed(server)
  })
})

describe('a connection that is called off', () => {
  sameAsNet('at once', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.destroy()
    log(stateOf(client))
    await closing(client)
    await closed(server)
  })

  sameAsNet('a tick later', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).resume())
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connect', 'ready', 'end', 'error', 'close'])
    process.nextTick(() => client.destroy())
    await closing(client)
    await turns(10)
    await closed(server)
  })

  sameAsNet('with an error', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.destroy(new Error('enough'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('with writes and an end that wait', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.write('a', (error) => log('a', error))
    client.write('b', (error) => log('b', error))
    client.end('c', () => log('ended'))
    client.destroy()
    await closing(client)
    await closed(server)
  })

  sameAsNet('with an error, and writes that wait', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.write('a', (error) => log('a', error))
    client.write('b', (error) => log('b', error))
    client.destroy(new Error('enough'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('in its connect listener', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.on('connect', () => client.destroy())
    await closing(client)
    await turns(10)
    await closed(server)
  })

  for (const error of [undefined, new Error('enough')]) {
    sameAsNet(`in its connect listener, with writes that waited${error ? ', with an error' : ''}`, async (net, log) => {
      const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).resume())
      const client = net.connect(port, '127.0.0.1')
      client.on('connect', () => client.destroy(error))
      watch('client', client, log, ['connect', 'ready', 'error', 'close'])
      client.write('a', (error) => log('a', error))
      client.write('b', (error) => log('b', error))
      await closing(client)
      await turns(10)
      await closed(server)
    })
  }

  sameAsNet('in its ready listener', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume())
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.on('ready', () => client.destroy())
    await closing(client)
    await turns(10)
    await closed(server)
  })

  sameAsNet('by resetAndDestroy(), which waits for it', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      watch('server', socket, log, ['error', 'close'])
    })
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connect', 'ready', 'error', 'close'])
    client.resetAndDestroy()
    log(client.destroyed, client.connecting)
    await closing(client)
    await turns(10)
    await closed(server)
  })

  sameAsNet('by end(): it connects, and ends', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      watch('server', socket, log, ['end', 'close'])
      socket.resume()
    })
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ALL)
    client.end()
    log(client.readyState, client.writable)
    await closing(client)
    await closed(server)
  })

  sameAsNet('by destroySoon(): it connects, and ends', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      socket.on('data', (data) => log('server data', data))
      socket.on('end', () => log('server end'))
    })
    const client = net.connect(port, '127.0.0.1')
    watch('client', client, log, ['connect', 'ready', 'finish', 'error', 'close'])
    client.write('all of it')
    client.destroySoon()
    log(client.readyState, client.destroyed)
    await closing(client)
    await turns(10)
    await closed(server)
  })
})

describe('connect() when there is something already', () => {
  const twice = async (net: Net, log: Log): Promise<void> => {
    const { server, client, served, port } = await pair(net)
    served.resume().on('error', () => {})
    client.on('connect', () => client.destroy())
    watch('client', client, log, ['connect', 'ready', 'close'])
    client.on('error', (error: NodeJS.ErrnoException) => log(error.code, error.syscall))
    log(thrown(() => client.connect(port, '127.0.0.1')))
    await closing(client)
    await closed(server)
  }
  differsFromNet('connect-when-connected', 'on a connected socket', twice, [
    'nothing',
    'EISCONN connect',
    'client close true',
  ])

  sameAsNet('on a socket that connects', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume().on('error', () => {}))
    const client = net.connect(port, '127.0.0.1')
    client.on('error', (error: NodeJS.ErrnoException) => log(error.code, error.syscall))
    client.on('close', (hadError) => log('close', hadError))
    log(thrown(() => client.connect(port, '127.0.0.1')))
    await closing(client)
    await closed(server)
  })
})
