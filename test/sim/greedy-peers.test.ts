// Peers that cheat: for more than their share, or to make us work and remember. Bounded memory, no exception, the RFC's answer or silence.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, Segment, SYN, URG } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { memoryInUse } from '../support/memory.js'
import { Acceptance } from '../support/recorder.js'
import { datagramOf } from '../support/segments.js'

const MB = 2 ** 20
const MSS = 1000

/** A connection of a server's to a peer made by hand, which has been sent `queued` bytes. */
function scene(options: { config?: Partial<Config>; syn?: Partial<Segment>; queued?: number; reads?: boolean } = {}) {
  const { config = {}, syn = {}, queued = 0, reads = true } = options
  const network = new Network({ capture: false, link: { delay: 1 } })
  const acceptance = new Acceptance()
  const resolved = createConfig(config)
  const { stack } = network.host(SERVER)
  const listener = stack.listen({ address: SERVER, port: PORT }, () => resolved, {
    onConnection(channel) {
      if (reads) acceptance.onConnection(channel)
      else channel.owner = { onEvents: () => {} }
      channels.push(channel)
    },
  })
  const channels: Channel[] = []
  const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
  peer.open({ mss: MSS, windowScale: 8, sackPermitted: true, ...syn })
  const [channel] = channels as [Channel]
  for (let sent = 0; sent < queued; ) {
    const taken = channel.send(new Uint8Array(Math.min(65_536, queued - sent)))
    if (taken === 0) break
    sent += taken
  }
  network.advance(10)
  return { network, stack, listener, acceptance, peer, channel }
}

/** Bytes of text among what has been heard. */
const textOf = (peer: HandMade): number => peer.take().reduce((sum, { segment }) => sum + segment.textLength, 0)

describe('a receiver that wants more than its share', () => {
  test.each(['cubic', 'reno', 'bbr'] as const)(
    'ACK division: a thousand ACKs for a byte each open the window no more than one for all (%s)',
    async (name) => {
      const { findCongestionControl } = await import('../../lib/core/congestion/algorithms.js')
      const congestion = findCongestionControl(name)
      const grown = (pieces: number): number => {
        const { network, peer, channel } = scene({
          queued: 400_000,
          config: congestion === undefined ? {} : { congestion },
        })
        const flight = textOf(peer)
        const first = peer.ack
        const at = (i: number): number => (first + Math.ceil((flight * i) / pieces)) >>> 0
        for (let i = 1; i <= pieces; i++) peer.send(ACK, { ack: at(i) })
        network.advance(2)
        return channel.status().cwnd / flight
      }
      expect(grown(1000)).toBeLessThanOrEqual(Math.max(2.05, 1.05 * grown(1)))
    },
  )

  test('optimistic ACKs: of what was not sent, each is doubted, and none moves anything', () => {
    const { network, peer, channel, stack } = scene({ queued: 400_000 })
    const flight = textOf(peer)
    const before = channel.status()
    for (let i = 1; i <= 500; i++) peer.send(ACK, { ack: (peer.ack + flight + i * MSS) >>> 0 })
    network.advance(5)
    expect(channel.status()).toMatchObject({ cwnd: before.cwnd, bytesAcked: 0, inFlight: before.inFlight })
    expect(stack.getTotals().acksDoubted).toBe(500)
    expect(peer.take().length).toBeLessThanOrEqual(10)
  })

  test('duplicate ACKs, a thousand of them, let out no more than was in flight', () => {
    const { network, peer, channel } = scene({ queued: 400_000, syn: { sackPermitted: false } })
    const flight = textOf(peer)
    for (let i = 0; i < 1000; i++) peer.send(ACK)
    network.advance(5)
    expect(textOf(peer)).toBeLessThanOrEqual(flight + 3 * MSS)
    expect(channel.status().cwnd).toBeLessThanOrEqual(flight)
  })

  test('D-SACKs of what never came twice: the window is never larger than it was before the loss', () => {
    const { network, peer, channel } = scene({ queued: 400_000 })
    textOf(peer)
    const { cwnd } = channel.status()
    const [first, edge] = [peer.ack, (peer.ack + 9 * MSS) >>> 0]
    for (let i = 0; i < 200; i++) {
      const sackEdges = Uint32Array.from([first, first + MSS, first + 2 * MSS, edge, 0, 0, 0, 0])
      peer.send(ACK, { sackCount: 2, sackEdges })
      network.advance(1)
    }
    expect(channel.status().cwnd).toBeLessThanOrEqual(2 * cwnd)
    expect(channel.state).toBe('ESTABLISHED')
  })

  test('SACKs of what it has thrown away: after a time-out all of it is sent again (RFC 2018 §8)', () => {
    const { network, peer, channel } = scene({ queued: 9000 })
    textOf(peer)
    const first = peer.ack
    // it claims all, and then has nothing
    peer.send(ACK, { sackCount: 1, sackEdges: Uint32Array.from([first, first + 9000, 0, 0, 0, 0, 0, 0]) })
    network.advance(60_000)
    const again = new Set(peer.take().map(({ segment }) => segment.seq))
    expect(again.has(first)).toBe(true)
    for (let i = 0; i < 20 && channel.unacknowledged > 0; i++) {
      const heard = peer.take().map(({ segment }) => segment)
      for (const { seq, textLength } of heard) if (seq === peer.ack) peer.ack = (peer.ack + textLength) >>> 0
      peer.ack = i === 0 ? (first + MSS) >>> 0 : peer.ack
      peer.send(ACK)
      network.advance(500)
    }
    expect(channel.unacknowledged).toBe(0)
  })

  test('SACKs that cut segments into bytes: a thousand pieces, the rest is refused and counted', () => {
    const { network, peer, channel, stack } = scene({ queued: 500_000 })
    for (let round = 0; round < 8; round++) {
      peer.ack = (peer.ack + textOf(peer)) >>> 0
      peer.send(ACK)
      network.advance(5)
      for (let more = 0; more < 500_000; ) {
        const taken = channel.send(new Uint8Array(65_536))
        if (taken === 0) break
        more += taken
      }
      network.advance(5)
    }
    const flight = textOf(peer)
    expect(flight).toBeGreaterThan(30_000)
    for (let at = 1; at < 30_000; at += 8) {
      peer.send(ACK, {
        sackCount: 4,
        sackEdges: Uint32Array.from([0, 1, 2, 3, 4, 5, 6, 7], (more) => (peer.ack + at + more) >>> 0),
      })
      if (at % 800 === 1) network.advance(1)
    }
    network.advance(5)
    expect(stack.getTotals().sacksRefused).toBeGreaterThan(1000)
    expect(channel.connection.memory).toBeLessThan(3 * MB)
    // an honest word ends it
    for (let i = 0; i < 20 && channel.unacknowledged > 0; i++) {
      peer.ack = (peer.ack + Math.max(textOf(peer), i === 0 ? flight : 0)) >>> 0
      peer.send(ACK)
      network.advance(10)
    }
    expect(channel.connection.memory).toBeLessThan(MB)
  })
})

describe('a receiver that takes nothing', () => {
  test.each([
    ['no window for ever', 0],
    ['a window of one byte for ever', 1],
  ])('%s: what waits has a bound, probes grow rare, the connection lives as long as it answers', (_name, window) => {
    const { network, peer, channel } = scene({ syn: { windowScale: -1 } })
    peer.window = window
    peer.send(ACK)
    network.advance(10)
    let taken = 0
    for (let i = 0; i < 100; i++) taken += channel.send(new Uint8Array(65_536))
    expect(taken).toBeLessThanOrEqual(512 * 1024)
    let heard = 0
    for (let minute = 0; minute < 60; minute++) {
      for (let second = 0; second < 60; second++) {
        network.advance(1000)
        const segments = peer.take()
        heard += segments.length
        for (const { segment } of segments)
          if (segment.textLength > 0) peer.ack = Math.max(peer.ack, segment.seq + segment.textLength)
        if (segments.length > 0) peer.send(ACK)
      }
    }
    expect(channel.state).toBe('ESTABLISHED')
    // an answer a second at most of ours, each with a byte or none
    expect(heard).toBeLessThanOrEqual(window === 0 ? 100 : 20_000)
    expect(channel.connection.memory).toBeLessThan(MB)
  })

  test('a window that shrinks: what was sent stays sent, nothing new leaves beyond it, and it opens again (MUST-34, SHLD-16)', () => {
    const { network, peer, channel } = scene({ queued: 100_000, syn: { windowScale: -1 } })
    const flight = textOf(peer)
    peer.window = 1000
    peer.send(ACK, { ack: (peer.ack + MSS) >>> 0 })
    network.advance(20)
    const beyond = peer
      .take()
      .filter(({ segment }) => segment.textLength > 0 && segment.seq >= (peer.ack + flight) >>> 0)
    expect(beyond).toEqual([])
    peer.window = 65_535
    for (let i = 0; i < 50 && channel.unacknowledged > 0; i++) {
      peer.ack = i === 0 ? (peer.ack + flight) >>> 0 : (peer.ack + textOf(peer)) >>> 0
      peer.send(ACK)
      network.advance(10)
    }
    expect(channel.unacknowledged).toBe(0)
  })
})

describe('a sender that makes work', () => {
  test('a hundred thousand segments of one byte: they arrive, and memory follows the bytes', async () => {
    const { network, peer, channel } = scene({
      reads: false,
      config: { initialReceiveBuffer: 200_000, maxReceiveBuffer: 200_000 },
    })
    const before = await memoryInUse()
    for (let i = 0; i < 100_000; i++) {
      peer.send(ACK | PSH, { payload: Uint8Array.of(i) })
      peer.seq++
      if (i % 500 === 0) {
        network.advance(1)
        peer.take()
      }
    }
    network.advance(5)
    expect(channel.readable).toBe(100_000)
    expect((await memoryInUse()) - before).toBeLessThan(2 * MB)
  })

  test('gaps as far as the window goes, and beyond it: a thousand ranges, four blocks told, and the stream fills up', () => {
    const { network, peer, channel, acceptance } = scene()
    const edge = channel.status().receiveWindow
    for (let at = 40; at < edge + 100_000; at += 40) {
      peer.send(ACK, { seq: (peer.seq + at) >>> 0, payload: new Uint8Array(10) })
      if (at % 4000 === 0) {
        network.advance(1)
        for (const { segment } of peer.take()) expect(segment.sackCount).toBeLessThanOrEqual(4)
      }
    }
    network.advance(5)
    expect(channel.status().outOfOrderHeld).toBeLessThanOrEqual(10 * 1025)
    for (let at = 0; at < edge; at += MSS)
      peer.send(ACK, { seq: (peer.seq + at) >>> 0, payload: new Uint8Array(Math.min(MSS, edge - at)) })
    network.advance(5)
    expect(acceptance.accepted[0]?.bytes).toBeGreaterThanOrEqual(edge)
  })

  test('overlapping segments with different bytes, in any order: each byte is one that came for it, the first of them', () => {
    const piece = fc.record({ from: fc.integer({ min: 0, max: 60 }), length: fc.integer({ min: 1, max: 40 }) })
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 30 }), (pieces) => {
        const { network, peer, acceptance } = scene()
        const first = new Uint8Array(100)
        let version = 0
        for (const { from, length } of [...pieces, { from: 0, length: 100 }]) {
          version++
          for (let at = from; at < from + length; at++) if (first[at] === 0) first[at] = version
          peer.send(ACK, { seq: (peer.seq + from) >>> 0, payload: new Uint8Array(length).fill(version) })
          network.advance(3)
        }
        const text = new TextEncoder().encode(acceptance.accepted[0]?.text)
        expect([...text]).toEqual([...first])
      }),
      { numRuns: 100 },
    )
  })

  test('a flood of urgent segments: the bytes stay in the stream, the pointer is nobody’s', () => {
    const { network, peer, acceptance, channel } = scene()
    for (let i = 0; i < 2000; i++) {
      peer.send(ACK | URG | PSH, { payload: Uint8Array.of(7) })
      peer.seq++
      if (i % 50 === 0) network.advance(1)
    }
    network.advance(5)
    expect(acceptance.accepted[0]?.bytes).toBe(2000)
    expect(channel.state).toBe('ESTABLISHED')
  })

  test('timestamps that echo the future, or nothing of ours: no round trip is believed, the RTO stays', () => {
    const stamps = { hasTimestamps: true, tsVal: 5000 }
    const { network, peer, channel } = scene({ queued: 50_000, syn: stamps })
    const before = channel.status()
    for (let i = 1; i <= 200; i++) {
      for (const tsEcr of [0xffff_ffff, 0x7fff_ffff, 1, 0, network.random.below(2 ** 32)]) {
        peer.send(ACK, { hasTimestamps: true, tsVal: 5001 + i, tsEcr, ack: (peer.ack + i) >>> 0 })
      }
      network.advance(1)
    }
    const { rto, srtt } = channel.status()
    expect(rto).toBeLessThanOrEqual(Math.max(before.rto, 1200))
    expect(rto).toBeGreaterThanOrEqual(200)
    expect(srtt).toBeLessThan(300)
    expect(channel.state).toBe('ESTABLISHED')
  })

  test('options of every shape: any bytes where options stand, on any segment, throw nothing and harm no other connection', () => {
    const { network, peer, acceptance } = scene()
    const shapes = fc.record({
      options: fc.uint8Array({ minLength: 4, maxLength: 40 }).map((bytes) => bytes.subarray(0, bytes.length & ~3)),
      flags: fc.constantFrom(SYN, SYN | ACK, ACK, ACK | PSH, ACK | FIN),
      kind: fc.option(fc.constantFrom(2, 3, 4, 5, 8), { nil: undefined }),
      length: fc.nat(255),
      isOfConnection: fc.boolean(),
    })
    let others = 0
    fc.assert(
      fc.property(shapes, ({ options, flags, kind, length, isOfConnection }) => {
        if (kind !== undefined) options.set([kind, length].slice(0, options.length))
        const segment = Object.assign(new Segment(), { flags, seq: peer.seq, ack: peer.ack, destinationPort: PORT })
        // a FIN or a SYN would rightly do something to it
        if (isOfConnection) Object.assign(segment, { sourcePort: 5000, flags: ACK })
        else segment.sourcePort = 6000 + (others++ % 1000)
        const bytes = datagramOf(segment)
        const datagram = new Uint8Array([...bytes, ...options])
        datagram[12] = ((20 + options.length) >> 2) << 4
        peer.raw(datagram)
        network.advance(1)
        peer.take()
      }),
      { numRuns: 2000 },
    )
    peer.send(ACK | PSH, { payload: Uint8Array.of(65) })
    expect(peer.flagsAfter(50)).toContain('.')
    expect(acceptance.accepted[0]?.bytes).toBe(1)
  })
})

test('a round of the segments that none of this expects is answered once each at most', () => {
  const { network, peer, channel } = scene()
  for (const flags of [0, FIN, URG, SYN | FIN, FIN | PSH | URG]) {
    peer.send(flags, { payload: new Uint8Array(1) })
    network.advance(10)
    expect([flagsOf({ flags } as Segment), peer.take().length]).toEqual([
      flagsOf({ flags } as Segment),
      flags & SYN ? 1 : 0,
    ])
  }
  expect(channel.state).toBe('ESTABLISHED')
})
