// Spoofed SYNs at 500,000 a second of virtual time: honest clients connect, and little comes back to whose addresses were used (RFC 4987).
import { describe, expect, test } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import { READABLE } from '../../lib/core/events.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { createServer } from '../../lib/net/server.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, PSH, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { memoryInUse } from '../support/memory.js'
import { Acceptance, Recorder } from '../support/recorder.js'
import { datagramOf } from '../support/segments.js'
import { Spoofer } from '../support/spoofer.js'

const RATE = 500_000
const BATCHES = 10_000 // a second
const CLIENTS = 100

/** A server whose incoming datagrams may say to be from anywhere, and a count of what it sends to where nobody is. */
function scene(options: { config?: Partial<Config>; backlog?: number } = {}) {
  const network = new Network({ link: { delay: 5 }, capture: false })
  const spoofer = new Spoofer(network.host(SERVER).platform)
  const stack = new Stack(spoofer.platform)
  const acceptance = new Acceptance()
  const config = createConfig(options.config)
  const { backlog = 0 } = options
  const listener = stack.listen({ address: SERVER, port: PORT, backlog }, () => config, acceptance)
  return { network, spoofer, stack, listener, acceptance }
}

const syn = (i: number, fields: Partial<Segment> = {}): Uint8Array =>
  datagramOf(
    Object.assign(new Segment(), {
      flags: SYN,
      sourcePort: 1 + (i % 65_535),
      destinationPort: PORT,
      seq: Math.imul(i, 0x9e3779b1) >>> 0,
      window: 64_240,
      ...fields,
    }),
  )

const address = (i: number): string => `10.${1 + ((i >> 16) & 63)}.${(i >> 8) & 255}.${i & 255}`

describe('a flood', () => {
  test(`${RATE} spoofed SYNs a second, for 0.3 s: ${CLIENTS} honest clients connect`, async () => {
    const { network, spoofer, listener, acceptance } = scene()
    acceptance.react = (events, channel) => {
      if (events & READABLE) channel.send(Uint8Array.of(1))
    }
    const clients = Array.from({ length: CLIENTS }, () => new Recorder())
    const times: number[] = []
    const before = await memoryInUse()
    let i = 0
    for (let batch = 0; batch < 0.3 * BATCHES; batch++) {
      for (let n = 0; n < RATE / BATCHES; n++, i++) {
        const options =
          i % 3 === 0 ? {} : { mss: 1460, hasTimestamps: true, tsVal: i, sackPermitted: true, windowScale: 7 }
        spoofer.arrive(PORT, syn(i, options), address(i), 1024 + (i % 60_000))
      }
      spoofer.quiet(PORT)
      if (batch % 30 === 0) {
        const client = clients[batch / 30] as Recorder
        const stack = network.host(`10.200.0.${1 + batch / 30}`).stack
        const began = network.now
        client.react = () => {
          if (client.events.includes('connected') && times[batch / 30] === undefined)
            times[batch / 30] = network.now - began
        }
        client.channel = stack.connect({ address: SERVER, port: PORT }, createConfig(), client)
        client.channel.send(Uint8Array.of(1))
      }
      network.advance(1000 / BATCHES)
    }
    expect(listener.getStats()).toMatchObject({ halfOpen: 511 })
    expect(listener.getStats().cookiesSent).toBeGreaterThan(RATE / 4)
    expect((await memoryInUse()) - before).toBeLessThan(16e6)
    network.advance(1000)
    expect(acceptance.accepted.length).toBe(CLIENTS)
    for (const client of clients) expect(client.bytes).toBe(1)
    // in cookie mode nothing waits for anything: a round trip
    expect(Math.max(...times)).toBeLessThan(100)
  })

  test('what comes back has at most 1.25 times the bytes of the flood, whatever options its SYNs have, for as long as SYN,ACKs last', () => {
    const network = new Network({ link: { delay: 5 } })
    const spoofer = new Spoofer(network.host(SERVER).platform)
    const config = createConfig()
    new Stack(spoofer.platform).listen({ address: SERVER, port: PORT }, () => config, new Acceptance())
    for (const fields of [
      {},
      { mss: 1460 },
      { windowScale: 7 },
      { sackPermitted: true },
      { hasTimestamps: true, tsVal: 1 },
      { mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: 1 },
    ]) {
      network.clearCapture()
      let bytes = 0
      for (let i = 0; i < 3000; i++) {
        const datagram = syn(i, fields)
        bytes += datagram.length
        spoofer.arrive(PORT, datagram, address(i), 1024 + i)
        spoofer.quiet(PORT)
        if (i % 100 === 0) network.advance(1)
      }
      network.advance(200_000)
      const back = network.capture.reduce((sum, datagram) => sum + datagram.bytes.length, 0)
      expect(back).toBeGreaterThan(0)
      expect([fields, back / bytes <= 1.25]).toEqual([fields, true])
    }
  })
})

describe('a lone SYN', () => {
  test.each([undefined, 255])(
    'draws seven SYN,ACKs at most, with the options that it had (maxRetries: %s)',
    (maxRetries) => {
      const network = new Network({ link: { delay: 5 } })
      createServer({ stack: network.host(SERVER).stack, maxRetries }).listen(PORT, SERVER)
      const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
      network.advance(10)
      peer.send(SYN, { sackPermitted: true })
      network.advance(3_600_000)
      const answers = peer.take().map(({ segment }) => segment)
      expect(answers.length).toBeGreaterThanOrEqual(4)
      expect(answers.length).toBeLessThanOrEqual(7)
      for (const segment of answers) {
        expect(flagsOf(segment)).toBe('S.')
        expect(segment).toMatchObject({ hasTimestamps: false, windowScale: -1, sackPermitted: true })
        expect(segment.mss).toBeGreaterThanOrEqual(536)
      }
    },
  )

  test('is answered once when the queue is crowded, and again when it comes again', () => {
    const { network, spoofer, listener } = scene()
    for (let i = 0; i < 511; i++) spoofer.arrive(PORT, syn(i), address(i), 1024 + i)
    spoofer.quiet(PORT)
    network.advance(1)
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    // the queue is full: a cookie, and once more a cookie
    peer.send(SYN)
    expect(peer.flagsAfter(30_000)).toEqual(['S.'])
    peer.send(SYN)
    expect(peer.flagsAfter(30_000)).toEqual(['S.'])
    network.advance(10_000)
    expect(listener.getStats().synAcksWithheld).toBeGreaterThan(511)
    expect(listener.halfOpen).toBe(0)
  })
})

describe('a half-open connection', () => {
  const OPTIONS = { mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: 1 }

  test.each<[string, number, Partial<Segment>]>([
    ['a bare SYN again', SYN, {}],
    ['a byte in the place of the SYN', ACK, { payload: new Uint8Array(1), hasTimestamps: true, tsVal: 1 }],
    ['a byte before the SYN', ACK, { seq: 999, payload: new Uint8Array(1), hasTimestamps: true, tsVal: 1 }],
  ])('%s, a thousand times in 0.7 s: as many answers as challenges', (_name, flags, fields) => {
    const network = new Network({ link: { delay: 5 } })
    createServer({ stack: network.host(SERVER).stack }).listen(PORT, SERVER)
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    network.advance(10)
    peer.send(SYN, OPTIONS)
    expect(peer.flagsAfter(20)).toEqual(['S.'])
    for (let i = 0; i < 1000; i++) {
      peer.send(flags, { seq: 1000, ...fields })
      network.advance(0.7)
    }
    network.advance(20)
    // an allowance of ten, and seven that it gained meanwhile
    const answers = peer.take().length
    expect(answers).toBeGreaterThan(0)
    expect(answers).toBeLessThanOrEqual(18)
  })
})

describe('no answer is much longer than what it answers', () => {
  test('a RST or a challenge ACK: twelve bytes at most, for segments of all kinds', () => {
    const { network, acceptance } = scene()
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    peer.open({ mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: 1000 })
    const stamps = { hasTimestamps: true, tsVal: 1000, tsEcr: 1 }
    // text above three holes: what honest ACKs tell of
    for (const hole of [2000, 4000, 6000])
      peer.send(ACK, { ...stamps, seq: peer.seq + hole, payload: new Uint8Array(100) })
    network.advance(50)
    peer.take()
    const kinds: [number, Partial<Segment>][] = [
      [RST, { seq: peer.seq + 5 }],
      [RST | ACK, { seq: peer.seq + 5 }],
      [SYN, { ...stamps, seq: peer.seq + 5 }],
      [SYN, { ...stamps, seq: peer.seq - 1 }],
      [ACK, { ...stamps, ack: peer.ack + 5_000_000 }],
      [ACK, { ...stamps, seq: peer.seq - 100_000_000 }],
      [ACK | PSH, { ...stamps, seq: peer.seq + 1_000_000_000, payload: new Uint8Array(1) }],
      [ACK, { ...stamps, destinationPort: 99 }],
      [SYN, { destinationPort: 99 }],
      [PSH, { destinationPort: 99 }],
    ]
    let answered = 0
    for (const [flags, fields] of kinds) {
      const segment = Object.assign(new Segment(), {
        flags,
        seq: peer.seq,
        ack: peer.ack,
        sourcePort: 5000,
        destinationPort: PORT,
        ...fields,
      })
      const sent = datagramOf(segment)
      peer.raw(sent)
      network.advance(1000)
      for (const { segment: answer } of peer.take()) {
        answered++
        expect([flagsOf(segment), datagramOf(answer).length <= sent.length + 12]).toEqual([flagsOf(segment), true])
      }
    }
    expect(answered).toBeGreaterThanOrEqual(8)
    expect(acceptance.channels[0]?.state).toBe('ESTABLISHED')
  })
})

test('a segment that says to come from where it goes to is dropped: it would be answered for ever', () => {
  const { network, spoofer, listener } = scene()
  spoofer.arrive(PORT, syn(0, { sourcePort: PORT }), SERVER, PORT)
  spoofer.quiet(PORT)
  network.advance(1000)
  expect(listener.getStats()).toMatchObject({ selfAddressed: 1, halfOpen: 0, connections: 0 })
})

describe('the odds', () => {
  test('of an ACK that nobody asked for to pass as a cookie: one in 2^24', () => {
    const { network, spoofer, listener } = scene({ backlog: 1 })
    for (let i = 0; i < 3; i++) spoofer.arrive(PORT, syn(i), address(i), 1024 + i)
    spoofer.quiet(PORT)
    expect(listener.getStats().cookiesSent).toBe(2)
    for (let i = 0; i < 50_000; i++) {
      const ack = datagramOf(
        Object.assign(new Segment(), {
          flags: ACK,
          sourcePort: 7,
          destinationPort: PORT,
          seq: 1,
          ack: network.random.below(2 ** 32),
        }),
      )
      spoofer.arrive(PORT, ack, '10.0.0.3', 7)
      if (i % 1000 === 0) spoofer.quiet(PORT)
    }
    expect(listener.getStats()).toMatchObject({ cookiesRedeemed: 0, accepted: 0 })
  })
})
