// How a row is read: what has an ACK of its own, what belongs to others, and what owners do in the middle of it.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import { ACK, RST, SYN } from '../../lib/wire/segment.js'
import { flagsOf } from '../support/hand-made.js'
import { CLIENT, PORT, SERVER, type Served, serve, train } from '../support/row-server.js'

describe.each([true, false])('ACKs of trains (decision 021), in rows: %s', (asRows) => {
  it('while the sender is likely to be in slow start, every second full segment has its own', () => {
    const served = serve(asRows)
    served.peer.open({ mss: 1000 })
    expect(train(served, 8, 1000)).toEqual([2000, 4000, 6000, 8000])
    expect(served.rows.inRows).toBe(asRows ? 8 : 0)
  })

  it('later one stands for 16', () => {
    const served = serve(asRows)
    served.peer.open({ mss: 1000 })
    for (let round = 0; round < 40; round++) train(served, 40, 1000)
    expect(train(served, 40, 1000)).toEqual([16_000, 32_000, 40_000])
    expect(train(served, 20, 1000)).toEqual([16_000, 20_000])
    expect(train(served, 3, 1000)).toEqual([3000])
  })

  it('or for a quarter of the window, if that is less', () => {
    const served = serve(asRows, { maxReceiveBuffer: 16_000, initialReceiveBuffer: 16_000 })
    served.peer.open({ mss: 1000 })
    for (let round = 0; round < 40; round++) train(served, 10, 1000)
    expect(train(served, 10, 1000)).toEqual([4000, 8000, 10_000])
  })
})

describe('what is in a row beside the text of one connection', () => {
  it('is another connection’s, segment by segment by turns', () => {
    const { network, rows, acceptance, listener, peer } = serve(true)
    peer.open()
    const first = { seq: peer.seq, ack: peer.ack }
    peer.send(SYN, { sourcePort: 5001, seq: 77 })
    network.advance(20)
    const [answer] = peer.take().filter(({ segment }) => segment.destinationPort === 5001)
    const second = { sourcePort: 5001, seq: 78, ack: answer.segment.seq + 1 }
    peer.send(ACK, second)
    network.advance(20)
    const before = { datagrams: listener.getStats().datagrams, rows: rows.rows }
    for (let i = 0; i < 20; i++) {
      const text = new TextEncoder().encode(String.fromCharCode(97 + i).repeat(40))
      for (const each of [first, second]) {
        peer.send(ACK, { ...each, payload: text })
        each.seq += text.length
      }
    }
    network.advance(20)
    expect([rows.rows - before.rows, listener.getStats().datagrams - before.datagrams]).toEqual([1, 40])
    const text = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(40)).join('')
    expect(acceptance.accepted.map((each) => each.text)).toEqual([text, text])
    expect(acceptance.channels.map((each) => each.status().segmentsReceived)).toEqual([21, 21])
  })

  it('is no segment, or nobody’s, and is counted as that', () => {
    const { network, acceptance, listener, peer } = serve(true)
    peer.open()
    const { datagrams } = listener.getStats()
    for (let i = 0; i < 12; i++) {
      if (i % 4 === 2) peer.raw(new Uint8Array(120))
      else if (i % 4 === 3) peer.send(ACK, { sourcePort: 4444, payload: new Uint8Array(100) })
      else {
        peer.send(ACK, { payload: new Uint8Array(100).fill(97 + i) })
        peer.seq += 100
      }
    }
    network.advance(20)
    const stats = listener.getStats()
    expect([stats.datagrams - datagrams, stats.malformed, stats.unowned]).toEqual([12, 3, 3])
    expect([...new Set(acceptance.accepted[0].text)].join('')).toBe('abefij')
    expect(acceptance.accepted[0].bytes).toBe(600)
  })
})

describe('in the middle of a row', () => {
  const PARTS = 12

  /** The owner does something when the first of it is told, and the rest is there already. */
  function during(asRows: boolean, act: (served: Served, channel: Channel) => void) {
    const served = serve(asRows)
    const { network, acceptance, rows, peer } = served
    peer.open({ mss: 1000 })
    peer.take()
    let acts = 0
    acceptance.react = (_, channel) => {
      if (acts++ === 0) act(served, channel)
    }
    for (let i = 0; i < PARTS; i++) {
      peer.send(ACK, { payload: new Uint8Array(1000) })
      peer.seq += 1000
    }
    network.advance(1000)
    const { state } = acceptance.channels[0]
    expect(rows.inRows).toBe(asRows ? PARTS : 0)
    const heard = peer.take().map(({ segment }) => `${flagsOf(segment)} ${segment.seq} ${segment.ack}`)
    return {
      state,
      bytes: acceptance.accepted[0].bytes,
      heard,
      thrown: rows.thrown,
      sockets: network.host(SERVER).openSockets.length,
    }
  }

  it.each<[string, (served: Served, channel: Channel) => void]>([
    ['resets the connection', (_, channel) => channel.abort()],
    ['closes it', (_, channel) => channel.close()],
    ['leaves it', (_, channel) => channel.release(0)],
    ['resets it and closes the server', ({ listener }, channel) => [listener.close(), channel.abort()]],
    ['answers', (_, channel) => channel.send(new Uint8Array(100_000))],
    [
      'opens another through the same socket',
      ({ stack }) => {
        const owner = { onEvents: () => {} }
        stack.connect({ address: CLIENT, port: 7, localUdpPort: PORT, localAddress: SERVER }, createConfig(), owner)
      },
    ],
  ])('an owner %s: what follows is as if each had come by itself', (_, act) => {
    expect(during(true, act)).toEqual(during(false, act))
  })

  it('an owner throws: it hears the rest, and so does its peer', () => {
    const failure = new Error('the program’s')
    const fail = (): never => {
      throw failure
    }
    const { bytes, thrown, heard } = during(true, fail)
    expect([bytes, thrown]).toEqual([PARTS * 1000, [failure]])
    expect(heard.at(-1)).toMatch(/ 13001$/)
    expect(during(false, fail)).toEqual(during(true, fail))
  })

  it('a client’s own socket goes with its last connection: nothing more is read', () => {
    const { network, rows, stack, peer } = serve(true)
    const owner: ChannelOwner = { onEvents: () => {} }
    const channel = stack.connect({ address: CLIENT, port: 5000, udpPort: 5000 }, createConfig(), owner)
    network.advance(20)
    const [{ segment: syn, udpPort }] = peer.take()
    peer.target = { address: SERVER, udpPort, port: udpPort }
    peer.ack = syn.seq + 1
    peer.send(SYN | ACK, { mss: 1000 })
    peer.seq++
    network.advance(20)
    for (let i = 0; i < 8; i++)
      peer.send(i === 3 ? ACK | RST : ACK, { seq: peer.seq + 100 * Math.min(i, 3), payload: new Uint8Array(100) })
    network.advance(1000)
    expect([channel.state, channel.reason, rows.thrown]).toEqual(['CLOSED', 'reset', []])
  })
})
