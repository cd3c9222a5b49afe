// How long a UDP socket lives and what holds the process: CONTRACT of ports and addresses, in virtual time.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { ENDED } from '../../lib/core/connection.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, SYN } from '../../lib/wire/segment.js'
import { closingScene, SERVER } from '../support/closing-scene.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const config = createConfig({ msl: 1000 })

describe('a client’s UDP socket', () => {
  it('stays open, unref’d, through TIME-WAIT, and answers a FIN again', () => {
    const { network, clientHost, client, connect } = closingScene()
    const one = connect()
    network.advance(50)
    expect(clientHost.holdsProcess).toBe(true)
    one.channel.close()
    network.advance(500)
    expect(one.channel.state).toBe('TIME-WAIT')
    expect(clientHost.holdsProcess).toBe(false)
    expect(clientHost.openSockets).toHaveLength(1)
    expect(client.getStats()).toMatchObject({ endpoints: 1, waiting: 1 })
    network.advance(2000)
    expect(clientHost.openSockets).toEqual([])
    expect(client.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
  })

  it('beyond the bound the oldest closes early', () => {
    const { network, clientHost, client, listen, connect } = closingScene({ clientLimits: { maxTimeWaitSockets: 3 } })
    const ports: number[] = []
    for (let i = 1; i <= 5; i++) {
      listen(80 + i)
      const one = connect({ port: 80 + i })
      network.advance(20)
      one.channel.close()
      network.advance(100)
      ports.push(one.channel.localPort)
    }
    expect(clientHost.openSockets.map(({ port }) => port)).toEqual(ports.slice(2))
    expect(client.getStats()).toMatchObject({ endpoints: 3, waiting: 3 })
  })

  it('the bound holds also after sockets were opened for new addresses while one waited', () => {
    const { network, clientHost, client, connect } = closingScene({ clientLimits: { maxTimeWaitSockets: 6 } })
    const finish = (target = {}): void => {
      const one = connect(target)
      network.advance(20)
      one.channel.close()
      network.advance(100)
    }
    finish({ localUdpPort: 4000 })
    const before = clientHost.openSockets.length
    const added = ['10.0.1.1', '10.0.1.2', '10.0.1.3']
    for (const address of added) clientHost.addAddress(address)
    network.host('10.0.0.9', ...added)
    network.advance(1000)
    const stranger = new Recorder()
    const elsewhere = new Stack(network.host('10.0.0.7').platform)
    stranger.channel = elsewhere.connect({ address: '10.0.1.1', port: 4000 }, config, stranger)
    network.advance(20)
    expect(clientHost.openSockets.length).toBe(before + 3)
    network.advance(10_000)
    expect(client.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
    for (let i = 0; i < 8; i++) finish()
    expect(client.getStats()).toMatchObject({ endpoints: 6, waiting: 6 })
  })

  it('nor more than a quarter of the descriptors', () => {
    const network = new Network({ link: { delay: 5 } })
    const platform = Object.create(network.host('10.0.0.9').platform, { descriptorLimit: { value: 8 } })
    const acceptance = new Acceptance()
    acceptance.react = closeInReturn
    new Stack(network.host(SERVER).platform).listen({ address: SERVER, port: 80 }, () => config, acceptance)
    const client = new Stack(platform)
    for (let i = 0; i < 5; i++) {
      const one = new Recorder()
      one.channel = client.connect({ address: SERVER, port: 80 }, config, one)
      network.advance(20)
      one.channel.close()
      network.advance(50)
    }
    expect(client.getStats()).toMatchObject({ endpoints: 2, waiting: 2 })
  })

  it('closes at once when the peer closed first, was refused, or reset it', () => {
    const { network, clientHost, acceptance, connect } = closingScene()
    const [one, two] = [connect(), connect()]
    network.advance(50)
    one.react = closeInReturn
    acceptance.channels[0].close()
    acceptance.channels[1].abort()
    const three = connect({ port: 99 })
    network.advance(200)
    expect([one, two, three].map(({ channel }) => [channel.state, channel.reason])).toEqual([
      ['CLOSED', null],
      ['CLOSED', 'reset'],
      ['CLOSED', 'refused'],
    ])
    expect(clientHost.openSockets).toEqual([])
  })

  it('connecting again from the same port takes the place of what waits there, with later numbers', () => {
    const { network, clientHost, acceptance, connect } = closingScene()
    const first = connect({ localPort: 4000 })
    network.advance(20)
    first.channel.send(new Uint8Array(1000))
    first.channel.close()
    network.advance(200)
    expect(first.channel.state).toBe('TIME-WAIT')
    const last = network.capture.filter(({ from }) => from === '10.0.0.9').at(-1)?.segment
    network.clearCapture()
    const second = connect({ localPort: 4000 })
    network.advance(50)
    expect(second.events).toEqual(['connected'])
    expect(((network.capture[0].segment?.seq ?? 0) - (last?.seq ?? 0)) | 0).toBeGreaterThan(0)
    expect(clientHost.openSockets).toHaveLength(1)
    expect(acceptance.accepted).toHaveLength(2)
    expect(() => connect({ localPort: 4000 })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
  })

  it('but not without timestamps, by which alone late text of the former would be told from its own', () => {
    for (const more of [{}, { localUdpPort: 5000 }]) {
      const { network, connect } = closingScene({ config: { timestamps: false } })
      const first = connect({ localPort: 4000, ...more })
      network.advance(20)
      first.channel.close()
      network.advance(200)
      expect(first.channel.state).toBe('TIME-WAIT')
      const again = (): unknown => connect({ localPort: 4000, ...more })
      expect(again).toThrow(expect.objectContaining({ code: 'EADDRINUSE', port: 4000 }))
      network.advance(2000)
      expect(again).not.toThrow()
    }
  })
})

describe('a server’s UDP socket after close()', () => {
  it('stays bound, unref’d, while records are in TIME-WAIT; listen() takes it over', () => {
    const { network, serverHost, acceptance, listener, listen, connect } = closingScene()
    const one = connect()
    one.react = closeInReturn
    network.advance(50)
    listener.close()
    expect(serverHost.holdsProcess).toBe(true)
    acceptance.channels[0].close()
    network.advance(100)
    expect(acceptance.channels[0].state).toBe('TIME-WAIT')
    expect(serverHost.openSockets).toEqual([{ address: SERVER, port: 80, refd: false }])
    expect(serverHost.holdsProcess).toBe(false)
    const again = listen()
    expect(again.getStats()).toMatchObject({ sockets: 1, timeWait: 1 })
    expect(serverHost.holdsProcess).toBe(true)
    again.close()
    network.advance(2000)
    expect(serverHost.openSockets).toEqual([])
  })

  it("timeWait: 'release' drops the records with the last connection, and closes", () => {
    const { network, serverHost, acceptance, listener, connect } = closingScene({ timeWait: 'release' })
    const [one, two] = [connect(), connect()]
    for (const each of [one, two]) each.react = closeInReturn
    network.advance(50)
    acceptance.channels[0].close()
    network.advance(100)
    listener.close()
    network.advance(100)
    expect(listener.getStats()).toMatchObject({ timeWait: 1, connections: 1 })
    acceptance.channels[1].close()
    network.advance(100)
    expect(serverHost.openSockets).toEqual([])
  })

  it('another address of the same port can be listened on, once only TIME-WAIT is left', () => {
    const { network, server, serverHost, acceptance, listener, connect } = closingScene()
    const one = connect()
    one.react = closeInReturn
    network.advance(50)
    listener.close()
    acceptance.channels[0].close()
    network.advance(100)
    server.listen({ address: '0.0.0.0', port: 80 }, () => config, acceptance)
    expect(serverHost.openSockets.map(({ address }) => address)).toEqual(['0.0.0.0', SERVER, '127.0.0.1'])
  })
})

describe('what holds the process', () => {
  it('a listener and a channel that are ref’d, each for itself', () => {
    const { network, serverHost, clientHost, acceptance, listener, connect } = closingScene()
    const one = connect()
    network.advance(50)
    const holds = (): boolean[] => [serverHost.holdsProcess, clientHost.holdsProcess]
    expect(holds()).toEqual([true, true])
    listener.unref()
    one.channel.unref()
    expect(holds()).toEqual([true, false])
    acceptance.channels[0].unref()
    expect(holds()).toEqual([false, false])
    listener.ref()
    one.channel.ref()
    expect(holds()).toEqual([true, true])
    listener.unref()
    listener.unref()
    acceptance.channels[0].ref()
    expect(holds()).toEqual([true, true])
    acceptance.channels[0].unref()
    expect(holds()).toEqual([false, true])
  })

  it('timers alone do not: unref’d connections with unacknowledged bytes', () => {
    const { network, clientHost, serverHost, connect } = closingScene()
    const one = connect()
    network.advance(50)
    serverHost.online = false
    one.channel.unref()
    one.channel.send(new Uint8Array(1000))
    network.advance(10)
    expect(clientHost.holdsProcess).toBe(false)
    serverHost.online = true
    network.advance(2000)
    expect(one.channel.unacknowledged).toBe(0)
  })

  it('an orphan, while bytes or FIN are unacknowledged, at most lingerTimeout without progress', () => {
    const { network, clientHost, serverHost, connect } = closingScene()
    const one = connect()
    network.advance(50)
    serverHost.online = false
    one.channel.send(new Uint8Array(1000))
    one.channel.release(5000)
    network.advance(4900)
    expect(clientHost.holdsProcess).toBe(true)
    network.advance(200)
    expect(clientHost.holdsProcess).toBe(false)
    // it goes on all the same
    serverHost.online = true
    network.advance(20_000)
    expect(one.channel.unacknowledged).toBe(0)
    expect(one.events).toEqual(['connected'])
  })

  it('progress lengthens it', () => {
    const network = new Network({ link: { delay: 5, rate: 100_000 } })
    const host = network.host('10.0.0.9')
    const acceptance = new Acceptance()
    acceptance.react = closeInReturn
    new Stack(network.host(SERVER).platform).listen({ address: SERVER, port: 80 }, () => config, acceptance)
    const one = new Recorder()
    one.channel = new Stack(host.platform).connect({ address: SERVER, port: 80 }, config, one)
    network.advance(200)
    one.channel.send(new Uint8Array(60_000)) // 5 s at that rate
    one.channel.release(1500)
    network.advance(4000)
    expect(host.holdsProcess).toBe(true)
    network.advance(6000)
    expect(acceptance.accepted[0].bytes).toBe(60_000)
    expect(host.holdsProcess).toBe(false)
  })

  it('lingerTimeout 0: not at all', () => {
    const { network, clientHost, connect } = closingScene()
    const one = connect()
    network.advance(50)
    one.channel.send(new Uint8Array(1000))
    one.channel.release(0)
    network.advance(0)
    expect(clientHost.holdsProcess).toBe(false)
  })

  it('FIN-WAIT-2 does not', () => {
    const { network, serverHost, acceptance } = closingScene()
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    peer.open()
    const [channel] = acceptance.channels
    channel.release(5000)
    network.advance(20)
    expect(channel.state).toBe('FIN-WAIT-1')
    peer.ack++
    peer.send(ACK)
    network.advance(20)
    expect(channel.state).toBe('FIN-WAIT-2')
    expect(channel.held).toBe(false)
    expect(serverHost.holdsProcess).toBe(true) // the listener
    peer.send(FIN | ACK)
    network.advance(20)
    expect(channel.state).toBe('TIME-WAIT')
  })

  it('data after release() draws a RST, unread data too', () => {
    const { network, acceptance } = closingScene()
    acceptance.react = () => {}
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    peer.open()
    acceptance.channels[0].release(5000)
    network.advance(20)
    peer.take()
    peer.send(ACK, { payload: new Uint8Array(10) })
    expect(peer.flagsAfter(50)).toEqual([expect.stringContaining('R')])
    expect(acceptance.channels[0]).toMatchObject({ state: 'CLOSED' })
  })

  it('a connection that nobody takes is closed again', () => {
    const { network, server, clientHost, connect } = closingScene()
    const listener = server.listen({ address: SERVER, port: 81 }, () => config, { onConnection: () => {} })
    const one = connect({ port: 81 })
    one.react = (events, channel) => {
      if (events & ENDED) channel.close()
    }
    network.advance(500)
    expect(one.events).toEqual(['connected', 'ended', 'closed'])
    expect(listener.getStats()).toMatchObject({ connections: 0, accepted: 1 })
    expect(clientHost.openSockets).toEqual([])
  })

  it('nothing is held after a flood of SYNs has been given up', () => {
    const { network, serverHost, listener } = closingScene()
    const flood = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    for (let i = 0; i < 500; i++) flood.send(SYN, { sourcePort: 1024 + i })
    network.advance(600_000)
    expect(listener.getStats()).toMatchObject({ connections: 0, halfOpen: 0 })
    listener.close()
    network.advance(0)
    expect(serverHost.openSockets).toEqual([])
    expect(serverHost.platform.alarms.size).toBe(0)
  })
})
