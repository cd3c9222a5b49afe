// The public surface of node:net: every name is there, absent on purpose, or an inner part; and what newer versions of Node have added.
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import nodeNet, { BlockList, type Server, type Socket } from 'node:net'
import ours from 'tcp-over-udp'
import { describe, expect, test } from 'vitest'
import { Machines } from '../support/machines.js'
import { closed, type Log, listening, type Net, overUdp, pair, sameAsNet, turns } from '../support/net-oracle.js'

/** What needs a descriptor or a handle; docs/net-differences.md says so. */
const ABSENT = ['BoundSocket', 'setTypeOfService', 'getTypeOfService']
const namesOf = (object: object): string[] =>
  Reflect.ownKeys(object).filter((key): key is string => typeof key === 'string' && !key.startsWith('_'))

describe('every public name', () => {
  test('of the module', () => {
    const missing = namesOf(nodeNet).filter((name) => !(name in ours))
    expect(missing.filter((name) => !ABSENT.includes(name))).toEqual([])
  })

  test.each(['Socket', 'Server'] as const)('of %s and its prototype', (name) => {
    const mine = new (ours[name] as new () => object)()
    const theirs = new (nodeNet[name] as new () => object)()
    const all = [...namesOf(nodeNet[name].prototype), ...namesOf(theirs)]
    expect(all.filter((key) => !(key in mine) && !ABSENT.includes(key))).toEqual([])
    expect(Object.keys(theirs).filter((key) => !key.startsWith('_') && !(key in mine))).toEqual([])
  })

  test('and no other than node:net’s is taken: libraries put their own on a socket', () => {
    const taken = ['_handle', '_parent', 'encrypted', 'alpnProtocol', 'authorized', 'session', 'parser', '_httpMessage']
    const socket = new ours.Socket()
    expect(taken.filter((name) => name in socket)).toEqual([])
    expect(Object.isExtensible(socket)).toBe(true)
    expect(socket instanceof nodeNet.Socket).toBe(false)
  })
})

describe('diagnostics channels', () => {
  /** Logs what is published while `run` runs. */
  async function published(log: Log, run: () => Promise<void>): Promise<void> {
    const names = ['net.client.socket', 'net.server.socket']
    names.push(...['asyncStart', 'asyncEnd', 'error'].map((event) => `tracing:net.server.listen:${event}`))
    const undo = names.map((name) => {
      const hear = (message: unknown): void => {
        const { socket, server, options, error } = message as Record<string, Socket & Server & Error>
        log(name, Object.keys(message as object), socket?.connecting, server?.listening, options, error)
      }
      diagnostics.subscribe(name, hear)
      return () => diagnostics.unsubscribe(name, hear)
    })
    try {
      await run()
    } finally {
      for (const stop of undo) stop()
    }
  }

  sameAsNet('tell of servers that listen, and of both ends of a connection', (net, log) =>
    published(log, async () => {
      const { server, client, served } = await pair(net)
      client.destroy()
      served.destroy()
      await closed(server)
    }),
  )

  sameAsNet('tell of servers that cannot listen', (net, log) =>
    published(log, async () => {
      const taken = await listening(net, {})
      const server = net.createServer()
      server.listen({ port: taken.port, host: '127.0.0.1' })
      await once(server, 'error')
      await closed(taken.server)
    }),
  )
})

describe('a block list', () => {
  const blocking = (address: string): BlockList => {
    const list = new BlockList()
    list.addAddress(address, address.includes(':') ? 'ipv6' : 'ipv4')
    return list
  }

  test('of a server closes what comes from it, without a word', async () => {
    const blockList = blocking('127.0.0.1')
    const { server, port } = await listening(overUdp, { blockList } as never)
    expect((server as Server & { blockList: unknown }).blockList).toBe(blockList)
    const heard: string[] = []
    for (const event of ['connection', 'drop']) server.on(event, () => heard.push(event))
    const client = overUdp.connect(port, '127.0.0.1')
    client.on('error', () => {})
    client.resume()
    await once(client, 'close')
    expect(heard).toEqual([])
    await closed(server)
  })

  test('of a socket refuses before anything is sent', async () => {
    const blockList = blocking('127.0.0.1')
    const socket = overUdp.connect({ port: 9, host: '127.0.0.1', blockList } as never)
    const heard: unknown[] = []
    for (const event of ['connectionAttempt', 'connectionAttemptFailed']) socket.on(event, () => heard.push(event))
    const [error] = await new Promise<[NodeJS.ErrnoException]>((resolve) =>
      socket.once('error', (...args) => resolve(args)),
    )
    expect([error.code, heard]).toEqual(['ERR_IP_BLOCKED', ['connectionAttempt']])
    expect('blockList' in new ours.Socket()).toBe(false)
  })

  test('of a socket, among several addresses', async () => {
    const { server, port } = await listening(overUdp, {}, (socket) => socket.end())
    const lookup = (_host: string, _options: object, done: (...answer: unknown[]) => void): void =>
      done(null, [
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])
    const socket = overUdp.connect({ port, host: 'x.test', lookup, blockList: blocking('127.0.0.2') } as never)
    const heard: unknown[] = []
    socket.on('connectionAttempt', (address) => heard.push(address))
    socket.on('connectionAttemptFailed', (address, _port, _family, error) =>
      heard.push([address, (error as NodeJS.ErrnoException).code]),
    )
    socket.resume()
    await once(socket, 'close')
    expect(heard).toEqual([['127.0.0.2', 'ERR_IP_BLOCKED'], '127.0.0.1'])
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`127.0.0.1:${port}`])
    await closed(server)
  })

  test.each(['x', 5, {}, [], true])('has to be one: %j', (blockList) => {
    const wrong = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError' })
    expect(() => new ours.Socket({ blockList } as never)).toThrow(wrong)
    expect(() => ours.createServer({ blockList } as never)).toThrow(wrong)
  })
})

sameAsNet('maxConnections of 0 means what it means to this Node', async (net, log) => {
  const { server, port } = await listening(net, {}, (socket) => {
    log('server: a connection')
    socket.end()
  })
  server.maxConnections = 0
  server.on('drop', () => log('server: dropped'))
  const client = net.connect(port, '127.0.0.1')
  client.on('connect', () => log('connected')).on('error', () => {})
  client.resume()
  await once(client, 'close').catch(() => {})
  await closed(server)
})

sameAsNet('captureRejections of a socket destroys it', async (net, log) => {
  const { server, port } = await listening(net, {}, (socket) => socket.end('data'))
  const socket = new net.Socket({ captureRejections: true } as never)
  socket.on('data', async () => {
    throw new Error('mine')
  })
  socket.on('error', (error) => log(error))
  socket.connect(port, '127.0.0.1')
  await once(socket, 'close').catch(() => {})
  await turns()
  log(socket.destroyed)
  await closed(server)
})

sameAsNet('a socket is disposed of by await using', async (net, log) => {
  const { server, client, served } = await pair(net)
  const dispose = (Symbol as unknown as { asyncDispose: symbol }).asyncDispose
  client.on('error', (error) => log(error))
  await (client as unknown as Record<symbol, () => Promise<void>>)[dispose]!()
  log(client.destroyed, client.readyState)
  served.destroy()
  await closed(server)
})

describe('setKeepAlive', () => {
  test.each([
    ['with all that newer versions take', [true, 2_000, 1_000, 3]],
    ['with one object', [{ enable: true, initialDelay: 2_000, interval: 1_000, count: 3 }]],
  ] as const)('%s', async (_name, args) => {
    const world = new Machines()
    const { client } = await world.pair()
    client.setKeepAlive(...(args as unknown as [boolean]))
    world.network.link(world.here, world.there).set({ loss: 1 })
    const before = world.now
    const error = await world.event(client, 'error', 20_000)
    expect(error[0]).toMatchObject({ code: 'ETIMEDOUT' })
    expect(client.getInfo()).toBe(null)
    expect(Math.round((world.now - before) / 1_000)).toBe(5)
  })

  test('before connecting, and off again', async () => {
    const world = new Machines()
    world.listen()
    const client = new ours.Socket({ stack: world.here.stack })
    client.setKeepAlive(true, 1_000, 500, 2)
    client.connect({ port: 9_000, host: '10.0.0.2' })
    await world.event(client, 'connect', 1_000)
    await world.network.run(3_500)
    expect(client.getInfo()?.keepAliveProbes).toBe(3)
    client.setKeepAlive({ enable: false })
    await world.network.run(60_000)
    expect(client.getInfo()?.keepAliveProbes).toBe(3)
  })
})

/** Of Node 24 and newer; to others, what stands for one is a handle. */
function boundSocket(): object {
  const { BoundSocket } = nodeNet as { BoundSocket?: new () => { close(): void } }
  if (BoundSocket === undefined) return { _handle: {} }
  const bound = new BoundSocket()
  bound.close()
  return bound
}

type Case = readonly [what: string, call: (net: Net) => unknown]
const UNSUPPORTED: readonly Case[] = [
  ['listen(a server’s handle)', (net) => net.createServer().listen({ handle: {} })],
  ['listen({ fd }) of a descriptor', (net) => net.createServer().listen({ fd: 3 })],
  ['connect({ path, port })', (net) => net.connect({ path: 'pipe', port: 1 } as never)],
  ['new Socket(descriptor)', (net) => new net.Socket(3 as never)],
  ['listen(a bound socket)', (net) => net.createServer().listen(boundSocket() as never)],
  ['new Socket({ handle: a bound socket })', (net) => new net.Socket({ handle: boundSocket() } as never)],
  ['connect({ fd })', (net) => net.connect({ port: 1, fd: 3 } as never)],
]

test.each(UNSUPPORTED)('%s names what is unsupported, at once', (_what, call) => {
  const error = expect.objectContaining({
    code: 'ERR_TCP_OVER_UDP_UNSUPPORTED',
    message: expect.stringMatching(/pipes|descriptors|handles/),
  })
  expect(() => call(overUdp)).toThrow(error)
})
