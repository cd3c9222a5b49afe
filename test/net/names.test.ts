// From names to connections as node:net does it: lookups, their errors, and addresses that are tried in turn (RFC 8305).
import { once } from 'node:events'
import net, { type AddressInfo, type LookupFunction } from 'node:net'
import { describe, expect, test } from 'vitest'
import { closed, freePort, type Log, listening, overUdp, sameAsNet, turns } from '../support/net-oracle.js'

type Answer = { address: unknown; family: unknown }
type Done = (error: Error | null, answer?: unknown, family?: unknown) => void

/** A lookup that answers so, and logs what it was asked. */
function answering(log: Log, answers: readonly Answer[] | Error, sync = false): LookupFunction {
  const lookup = (host: string, options: { all?: boolean }, done: Done): void => {
    log('asked', host, options)
    const answer = (): void => {
      if (answers instanceof Error) done(answers)
      else if (options.all) done(null, answers)
      else done(null, answers[0]?.address, answers[0]?.family)
    }
    if (sync) answer()
    else setImmediate(answer)
  }
  return lookup as unknown as LookupFunction
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
]

function watchAttempts(socket: net.Socket, log: Log): void {
  for (const event of EVENTS) socket.on(event, (...args: unknown[]) => log(event, ...args))
}

const FOUR: Answer = { address: '127.0.0.1', family: 4 }
const SIX: Answer = { address: '::1', family: 6 }

describe('a name', () => {
  sameAsNet('with one address', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = net.connect({ port, host: 'there.test', lookup: answering(log, [FOUR]) })
    watchAttempts(client, log)
    log(client.connecting)
    client.resume()
    await once(client, 'close')
    log(client.autoSelectFamilyAttemptedAddresses)
    await closed(server)
  })

  sameAsNet('with a family asked for', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    for (const family of [4, 'IPv4'] as never[]) {
      const client = net.connect({ port, host: 'there.test', family, hints: 32, lookup: answering(log, [FOUR, SIX]) })
      watchAttempts(client, log)
      client.resume()
      await once(client, 'close')
    }
    await closed(server)
  })

  sameAsNet('the system knows', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.end())
    const client = net.connect({ port, host: 'localhost', family: 4 })
    watchAttempts(client, log)
    client.resume()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('nobody knows', async (net, log) => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND there.test'), {
      ...{ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'there.test', errno: -3008 },
    })
    const client = net.connect({ port: 1, host: 'there.test', lookup: answering(log, unknown) })
    watchAttempts(client, log)
    client.on('error', (error) => log(error === unknown))
    await once(client, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('with a label that is too long', async (net, log) => {
    const client = net.connect({ port: 1, host: `${'x'.repeat(64)}.invalid` })
    watchAttempts(client, log)
    await once(client, 'close').catch(() => {})
    await turns()
  })

  sameAsNet('whose addresses are none', async (net, log) => {
    const wrong: Answer[] = [
      { address: 'nonsense', family: 4 },
      { address: undefined, family: 4 },
      { address: '127.0.0.1', family: 100 },
    ]
    for (const autoSelectFamily of [true, false]) {
      for (const answer of wrong) {
        const lookup = answering(log, [answer])
        const client = net.connect({ port: 1, host: 'there.test', lookup, autoSelectFamily })
        watchAttempts(client, log)
        await once(client, 'close').catch(() => {})
        await turns()
      }
    }
  })

  sameAsNet('a socket that is destroyed meanwhile', async (net, log) => {
    const client = net.connect({ port: 1, host: 'there.test', lookup: answering(log, [FOUR]) })
    for (const event of EVENTS.slice(1)) client.on(event, (...args: unknown[]) => log(event, ...args))
    client.destroy()
    await once(client, 'close')
    await turns(5)
  })
})

describe('several addresses', () => {
  sameAsNet('the second of them answers', async (net, log) => {
    const { server, port } = await listening(net, {}, (socket) => socket.on('data', (data) => log('server', data)))
    const client = net.connect({ port, host: 'there.test', lookup: answering(log, [SIX, FOUR, SIX, FOUR]) })
    watchAttempts(client, log)
    client.write('once')
    await once(client, 'connect')
    log(client.autoSelectFamilyAttemptedAddresses, client.remoteAddress)
    client.end()
    client.resume()
    await once(client, 'close')
    await closed(server)
  })

  sameAsNet('none of them answers', async (net, log) => {
    const port = await freePort(net)
    const client = net.connect({ port, host: 'there.test', lookup: answering(log, [FOUR, SIX]) })
    watchAttempts(client, log)
    await once(client, 'close').catch(() => {})
    await turns()
    log(client.autoSelectFamilyAttemptedAddresses)
  })

  sameAsNet('only the first is tried if selection is off', async (net, log) => {
    const { server, port } = await listening(net, {})
    const lookup = answering(log, [SIX, FOUR])
    const client = net.connect({ port, host: 'there.test', lookup, autoSelectFamily: false })
    watchAttempts(client, log)
    await once(client, 'close').catch(() => {})
    await turns()
    log(client.autoSelectFamilyAttemptedAddresses)
    await closed(server)
  })

  test('each attempt but the last has its time', async () => {
    const { server, port } = await listening(overUdp, {}, (socket) => socket.end())
    const silent: Answer = { address: '::1', family: 6 }
    // nobody answers there: a UDP socket that is no TCP
    const { createSocket } = await import('node:dgram')
    const deaf = createSocket('udp6')
    await new Promise<void>((resolve) => deaf.bind(port, '::1', resolve))
    const lines: string[] = []
    const log: Log = (...words) => lines.push(words.slice(0, 2).join(' '))
    const lookup = answering(() => {}, [silent, FOUR])
    const client = overUdp.connect({ port, host: 'there.test', lookup, autoSelectFamilyAttemptTimeout: 10 })
    watchAttempts(client, log)
    client.resume()
    await once(client, 'close')
    expect(lines.slice(2)).toEqual([
      'connectionAttempt ::1',
      'connectionAttemptTimeout ::1',
      'connectionAttempt 127.0.0.1',
      'connect',
      'ready',
      'close false',
    ])
    deaf.close()
    await closed(server)
  })

  test('the defaults are those that node:net’s setters leave behind', async () => {
    const before = net.getDefaultAutoSelectFamily()
    const { server, port } = await listening(overUdp, {}, (socket) => socket.end())
    try {
      for (const on of [true, false]) {
        net.setDefaultAutoSelectFamily(on)
        const asked: unknown[] = []
        const lookup = answering((...words) => asked.push(...words), [FOUR])
        const client = overUdp.connect({ port, host: 'there.test', lookup })
        client.resume()
        await once(client, 'close')
        expect((asked[2] as { all?: boolean }).all).toBe(on ? true : undefined)
      }
    } finally {
      net.setDefaultAutoSelectFamily(before)
    }
    await closed(server)
  })
})

test('a lookup that answers at once emits nothing out of connect()', async () => {
  const { server, port } = await listening(overUdp, {}, (socket) => socket.end())
  let returned = false
  const client = new overUdp.Socket()
  client.on('lookup', () => expect(returned).toBe(true))
  client.connect({ port, host: 'there.test', lookup: answering(() => {}, [FOUR], true) })
  returned = true
  client.resume()
  await once(client, 'close')
  await closed(server)
})

test('localhost is found over IPv4 and IPv6', async () => {
  const server = overUdp.createServer((socket) => socket.end('here')).listen(0)
  await once(server, 'listening')
  const client = overUdp.connect((server.address() as AddressInfo).port)
  expect(String((await once(client, 'data'))[0])).toBe('here')
  await once(client, 'close')
  await closed(server)
})

sameAsNet('a lookup that answers with one address where all were asked for', async (net, log) => {
  const lookup = ((_host: string, _options: object, done: Done) => {
    setImmediate(done, null, '127.0.0.1', 4)
  }) as unknown as LookupFunction
  const client = net.connect({ port: 1, host: 'there.test', lookup, autoSelectFamily: true })
  client.on('error', (error: NodeJS.ErrnoException) => log(error.code, error.message))
  await once(client, 'close').catch(() => {})
  await turns()
  log(client.connecting)
})
