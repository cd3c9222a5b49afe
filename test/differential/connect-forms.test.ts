// Every form of the arguments of connect(), and what can be seen of a socket from the call to 'ready'.
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
  stateOf,
  thrown,
  turns,
  watch,
} from '../support/net-oracle.js'

type Connect = (net: Net, port: number, called: () => void) => Socket

/** What connect() does at once and afterwards. */
async function traceConnect(net: Net, log: Log, host: string | undefined, connect: Connect): Promise<void> {
  const server = net.createServer((socket) => socket.end('hello'))
  server.listen(0, host as string)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect(net, port, () => log('called back', client.connecting, client.readyState))
  log(client instanceof net.Socket, client.connecting, client.pending, client.readyState)
  for (const event of ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready', 'error', 'end', 'finish']) {
    client.on(event, (given?: unknown) => log(event, given))
  }
  client.on('data', (data) => log('data', data))
  client.on('connect', () =>
    log(client.remoteAddress, client.remoteFamily, client.localAddress, client.remotePort === port),
  )
  await closing(client)
  log(client.timeout, client.allowHalfOpen)
  await closed(server)
}

const ON_IPV4: readonly [name: string, connect: Connect][] = [
  ['connect(port, host)', (net, port) => net.connect(port, '127.0.0.1')],
  ['connect(port, host, cb)', (net, port, called) => net.connect(port, '127.0.0.1', called)],
  ['connect(digits, host)', (net, port) => net.connect(String(port) as never, '127.0.0.1')],
  ['connect(hexadecimal digits, host)', (net, port) => net.connect(`0x${port.toString(16)}` as never, '127.0.0.1')],
  ['connect({ port, host })', (net, port) => net.connect({ port, host: '127.0.0.1' })],
  ['connect({ port, host }, cb)', (net, port, called) => net.connect({ port, host: '127.0.0.1' }, called)],
  ['connect({ port: digits, host })', (net, port) => net.connect({ port: String(port) as never, host: '127.0.0.1' })],
  ['connect({ port, host, family: 4 })', (net, port) => net.connect({ port, host: '127.0.0.1', family: 4 })],
  [
    'connect({ port, host, family: 6 }) of an address: not asked',
    (net, port) => net.connect({ port, host: '127.0.0.1', family: 6 }),
  ],
  ["connect({ family: 'IPv4' })", (net, port) => net.connect({ port, host: '127.0.0.1', family: 'IPv4' as never })],
  [
    'connect({ port, host, path: undefined })',
    (net, port) => net.connect({ port, host: '127.0.0.1', path: undefined } as never),
  ],
  ['connect({ port, host, path: null })', (net, port) => net.connect({ port, host: '127.0.0.1', path: null } as never)],
  ["connect({ port, host, path: '' })", (net, port) => net.connect({ port, host: '127.0.0.1', path: '' } as never)],
  [
    'connect({ port, host, localAddress })',
    (net, port) => net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.3' }),
  ],
  ['connect({ localPort: 0 })', (net, port) => net.connect({ port, host: '127.0.0.1', localPort: 0 })],
  ['connect({ timeout })', (net, port) => net.connect({ port, host: '127.0.0.1', timeout: 5000 })],
  ['connect({ timeout: 0 })', (net, port) => net.connect({ port, host: '127.0.0.1', timeout: 0 })],
  [
    'connect({ allowHalfOpen: 1 })',
    (net, port) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: 1 as never })
      return socket.on('end', () => socket.end())
    },
  ],
  [
    'connect({ noDelay, keepAlive, keepAliveInitialDelay })',
    (net, port) =>
      net.connect({ port, host: '127.0.0.1', noDelay: true, keepAlive: true, keepAliveInitialDelay: 9000 }),
  ],
  ['connect(options, not a function)', (net, port) => net.connect({ port, host: '127.0.0.1' }, 'x' as never)],
  ['connect(port, host, not a function)', (net, port) => net.connect(port, '127.0.0.1', {} as never)],
  [
    'connect(port, host, cb, cb): the last one is called',
    (net, port, called) =>
      (net.connect as never as (...args: unknown[]) => Socket)(port, '127.0.0.1', () => {}, called),
  ],
  [
    'connect(options, x, cb)',
    (net, port, called) =>
      (net.connect as never as (...args: unknown[]) => Socket)({ port, host: '127.0.0.1' }, 1, called),
  ],
  ['createConnection(port, host, cb)', (net, port, called) => net.createConnection(port, '127.0.0.1', called)],
  ['new Socket().connect(port, host)', (net, port) => new net.Socket().connect(port, '127.0.0.1')],
  ['new Socket().connect(port, host, cb)', (net, port, called) => new net.Socket().connect(port, '127.0.0.1', called)],
  [
    'new Socket().connect({ port, host }, cb)',
    (net, port, called) => new net.Socket().connect({ port, host: '127.0.0.1' }, called),
  ],
  [
    'new Socket().connect({ timeout }): an option of net.connect() alone',
    (net, port) => new net.Socket().connect({ port, host: '127.0.0.1', timeout: 5000 } as never),
  ],
  [
    'new Socket().connect({ allowHalfOpen }): an option of the constructor alone',
    (net, port) => new net.Socket().connect({ port, host: '127.0.0.1', allowHalfOpen: true } as never),
  ],
  ['new Socket(null).connect()', (net, port) => new net.Socket(null as never).connect(port, '127.0.0.1')],
  ['Socket() without new', (net, port) => (net.Socket as never as () => Socket)().connect(port, '127.0.0.1')],
  ['options with a prototype', (net, port) => net.connect(Object.create({ port, host: '127.0.0.1' }) as never)],
  [
    'autoSelectFamily: true, of an address',
    (net, port) => net.connect({ port, host: '127.0.0.1', autoSelectFamily: true }),
  ],
  [
    'a lookup function and an address: not called',
    (net, port) => net.connect({ port, host: '127.0.0.1', lookup: 'no function' as never }),
  ],
  ['hints and an address: not looked at', (net, port) => net.connect({ port, host: '127.0.0.1', hints: 1e6 })],
  ['an IPv4 address inside IPv6', (net, port) => net.connect(port, '::ffff:127.0.0.1')],
]

const ON_NO_HOST: readonly [name: string, connect: Connect][] = [
  ['connect(port)', (net, port) => net.connect(port)],
  ['connect(port, cb)', (net, port, called) => net.connect(port, called as never as string)],
  ['connect({ port })', (net, port) => net.connect({ port })],
  ['connect({ port, host: undefined })', (net, port) => net.connect({ port, host: undefined })],
  ['connect({ port, host: null })', (net, port) => net.connect({ port, host: null } as never)],
  ["connect({ port, host: '' })", (net, port) => net.connect({ port, host: '' })],
  ["connect(port, '')", (net, port) => net.connect(port, '')],
  ['connect(port, undefined, cb)', (net, port, called) => net.connect(port, undefined as never as string, called)],
  ['connect(port, null, cb)', (net, port, called) => net.connect(port, null as never as string, called)],
  ["connect(port, 'localhost')", (net, port) => net.connect(port, 'localhost')],
  ["connect(port, '::1')", (net, port) => net.connect(port, '::1')],
  ["connect(port, '0:0:0:0:0:0:0:1')", (net, port) => net.connect(port, '0:0:0:0:0:0:0:1')],
  ['connect({ host: localhost, family: 4 })', (net, port) => net.connect({ port, host: 'localhost', family: 4 })],
  ['connect({ host: localhost, family: 6 })', (net, port) => net.connect({ port, host: 'localhost', family: 6 })],
  [
    "connect({ host: localhost, family: 'IPv6' })",
    (net, port) => net.connect({ port, host: 'localhost', family: 'IPv6' as never }),
  ],
  ['connect({ host: localhost, family: 0 })', (net, port) => net.connect({ port, host: 'localhost', family: 0 })],
  [
    'connect({ host: localhost, autoSelectFamily: false })',
    (net, port) => net.connect({ port, host: 'localhost', autoSelectFamily: false }),
  ],
  [
    'connect({ host: localhost, autoSelectFamily: null })',
    (net, port) => net.connect({ port, host: 'localhost', autoSelectFamily: null as never }),
  ],
]

describe('a form of connect()', () => {
  for (const [name, connect] of ON_IPV4) sameAsNet(name, (net, log) => traceConnect(net, log, '127.0.0.1', connect))
  for (const [name, connect] of ON_NO_HOST) sameAsNet(name, (net, log) => traceConnect(net, log, undefined, connect))
})

describe('connect() that throws', () => {
  const CALLS: readonly [name: string, args: unknown[]][] = [
    ['for want of a port', []],
    ['for want of a port in options', [{ host: '127.0.0.1' }]],
    ['for a port that is none', [{ port: 70000, host: '127.0.0.1' }]],
    ['for a local address that is none', [{ port: 1, host: '127.0.0.1', localAddress: 'x' }]],
    ['for a lookup that is no function', [{ port: 1, host: 'a', lookup: 5 }]],
  ]
  for (const [name, args] of CALLS) {
    sameAsNet(`${name}: the listener stays`, (net, log) => {
      const socket = new net.Socket()
      const connect = socket.connect as unknown as (...args: unknown[]) => unknown
      log(
        thrown(() => connect.apply(socket, [...args, () => {}])),
        socket.listenerCount('connect'),
        socket.destroyed,
      )
    })
  }

  const halfDone = (net: Net, log: Log): void => {
    const socket = new net.Socket()
    log(thrown(() => socket.connect({ port: 70000, host: '127.0.0.1' })) !== 'nothing')
    log(socket.connecting, socket.readyState)
  }
  differsFromNet('throwing-connect', 'leaves the socket as it was', halfDone, ['true', 'false open'])

  sameAsNet('can be called again in the right way', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('x'))
    const socket = new net.Socket()
    thrown(() => socket.connect({ port: 70000, host: '127.0.0.1' }))
    socket.connect(port, '127.0.0.1', () => log('connected'))
    socket.resume()
    await closing(socket)
    await closed(server)
  })
})

describe('what can be seen', () => {
  sameAsNet('of a new socket', (net, log) => {
    const socket = new net.Socket()
    log(
      stateOf(socket),
      socket.eventNames().filter((name) => name !== 'end'),
    )
  })

  sameAsNet('right after connect()', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = net.connect(port, '127.0.0.1')
    log(stateOf(client))
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listeners of connect, ready and data', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('12345'))
    const client = net.connect(port, '127.0.0.1')
    client.on('connect', () => log('connect', stateOf(client)))
    client.on('ready', () => log('ready', stateOf(client)))
    client.on('data', () => log('data', stateOf(client)))
    await closing(client)
    await closed(server)
  })

  sameAsNet('in the listeners of end, finish and close', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.on('end', () => log('end', stateOf(client)))
    client.on('finish', () => log('finish', stateOf(client)))
    client.on('close', () => log('close', stateOf(client)))
    client.resume()
    client.write('123')
    served.resume()
    await turns(5)
    served.end('12345')
    await closing(client)
    log(stateOf(client))
    await closed(server)
  })

  sameAsNet('at the server, from connection to close', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      log('server', stateOf(socket), socket.localPort === port)
      for (const event of ['end', 'finish', 'close']) socket.on(event, () => log(`server ${event}`, stateOf(socket)))
      socket.on('data', (data) => log('server data', data, socket.bytesRead))
    })
    const client = net.connect(port, '127.0.0.1', () => client.end('1234567'))
    await closing(client)
    await closed(server)
  })

  sameAsNet('of both ends: each has the other’s ports', async (net, log) => {
    const { server, client, served, port } = await pair(net)
    log(client.remotePort === port, served.localPort === port, client.localPort === served.remotePort)
    log(client.address(), Object.keys(client.address()))
    client.destroy()
    await closed(server)
  })

  sameAsNet('after destroy(), of what was read before', async (net, log) => {
    const { server, client, served } = await pair(net)
    const before = [client.remoteAddress, client.remotePort, client.remoteFamily]
    served.resume()
    client.destroy()
    log(client.remoteAddress === before[0], client.remotePort === before[1], client.remoteFamily === before[2])
    log(client.address())
    await closing(client)
    log(client.remoteAddress === before[0], client.address())
    await closed(server)
  })

  const addresses = async (net: Net, log: Log): Promise<void> => {
    const { server, client, served } = await pair(net)
    served.resume()
    client.destroy()
    await closing(client)
    log(client.remoteAddress, client.remoteFamily, client.localAddress, client.localFamily, typeof client.localPort)
    await closed(server)
  }
  differsFromNet('addresses-stay', 'after destroy(), of what was not read before', addresses, [
    '127.0.0.1 IPv4 127.0.0.1 IPv4 number',
  ])

  sameAsNet('on the wildcard: an IPv4 peer has an address inside IPv6', async (net, log) => {
    const server = net.createServer((socket) => {
      log('server', socket.remoteAddress, socket.remoteFamily, socket.localAddress, socket.localFamily)
      log('server', Object.values(socket.address()).slice(0, 2))
      socket.end()
    })
    server.listen(0)
    await once(server, 'listening')
    const client = net.connect((server.address() as { port: number }).port, '127.0.0.1')
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('of bytes, before, during and after', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume().end('hello'))
    const client = new net.Socket()
    log(client.bytesRead, client.bytesWritten)
    client.connect(port, '127.0.0.1')
    client.write('12345')
    log(client.bytesRead, client.bytesWritten)
    client.write(Buffer.alloc(10))
    client.write('é')
    client.write('é', 'latin1')
    client.write('00ff', 'hex')
    log(client.bytesRead, client.bytesWritten)
    client.on('connect', () => log(client.bytesRead, client.bytesWritten))
    client.resume()
    await closing(client)
    log(client.bytesRead, client.bytesWritten)
    await closed(server)
  })

  sameAsNet('of bytes, when it connects again', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.resume().end('hello'))
    const client = net.connect(port, '127.0.0.1')
    client.resume()
    client.write('12')
    await closing(client)
    log(client.bytesRead, client.bytesWritten)
    client.connect(port, '127.0.0.1')
    log(client.bytesRead, client.bytesWritten)
    await closing(client)
    log(client.bytesRead, client.bytesWritten)
    await closed(server)
  })
})

describe('connect()', () => {
  sameAsNet('emits nothing out of the call', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = new net.Socket()
    watch('client', client, log)
    client.resume()
    client.connect(port, '127.0.0.1')
    log('returned')
    await closing(client)
    await closed(server)
  })

  sameAsNet('has its listeners called in the order they came', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = new net.Socket()
    client.on('connect', () => log('before'))
    client.connect(port, '127.0.0.1', () => log('the callback'))
    client.on('connect', () => log('after'))
    client.prependListener('connect', () => log('first of all'))
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('its callback has no arguments and the socket for this', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = net.connect(port, '127.0.0.1', function called(this: unknown, ...args: unknown[]) {
      log(this === client, args)
    })
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('of a server: connection before the client’s data, whatever was sent', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      log('server connection')
      socket.on('data', (data) => log('server data', data))
      socket.on('end', () => log('server end'))
    })
    net.connect(port, '127.0.0.1').end('at once')
    await once(server, 'connection')
    await closed(server)
  })

  sameAsNet('and what was asked for before it: a timeout, an encoding, a pause', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('grün'))
    const client = new net.Socket()
    client.setTimeout(5000).setEncoding('latin1').setNoDelay(true).setKeepAlive(true, 1000).pause()
    client.connect(port, '127.0.0.1')
    client.on('data', (data) => log(data, typeof data))
    await once(client, 'connect')
    await turns(10)
    log(client.isPaused(), client.timeout, client.readableEncoding)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('after close, with listeners that stay', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end('x'))
    const client = new net.Socket()
    watch('client', client, log)
    client.on('data', (data) => log(data))
    for (let i = 0; i < 3; i++) {
      client.connect(port, '127.0.0.1')
      log(client.connecting, client.destroyed, client.writable, client.readable)
      await closing(client)
    }
    await closed(server)
  })

  sameAsNet('after destroy(), before its close has come', async (net, log) => {
    const { server, client, served, port } = await pair(net)
    served.resume()
    client.destroy()
    client.once('close', () => log('close of the first life'))
    await new Promise((resolve) => client.once('close', resolve))
    client.connect(port, '127.0.0.1', () => log('connected'))
    client.resume()
    client.end()
    await closing(client)
    await closed(server)
  })
})
