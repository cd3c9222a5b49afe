// A server and its connections: what arrives, how many are let in, how they are counted.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
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
} from '../support/net-oracle.js'

const count = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, n) => (error ? reject(error) : resolve(n))))

/** A client, once the server has it. */
async function join(net: Net, server: Server): Promise<{ client: Socket; served: Socket }> {
  const { port } = server.address() as AddressInfo
  const arrives = once(server, 'connection')
  const client = net.connect(port, '127.0.0.1')
  client.on('error', () => {})
  const [served] = (await arrives) as [Socket]
  served.on('error', () => {}).resume()
  return { client, served }
}

/** What a client that is not let in sees. */
async function turnedAway(net: Net, server: Server): Promise<string> {
  const { port } = server.address() as AddressInfo
  const client = net.connect(port, '127.0.0.1')
  client.on('error', () => {}).resume()
  await new Promise((resolve) => client.on('close', resolve))
  return 'closed'
}

describe('a connection', () => {
  sameAsNet('has its server', async (net, log) => {
    const { server, client, served } = await pair(net)
    log((served as never as { server: unknown }).server === server, (client as never as { server: unknown }).server)
    served.resume()
    client.destroy()
    await closed(server)
    log((served as never as { server: unknown }).server === server)
  })

  sameAsNet('is a Socket, and open', async (net, log) => {
    const { server, client, served } = await pair(net)
    log(served instanceof net.Socket, served.readyState, served.connecting, served.pending, served.allowHalfOpen)
    log(served.readableFlowing, served.readableEncoding, served.timeout)
    served.resume()
    client.destroy()
    await closed(server)
  })

  sameAsNet('comes to all listeners in order', async (net, log) => {
    const { server, port } = await listening(net, {}, () => log('first'))
    server.on('connection', (socket) => log('second', socket instanceof net.Socket))
    server.prependListener('connection', () => log('zeroth'))
    const client = net.connect(port, '127.0.0.1')
    const [served] = await once(server, 'connection')
    served.resume()
    client.destroy()
    await closed(server)
  })

  sameAsNet('without a listener: it is accepted and counted', async (net, log) => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(client, 'connect')
    await turns(10)
    log(await count(server))
    client.destroy()
    await closed(server)
  })

  sameAsNet('has this as its listener’s this', async (net, log) => {
    const server = net.createServer(function listener(this: Server, socket) {
      log(this === server)
      socket.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('emitted by hand', async (net, log) => {
    const server = net.createServer((socket) => log('server', socket === mine))
    const mine = new net.Socket()
    log(server.emit('connection', mine))
    log(await count(server))
  })

  sameAsNet('twenty at once', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end(String(socket.remotePort)))
    const all = Array.from({ length: 20 }, async () => {
      const client = net.connect(port, '127.0.0.1')
      let heard = ''
      client.on('data', (data) => {
        heard += data
      })
      await once(client, 'connect')
      const { localPort } = client
      await closing(client)
      return heard === String(localPort)
    })
    log((await Promise.all(all)).filter(Boolean).length)
    log(await count(server))
    await closed(server)
  })
})

describe('getConnections()', () => {
  sameAsNet('calls back later', async (net, log) => {
    const server = net.createServer()
    server.getConnections((error, n) => log('called back', error, n))
    log('returned')
    await turns()
  })

  sameAsNet('counts those that are not closed', async (net, log) => {
    const { server } = await listening(net, {})
    log(await count(server))
    const one = await join(net, server)
    const two = await join(net, server)
    log(await count(server))
    one.client.end()
    await closing(one.served)
    log(await count(server))
    two.served.destroy()
    log(await count(server))
    await closed(server)
  })

  sameAsNet('counts one that is half open', async (net, log) => {
    const { server } = await listening(net, { allowHalfOpen: true })
    const { client, served } = await join(net, server)
    client.end()
    await once(served, 'end')
    log(await count(server))
    served.end()
    client.resume()
    await closing(served)
    log(await count(server))
    await closed(server)
  })

  sameAsNet('in the listener of connection counts it', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => {
      server.getConnections((_error, n) => log('server', n))
      socket.resume()
    })
    const client = net.connect(port, '127.0.0.1')
    await once(client, 'connect')
    await turns(10)
    client.end()
    await closed(server)
  })

  sameAsNet('after close() counts those that live on', async (net, log) => {
    const { server } = await listening(net, {})
    const { client } = await join(net, server)
    server.close()
    log(await count(server))
    client.end()
    await once(server, 'close')
    log(await count(server))
  })
})

describe('maxConnections', () => {
  sameAsNet('turns away who is too much, and says so', async (net, log) => {
    const { server } = await listening(net, {})
    server.maxConnections = 1
    server.on('drop', (data) => log('server drop', data))
    server.on('connection', () => log('server connection'))
    const { client, served } = await join(net, server)
    log(await turnedAway(net, server))
    log(await count(server))
    client.end()
    await closing(served)
    const again = await join(net, server)
    again.client.end()
    await closed(server)
  })

  for (const limit of [0, null, undefined, Number.NaN, -1]) {
    sameAsNet(`of ${limit}`, async (net, log) => {
      const { server, port } = await listening(net, {})
      server.maxConnections = limit as never
      server.on('drop', () => log('server drop'))
      server.on('connection', (socket) => {
        log('server connection')
        socket.on('error', () => {}).end()
      })
      const client = net.connect(port, '127.0.0.1')
      client.on('error', () => {}).resume()
      await closing(client)
      await turns(5)
      await closed(server)
    })
  }

  sameAsNet('raised later', async (net, log) => {
    const { server } = await listening(net, {})
    server.maxConnections = 1
    server.on('drop', () => log('server drop'))
    const one = await join(net, server)
    log(await turnedAway(net, server))
    server.maxConnections = 2
    const two = await join(net, server)
    log(await count(server))
    one.client.end()
    two.client.end()
    await closed(server)
  })

  sameAsNet('lowered later lets those be that are there', async (net, log) => {
    const { server } = await listening(net, {})
    const one = await join(net, server)
    const two = await join(net, server)
    server.maxConnections = 1
    server.on('drop', () => log('server drop'))
    log(await count(server), one.client.destroyed, two.client.destroyed)
    log(await turnedAway(net, server))
    one.client.end()
    two.client.end()
    await closed(server)
  })

  sameAsNet('a drop has both ends', async (net, log) => {
    const { server } = await listening(net, {})
    server.maxConnections = 1
    const { client } = await join(net, server)
    const dropped = once(server, 'drop')
    await turnedAway(net, server)
    const [data] = await dropped
    log(Object.keys(data).sort(), Object.getPrototypeOf(data) === null, data.localAddress, data.localFamily)
    log(data.remoteAddress, data.remoteFamily, typeof data.remotePort, data.localPort === client.remotePort)
    client.end()
    await closed(server)
  })
})

describe('blockList', () => {
  const blocking = (net: Net): InstanceType<Net['BlockList']> => {
    const list = new net.BlockList()
    list.addAddress('127.0.0.1')
    return list
  }

  const ofServer = async (net: Net, log: Log): Promise<void> => {
    const server = net.createServer({ blockList: blocking(net) } as never, (socket) => {
      log('server connection')
      socket.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    log(await turnedAway(net, server))
    await closed(server)
  }
  differsFromNet('block-list-everywhere', 'of a server', ofServer, ['closed'])

  const ofSocket = async (net: Net, log: Log): Promise<void> => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = net.connect({ port, host: '127.0.0.1', blockList: blocking(net) } as never)
    for (const event of ['connectionAttempt', 'connect', 'ready', 'error', 'close']) {
      client.on(event, (given?: unknown) => log(event, given))
    }
    client.resume()
    await closing(client)
    await closed(server)
  }
  differsFromNet('block-list-everywhere', 'of a socket', ofSocket, [
    'connectionAttempt 127.0.0.1',
    'error Error(IP(127.0.0.1) is blocked by net.BlockList) code=ERR_IP_BLOCKED',
    'close true',
  ])

  sameAsNet('that does not name who comes', async (net, log) => {
    const list = new net.BlockList()
    list.addSubnet('10.0.0.0', 8)
    const { server, client } = await pair(net, { blockList: list } as never, { blockList: list } as never)
    log(client.readyState)
    client.destroy()
    server.on('connection', () => {})
    await closed(server)
  })
})

describe('options of the server', () => {
  sameAsNet('allowHalfOpen reaches its sockets', async (net, log) => {
    for (const allowHalfOpen of [true, false]) {
      const { server, client, served } = await pair(net, { allowHalfOpen })
      log(served.allowHalfOpen, client.allowHalfOpen)
      served.resume()
      client.destroy()
      await closing(served.end())
      await closed(server)
    }
  })

  sameAsNet('noDelay and keepAlive change nothing that is seen', async (net, log) => {
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 }
    const { server, client, served } = await pair(net, options)
    served.on('data', (data) => served.end(data))
    client.on('data', (data) => log(data))
    client.write('echo')
    await closing(client)
    await closed(server)
  })
})
