// What node:net has by name: exports, classes, methods, accessors; and what is not there.
import { EventEmitter, once } from 'node:events'
import nodeNet from 'node:net'
import { Duplex } from 'node:stream'
import { inherits } from 'node:util'
import { describe } from 'vitest'
import {
  closed,
  differsFromNet,
  type Log,
  listening,
  type Net,
  pair,
  sameAsNet,
  thrown,
  turns,
} from '../support/net-oracle.js'

type Bag = Record<string, unknown>

/** Names that are no property of an object whose names begin with `_`, and no symbol. */
const publicNames = (object: object): string[] =>
  Object.getOwnPropertyNames(object).filter((name) => !name.startsWith('_'))

/** Methods with their numbers of arguments, or `get` and `set`. */
function describeProperty(object: object, name: string): string {
  const { value, get, set, enumerable } = Object.getOwnPropertyDescriptor(object, name) as PropertyDescriptor
  if (get !== undefined) return `${name}: ${set === undefined ? 'get' : 'get set'}`
  return typeof value === 'function' ? `${name}(${value.length})` : `${name}: ${typeof value} ${enumerable}`
}

/** What `object` has of the public names of node:net’s. */
const same = (names: readonly string[], object: object): string[] => names.filter((name) => name in object).sort()

describe('exports', () => {
  /** Without which programs do. */
  const OWN = ['BoundSocket']
  const names = publicNames(nodeNet).filter((name) => !OWN.includes(name))

  sameAsNet('all are there', (net, log) => log(same(names, net)))

  sameAsNet('of these types', (net, log) => {
    for (const name of names) log(name, typeof (net as unknown as Bag)[name])
  })

  sameAsNet('some are one', (net, log) => {
    const { Socket, Stream, connect, createConnection } = net as unknown as Bag
    log(Socket === Stream, connect === createConnection)
  })

  sameAsNet('the utilities', (net, log) => {
    const { isIP, isIPv4, isIPv6 } = net as unknown as Record<string, (value: unknown) => unknown>
    for (const value of ['127.0.0.1', '::1', 'x', '', undefined, null, 5, '::ffff:1.2.3.4', '1.2.3', '::1%lo']) {
      log(value, isIP?.(value), isIPv4?.(value), isIPv6?.(value))
    }
    const { getDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout } = net as unknown as Record<
      string,
      () => unknown
    >
    log(getDefaultAutoSelectFamily?.(), getDefaultAutoSelectFamilyAttemptTimeout?.())
  })

  sameAsNet('BlockList and SocketAddress', (net, log) => {
    const { SocketAddress } = net as unknown as { SocketAddress: typeof nodeNet.SocketAddress }
    const list = new net.BlockList()
    list.addRange('10.0.0.1', '10.0.0.5')
    log(list.rules, list.check('10.0.0.3'), list.check('10.0.0.9'))
    const address = new SocketAddress({ address: '127.0.0.1', port: 80 })
    log(address.address, address.port, address.family, address.flowlabel)
  })

  differsFromNet(
    'no-handles',
    'what makes handles',
    (net, log) => {
      const all = ['_createServerHandle', '_normalizeArgs']
      log(all.filter((name) => name in (net as object)))
    },
    ['[]'],
  )

  differsFromNet('no-bound-socket', 'BoundSocket', (net, log) => log('BoundSocket' in (net as object)), ['false'])
})

describe('Socket', () => {
  const METHODS = publicNames(nodeNet.Socket.prototype).filter((name) => !/TypeOfService$/.test(name))

  sameAsNet('has the methods and accessors', (net, log) => {
    for (const name of METHODS.sort()) log(name, name in net.Socket.prototype)
  })

  sameAsNet('with accessors where net has them', (net, log) => {
    const accessors = METHODS.filter((name) => Object.getOwnPropertyDescriptor(nodeNet.Socket.prototype, name)?.get)
    for (const name of accessors) log(describeProperty(net.Socket.prototype, name))
  })

  sameAsNet('reads undefined from its prototype', (net, log) => {
    for (const name of ['bytesRead', 'bytesWritten', 'remoteAddress', 'localPort', 'bufferSize', 'pending']) {
      log(name, (net.Socket.prototype as unknown as Bag)[name])
    }
  })

  sameAsNet('is a Duplex, statically too', (net, log) => {
    log(net.Socket.prototype instanceof Duplex, Object.getPrototypeOf(net.Socket.prototype) === Duplex.prototype)
    log(
      Duplex.prototype.isPrototypeOf.call(Duplex.prototype, new net.Socket()),
      net.Socket.name,
      net.Socket.length,
      net.Server.length,
    )
    log(typeof (net.Socket as unknown as Bag).from, new net.Socket().constructor === net.Socket)
  })

  sameAsNet('has these properties of its own', (net, log) => {
    const socket = new net.Socket()
    for (const name of ['connecting', 'server', 'allowHalfOpen', 'destroyed']) {
      log(name, name in socket, typeof (socket as unknown as Bag)[name])
    }
  })

  sameAsNet('can be extended by a class', async (net, log) => {
    class Mine extends net.Socket {
      mark = 'mine'
      override write(...args: unknown[]): boolean {
        log('write', args[0])
        return (super.write as (...args: unknown[]) => boolean)(...args)
      }
    }
    const { server, port } = await listening(net, {}, (socket) => socket.on('data', (data) => log('server', data)))
    const mine = new Mine({ allowHalfOpen: true })
    log(mine instanceof Mine, mine instanceof net.Socket, mine.mark, mine.allowHalfOpen, mine.constructor === Mine)
    mine.connect(port, '127.0.0.1', () => mine.end('x'))
    mine.resume()
    await once(mine, 'close')
    await closed(server)
  })

  sameAsNet('takes properties of others', (net, log) => {
    const socket = new net.Socket() as unknown as Bag
    Object.assign(socket, { parser: 1, _httpMessage: 2, _paused: true, encrypted: true, [Symbol.for('x')]: 3 })
    log(socket.parser, socket._httpMessage, socket._paused, socket.encrypted, Object.isExtensible(socket))
    socket.server = 'a server'
    log(socket.server)
  })

  sameAsNet('lets methods be replaced on an instance', async (net, log) => {
    const { server, client, served } = await pair(net)
    const { on, write, end } = client
    client.on = function replaced(this: typeof client, ...args: unknown[]) {
      log('on', args[0])
      return (on as (...args: unknown[]) => typeof client).apply(this, args)
    } as never
    client.write = ((...args: unknown[]) => {
      log('write', args[0])
      return (write as (...args: unknown[]) => boolean).apply(client, args)
    }) as never
    client.on('data', (data) => log(data))
    client.write('x')
    served.once('data', () => served.end('y'))
    await once(client, 'end')
    log(client.end === end)
    await turns(5)
    await closed(server)
  })

  sameAsNet('lives without listeners that were taken away', async (net, log) => {
    const { server, client, served } = await pair(net)
    client.removeAllListeners('connect')
    client.removeAllListeners('data')
    client.resume()
    served.resume().end()
    await once(client, 'close')
    log(client.destroyed)
    await closed(server)
  })

  differsFromNet(
    'listeners-of-its-own',
    'removeAllListeners() takes nothing of its own away',
    async (net, log) => {
      const { server, client, served } = await pair(net)
      client.removeAllListeners()
      client.resume()
      client.on('error', (error) => log(error))
      served.resume().end()
      client.on('finish', () => log(client.write('late')))
      await new Promise((resolve) => client.on('close', resolve))
      await closed(server)
    },
    ['false', 'Error(This socket has been ended by the other party) code=EPIPE'],
  )

  differsFromNet(
    'no-handles',
    '_handle, and fd of it',
    async (net, log) => {
      const { server, client, served } = await pair(net)
      log(typeof (client as unknown as Bag)._handle, typeof (served as unknown as Bag)._handle)
      served.resume()
      client.destroy()
      await closed(server)
    },
    ['undefined undefined'],
  )

  differsFromNet(
    'instance-of-net-socket',
    'instanceof net.Socket and net.Server of node:net',
    (net, log) => log(new net.Socket() instanceof nodeNet.Socket, net.createServer() instanceof nodeNet.Server),
    ['false false'],
  )

  differsFromNet(
    'es5-inheritance',
    'net.Socket.call(this), with util.inherits()',
    (net, log) => {
      function Old(this: object): void {
        ;(net.Socket as unknown as (this: object) => void).call(this)
      }
      inherits(Old, net.Socket)
      const old = new (Old as unknown as new () => nodeNet.Socket)()
      log(old instanceof net.Socket, thrown(() => old.pause()) === 'nothing' && old.bytesRead === 0)
    },
    ['true false'],
  )

  differsFromNet(
    'no-type-of-service',
    'setTypeOfService() and getTypeOfService()',
    (net, log) => log('setTypeOfService' in net.Socket.prototype, 'getTypeOfService' in net.Socket.prototype),
    ['false false'],
  )
})

describe('Server', () => {
  const METHODS = publicNames(nodeNet.Server.prototype)

  sameAsNet('has the methods and accessors', (net, log) => {
    for (const name of METHODS.sort()) log(name, name in net.Server.prototype)
  })

  sameAsNet('is an EventEmitter', (net, log) => {
    log(
      net.Server.prototype instanceof EventEmitter,
      Object.getPrototypeOf(net.Server.prototype) === EventEmitter.prototype,
    )
    log(net.Server.name, new net.Server().constructor === net.Server, net.Server.prototype.listening)
  })

  sameAsNet('is called without new', (net, log) => {
    const make = net.Server as unknown as (...args: unknown[]) => nodeNet.Server
    log(
      make() instanceof net.Server,
      make({ allowHalfOpen: true }) instanceof net.Server,
      make(() => {}).listenerCount('connection'),
    )
    log(thrown(() => make('x')))
  })

  sameAsNet('can be extended by a class', async (net, log) => {
    class Mine extends net.Server {
      mark = 'mine'
    }
    const mine = new Mine((socket) => socket.end())
    log(mine instanceof Mine, mine instanceof net.Server, mine.mark, mine.listenerCount('connection'))
    mine.listen(0)
    await once(mine, 'listening')
    await closed(mine)
  })

  sameAsNet('has Symbol.asyncDispose', (net, log) => log(typeof net.Server.prototype[Symbol.asyncDispose]))
})

describe('what is not supported is refused at once', () => {
  const CALLS: readonly [id: string, name: string, call: (net: Net) => unknown][] = [
    ['no-pipes', 'connect(path)', (net) => net.connect('/tmp/no.sock').on('error', () => {})],
    ['no-pipes', 'connect({ path })', (net) => net.connect({ path: '/tmp/no.sock' }).on('error', () => {})],
    [
      'no-pipes',
      'listen(path)',
      (net) =>
        net
          .createServer()
          .on('error', () => {})
          .listen('/proc/no.sock'),
    ],
    [
      'no-pipes',
      'listen({ path })',
      (net) =>
        net
          .createServer()
          .on('error', () => {})
          .listen({ path: '/proc/no.sock' }),
    ],
    [
      'no-handles',
      'listen({ fd })',
      (net) =>
        net
          .createServer()
          .on('error', () => {})
          .listen({ fd: 1000 }),
    ],
  ]
  for (const [id, name, call] of CALLS) {
    const refused = (net: Net, log: Log): void => {
      const error = thrown(() => call(net))
      log(error === 'nothing' ? error : (error as NodeJS.ErrnoException).code)
    }
    differsFromNet(id, name, refused, ['ERR_TCP_OVER_UDP_UNSUPPORTED'])
  }
})

describe('what the process tells', () => {
  differsFromNet(
    'no-kernel-traces',
    'process.getActiveResourcesInfo()',
    async (net, log) => {
      const { server, client, served } = await pair(net)
      log(process.getActiveResourcesInfo().some((name) => /^TCP/.test(name)))
      served.resume()
      client.destroy()
      await closed(server)
    },
    ['false'],
  )
})
