// Every form of the arguments of listen(): what it binds, what it returns, when it calls back.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { describe } from 'vitest'
import { closed, differsFromNet, freePort, type Log, type Net, sameAsNet, turns } from '../support/net-oracle.js'

type Listen = (server: Server, called: () => void) => unknown

/** What listen() does at once and afterwards. */
async function traceListen(net: Net, log: Log, listen: Listen): Promise<void> {
  const server = net.createServer()
  const shown = (): unknown => {
    const address = server.address() as AddressInfo | null
    return [server.listening, address?.address, address?.family, typeof address?.port]
  }
  server.on('listening', () => log('listening', shown()))
  server.on('error', (error) => log('error', error))
  const returned = listen(server, () => log('called back', server.listening))
  log(returned === server, server.listenerCount('listening'))
  await new Promise<void>((resolve) => server.once('listening', resolve).once('error', () => resolve()))
  log(server.listenerCount('listening'))
  if (server.listening) await closed(server)
  log(shown())
}

const FORMS: readonly [name: string, listen: Listen][] = [
  ['listen()', (server) => server.listen()],
  ['listen(cb)', (server, called) => server.listen(called)],
  ['listen(0)', (server) => server.listen(0)],
  ['listen(0, cb)', (server, called) => server.listen(0, called)],
  ['listen(null)', (server) => server.listen(null as never)],
  ['listen(null, cb)', (server, called) => server.listen(null as never, called)],
  ['listen(undefined)', (server) => server.listen(undefined)],
  ['listen(undefined, cb)', (server, called) => server.listen(undefined, called)],
  ["listen('0')", (server) => server.listen('0')],
  ["listen('0x0', cb)", (server, called) => server.listen('0x0' as never, called)],
  ["listen(' 0 ')", (server) => server.listen(' 0 ')],
  ['listen(0, host)', (server) => server.listen(0, '127.0.0.1')],
  ['listen(0, host, cb)', (server, called) => server.listen(0, '127.0.0.1', called)],
  ['listen(0, host, backlog)', (server) => server.listen(0, '127.0.0.1', 5)],
  ['listen(0, host, backlog, cb)', (server, called) => server.listen(0, '127.0.0.1', 5, called)],
  ['listen(0, backlog)', (server) => server.listen(0, 5 as never)],
  ['listen(0, backlog, cb)', (server, called) => server.listen(0, 5, called)],
  ["listen(0, '5', cb): the second is a host", (server, called) => server.listen(0, '127.1', called)],
  ['listen(0, undefined, cb)', (server, called) => server.listen(0, undefined as never, called)],
  ['listen(0, null, cb)', (server, called) => server.listen(0, null as never, called)],
  ["listen(0, '', cb)", (server, called) => server.listen(0, '', called)],
  ['listen(0, undefined, undefined, cb)', (server, called) => server.listen(0, undefined, undefined, called)],
  [
    'listen(0, host, backlog, cb, more)',
    (server, called) => (server.listen as (...args: unknown[]) => unknown).call(server, 0, '127.0.0.1', 5, called, 1),
  ],
  ["listen(0, '::1')", (server) => server.listen(0, '::1')],
  ["listen(0, '::')", (server) => server.listen(0, '::')],
  ["listen(0, '0.0.0.0')", (server) => server.listen(0, '0.0.0.0')],
  ["listen(0, '::ffff:127.0.0.1')", (server) => server.listen(0, '::ffff:127.0.0.1')],
  ["listen(0, '0:0:0:0:0:0:0:1')", (server) => server.listen(0, '0:0:0:0:0:0:0:1')],
  ["listen(0, '127.0.0.2')", (server) => server.listen(0, '127.0.0.2')],
  ['listen({ port: 0 })', (server) => server.listen({ port: 0 })],
  ['listen({ port: 0 }, cb)', (server, called) => server.listen({ port: 0 }, called)],
  ["listen({ port: '0' })", (server) => server.listen({ port: '0' as never })],
  ['listen({ port: undefined })', (server) => server.listen({ port: undefined })],
  ['listen({ port: null })', (server) => server.listen({ port: null } as never)],
  ["listen({ port: 0, host: '' })", (server) => server.listen({ port: 0, host: '' })],
  ['listen({ port: 0, host: null })', (server) => server.listen({ port: 0, host: null } as never)],
  ['listen({ port: 0, host: undefined })', (server) => server.listen({ port: 0, host: undefined })],
  ['listen({ port: 0, host })', (server) => server.listen({ port: 0, host: '127.0.0.1' })],
  ['listen({ port: 0, host: name })', (server) => server.listen({ port: 0, host: 'localhost' })],
  ['listen({ port: 0, host, backlog: 1 })', (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1 })],
  ['listen({ backlog: 0 })', (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: 0 })],
  ['listen({ backlog: -5 })', (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: -5 })],
  ['listen({ backlog: NaN })', (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: Number.NaN })],
  ["listen({ backlog: 'x' })", (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: 'x' as never })],
  ['listen({ backlog: 1e9 })', (server) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1e9 })],
  ['listen({ exclusive: true })', (server) => server.listen({ port: 0, host: '127.0.0.1', exclusive: true })],
  ['listen({ ipv6Only: true })', (server) => server.listen({ port: 0, host: '::', ipv6Only: true })],
  ["listen({ ipv6Only: 'yes' })", (server) => server.listen({ port: 0, host: '::', ipv6Only: 'yes' as never })],
  [
    'listen({ ipv6Only: true }) of an IPv4 address',
    (server) => server.listen({ port: 0, host: '127.0.0.1', ipv6Only: true }),
  ],
  ['listen({ port: 0, path })', (server) => server.listen({ port: 0, path: '/x' })],
  ['listen({ port: 0, fd: -1 })', (server) => server.listen({ port: 0, fd: -1 })],
  ["listen({ port: 0, fd: 'x' })", (server) => server.listen({ port: 0, fd: 'x' as never })],
  ['listen({ port: 0, signal: undefined })', (server) => server.listen({ port: 0, signal: undefined })],
  ['listen({ port: 0 }, null)', (server) => server.listen({ port: 0 }, null as never)],
  ['listen(Object.create({ port: 0 }))', (server) => server.listen(Object.create({ port: 0 }) as never)],
  ['listen(new Date with a port)', (server) => server.listen(Object.assign(new Date(0), { port: 0 }) as never)],
  ['listen on a name that does not exist', (server) => server.listen(0, 'no.such.name.invalid')],
  ['listen on a name with a blank', (server) => server.listen(0, '127.0.0.1 ')],
  ['listen on no address', (server) => server.listen(0, '256.1.1.1')],
  ['listen on the address of another machine', (server) => server.listen(0, '192.0.2.1')],
  ['listen on the address of another machine, with a port', (server) => server.listen(8765, '192.0.2.1')],
  ['listen on an IPv6 address of another machine', (server) => server.listen(0, '2001:db8::1')],
]

describe('a form of listen()', () => {
  for (const [name, listen] of FORMS) sameAsNet(name, (net, log) => traceListen(net, log, listen))
})

describe('listen()', () => {
  for (const host of [undefined, 'localhost']) {
    sameAsNet(`on ${host ?? 'no host'}: what can be seen at once`, async (net, log) => {
      const server = net.createServer().listen(0, host as string)
      log(server.listening, typeof (server.address() as AddressInfo | null)?.port)
      await once(server, 'listening')
      await closed(server)
    })
  }

  const atOnce = async (net: Net, log: Log): Promise<void> => {
    const server = net.createServer().listen(0, '127.0.0.1')
    log(server.listening, (server.address() as AddressInfo | null)?.address)
    await once(server, 'listening')
    await closed(server)
  }
  differsFromNet('listen-binds-at-once', 'on an address: what can be seen at once', atOnce, ['true 127.0.0.1'])
})

describe('the arguments of listen()', () => {
  sameAsNet('are not changed, but for a port that is not chosen', async (net, log) => {
    const options = { port: 0, host: '127.0.0.1', backlog: 7, exclusive: false }
    const server = net.createServer().listen(options)
    log(options)
    await closed(server)
  })

  sameAsNet('may be used again', async (net, log) => {
    const options = { port: 0, host: '127.0.0.1' }
    const one = net.createServer().listen(options)
    const two = net.createServer().listen(options)
    await Promise.all([once(one, 'listening'), once(two, 'listening')])
    log(one.listening, two.listening, (one.address() as AddressInfo).port !== (two.address() as AddressInfo).port)
    await closed(one)
    await closed(two)
  })

  sameAsNet('a port in digits is the port', async (net, log) => {
    const port = await freePort(net)
    const server = net.createServer().listen(String(port), '127.0.0.1' as never)
    await once(server, 'listening')
    log((server.address() as AddressInfo).port === port)
    await closed(server)
  })

  sameAsNet('a port in hexadecimal is the port', async (net, log) => {
    const port = await freePort(net)
    const server = net.createServer().listen({ port: `0x${port.toString(16)}` as never, host: '127.0.0.1' })
    await once(server, 'listening')
    log((server.address() as AddressInfo).port === port)
    await closed(server)
  })

  sameAsNet('the callback has no arguments and the server for this', async (net, log) => {
    const server = net.createServer()
    server.listen(0, '127.0.0.1', function called(this: unknown, ...args: unknown[]) {
      log(this === server, args)
    })
    await once(server, 'listening')
    await closed(server)
  })

  sameAsNet('a callback stays for a later listen() if this one fails', async (net, log) => {
    const server = net.createServer()
    server.on('error', (error) => log(error))
    server.listen(0, '192.0.2.1', () => log('the first'))
    await turns()
    server.listen(0, '127.0.0.1', () => log('the second'))
    await once(server, 'listening')
    await closed(server)
  })

  sameAsNet('are checked before the server is touched', async (net, log) => {
    const server = net.createServer()
    try {
      server.listen({ port: 70000 }, () => {})
    } catch (error) {
      log(error)
    }
    log(server.listening, server.listenerCount('listening'))
    server.listen(0)
    log(server.listening)
    await closed(server)
  })
})
