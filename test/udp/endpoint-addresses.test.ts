// Real UDP: replies leave from the address that was called, on 127.0.0.x and, where it can be had, in a network namespace.
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { ENDED, READABLE } from '../../lib/core/connection.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { createNodePlatform } from '../../lib/platform/node.js'
import { loadOffload } from '../../lib/platform/offload.js'
import type { DatagramHandler, Platform } from '../../lib/platform/platform.js'
import { Namespace } from '../support/namespace.js'
import { Acceptance, Recorder } from '../support/recorder.js'
import { startScript } from '../support/run-script.js'

const config = createConfig({ msl: 10 })
const listeners: Listener[] = []
const DEAF: DatagramHandler = { onDatagram: () => {}, onQuiet: () => {}, onDrain: () => {}, onError: () => {} }
const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ family }) => family === 'IPv6'))
const WILDCARD = hasIPv6 ? '::' : '0.0.0.0'

/** As a server on the wildcard shows an address. */
const shown = (address: string): string => (hasIPv6 && !address.includes(':') ? `::ffff:${address}` : address)

/** This machine, with the addresses that a test gives it. */
function platformWith(...addresses: string[]): Platform {
  return Object.create(createNodePlatform(), { addresses: { value: () => addresses } })
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !done(); i++) await sleep(10)
  expect(done()).toBe(true)
}

/** Says 'ping', hears 'pong', and both close. */
async function exchange(platform: Platform, at: string, called: string, from?: string): Promise<[Channel, Channel]> {
  const acceptance = new Acceptance()
  acceptance.react = (events, channel) => {
    if (events & READABLE) channel.send(new TextEncoder().encode('pong'))
    if (events & ENDED) channel.close()
  }
  const listener = new Stack(platform).listen({ address: at, port: 0 }, () => config, acceptance)
  listeners.push(listener)
  const one = new Recorder()
  const target = { address: called, port: listener.port, localAddress: from }
  one.channel = new Stack(createNodePlatform()).connect(target, config, one)
  one.channel.send(new TextEncoder().encode('ping'))
  await until(() => one.text === 'pong')
  one.channel.close()
  await until(() => one.channel.state === 'TIME-WAIT')
  expect(acceptance.accepted[0].text).toBe('ping')
  return [acceptance.channels[0], one.channel]
}

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close()
})

describe('a server on a wildcard', () => {
  it.each(['127.0.0.1', '127.0.0.2', '127.0.0.3'])('0.0.0.0, called at %s, answers from there', async (called) => {
    const platform = platformWith('127.0.0.1', '127.0.0.2', '127.0.0.3')
    const [accepted, own] = await exchange(platform, '0.0.0.0', called)
    expect(accepted).toMatchObject({ localAddress: called, remoteAddress: own.localAddress, remotePort: own.localPort })
    expect(own.remoteAddress).toBe(called)
  })

  it('with IPv6, if there is, takes IPv4 too, and shows it in IPv6’s clothes', async () => {
    const [accepted] = await exchange(platformWith('127.0.0.1', '127.0.0.2'), WILDCARD, '127.0.0.2')
    expect(accepted).toMatchObject({ localAddress: shown('127.0.0.2'), remoteAddress: shown('127.0.0.1') })
  })

  it('answers from each address that the machine has, also to another of its own', async () => {
    const platform = createNodePlatform()
    const addresses = platform.addresses()
    const given = process.env.TEST_ADDRESSES?.split(' ') ?? ['127.0.0.1']
    expect(addresses).toEqual(expect.arrayContaining(given))
    for (const called of addresses) {
      // towards this one the route would have the answer leave from `other`
      const other = given.find((each) => each !== called && each.includes(':') === called.includes(':'))
      const [accepted, own] = await exchange(platform, WILDCARD, called, other)
      expect(accepted).toMatchObject({ localAddress: shown(called), remoteAddress: shown(own.localAddress) })
      expect(own.remoteAddress).toBe(called)
    }
  })
})

describe('beside a server on a wildcard', () => {
  /** A process, of another user if that can be, that asks for a place with all that lets ports be shared. */
  const stranger = (port: number): Promise<string> => {
    const { ended } = startScript(`
      import dgram from 'node:dgram'
      if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534) }
      const said = []
      for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '0.0.0.0', ...${JSON.stringify(hasIPv6 ? ['::1', '::'] : [])}]) {
        for (const more of [{ reuseAddr: true }, { reusePort: true }, { reuseAddr: true, reusePort: true }]) {
          const socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', ...more })
          said.push(await new Promise((resolve) => {
            socket.on('error', (error) => resolve(error.code)).on('listening', () => resolve(address + ' is mine'))
            socket.bind({ port: ${port}, address, exclusive: true })
          }))
        }
      }
      console.log(...new Set(said))
      process.exit()`)
    return ended.then(({ stdout, stderr }) => stdout.trim() + stderr)
  }

  it('nobody gets one, whoever it is; addresses that the machine gets later and branches have theirs', async () => {
    if (loadOffload() === null) {
      process.stderr.write('not run, for want of koffi: dgram cannot take SO_REUSEADDR back\n')
      return
    }
    const addresses = ['127.0.0.1']
    const platform = Object.create(platformWith(), { addresses: { value: () => addresses } }) as Platform
    const acceptance = new Acceptance()
    const listener = new Stack(platform).listen({ address: WILDCARD, port: 0 }, () => config, acceptance)
    listeners.push(listener)
    expect(listener.getStats().sockets).toBe(2)
    expect(await stranger(listener.port)).toBe('EADDRINUSE')
    addresses.push('127.0.0.2')
    const one = new Recorder()
    one.channel = new Stack(createNodePlatform()).connect({ address: '127.0.0.2', port: listener.port }, config, one)
    await until(() => acceptance.channels.length === 1 && listener.getStats().sockets === 3)
    const home = platform.bind({ address: shown('127.0.0.3'), port: listener.port, reuseAddr: true }, DEAF)
    const branches = [9, 10].map((port) => home.branch?.({ address: shown('127.0.0.1'), port }, DEAF, 65_536))
    expect(branches.map((branch) => branch?.port)).toEqual([listener.port, listener.port])
    expect(await stranger(listener.port)).toBe('EADDRINUSE')
    one.channel.abort()
    for (const socket of [home, ...branches]) socket?.close()
  })
})

describe('a namespace with two addresses on lo', () => {
  const given = ['10.77.0.1', '10.77.0.2', ...(hasIPv6 ? ['fd77::1', 'fd77::2'] : [])]
  const setUp = [
    'ip link set lo up',
    ...given.map((address) => `ip addr add ${address}/${address.includes(':') ? '64 nodad' : 24} dev lo`),
  ]
  const namespace = new Namespace(setUp)

  it('each is answered from itself', async () => {
    // where there is no namespace to be had, what the tests above show on 127.0.0.x must do
    if (!namespace.exists) {
      const [accepted] = await exchange(platformWith('127.0.0.1', '127.0.0.2'), '0.0.0.0', '127.0.0.2', '127.0.0.1')
      expect(accepted.localAddress).toBe('127.0.0.2')
      return
    }
    const addresses = { TEST_ADDRESSES: given.join(' ') }
    const outcome = namespace.run('test/udp/endpoint-addresses.test.ts', 'each address that', addresses)
    expect(outcome).toEqual([0, expect.stringContaining('1 passed')])
  })
})
