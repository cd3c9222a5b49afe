// Running an endpoint out of something: connections, addresses, memory, patience. What goes first is stated, counted and told (docs/options.md §6).
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { WRITABLE } from '../../lib/core/events.js'
import { hostOf } from '../../lib/endpoint/address-count.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { DEFAULT_LIMITS, type StackLimits } from '../../lib/endpoint/limits.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { DropsMessage } from '../../lib/net/drops-report.js'
import { createServer } from '../../lib/net/server.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, PSH, RST, SYN } from '../../lib/wire/segment.js'
import { CLIENT, PORT, SERVER } from '../support/couple.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { Acceptance, Recorder } from '../support/recorder.js'

const KB = 1024

/** A server that reads nothing until it is told to, and the means to connect to it from anywhere. */
function scene(limits: Partial<StackLimits> = {}, chosen = {}) {
  const network = new Network({ capture: false, link: { delay: 1 } })
  const stack = new Stack(network.host(SERVER).platform, limits)
  const channels: Channel[] = []
  const config = createConfig(chosen)
  const listener = stack.listen({ address: SERVER, port: PORT }, () => config, {
    onConnection(channel) {
      channels.push(channel)
      channel.owner = { onEvents: () => {} }
    },
  })
  let port = 5000
  const peer = (address = '10.0.0.9'): HandMade =>
    new HandMade(network, network.host(address), port++, { address: SERVER, port: PORT })
  const readAll = (): void => {
    for (const channel of channels) while (channel.receive() !== null);
  }
  return { network, stack, listener, channels, peer, readAll }
}

/** Sends text as fast as the window that it is told of allows, for `ms`. */
function pour({ network }: { network: Network }, peer: HandMade, ms: number, scale = 0): void {
  let edge = peer.seq + 60_000
  for (let i = 0; i < ms; i++) {
    for (let n = 0; n < 40 && edge - peer.seq >= 1000; n++) {
      peer.send(ACK, { payload: new Uint8Array(1000) })
      peer.seq += 1000
    }
    network.advance(1)
    for (const { segment } of peer.take()) edge = Math.max(edge, segment.ack + segment.window * 2 ** scale)
  }
}

describe('limits', () => {
  test('are integers from 1 on, or Infinity: anything else throws at once', () => {
    const { platform } = new Network().host(SERVER)
    for (const limit of [0, -1, 1.5, Number.NaN, '7' as unknown as number]) {
      expect(() => new Stack(platform, { maxResets: limit })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
      )
    }
    const { limits } = new Stack(platform, { maxResets: 7, maxBufferMemory: Number.POSITIVE_INFINITY })
    expect(limits).toEqual({ ...DEFAULT_LIMITS, maxResets: 7, maxBufferMemory: Number.POSITIVE_INFINITY })
  })
})

describe('connections of one address', () => {
  test('are not limited by default', () => {
    const { listener, peer, channels } = scene()
    for (let i = 0; i < 200; i++) peer().open()
    expect([channels.length, listener.getStats().refusedPerAddress]).toEqual([200, 0])
  })

  test('have their limit: the SYN that is one too many is dropped, another address is served, and room made is room', () => {
    const { network, listener, peer, channels } = scene({ maxConnectionsPerAddress: 3 })
    const first = [peer(), peer(), peer()]
    for (const each of first) each.open()
    const late = peer()
    late.send(SYN)
    expect(late.flagsAfter(10)).toEqual([])
    expect(listener.getStats()).toMatchObject({ refusedPerAddress: 1, connections: 3 })
    peer('10.0.0.10').open()
    first[0]?.send(RST)
    network.advance(10)
    late.open()
    expect(channels.length).toBe(5)
  })

  test('made-up addresses do not use it up, and handshakes that are under way together do not get round it', () => {
    const { network, listener, peer, channels } = scene({ maxConnectionsPerAddress: 3 })
    const peers = Array.from({ length: 10 }, () => peer())
    for (const each of peers) each.send(SYN)
    network.advance(10)
    expect(listener.halfOpen).toBe(10)
    const answers = peers.map((each) => {
      each.seq++
      each.ack = ((each.take()[0]?.segment.seq ?? 0) + 1) >>> 0
      each.send(ACK)
      return each.flagsAfter(10).map((flags) => flags[0])
    })
    expect(channels.length).toBe(3)
    expect(answers.filter(([flag]) => flag === 'R').length).toBe(7)
    expect(listener.getStats()).toMatchObject({ refusedPerAddress: 7, connections: 3, halfOpen: 0 })
  })

  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s counts as %s', (address, host) => expect(hostOf(address)).toBe(host))
})

describe('memory for buffers', () => {
  test('three quarters are used: windows close, send() takes 4 KiB, and nobody is refused', () => {
    const made = scene({ maxBufferMemory: 400 * KB })
    const { listener, channels, peer, network } = made
    const greedy = Array.from({ length: 4 }, () => peer())
    for (const each of greedy) each.open({ mss: 1000 })
    for (const each of greedy) pour(made, each, 100)
    const { bufferMemory, refusedByMemory } = listener.getStats()
    expect(bufferMemory).toBeGreaterThan(300 * KB)
    // what had been promised before, a first window for each, is all that comes on top
    expect(bufferMemory).toBeLessThanOrEqual(400 * KB)
    expect(refusedByMemory).toBe(0)
    const late = peer()
    late.open()
    expect(channels.at(-1)?.send(new Uint8Array(100_000))).toBe(4096)
    network.advance(10)
    expect(late.take().length).toBeGreaterThan(0)
  })

  test('all is used: text that can come again is dropped, so are SYNs, and it is counted; who reads goes on', () => {
    const made = scene({ maxBufferMemory: 200 * KB })
    const { listener, channels, peer, network, readAll } = made
    const peers = Array.from({ length: 6 }, () => peer())
    for (const each of peers) each.open({ mss: 1000 })
    const [reader] = channels as [Channel]
    for (const each of peers.slice(1)) pour(made, each, 100)
    const full = listener.getStats()
    expect(full.bufferMemory).toBeGreaterThanOrEqual(200 * KB)
    // one chunk of 64 KiB may be begun before
    expect(full.bufferMemory).toBeLessThanOrEqual(264 * KB)
    expect(full.textRefused).toBeGreaterThan(0)
    const late = peer()
    late.send(SYN)
    expect(late.flagsAfter(10)).toEqual([])
    expect(listener.getStats()).toMatchObject({ refusedByMemory: 1, synsDropped: 1 })
    // the first connection's owner reads what comes
    const first = peers[0] as HandMade
    for (let i = 0; i < 50; i++) {
      first.send(ACK | PSH, { payload: new Uint8Array(1000) })
      first.seq += 1000
      network.advance(2)
      while (reader.receive() !== null);
    }
    expect(reader.status().bytesReceived).toBe(50_000)
    // and once the others do, all is as before
    readAll()
    network.advance(10)
    expect(listener.getStats().bufferMemory).toBe(0)
    expect(late.flagsAfter(1)).toEqual([])
    late.send(SYN)
    expect(late.flagsAfter(10)).toEqual(['S.'])
  })

  test('text that was refused comes again: a whole stack’s stream through an endpoint that has no memory is exact', () => {
    const made = scene({ maxBufferMemory: 60 * KB })
    const { network, channels, peer, listener } = made
    const client = new Recorder()
    const stack = new Stack(network.host(CLIENT).platform)
    client.channel = stack.connect({ address: SERVER, port: PORT }, createConfig(), client)
    network.advance(10)
    const hog = peer()
    hog.open({ mss: 1000 })
    pour(made, hog, 100)
    expect(listener.getStats().bufferMemory).toBeGreaterThanOrEqual(60 * KB)
    let written = 0
    let read = 0
    for (let i = 0; i < 20_000 && read < 300_000; i++) {
      if (client.events.includes('connected') && written < 300_000) {
        written += client.channel.send(new Uint8Array(Math.min(8192, 300_000 - written)).map((_, at) => written + at))
      }
      network.advance(1)
      const [channel] = channels
      for (let bytes = channel?.receive() ?? null; bytes !== null; bytes = channel?.receive() ?? null) {
        for (const byte of bytes) if (byte !== (read++ & 255)) throw new Error(`byte ${read} is wrong`)
      }
    }
    expect(read).toBe(300_000)
    expect(listener.getStats().bufferMemory).toBeGreaterThanOrEqual(60 * KB)
  })

  test('a writer that fell short while memory was tight is woken', () => {
    const made = scene({ maxBufferMemory: 60 * KB })
    const { network, channels, peer } = made
    const hog = peer()
    hog.open({ mss: 1000 })
    const other = peer()
    other.open({ mss: 1000 })
    const channel = channels[1] as Channel
    pour(made, hog, 100)
    let left = 100_000
    const write = (): void => {
      for (let taken = 1; taken > 0 && left > 0; left -= taken)
        taken = channel.send(new Uint8Array(Math.min(left, 10_000)))
    }
    channel.owner = { onEvents: (events) => void (events & WRITABLE && write()) }
    write()
    let got = 0
    for (let i = 0; i < 2000 && got < 100_000; i++) {
      network.advance(1)
      for (const { segment } of other.take()) {
        got += segment.textLength
        other.ack = (segment.seq + segment.textLength) >>> 0
      }
      other.send(ACK)
    }
    expect(got).toBe(100_000)
  })

  test('what lies above holes goes, where the peer has been silent for ten seconds', () => {
    const { network, peer, listener } = scene({ maxBufferMemory: 200 * KB })
    const silent = Array.from({ length: 5 }, () => peer())
    for (const each of silent) each.open({ mss: 1000 })
    for (const each of silent) {
      for (let at = 1; at < 60_000; at += 1000) each.send(ACK, { seq: each.seq + at, payload: new Uint8Array(1000) })
      network.advance(5)
    }
    expect(listener.getStats().bufferMemory).toBeGreaterThanOrEqual(200 * KB)
    const late = peer()
    late.send(SYN)
    expect(late.flagsAfter(10)).toEqual([])
    network.advance(11_000)
    // any word of anybody's is the occasion
    silent[0]?.send(ACK)
    network.advance(10)
    expect(listener.getStats().textShed).toBe(2)
    expect(listener.getStats().bufferMemory).toBeLessThan(100 * KB)
    late.send(SYN)
    expect(late.flagsAfter(10)).toEqual(['S.'])
  })

  test('connections without an owner go first, the one that is one for longest before the others', () => {
    const { network, channels, peer, listener } = scene({ maxBufferMemory: 200 * KB })
    const peers = Array.from({ length: 6 }, () => peer())
    for (const each of peers) each.open({ mss: 1000 })
    // two have been destroyed with text that their peers do not take
    for (const channel of channels.slice(0, 2)) {
      channel.send(new Uint8Array(60_000))
      channel.release(0)
      network.advance(1)
    }
    for (const channel of channels.slice(2)) channel.send(new Uint8Array(60_000))
    network.advance(1)
    expect(channels.map(({ state }) => state)).toEqual([
      ...['CLOSED', 'CLOSED'],
      ...['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED'],
    ])
    expect(listener.getStats().orphansEnded).toBe(2)
    const told = peers[0]?.take().map(({ segment }) => flagsOf(segment)) ?? []
    expect(told.at(-1)).toMatch(/^R/)
  })

  test('what is charged is given back, however a connection ends', () => {
    const made = scene({}, { msl: 100 })
    const { network, channels, peer, listener } = made
    for (const end of ['reset', 'abort', 'close', 'release'] as const) {
      const one = peer()
      one.open({ mss: 1000 })
      pour(made, one, 20)
      const channel = channels.at(-1) as Channel
      channel.send(new Uint8Array(50_000))
      network.advance(1)
      expect(listener.getStats().bufferMemory).toBeGreaterThan(100_000)
      if (end === 'reset') one.send(RST)
      else if (end === 'release') channel.release(0)
      else channel[end]()
      network.advance(10)
      if (end === 'close') one.send(RST)
      network.advance(1000)
      expect([end, listener.getStats().bufferMemory, listener.getStats().connections]).toEqual([end, 0, 0])
    }
  })
})

describe('patience', () => {
  test('a handshake that goes no further is forgotten within a minute and a half', () => {
    const { network, listener, peer } = scene()
    for (let i = 0; i < 100; i++) peer().send(SYN)
    network.advance(100)
    expect(listener.halfOpen).toBe(100)
    network.advance(90_000)
    expect(listener.getStats()).toMatchObject({ halfOpen: 0, connections: 0 })
  })

  test('a byte a minute, for ever: two hundred such connections take little, and others are served', () => {
    const { network, listener, peer, channels, readAll } = scene()
    const slow = Array.from({ length: 200 }, () => peer())
    for (const each of slow) each.open({ mss: 1000 })
    for (let minute = 0; minute < 30; minute++) {
      for (const each of slow) {
        each.send(ACK | PSH, { payload: Uint8Array.of(minute) })
        each.seq++
      }
      network.advance(60_000)
      readAll()
      for (const each of slow) each.take()
    }
    expect(listener.getStats()).toMatchObject({ connections: 200, bufferMemory: 0 })
    peer('10.0.0.10').open()
    expect(channels.length).toBe(201)
  })

  test('half-closed by us, never by the peer, and nobody reads: over after finWait2Timeout', () => {
    const { network, listener, peer, channels } = scene()
    const one = peer()
    one.open()
    channels[0]?.release(0)
    network.advance(10)
    one.take()
    one.ack++
    one.send(ACK)
    network.advance(10)
    expect(channels[0]?.state).toBe('FIN-WAIT-2')
    network.advance(60_000)
    expect(listener.getStats().connections).toBe(0)
  })

  test('without an owner, and a peer that answers every probe and takes nothing: over after maxRetries of them', () => {
    const { network, listener, peer, channels } = scene({}, { maxRetries: 5, maxRto: 1000 })
    const one = peer()
    one.open({ mss: 1000 })
    one.window = 0
    one.send(ACK)
    network.advance(10)
    channels[0]?.send(new Uint8Array(1000))
    channels[0]?.release(0)
    for (let i = 0; i < 200 && listener.getStats().connections > 0; i++) {
      network.advance(100)
      if (one.take().length > 0) one.send(ACK)
    }
    expect(listener.getStats().connections).toBe(0)
  })
})

describe('what an operator sees', () => {
  test("the diagnostics channel 'tcp-over-udp.drops' tells what is new, once a second at most", () => {
    const network = new Network({ link: { delay: 1 } })
    const { stack } = network.host(SERVER)
    const messages: DropsMessage[] = []
    const hear = (message: unknown): void => void messages.push(message as DropsMessage)
    subscribe('tcp-over-udp.drops', hear)
    createServer({ stack }).listen(PORT, SERVER)
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    peer.open()
    for (let i = 0; i < 300; i++) {
      peer.send(SYN, { destinationPort: 99 })
      peer.send(ACK, { seq: (peer.seq + 1_000_000_000) >>> 0 })
      peer.raw(new Uint8Array(7))
      network.advance(10)
    }
    unsubscribe('tcp-over-udp.drops', hear)
    expect(messages.length).toBeGreaterThanOrEqual(2)
    expect(messages.length).toBeLessThanOrEqual(3)
    expect(messages.every(({ stack: of, ms }) => of === stack && ms >= 1000)).toBe(true)
    const sum = (name: string): number => messages.reduce((total, { counts }) => total + (counts[name] ?? 0), 0)
    const totals = stack.getTotals()
    for (const name of [
      'unowned',
      'resetsSent',
      'malformed',
      'outOfWindow',
      'challengesSent',
      'challengesSuppressed',
    ] as const) {
      expect(sum(name)).toBeGreaterThan(totals[name] / 2)
      expect(sum(name)).toBeLessThanOrEqual(totals[name])
    }
    expect(messages[0]?.counts).not.toHaveProperty('acksDoubted')
  })

  test('a report does not ask the machine of each socket that a client has', () => {
    const network = new Network({ link: { delay: 1 } })
    const { stack, platform } = network.host(SERVER)
    const acceptance = new Acceptance()
    const config = createConfig()
    stack.listen({ address: SERVER, port: PORT }, () => config, acceptance)
    new Stack(network.host(CLIENT).platform).listen({ address: CLIENT, port: PORT }, () => config, acceptance)
    const owner = { onEvents: () => {} }
    for (let i = 0; i < 100; i++) stack.connect({ address: CLIENT, port: PORT }, config, owner)
    network.advance(50)
    let asked = 0
    for (const socket of platform.sockets) Object.defineProperty(socket, 'dropped', { get: () => asked++ && 0 })
    const news: Readonly<Record<string, number>>[] = []
    stack.observeDrops({ isWatching: true, onDrops: (counts) => void news.push(counts) })
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    for (let i = 0; i < 50; i++) {
      peer.raw(new Uint8Array(7))
      network.advance(100)
    }
    expect(platform.sockets.size).toBe(101)
    expect(news.length).toBeGreaterThanOrEqual(4)
    // the one that many share, once for each report
    expect(asked).toBe(news.length)
    expect(stack.getTotals()).toMatchObject({ connections: 100, malformed: 50 })
    expect(asked).toBe(news.length + 101)
  })

  test('totals go on when an endpoint has closed, and count each thing once', () => {
    const { network, stack, listener, peer } = scene({}, { msl: 10 })
    const one = peer()
    one.raw(new Uint8Array(3))
    network.advance(10)
    const client = new Stack(network.host(CLIENT).platform)
    for (let i = 0; i < 3; i++) {
      const recorder = new Recorder()
      recorder.channel = client.connect({ address: SERVER, port: PORT }, createConfig({ msl: 10 }), recorder)
      network.advance(10)
      recorder.channel.abort()
      network.advance(10)
    }
    const { datagrams } = client.getTotals()
    expect([datagrams, client.getStats().endpoints]).toEqual([3, 0])
    const before = stack.getTotals()
    listener.close()
    network.advance(1000)
    expect(stack.getStats().endpoints).toBe(0)
    expect(stack.getTotals()).toMatchObject({ malformed: 1, datagrams: before.datagrams })
  })
})
