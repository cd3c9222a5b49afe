// Which UDP sockets a stack holds, and what shares them: wildcards, several addresses, both families, one port for all.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { ConnectTarget, ListenTarget } from '../../lib/endpoint/target.js'
import type { Host } from '../../lib/testing/host.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, RST, SYN } from '../../lib/wire/segment.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, Recorder } from '../support/recorder.js'

const config = createConfig()
const code = (name: string) => expect.objectContaining({ code: name })

class Machine {
  readonly host: Host
  readonly stack: Stack
  readonly acceptance = new Acceptance()

  constructor(network: Network, address: string, ...more: string[]) {
    this.host = network.host(address, ...more)
    this.stack = new Stack(this.host.platform)
  }

  listen(target: ListenTarget): Listener {
    return this.stack.listen(target, () => config, this.acceptance)
  }

  connect(target: ConnectTarget): Recorder {
    const recorder = new Recorder()
    recorder.channel = this.stack.connect(target, config, recorder)
    return recorder
  }
}

function scene() {
  const network = new Network({ link: { delay: 5 } })
  const server = new Machine(network, '10.0.0.1', '10.0.0.2', 'fd00::1')
  const client = new Machine(network, '10.0.0.9', 'fd00::9')
  return { network, server, client }
}

describe('a server on a wildcard', () => {
  it.each([
    ['0.0.0.0', '10.0.0.1', '10.0.0.1', '10.0.0.9'],
    ['0.0.0.0', '10.0.0.2', '10.0.0.2', '10.0.0.9'],
    ['::', '10.0.0.2', '::ffff:10.0.0.2', '::ffff:10.0.0.9'],
    ['::', 'fd00::1', 'fd00::1', 'fd00::9'],
  ])('on %s, called at %s, answers from there', (address, called, localAddress, remoteAddress) => {
    const { network, server, client } = scene()
    server.listen({ address, port: 80 })
    const one = client.connect({ address: called, port: 80 })
    network.advance(100)
    expect(one.events).toEqual(['connected'])
    expect(one.channel.remoteAddress).toBe(called)
    expect(server.acceptance.channels[0]).toMatchObject({ localAddress, remoteAddress, localUdpPort: 80 })
  })

  it('holds a socket for each address beside the wildcard', () => {
    const { server } = scene()
    server.listen({ address: '::', port: 80 })
    expect(server.host.openSockets.map(({ address }) => address)).toEqual([
      '::',
      '::ffff:10.0.0.1',
      '::ffff:10.0.0.2',
      'fd00::1',
      '::ffff:127.0.0.1',
      '::1',
    ])
  })

  it('port 0: one free port for all of them', () => {
    const { network, server, client } = scene()
    const listener = server.listen({ address: '::', port: 0 })
    expect(listener.port).toBeGreaterThan(1023)
    expect(listener.udpPort).toBe(listener.port)
    expect(new Set(server.host.openSockets.map(({ port }) => port))).toEqual(new Set([listener.port]))
    const one = client.connect({ address: '10.0.0.2', port: listener.port })
    network.advance(100)
    expect(one.events).toEqual(['connected'])
  })

  it('ipv6Only: IPv4 is not heard', () => {
    const { network, server, client } = scene()
    server.listen({ address: '::', port: 80, ipv6Only: true })
    const [one, two] = [
      client.connect({ address: '10.0.0.1', port: 80 }),
      client.connect({ address: 'fd00::1', port: 80 }),
    ]
    network.advance(100)
    expect(one.channel.reason).toBe('refused')
    expect(two.events).toEqual(['connected'])
  })

  it('an address that has no socket of its own: the answer leaves by the route, and says so', () => {
    const { network, server } = scene()
    const platform = Object.create(server.host.platform, { addresses: { value: () => [] } })
    const stack = new Stack(platform)
    const acceptance = new Acceptance()
    stack.listen({ address: '0.0.0.0', port: 80 }, () => config, acceptance)
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: '10.0.0.1', port: 80 })
    expect(peer.open().address).toBe('10.0.0.1')
    expect(acceptance.channels[0].localAddress).toBe('10.0.0.1')
  })

  it('an address that comes later gets its socket with the next SYN to it, and its connections move there', () => {
    const { network, server, client } = scene()
    server.listen({ address: '0.0.0.0', port: 80 })
    server.host.addAddress('10.0.0.3')
    network.host('10.0.0.1', '10.0.0.3')
    const one = client.connect({ address: '10.0.0.3', port: 80 })
    network.advance(5000)
    expect(server.host.openSockets.map(({ address }) => address)).toContain('10.0.0.3')
    expect(one.events).toEqual(['connected'])
    expect(server.acceptance.accepted).toHaveLength(1)
  })

  it('finds that the port is taken, by any address of it', () => {
    const { server } = scene()
    const other = server.host.process()
    const quiet = { onDatagram: () => {}, onQuiet: () => {}, onDrain: () => {}, onError: () => {} }
    const taken = other.bind({ address: '10.0.0.2', port: 80 }, quiet)
    expect(() => server.listen({ address: '0.0.0.0', port: 80 })).toThrow(code('EADDRINUSE'))
    expect(() => server.listen({ address: '::', port: 80 })).toThrow(code('EADDRINUSE'))
    expect(server.host.openSockets).toHaveLength(1)
    expect(server.stack.getStats().endpoints).toBe(0)
    taken.close()
    server.listen({ address: '::', port: 80 })
    const second = new Stack(other)
    expect(() => second.listen({ address: '::', port: 80 }, () => config, server.acceptance)).toThrow(
      code('EADDRINUSE'),
    )
    expect(() => second.listen({ address: '10.0.0.1', port: 80 }, () => config, server.acceptance)).toThrow(
      code('EADDRINUSE'),
    )
  })
})

describe('listening', () => {
  it('an address that is not ours', () => {
    const { server } = scene()
    expect(() => server.listen({ address: '10.9.9.9', port: 80 })).toThrow(code('EADDRNOTAVAIL'))
  })

  it('TCP and UDP port may differ, and several TCP ports share a UDP port', () => {
    const { network, server, client } = scene()
    const one = server.listen({ address: '10.0.0.1', port: 80, udpPort: 9000 })
    const two = server.listen({ address: '10.0.0.1', port: 81, udpPort: 9000 })
    const three = server.listen({ address: '10.0.0.1', port: 0, udpPort: 9000 })
    const four = server.listen({ address: '10.0.0.1', port: 82, udpPort: 0 })
    expect([one, two, three].map(({ udpPort }) => udpPort)).toEqual([9000, 9000, 9000])
    expect(new Set([80, 81, three.port, 0]).size).toBe(4)
    for (const { port, udpPort } of [one, two, three, four]) client.connect({ address: '10.0.0.1', port, udpPort })
    network.advance(100)
    expect(server.acceptance.channels.map(({ localPort }) => localPort)).toEqual([80, 81, three.port, 82])
    expect(server.host.openSockets).toHaveLength(2)
  })

  it('one TCP port can be listened on at several addresses of one UDP port', () => {
    const { network, server, client } = scene()
    server.listen({ address: '10.0.0.1', port: 80 })
    server.listen({ address: '10.0.0.2', port: 80 })
    server.listen({ address: 'fd00::1', port: 80 })
    expect(() => server.listen({ address: '10.0.0.2', port: 80 })).toThrow(code('EADDRINUSE'))
    expect(() => server.listen({ address: '0.0.0.0', port: 80 })).toThrow(code('EADDRINUSE'))
    for (const address of ['10.0.0.1', '10.0.0.2', 'fd00::1']) client.connect({ address, port: 80 })
    network.advance(100)
    expect(server.acceptance.channels.map(({ localAddress }) => localAddress)).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      'fd00::1',
    ])
  })

  it('beside a wildcard that is held already, another TCP port may be listened on at one address alone', () => {
    const { network, server, client } = scene()
    server.listen({ address: '::', port: 80, udpPort: 9000 })
    server.listen({ address: '10.0.0.2', port: 81, udpPort: 9000 })
    const [one, two] = ['10.0.0.1', '10.0.0.2'].map((address) => client.connect({ address, port: 81, udpPort: 9000 }))
    network.advance(100)
    expect(one.channel.reason).toBe('refused')
    expect(two.events).toEqual(['connected'])
    // IPv4 was asked for: IPv4 is shown, though the socket is an IPv6 one
    expect(server.acceptance.channels[0]).toMatchObject({ localAddress: '10.0.0.2', remoteAddress: '10.0.0.9' })
  })

  it('IPv4 alone, closed with a connection left, then both families: the port is widened', () => {
    const { network, server, client } = scene()
    const four = server.listen({ address: '0.0.0.0', port: 80 })
    client.connect({ address: '10.0.0.1', port: 80 })
    network.advance(100)
    four.close()
    server.listen({ address: '::', port: 80 })
    client.connect({ address: '10.0.0.2', port: 80 })
    client.connect({ address: 'fd00::1', port: 80 })
    network.advance(100)
    expect(server.acceptance.channels.map(({ localAddress, remoteAddress }) => [localAddress, remoteAddress])).toEqual([
      ['10.0.0.1', '10.0.0.9'],
      ['::ffff:10.0.0.2', '::ffff:10.0.0.9'],
      ['fd00::1', 'fd00::9'],
    ])
    expect(server.acceptance.channels.map(({ state }) => state)).toEqual(Array(3).fill('ESTABLISHED'))
  })

  it('a spelling of an address is as good as another', () => {
    const { network, server, client } = scene()
    server.listen({ address: 'FD00:0:0::1', port: 80 })
    const one = client.connect({ address: 'fd00:0::0:1', port: 80 })
    network.advance(100)
    expect(one.events).toEqual(['connected'])
    expect(one.channel.remoteAddress).toBe('fd00::1')
  })
})

describe('connecting', () => {
  it('from a port of its own choice, or a free one', () => {
    const { network, server, client } = scene()
    server.listen({ address: '0.0.0.0', port: 80 })
    const one = client.connect({ address: '10.0.0.1', port: 80, localPort: 4000, localAddress: '10.0.0.9' })
    network.advance(100)
    expect(one.channel).toMatchObject({ localAddress: '10.0.0.9', localPort: 4000, localUdpPort: 4000 })
    expect(() => client.connect({ address: '10.0.0.1', port: 80, localPort: 4000 })).toThrow(code('EADDRINUSE'))
    expect(() => client.connect({ address: '10.0.0.1', port: 80, localAddress: '10.7.7.7' })).toThrow(
      code('EADDRNOTAVAIL'),
    )
    expect(client.stack.getStats().endpoints).toBe(1)
  })

  it('ICMP port unreachable ends an attempt, with the machine’s error', () => {
    const { network, client } = scene()
    const one = client.connect({ address: '10.0.0.1', port: 80 })
    network.advance(100)
    expect(one.events).toEqual(['closed'])
    expect(one.channel).toMatchObject({ reason: 'refused', error: { code: 'ECONNREFUSED' } })
    expect(client.host.openSockets).toEqual([])
  })

  it('RFC 9293 §3.9.2.2: but no connection that stands', () => {
    const { network, server, client } = scene()
    server.listen({ address: '10.0.0.1', port: 80 })
    const one = client.connect({ address: '10.0.0.1', port: 80 })
    network.advance(100)
    server.host.powerOff()
    server.host.powerOn()
    one.channel.send(new Uint8Array(100))
    network.advance(3000)
    expect(one.channel).toMatchObject({ state: 'ESTABLISHED', error: null })
  })

  it('UDP port 0 is refused', () => {
    const { client } = scene()
    expect(() => client.connect({ address: '10.0.0.1', port: 0 })).toThrow(code('ECONNREFUSED'))
    expect(client.host.openSockets).toEqual([])
  })

  it('to the unspecified address: to this machine', () => {
    const { network, server } = scene()
    const listener = server.listen({ address: '0.0.0.0', port: 80 })
    const own = server.connect({ address: '0.0.0.0', port: 80 })
    const shared = new Recorder()
    shared.channel = listener.connect({ address: '0.0.0.0', port: 80 }, config, shared)
    network.advance(100)
    expect([own, shared].map(({ events, channel }) => [...events, channel.remoteAddress])).toEqual([
      ['connected', '127.0.0.1'],
      ['connected', '127.0.0.1'],
    ])
  })

  it('in SYN-SENT neither SYN,ACK nor RST from another UDP port counts', () => {
    const { network, client } = scene()
    const shared = client.connect({ address: '10.0.0.8', port: 80, localUdpPort: 7000, localPort: 4000 })
    network.icmp = false
    network.advance(50)
    const thief = new HandMade(
      network,
      network.host('10.0.0.8'),
      81,
      { address: '10.0.0.9', udpPort: 7000, port: 4000 },
      80,
    )
    const iss = network.capture[0].segment?.seq ?? 0
    thief.ack = iss + 1
    thief.send(SYN | ACK)
    thief.send(RST | ACK)
    expect(thief.flagsAfter(50)).toEqual(['R'])
    expect(shared.channel.state).toBe('SYN-SENT')
  })
})

describe('one UDP port for listening and connecting', () => {
  it('connections leave from it, with random TCP ports', () => {
    const { network, server, client } = scene()
    server.listen({ address: '0.0.0.0', port: 80 })
    const listener = client.listen({ address: '0.0.0.0', port: 7000 })
    const many = Array.from({ length: 5 }, () => client.connect({ address: '10.0.0.1', port: 80, localUdpPort: 7000 }))
    const fixed = client.connect({ address: '10.0.0.1', port: 80, localUdpPort: 7000, localPort: 4444 })
    expect(() => client.connect({ address: '10.0.0.1', port: 80, localUdpPort: 7000, localPort: 4444 })).toThrow(
      code('EADDRINUSE'),
    )
    network.advance(100)
    expect(new Set(server.acceptance.channels.map(({ remoteUdpPort }) => remoteUdpPort))).toEqual(new Set([7000]))
    expect(new Set(many.map(({ channel }) => channel.localPort)).size).toBe(5)
    expect(fixed.channel).toMatchObject({ localPort: 4444, localUdpPort: 7000, localAddress: '10.0.0.9' })
    expect(listener.getStats()).toMatchObject({ connections: 6 })
    expect(client.host.openSockets.every(({ port }) => port === 7000)).toBe(true)
  })

  it('may be bound by connecting first: then listening shares it, in either family', () => {
    const { network, server, client } = scene()
    server.listen({ address: '::', port: 80 })
    const four = client.connect({ address: '10.0.0.2', port: 80, localUdpPort: 7000 })
    const six = client.connect({ address: 'fd00::1', port: 80, localUdpPort: 7000 })
    client.listen({ address: '0.0.0.0', port: 7000 })
    client.listen({ address: '::', port: 7001, udpPort: 7000 })
    network.advance(100)
    expect(four.channel).toMatchObject({ state: 'ESTABLISHED', remoteAddress: '10.0.0.2', localAddress: '10.0.0.9' })
    expect(six.channel).toMatchObject({ state: 'ESTABLISHED', remoteAddress: 'fd00::1', localAddress: 'fd00::9' })
    server.connect({ address: '10.0.0.9', port: 7000 })
    server.connect({ address: '10.0.0.9', port: 7001, udpPort: 7000 })
    network.advance(100)
    expect(client.acceptance.channels.map(({ remoteAddress }) => remoteAddress)).toEqual([
      '10.0.0.1',
      '::ffff:10.0.0.1',
    ])
  })

  it('§3.5, Figure 8: two that open towards each other through the ports they listen on get one connection', () => {
    const network = new Network({ link: { delay: 20 } })
    const [a, b] = ['10.0.0.1', '10.0.0.2'].map((address) => new Machine(network, address))
    for (const each of [a, b]) each.listen({ address: '0.0.0.0', port: 7000 })
    const left = a.connect({ address: '10.0.0.2', port: 7000, localUdpPort: 7000, localPort: 7000 })
    const right = b.connect({ address: '10.0.0.1', port: 7000, localUdpPort: 7000, localPort: 7000 })
    network.advance(1000)
    expect([left.events, right.events]).toEqual([['connected'], ['connected']])
    expect([left.channel.state, right.channel.state]).toEqual(['ESTABLISHED', 'ESTABLISHED'])
    expect([...a.acceptance.accepted, ...b.acceptance.accepted]).toEqual([])
    left.channel.send(new TextEncoder().encode('through both'))
    network.advance(100)
    expect(right.text).toBe('through both')
  })

  it('listener.connect() is the short form', () => {
    const { network, server, client } = scene()
    server.listen({ address: '10.0.0.1', port: 80 })
    const listener = client.listen({ address: '::', port: 7000 })
    const one = new Recorder()
    one.channel = listener.connect({ address: '10.0.0.1', port: 80 }, config, one)
    network.advance(100)
    expect(one.channel).toMatchObject({ state: 'ESTABLISHED', localUdpPort: 7000 })
    listener.close()
    network.advance(1000)
    expect(one.channel.state).toBe('ESTABLISHED')
  })

  it('an attempt that fails lets go of it', () => {
    const { network, client } = scene()
    network.icmp = false
    const one = client.connect({ address: '10.0.0.77', port: 80, localUdpPort: 7000 })
    expect(() =>
      client.connect({ address: '10.0.0.77', port: 80, localUdpPort: 7001, localAddress: '10.7.7.7' }),
    ).toThrow(code('EADDRNOTAVAIL'))
    network.advance(10)
    one.channel.release(1000)
    network.advance(10)
    expect(client.host.openSockets).toEqual([])
    expect(client.stack.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
  })

  it('a congestion control of the program’s own that throws leaves nothing behind', () => {
    const { network, client } = scene()
    const create = (): never => {
      throw new Error('mine')
    }
    const chosen = createConfig({ congestion: { name: 'mine', create } })
    for (const more of [{}, { localUdpPort: 7000 }]) {
      const target = { address: '10.0.0.1', port: 80, ...more }
      expect(() => client.stack.connect(target, chosen, new Recorder())).toThrow('mine')
    }
    network.advance(10)
    expect(client.host.openSockets).toEqual([])
    expect(client.stack.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
  })

  it('a listener that has gone, and its port with it, connects to nobody', () => {
    const { network, server, client } = scene()
    client.listen({ address: '10.0.0.9', port: 80 })
    const listener = server.listen({ address: '10.0.0.1', port: 80 })
    listener.close()
    network.advance(10)
    const target = { address: '10.0.0.9', port: 80 }
    expect(() => listener.connect(target, config, new Recorder())).toThrow(code('EADDRNOTAVAIL'))
    network.advance(10)
    expect(server.stack.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
    expect(server.host.openSockets).toEqual([])
  })

  it('an unreachable peer ends its own attempt alone', () => {
    const { network, client } = scene()
    const platform = Object.create(client.host.platform)
    const stack = new Stack(platform)
    const connect = (address: string): Recorder => {
      const recorder = new Recorder()
      recorder.channel = stack.connect({ address, port: 80, localUdpPort: 7000 }, config, recorder)
      return recorder
    }
    // no address of that family to send from
    const nowhere = new Network()
    const lonely = new Machine(nowhere, '10.0.0.5')
    const lost = lonely.connect({ address: 'fd00::1', port: 80, localUdpPort: 7000 })
    const fine = lonely.connect({ address: '10.0.0.1', port: 80, localUdpPort: 7000 })
    nowhere.advance(100)
    expect(lost.channel).toMatchObject({ state: 'CLOSED', error: { code: 'ENETUNREACH' } })
    expect(fine.channel).toMatchObject({ state: 'SYN-SENT', error: null })
    expect(connect('10.0.0.1').channel.state).toBe('SYN-SENT')
    expect(network.now).toBe(0)
  })
})

it('the trace is asked for with each connection, and told what passes', () => {
  const { network, server, client } = scene()
  const told: string[] = []
  client.stack.trace = (channel) => ({
    onSegmentSent: (segment) => told.push(`> ${channel.remotePort} ${segment.flags}`),
    onSegmentReceived: (segment) => told.push(`< ${channel.remotePort} ${segment.flags}`),
    onState: (from, to) => told.push(`${from} -> ${to}`),
  })
  server.listen({ address: '10.0.0.1', port: 80 })
  client.connect({ address: '10.0.0.1', port: 80 })
  network.advance(100)
  expect(told.slice(0, 5)).toEqual([
    'CLOSED -> SYN-SENT',
    `> 80 ${SYN}`,
    `< 80 ${SYN | ACK}`,
    'SYN-SENT -> ESTABLISHED',
    `> 80 ${ACK}`,
  ])
})
