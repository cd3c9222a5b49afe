// A client's UDP socket that waits in TIME-WAIT is taken over by the next connection (decision 034), and what is left of the one before.
import { describe, expect, it } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import { CONNECTED, ENDED } from '../../lib/core/connection.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, RST, SYN } from '../../lib/wire/segment.js'
import { closingScene, SERVER } from '../support/closing-scene.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

describe('of those that wait, once there are many, a connection to the same peer takes the oldest over', () => {
  function crowd(config: Partial<Config> = {}) {
    const all = closingScene({ clientLimits: { maxTimeWaitSockets: 2 }, config })
    const { network, connect } = all
    /** @returns what has been connected and closed, and waits. */
    const finish = (more = {}): Recorder => {
      const one = connect(more)
      network.advance(20)
      expect(one.events).toEqual(['connected'])
      one.channel.close()
      network.advance(20)
      expect(one.channel.state).toBe('TIME-WAIT')
      return one
    }
    return { ...all, finish }
  }

  /** Two that wait, whose last ACKs were lost. */
  function unheard() {
    const all = crowd()
    const { network, clientHost, serverHost, acceptance, connect } = all
    acceptance.react = (events, channel) => {
      if (events & ENDED) channel.send(new Uint8Array(100))
      closeInReturn(events, channel)
    }
    for (const recorder of [connect(), connect()]) {
      network.advance(20)
      recorder.channel.close()
      network.advance(5) // the FIN has left
      network.link(clientHost, serverHost).set({ lose: ({ segment }) => segment?.flags === ACK })
      network.advance(15)
      expect(recorder.channel.state).toBe('TIME-WAIT')
      network.link(clientHost, serverHost).set({ lose: () => false })
    }
    return all
  }

  it('with later numbers, and all it says arrives', () => {
    const { network, clientHost, client, acceptance, connect, finish } = crowd()
    const [first, second] = [finish(), finish()]
    const last = network.capture
      .filter(({ segment }) => segment?.sourcePort === first.channel.localPort)
      .at(-1)?.segment
    network.clearCapture()
    const third = connect()
    expect(third.channel.localPort).toBe(first.channel.localPort)
    expect(client.getStats()).toMatchObject({ endpoints: 2, waiting: 1 })
    expect(clientHost.holdsProcess).toBe(true)
    third.channel.send(new Uint8Array(1000))
    network.advance(50)
    expect(((network.capture[0].segment?.seq ?? 0) - (last?.seq ?? 0)) | 0).toBeGreaterThan(0)
    expect(acceptance.accepted.map(({ bytes }) => bytes)).toEqual([0, 0, 1000])
    third.channel.close()
    network.advance(50)
    expect(client.getStats()).toMatchObject({ endpoints: 2, waiting: 2 })
    expect(finish().channel.localPort).toBe(second.channel.localPort)
    network.advance(2000)
    expect(clientHost.openSockets).toEqual([])
  })

  it('not one that was heard long ago: the machine may have another address since', () => {
    const { network, connect, finish } = crowd()
    const waiting = [finish(), finish()]
    network.advance(1100)
    expect(waiting.map(({ channel }) => channel.localPort)).not.toContain(connect().channel.localPort)
  })

  it('not one that was made otherwise', () => {
    for (const other of [
      { localAddress: '10.0.0.9' },
      { localPort: 4000 },
      { recvBufferSize: 100_000 },
      { offload: false },
      { port: 81 },
    ]) {
      const { listen, connect, finish } = crowd()
      listen(81)
      const usual = [finish(), finish()].map(({ channel }) => channel.localPort)
      expect(usual).not.toContain(connect(other).channel.localPort)
      const others = crowd()
      others.listen(81)
      const unusual = others.finish(other).channel.localPort
      others.finish()
      expect(others.connect().channel.localPort).not.toBe(unusual)
    }
  })

  it('not without timestamps: text of the former could not be told from its own', () => {
    const { connect, finish } = crowd({ timestamps: false })
    const waiting = [finish(), finish()]
    expect(waiting.map(({ channel }) => channel.localPort)).not.toContain(connect().channel.localPort)
  })

  it('though the peer has not done with the earlier connection: its last ACK was lost', () => {
    const { network, acceptance, connect } = unheard()
    expect(acceptance.channels[0].state).toBe('LAST-ACK')
    const third = connect()
    network.advance(40)
    expect(third.events).toEqual(['connected'])
    const [first, second, last] = acceptance.channels
    expect([first, second, last].map(({ state }) => state)).toEqual(['CLOSED', 'LAST-ACK', 'ESTABLISHED'])
    // as through TIME-WAIT: the peer learns that all has arrived
    expect([first.reason, first.unacknowledged, second.unacknowledged]).toEqual([null, 0, 100])
  })

  it('and when that is given up before it has an answer, what is left of the earlier connection is as it was', () => {
    const { network, clientHost, acceptance, connect } = unheard()
    const third = connect()
    expect(acceptance.channels[0].state).toBe('LAST-ACK')
    network.advance(3)
    third.channel.release(0)
    network.advance(1000)
    expect(acceptance.channels.map(({ state, reason }) => [state, reason])).toEqual([
      ['CLOSED', null],
      ['CLOSED', null],
    ])
    network.advance(5000)
    expect(clientHost.openSockets).toEqual([])
  })

  it('a peer in TIME-WAIT itself, whose listener has gone, draws no more than it would by itself', () => {
    const { network, acceptance, listener, connect, finish } = crowd({ msl: 60_000 })
    const both = connect()
    network.advance(20)
    acceptance.channels[0].close()
    both.channel.close()
    network.advance(40)
    expect([both.channel.state, acceptance.channels[0].state]).toEqual(['TIME-WAIT', 'TIME-WAIT'])
    finish()
    listener.close()
    const third = connect()
    expect(third.channel.localPort).toBe(both.channel.localPort)
    network.clearCapture()
    network.advance(900)
    const sent = network.capture.filter(({ segment }) => segment?.sourcePort === third.channel.localPort)
    expect(sent.length).toBeLessThan(5)
  })

  it.each([
    ['is overtaken', { reorder: 0.2, reorderDelay: 15 }, 100],
    ['is overtaken, or comes twice', { reorder: 0.2, reorderDelay: 15, duplicate: 0.2 }, 100],
    ['is lost now and then', { loss: 0.03 }, 20_000],
  ])('and all arrives, and is known to have, when what is said %s', (_, link, longest) => {
    for (let seed = 1; seed <= 5; seed++) {
      const network = new Network({ seed, link: { delay: 5, ...link }, capture: false })
      const config = createConfig()
      const acceptance = new Acceptance()
      acceptance.react = (events, channel) => {
        if (events & ENDED) channel.send(new Uint8Array(3000))
        closeInReturn(events, channel)
      }
      new Stack(network.host(SERVER).platform).listen({ address: SERVER, port: 80 }, () => config, acceptance)
      const client = new Stack(network.host('10.0.0.9').platform, { maxTimeWaitSockets: 4 })
      const ports = new Set<number>()
      for (let round = 0; round < 30; round++) {
        const clients = Array.from({ length: 3 }, () => {
          const one = new Recorder()
          one.channel = client.connect({ address: SERVER, port: 80 }, config, one)
          ports.add(one.channel.localPort)
          one.react = (events, channel) => {
            if ((events & CONNECTED) === 0) return
            channel.send(new Uint8Array(1000))
            channel.close()
          }
          return one
        })
        for (let waited = 0; clients.some(({ bytes }) => bytes < 3000) && waited < longest; waited += 10)
          network.advance(10)
        expect(clients.map(({ bytes }) => bytes)).toEqual([3000, 3000, 3000])
      }
      expect(ports.size).toBeLessThan(80)
      network.advance(100_000)
      expect(acceptance.accepted.map(({ bytes }) => bytes)).toEqual(new Array(90).fill(1000))
      expect(acceptance.channels.filter(({ reason }) => reason === 'reset')).toEqual([])
    }
  })
})

describe('a SYN right behind what ends the connection before begins anew', () => {
  function peered() {
    const { network, acceptance } = closingScene()
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    peer.open()
    return { network, acceptance, peer, channel: acceptance.channels[0] }
  }

  it.each([
    ['the ACK of the last FIN', ACK],
    ['a RST', RST],
  ])('%s', (_, flags) => {
    const { network, acceptance, peer, channel } = peered()
    peer.send(FIN | ACK)
    network.advance(20)
    expect(channel.state).toBe('LAST-ACK')
    peer.take()
    peer.ack++
    peer.send(flags, { seq: peer.seq + 1 })
    peer.send(SYN, { seq: 900_000 })
    expect(peer.flagsAfter(20)).toEqual(['S.'])
    expect(acceptance.accepted[0].events).toEqual(['ended', 'closed'])
  })

  it('not before its listener has heard of that one, which is counted among those of its address', () => {
    const { network, acceptance } = closingScene({ serverLimits: { maxConnectionsPerAddress: 2 } })
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    for (let i = 0; i < 4; i++) {
      peer.seq = 100_000 * i
      peer.send(SYN)
      network.advance(20)
      const [answer] = peer.take()
      peer.ack = ((answer?.segment.seq ?? 0) + 1) >>> 0
      peer.seq++
      peer.send(ACK)
      peer.send(RST)
      peer.send(SYN, { seq: 100_000 * (i + 1) })
      network.advance(2000)
      peer.send(RST, { seq: 100_000 * (i + 1) + 1 })
      network.advance(2000)
      peer.take()
    }
    const other = new HandMade(network, network.host('10.0.0.8'), 5001, { address: SERVER, port: 80 })
    other.open()
    expect(acceptance.channels.at(-1)?.state).toBe('ESTABLISHED')
  })

  it('and what was learned of the path is kept', () => {
    const { network, server, listen, acceptance } = closingScene()
    listen(81, { hostCache: true })
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 81 })
    peer.open()
    acceptance.channels[0].send(new Uint8Array(10))
    network.advance(20)
    peer.ack += 10
    peer.send(FIN | ACK)
    network.advance(20)
    peer.ack++
    peer.send(ACK, { seq: peer.seq + 1 })
    peer.send(SYN, { seq: 900_000 })
    network.advance(20)
    expect(server.hosts.recall('10.0.0.8', network.now)?.srtt).toBeGreaterThan(0)
  })

  it('text for who is gone, whose RST leaves first', () => {
    const { network, peer, channel } = peered()
    channel.release(5000)
    network.advance(20)
    peer.take()
    peer.send(ACK, { payload: new Uint8Array(10) })
    peer.send(SYN, { seq: 900_000 })
    expect(peer.flagsAfter(20)).toEqual(['R.', 'S.'])
  })
})
