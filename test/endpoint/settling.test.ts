// The driver: owners hear once a turn, everybody has a turn, what they throw is the program's, and queues are waited for.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { NEWRENO } from '../../lib/core/congestion/algorithms.js'
import { CONNECTED, READABLE } from '../../lib/core/connection.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, SYN } from '../../lib/wire/segment.js'
import { FaultyPlatform } from '../support/faulty-platform.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'
// what it sends at once is the window: nothing is paced
const config = createConfig({ congestion: NEWRENO })

function scene(options: NetworkOptions = {}) {
  const network = new Network({ link: { delay: 5 }, ...options })
  const [serverHost, clientHost] = [network.host(SERVER), network.host('10.0.0.9')]
  const server = new Stack(serverHost.platform)
  const client = new Stack(clientHost.platform)
  const acceptance = new Acceptance()
  const listener = server.listen({ address: SERVER, port: 80 }, () => config, acceptance)
  const connect = (chosen = config): Recorder => {
    const recorder = new Recorder()
    recorder.channel = client.connect({ address: SERVER, port: 80 }, chosen, recorder)
    return recorder
  }
  return { network, serverHost, clientHost, server, client, acceptance, listener, connect }
}

/** Sends `length` bytes as room allows, then closes. */
function pump(recorder: Recorder, length: number): void {
  let left = length
  const more = (): void => {
    while (left > 0) {
      const taken = recorder.channel.send(new Uint8Array(Math.min(left, 65536)))
      left -= taken
      if (taken === 0) return
    }
    recorder.channel.close()
  }
  recorder.react = (events) => {
    closeInReturn(events, recorder.channel)
    if (left > 0) more()
  }
}

describe('the time that a program takes', () => {
  it('to answer is not the path’s: round trips are measured from when the answer left', () => {
    const network = new Network({ link: { delay: 5 } })
    const slow = new FaultyPlatform(network.host(SERVER).platform)
    const [server, client] = [new Stack(slow.platform), new Stack(network.host('10.0.0.9').platform)]
    const acceptance = new Acceptance()
    acceptance.react = (events, channel) => {
      if ((events & READABLE) === 0) return
      slow.jump(300)
      channel.send(new Uint8Array(20_000))
    }
    server.listen({ address: SERVER, port: 80 }, () => config, acceptance)
    const recorder = new Recorder()
    recorder.channel = client.connect({ address: SERVER, port: 80 }, config, recorder)
    for (let i = 1; i <= 10; i++) {
      recorder.channel.send(new Uint8Array(100))
      network.advance(1000)
      expect(recorder.bytes).toBe(i * 20_000)
    }
    const status = acceptance.channels[0]?.status()
    expect(status).toMatchObject({ tailProbes: 0, timeouts: 0, segmentsRetransmitted: 0 })
    // 10 ms of path, and the last ACK of an answer may be a delayed one
    expect(status?.srtt).toBeLessThan(50)
  })
})

describe('a connection from end to end', () => {
  it('nothing is told or sent out of connect()', () => {
    const { network, connect } = scene()
    const one = connect()
    expect(one.events).toEqual([])
    expect(network.capture).toHaveLength(0)
    expect(one.channel).toMatchObject({ state: 'SYN-SENT', remoteAddress: SERVER, remotePort: 80, remoteUdpPort: 80 })
    expect(one.channel.localPort).toBe(one.channel.localUdpPort)
    network.advance(50)
    expect(one.events).toEqual(['connected'])
    expect(one.channel.localAddress).toBe('10.0.0.9')
  })

  it('10 MB arrive, then the end, and both are over', () => {
    const { network, acceptance, connect } = scene()
    acceptance.react = closeInReturn
    const one = connect()
    pump(one, 10_000_000)
    network.advance(10_000)
    expect(acceptance.accepted[0].bytes).toBe(10_000_000)
    expect(acceptance.accepted[0].events.slice(-1)).toEqual(['closed'])
    expect(one.channel).toMatchObject({ state: 'TIME-WAIT', reason: null, unacknowledged: 0 })
    expect(acceptance.channels[0]).toMatchObject({ state: 'CLOSED', reason: null })
  })

  it('a reset is told with its reason', () => {
    const { network, acceptance, connect } = scene()
    const one = connect()
    network.advance(50)
    acceptance.channels[0].abort()
    network.advance(50)
    expect(one.events).toEqual(['connected', 'closed'])
    expect(one.channel).toMatchObject({ state: 'CLOSED', reason: 'reset', error: null })
    expect(acceptance.accepted[0].events).toEqual(['closed'])
    expect(acceptance.channels[0].reason).toBe('aborted')
  })
})

describe('the turn', () => {
  /** Rounds of eight segments, each read in one turn of the server's. @returns what is told and answered in the last. */
  function rounds(count: number): { told: string[]; acks: number[]; seq: number } {
    const { network, serverHost, acceptance } = scene()
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    peer.open({ mss: 1000 })
    for (let round = 1; ; round++) {
      serverHost.suspend()
      for (let i = 0; i < 8; i++) {
        peer.send(ACK | PSH, { payload: new Uint8Array(1000) })
        peer.seq += 1000
      }
      network.advance(50)
      peer.take()
      acceptance.accepted[0].events.length = 0
      serverHost.resume()
      network.advance(50)
      expect(acceptance.accepted[0].bytes).toBe(round * 8000)
      if (round < count) continue
      return {
        told: acceptance.accepted[0].events,
        acks: peer.take().map(({ segment }) => segment.ack),
        seq: peer.seq,
      }
    }
  }

  it('MUST-58: segments that come in one turn are told and acknowledged together', () => {
    const { told, acks, seq } = rounds(40)
    expect(told).toEqual(['readable'])
    expect(acks).toEqual([seq])
  })

  it('SHLD-19: while a sender is likely to be in slow start, every second full-sized segment has its ACK', () => {
    const { acks, seq } = rounds(1)
    expect(acks).toEqual([seq - 6000, seq - 4000, seq - 2000, seq])
  })

  it('what an owner answers takes the ACK along', () => {
    const { network, acceptance } = scene()
    acceptance.react = (events, channel) => {
      if (events & READABLE) channel.send(new TextEncoder().encode('answer'))
    }
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 80 })
    peer.open()
    peer.take()
    peer.send(ACK | PSH, { payload: new TextEncoder().encode('question') })
    network.advance(50)
    const heard = peer.take()
    expect(heard).toHaveLength(1)
    expect(new TextDecoder().decode(heard[0].segment.payload)).toBe('answer')
    expect(heard[0].segment.ack).toBe(peer.seq + 8)
  })

  it('owners may connect, send, close and release from within their events', () => {
    const { network, client, acceptance, connect } = scene()
    acceptance.react = closeInReturn
    const one = connect()
    const others: Recorder[] = []
    one.react = (events, channel) => {
      if ((events & CONNECTED) === 0) return
      channel.send(new TextEncoder().encode('last words'))
      channel.release(1000)
      channel.close()
      channel.abort = () => expect.unreachable()
      for (let i = 0; i < 3; i++) {
        const other = new Recorder()
        other.channel = client.connect({ address: SERVER, port: 80 }, config, other)
        others.push(other)
      }
    }
    network.advance(500)
    expect(acceptance.accepted).toHaveLength(4)
    expect(acceptance.accepted[0]).toMatchObject({ text: 'last words' })
    expect(others.map(({ events }) => events)).toEqual([['connected'], ['connected'], ['connected']])
  })

  it('a connection with much to send does not keep the others waiting', () => {
    const { network, listener } = scene()
    const target = { address: '10.0.0.7', port: 80 }
    const answers = new Acceptance()
    new Stack(network.host('10.0.0.7').platform).listen(target, () => config, answers)
    const connect = (): Recorder => {
      const recorder = new Recorder()
      recorder.channel = listener.connect(target, config, recorder)
      return recorder
    }
    const [big, small] = [connect(), connect()]
    network.advance(50)
    const bytes = new Uint8Array(500_000)
    for (let i = 0; i < 10; i++) {
      big.channel.send(bytes)
      network.advance(100)
    }
    network.clearCapture()
    big.channel.send(bytes)
    small.channel.send(new Uint8Array(1))
    network.advance(0)
    const position = network.capture.findIndex(({ segment }) => segment?.payload.length === 1)
    expect(network.capture.length).toBeGreaterThan(100)
    expect(position).toBeGreaterThan(0)
    expect(position).toBeLessThanOrEqual(64)
  })
})

describe('an owner that throws', () => {
  it('the error reaches the program, and all others are settled', () => {
    const { network, acceptance, connect } = scene()
    acceptance.react = closeInReturn
    const many = Array.from({ length: 5 }, () => connect())
    network.advance(50)
    let thrown = 0
    acceptance.react = (events, channel) => {
      closeInReturn(events, channel)
      if (channel === acceptance.channels[1] && events & READABLE && thrown++ === 0) throw new Error('mine')
    }
    for (const one of many) one.channel.send(new TextEncoder().encode('x'))
    expect(() => network.advance(50)).toThrow('mine')
    network.advance(1000)
    expect(acceptance.accepted.map(({ text }) => text)).toEqual(['x', 'x', 'x', 'x', 'x'])
    expect(many.map(({ channel }) => channel.unacknowledged)).toEqual([0, 0, 0, 0, 0])
    for (const one of many) one.channel.close()
    network.advance(1000)
    expect(many.map(({ channel }) => channel.state)).toEqual(Array(5).fill('TIME-WAIT'))
    expect(acceptance.channels.map(({ state }) => state)).toEqual(Array(5).fill('CLOSED'))
  })

  it('an error in the last event of a connection leaves nothing behind', () => {
    const { network, acceptance, connect, listener } = scene()
    acceptance.react = closeInReturn
    const one = connect()
    network.advance(50)
    one.react = () => {
      throw new Error('at the end')
    }
    acceptance.channels[0].abort()
    expect(() => network.advance(50)).toThrow('at the end')
    network.advance(100)
    expect(listener.getStats().connections).toBe(0)
    expect(one.channel.detached).toBe(true)
  })

  it('a listener’s owner that throws costs the connection nothing of what had come by then', () => {
    const { network, serverHost } = scene()
    const recorder = new Recorder()
    const owner = {
      onConnection(channel: Channel): void {
        recorder.channel = channel
        channel.owner = recorder
        throw new Error('mine')
      },
    }
    new Stack(serverHost.platform).listen({ address: SERVER, port: 81 }, () => config, owner)
    const peer = new HandMade(network, network.host('10.0.0.8'), 5000, { address: SERVER, port: 81 })
    peer.send(SYN, { mss: 1000 })
    network.advance(50)
    peer.seq++
    peer.ack = ((peer.take()[0]?.segment.seq ?? 0) + 1) >>> 0
    // with the ACK of the handshake comes all that there is
    peer.send(ACK | PSH | FIN, { payload: new TextEncoder().encode('question') })
    expect(() => network.advance(50)).toThrow('mine')
    network.advance(50)
    expect(recorder).toMatchObject({ events: ['readable', 'ended'], text: 'question' })
  })

  it('a listener’s owner that throws loses that connection alone', () => {
    const { network, serverHost } = scene()
    const stack = new Stack(serverHost.platform)
    const taken: Channel[] = []
    const owner = {
      onConnection(channel: Channel): void {
        taken.push(channel)
        if (taken.length === 1) throw new Error('not this one')
        channel.owner = { onEvents: () => {} }
      },
    }
    stack.listen({ address: SERVER, port: 81 }, () => config, owner)
    const connect = (): Recorder => {
      const recorder = new Recorder()
      const client = new Stack(network.host('10.0.0.9').platform)
      recorder.channel = client.connect({ address: SERVER, port: 81 }, config, recorder)
      recorder.react = closeInReturn
      return recorder
    }
    const [first, second] = [connect(), connect()]
    expect(() => network.advance(50)).toThrow('not this one')
    network.advance(500)
    expect(first.channel.state).toBe('CLOSED')
    expect(second.channel.state).toBe('ESTABLISHED')
  })
})

describe('a queue in front of the kernel', () => {
  it.each([
    ['as it is', false],
    ['with sends gathered until flush()', true],
  ])('stops the filling, and no header is lost: %s', (_name, gather) => {
    const { network, acceptance, connect } = scene({ sendBuffer: { rate: 20_000_000, bytes: 65536 }, gather })
    acceptance.react = closeInReturn
    const one = connect()
    pump(one, 3_000_000)
    network.advance(20_000)
    expect(acceptance.accepted[0].bytes).toBe(3_000_000)
    expect(one.channel.state).toBe('TIME-WAIT')
    expect(one.channel.status().timeouts).toBe(0)
  })

  it('what waits in it is not overwritten by what another connection sends', () => {
    const { network, acceptance, connect } = scene({ sendBuffer: { rate: 1_000_000, bytes: 4096 } })
    connect()
    const other = new Stack(network.host('10.0.0.8').platform)
    const recorder = new Recorder()
    recorder.channel = other.connect({ address: SERVER, port: 80 }, config, recorder)
    network.advance(50)
    const [first, second] = acceptance.channels
    first.send(new Uint8Array(60_000).fill(1))
    network.advance(0)
    first.abort()
    second.send(new Uint8Array(60_000).fill(2))
    network.advance(5000)
    const toFirst = network.capture.filter(({ segment, to }) => segment?.payload.length && to === '10.0.0.9')
    expect(toFirst.length).toBeGreaterThan(1)
    expect(toFirst.filter(({ segment }) => segment?.payload.includes(2))).toEqual([])
    expect(recorder.bytes).toBe(60_000)
  })

  it.each([false, true])('the last of a port waits for it before the port is let go; gathered: %s', (gather) => {
    const { network, acceptance, connect } = scene({ gather, sendBuffer: { rate: 1_000_000, bytes: 40 } })
    const one = connect()
    network.advance(1000)
    // for some tenths of a ms there is no room for more
    one.channel.send(new Uint8Array(1))
    network.advance(0.1)
    one.channel.abort()
    network.advance(1000)
    expect(acceptance.accepted[0].events.at(-1)).toBe('closed')
    expect(acceptance.channels[0].reason).toBe('reset')
  })

  it('a half-open connection that is dropped while its socket is full is forgotten', () => {
    const { network, server, listener } = scene({ sendBuffer: { rate: 1000, bytes: 100 } })
    for (let i = 0; i < 20; i++) {
      const peer = new HandMade(network, network.host('10.0.0.8'), 5000 + i, { address: SERVER, port: 80 })
      peer.send(SYN)
    }
    network.advance(170)
    const { stalled } = server.settler as unknown as { stalled: Set<unknown> }
    expect(stalled.size).toBeGreaterThan(0)
    listener.close()
    expect(stalled.size).toBe(0)
  })

  it('a reset waits for it too', () => {
    const { network, acceptance, connect } = scene({ sendBuffer: { rate: 1_000_000, bytes: 4096 } })
    const one = connect()
    network.advance(50)
    one.channel.send(new Uint8Array(100_000))
    network.advance(0)
    one.channel.abort()
    network.advance(5000)
    expect(one.events.at(-1)).toBe('closed')
    expect(acceptance.channels[0].reason).toBe('reset')
  })
})

describe('time', () => {
  it('a process that was stopped reads what has come before it acts on what is late', () => {
    const { network, clientHost, connect } = scene()
    const one = connect()
    network.advance(50)
    one.channel.send(new Uint8Array(10_000))
    network.advance(1)
    clientHost.suspend()
    network.advance(5000)
    clientHost.resume()
    network.advance(500)
    expect(one.channel.unacknowledged).toBe(0)
    expect(one.channel.status()).toMatchObject({ timeouts: 0, segmentsRetransmitted: 0 })
  })

  it('one alarm serves all connections of an endpoint', () => {
    const { network, serverHost, listener } = scene()
    const peers = Array.from({ length: 50 }, (_, i) => {
      return new HandMade(network, network.host('10.0.0.8'), 5000 + i, { address: SERVER, port: 80 })
    })
    for (const peer of peers) peer.send(SYN)
    network.advance(50)
    expect(listener.halfOpen).toBe(50)
    expect(serverHost.platform.alarms.size).toBe(1)
  })
})
