// From names to addresses: what lookup functions are asked, what their answers lead to, and addresses tried in turn.
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
  sameAsNet,
  thrown,
  turns,
} from '../support/net-oracle.js'

type Done = (...answer: unknown[]) => void

/** What a lookup function is asked, logged, and answered by `answer`. */
const lookupOf =
  (log: Log, answer: (done: Done, options: { all?: boolean }) => void) =>
  (host: string, options: { all?: boolean }, done: Done): void => {
    log('asked', host, options)
    setImmediate(() => answer(done, options))
  }

interface Address {
  address: unknown
  family: unknown
}

/** Answers with one or all of `addresses`. */
const found =
  (...addresses: Address[]) =>
  (done: Done, options: { all?: boolean }): void => {
    if (options.all) done(null, addresses)
    else done(null, addresses[0]?.address, addresses[0]?.family)
  }

const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'connect',
  'ready',
  'error',
  'close',
] as const

function watchAll(client: Socket, log: Log): void {
  for (const event of EVENTS) client.on(event, (...args: unknown[]) => log(event, ...args))
}

const FOUR = { address: '127.0.0.1', family: 4 }
const OTHER_FOUR = { address: '127.0.0.2', family: 4 }
const SIX = { address: '::1', family: 6 }

/** One connect() with a lookup, from the call to the close. */
async function look(
  net: Net,
  log: Log,
  options: object,
  answer: (done: Done, options: { all?: boolean }) => void,
  atAll = true,
): Promise<void> {
  const { server, port } = await listening(net, {}, (socket) => socket.on('error', () => {}).end())
  if (!atAll) await closed(server)
  const lookup = lookupOf(log, answer)
  const client = net.connect({ port, host: 'there.test', lookup, ...options } as never)
  watchAll(client, log)
  client.resume()
  await closing(client)
  log(client.autoSelectFamilyAttemptedAddresses, client.connecting)
  if (atAll) await closed(server)
}

describe('a lookup is asked', () => {
  const OPTIONS: readonly [name: string, options: object][] = [
    ['for all', {}],
    ['for one, with selection off', { autoSelectFamily: false }],
    ['for family 4', { family: 4 }],
    ["for 'IPv4'", { family: 'IPv4' }],
    ['for family 0', { family: 0 }],
    ['for family undefined', { family: undefined }],
    ['with hints', { hints: 32 }],
    ['with hints and a family', { hints: 16, family: 4 }],
    ['with hints of 0', { hints: 0 }],
    ['with a local address: for one', { localAddress: '127.0.0.1' }],
    ['with selection and a family: for one', { autoSelectFamily: true, family: 4 }],
    ['with all: false, which is not looked at', { all: false }],
    ['with verbatim and order, which are not passed on', { verbatim: true, order: 'ipv4first' }],
  ]
  for (const [name, options] of OPTIONS) sameAsNet(name, (net, log) => look(net, log, options, found(FOUR)))

  for (const [name, family, hints] of [
    ['family 5', 5, 0],
    ["family 'x'", 'x', 0],
    ['family null', null, 0],
    ['hints unknown', 0, 1 << 20],
  ] as const) {
    sameAsNet(`of its own, whatever it is: ${name}`, (net, log) => look(net, log, { family, hints }, found(FOUR)))
  }
})

describe('an answer of one address', () => {
  const one = { autoSelectFamily: false }
  const ANSWERS: readonly [name: string, answer: (done: Done) => void][] = [
    ['IPv4', (done) => done(null, '127.0.0.1', 4)],
    ['undefined for no error', (done) => done(undefined, '127.0.0.1', 4)],
    ['an error', (done) => done(new Error('lost'))],
    ['an error with a code', (done) => done(Object.assign(new Error('lost'), { code: 'ENOTFOUND' }))],
    ['an error that is a text', (done) => done('lost')],
    ['no address', (done) => done(null)],
    ['null for an address', (done) => done(null, null, 4)],
    ['a number for an address', (done) => done(null, 5, 4)],
    ['a name for an address', (done) => done(null, 'elsewhere', 4)],
    ['no text for an address', (done) => done(null, '', 4)],
    ['family 0', (done) => done(null, '127.0.0.1', 0)],
    ['family 100', (done) => done(null, '127.0.0.1', 100)],
    ["family '4'", (done) => done(null, '127.0.0.1', '4')],
    ["family 'IPv4'", (done) => done(null, '127.0.0.1', 'IPv4')],
    ['no family', (done) => done(null, '127.0.0.1')],
  ]
  for (const [name, answer] of ANSWERS) sameAsNet(name, (net, log) => look(net, log, one, answer))
})

describe('an answer of all addresses', () => {
  const ANSWERS: readonly [name: string, answer: (done: Done) => void][] = [
    ['one', (done) => done(null, [FOUR])],
    ['two of one family', (done) => done(null, [FOUR, OTHER_FOUR])],
    ['the same twice', (done) => done(null, [FOUR, FOUR])],
    ['IPv6 first, where nobody listens', (done) => done(null, [SIX, FOUR])],
    ['IPv4 first', (done) => done(null, [FOUR, SIX])],
    ['two where nobody listens, then one', (done) => done(null, [OTHER_FOUR, SIX, FOUR])],
    [
      'three of one family, then the other',
      (done) => done(null, [OTHER_FOUR, FOUR, { address: '127.0.0.3', family: 4 }, SIX]),
    ],
    ['with one that is none', (done) => done(null, [{ address: 'x', family: 4 }, FOUR])],
    ['with one of no family', (done) => done(null, [{ address: '127.0.0.1', family: 0 }, FOUR])],
    ['an error', (done) => done(new Error('lost'))],
    ['none that is an address', (done) => done(null, [{ address: 'x', family: 4 }])],
    ['none of a family', (done) => done(null, [{ address: '127.0.0.1', family: 9 }])],
    ['no address, no family', (done) => done(null, [{}])],
  ]
  for (const [name, answer] of ANSWERS) sameAsNet(name, (net, log) => look(net, log, {}, answer))
})

describe('nobody listens', () => {
  const ANSWERS: readonly [name: string, answer: (done: Done, options: { all?: boolean }) => void][] = [
    ['at the one address', found(FOUR)],
    ['at any of two', found(FOUR, SIX)],
    ['at any of three', found(SIX, FOUR, OTHER_FOUR)],
  ]
  for (const [name, answer] of ANSWERS) {
    sameAsNet(name, (net, log) => look(net, log, {}, answer, false))
    sameAsNet(`${name}, with selection off`, (net, log) => look(net, log, { autoSelectFamily: false }, answer, false))
  }

  sameAsNet('writes that waited are told', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect({ port, host: 'there.test', lookup: lookupOf(log, found(FOUR, SIX)) } as never)
    watchAll(client, log)
    client.write('a', (error) => log('a', error))
    client.end('b', () => log('ended'))
    await closing(client)
  })

  sameAsNet('an AggregateError: its message, its errors and its code', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect({ port, host: 'there.test', lookup: lookupOf(log, found(FOUR, SIX)) } as never)
    client.on('error', (error: AggregateError & NodeJS.ErrnoException) => {
      log(error instanceof AggregateError, error.name, error.message === '', error.code, error.errors.length)
      log(Object.keys(error).sort(), Object.keys(error.errors[0]).sort())
    })
    await closing(client)
  })
})

describe('called off', () => {
  sameAsNet('while the lookup goes on', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect({ port, host: 'there.test', lookup: lookupOf(log, found(FOUR)) } as never)
    for (const event of EVENTS.slice(1)) client.on(event, (...args: unknown[]) => log(event, ...args))
    client.destroy()
    await closing(client)
    await turns(5)
  })

  sameAsNet('in the listener of lookup', async (net, log) => {
    const { server, port } = await listening(net, {})
    const client = net.connect({ port, host: 'there.test', lookup: lookupOf(log, found(FOUR, SIX)) } as never)
    watchAll(client, log)
    client.on('lookup', () => client.destroy())
    await closing(client)
    await turns(5)
    await closed(server)
  })

  sameAsNet('in the listener of connectionAttemptFailed', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect({ port, host: 'there.test', lookup: lookupOf(log, found(FOUR, SIX)) } as never)
    watchAll(client, log)
    client.on('connectionAttemptFailed', () => client.destroy())
    await closing(client)
    await turns(5)
  })
})

describe('a lookup that', () => {
  sameAsNet('throws, throws out of connect()', (net, log) => {
    const socket = new net.Socket()
    const lookup = (): void => {
      throw new Error('in lookup')
    }
    log(thrown(() => socket.connect({ port: 1, host: 'there.test', lookup } as never)))
  })

  sameAsNet('is called with the host as it was given', async (net, log) => {
    for (const host of ['There.Test', ' there', 'a.b.', '1.2.3', '[::1]', '127.0.0.1 ']) {
      const lookup = lookupOf(log, (done) => done(new Error('lost')))
      const client = net.connect({ port: 1, host, lookup } as never)
      client.on('error', () => {})
      await closing(client)
    }
  })

  sameAsNet('is the function that dns has now', async (net, log) => {
    const dns = (await import('node:dns')).default
    const { lookup } = dns
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    try {
      dns.lookup = lookupOf(log, found(FOUR)) as never
      const client = net.connect(port, 'there.test').resume()
      await closing(client)
    } finally {
      dns.lookup = lookup
    }
    await closed(server)
  })

  const atOnce = async (net: Net, log: Log): Promise<void> => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = new net.Socket()
    client.on('lookup', () => log('lookup'))
    const lookup = (_host: string, options: { all?: boolean }, done: Done): void => found(FOUR)(done, options)
    client.connect({ port, host: 'there.test', lookup } as never)
    log('returned')
    client.resume()
    await closing(client)
    await closed(server)
  }
  differsFromNet('lookup-answers-at-once', 'answers at once', atOnce, ['returned', 'lookup'])
})

describe('of the system', () => {
  sameAsNet('localhost', async (net, log) => {
    const server = net.createServer((socket) => socket.end()).listen(0)
    await once(server, 'listening')
    const client = net.connect((server.address() as { port: number }).port, 'localhost')
    watchAll(client, log)
    client.resume()
    await closing(client)
    await closed(server)
  })

  sameAsNet('a name that does not exist', async (net, log) => {
    const client = net.connect(80, 'no.such.name.invalid')
    watchAll(client, log)
    await closing(client)
  })

  sameAsNet('an address that is none', async (net, log) => {
    const client = net.connect(80, '256.1.1.1')
    watchAll(client, log)
    await closing(client)
  })

  sameAsNet('an address with leading noughts', async (net, log) => {
    const client = net.connect(await freePort(net), '127.0.0.01')
    client.on('error', (error: NodeJS.ErrnoException) => log(error.code, error.syscall))
    await closing(client)
  })
})

describe('autoSelectFamily', () => {
  sameAsNet('of the defaults that were set', async (net, log) => {
    try {
      for (const on of [false, true]) {
        net.setDefaultAutoSelectFamily(on)
        await look(net, log, {}, found(FOUR, SIX))
      }
    } finally {
      net.setDefaultAutoSelectFamily(true)
    }
  })

  sameAsNet('its attempts’ time of the defaults that were set: of 10 ms at least', (net, log) => {
    const set = net.setDefaultAutoSelectFamilyAttemptTimeout
    for (const value of [0, -1, 1.5, 'x', null, undefined, Number.NaN, 2 ** 31]) log(thrown(() => set(value as never)))
    for (const value of ['x', 1, null, undefined]) log(thrown(() => net.setDefaultAutoSelectFamily(value as never)))
  })

  sameAsNet('and a local port: from that port', async (net, log) => {
    const localPort = await freePort(net)
    const { server, port } = await listening(net, {}, (socket) => {
      log('server', socket.remotePort === localPort)
      socket.end()
    })
    const lookup = lookupOf(log, found(FOUR, SIX))
    const client = net.connect({ port, host: 'there.test', lookup, localPort } as never)
    client.on('connect', () => log(client.localPort === localPort))
    client.on('error', (error) => log(error))
    client.resume()
    await closing(client)
    await closed(server)
  })
})
