// A socket's buffer is shared out among those who receive at the same time: shares, rounds, and what it does for senders on a short path.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { loneRoom, ReceiveRoom, type Receiver } from '../../lib/endpoint/receive-room.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { Platform } from '../../lib/platform/platform.js'
import { Network } from '../../lib/testing/network.js'
import type { SimulatedPlatform } from '../../lib/testing/simulated-platform.js'
import { ACK, Segment } from '../../lib/wire/segment.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, Recorder } from '../support/recorder.js'
import { datagramOf } from '../support/segments.js'
import { Spoofer } from '../support/spoofer.js'

const BUFFER = 212_992
/** The machine's own overhead is as much again. */
const USABLE = BUFFER / 2
/** Long segments have less of that. */
const LONG = Math.floor(0.7 * BUFFER)
const ROUND = 50

const receivers = (count: number): Receiver[] => Array.from({ length: count }, () => ({ receivedIn: 0 }))

/** Text comes for each of them, over and over, from `from` to `to`, ms. */
function receive(room: ReceiveRoom, those: readonly Receiver[], from: number, to: number): void {
  for (let now = from; now < to; now += 5) for (const each of those) room.note(each, now)
}

describe('a room', () => {
  it('is all of the usable buffer where one receives, or nobody yet', () => {
    const room = new ReceiveRoom(BUFFER)
    expect(room.bytes).toBe(USABLE)
    receive(room, receivers(1), 0, 500)
    expect(room.bytes).toBe(USABLE)
  })

  it.each([2, 10, 25])('is an equal share for each of %i, from the moment that each is heard', (count) => {
    const room = new ReceiveRoom(BUFFER)
    receivers(count).forEach((each, i) => {
      room.note(each, 1)
      expect(room.bytes).toBe(Math.floor(USABLE / (i + 1)))
    })
  })

  it('is no more than it is because one sends much', () => {
    const room = new ReceiveRoom(BUFFER)
    const [busy, ...others] = receivers(4) as [Receiver, ...Receiver[]]
    receive(room, [busy, ...others], 0, 200)
    for (let i = 0; i < 1_000; i++) room.note(busy, 200 + i / 1_000)
    expect(room.bytes).toBe(USABLE / 4)
  })

  it('is never less than 4096 bytes: however many, however small the buffer', () => {
    const room = new ReceiveRoom(BUFFER)
    receive(room, receivers(1_000), 0, 10)
    expect(room.bytes).toBe(4_096)
    expect(new ReceiveRoom(0).bytes).toBe(4_096)
    expect(new ReceiveRoom(5_000).bytes).toBe(4_096)
  })

  it('counts those of this round and of the last: who stops has no share two rounds of 50 ms later', () => {
    const room = new ReceiveRoom(BUFFER)
    const all = receivers(10)
    receive(room, all, 0, 2 * ROUND)
    const one = all.slice(0, 1)
    receive(room, one, 2 * ROUND, 3 * ROUND)
    expect(room.bytes).toBe(Math.floor(USABLE / 10))
    receive(room, one, 3 * ROUND, 4 * ROUND)
    expect(room.bytes).toBe(USABLE)
  })

  it('forgets at once who was heard before a silence of two rounds', () => {
    const room = new ReceiveRoom(BUFFER)
    const all = receivers(10)
    receive(room, all, 0, ROUND)
    room.note(all[0] as Receiver, 3 * ROUND)
    expect(room.bytes).toBe(USABLE)
  })

  it('gives nobody more than those have who receive apart, until two rounds of 50 ms after their last text', () => {
    const room = new ReceiveRoom(BUFFER)
    const apart = new ReceiveRoom(BUFFER / 4)
    const one = receivers(1)
    receive(room, one, 0, ROUND)
    expect(room.isBehind).toBe(false)
    room.noteApart(apart, ROUND)
    room.noteApart(new ReceiveRoom(BUFFER), ROUND)
    expect(room.bytes).toBe(USABLE / 4)
    expect(room.isBehind).toBe(false)
    receive(room, receivers(8), ROUND, 2 * ROUND)
    expect(room.bytes).toBe(Math.floor(USABLE / 8))
    expect(room.isBehind).toBe(true)
    receive(room, one, 2 * ROUND, 3 * ROUND)
    expect(room.isBehind).toBe(true)
    receive(room, one, 3 * ROUND, 4 * ROUND)
    expect(room.bytes).toBe(USABLE)
    expect(room.isBehind).toBe(false)
  })

  it('of a socket with one peer has no rounds, and those with buffers of one size have one together', () => {
    expect(loneRoom(BUFFER).bytes).toBe(USABLE)
    expect(loneRoom(BUFFER)).toBe(loneRoom(BUFFER))
    expect(loneRoom(2 * BUFFER).bytes).toBe(BUFFER)
  })
})

/** A process whose sockets are shared by all that send to them: it has no other for one of these, as dgram has none. */
function withoutBranches(platform: SimulatedPlatform): Platform {
  const bind: Platform['bind'] = (local, handler) => {
    return Object.defineProperty(platform.bind(local, handler), 'branch', { value: undefined })
  }
  return Object.create(platform, { bind: { value: bind } })
}

describe('senders on a short path', () => {
  /** A server and `senders` on one machine, in processes of their own, that have sent without an end for a second. */
  function scene(senders: number, mss = 65_495) {
    const network = new Network({ mtu: 65_535 })
    const host = network.host('10.0.0.1')
    network.link(host, host).set({ rate: 50e6 })
    const platform = host.process()
    const server = new Stack(withoutBranches(platform))
    const chosen = createConfig({ mss })
    const acceptance = new Acceptance()
    // on a port that other processes may have too nobody gets a socket of its own
    const target = { address: '127.0.0.1', port: 80, recvBufferSize: BUFFER, reusePort: true }
    server.listen(target, () => chosen, acceptance)
    const stack = new Stack(host.process())
    const chunk = new Uint8Array(65_536)
    for (let i = 0; i < senders; i++) {
      const one = new Recorder()
      one.react = (_events, channel) => {
        while (channel.send(chunk) === chunk.length);
      }
      one.channel = stack.connect({ address: '127.0.0.1', port: 80 }, chosen, one)
    }
    network.advance(1_000)
    network.clearCapture()
    return { network, platform, accepted: acceptance.accepted }
  }

  it('their windows add up to no more than the buffer holds: a server that reads nothing for a while loses nothing', () => {
    const { network, platform, accepted } = scene(20)
    const windows = accepted.map(({ channel }) => channel.status().receiveWindow)
    expect(windows).toHaveLength(20)
    expect(windows.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(USABLE)
    for (let i = 0; i < 5; i++) {
      platform.suspend()
      network.advance(40)
      platform.resume()
      network.advance(20)
    }
    expect(network.capture.length).toBeGreaterThan(500)
    expect(network.capture.filter(({ fate }) => fate === 'buffer full')).toEqual([])
  })

  it('and each gets the same', () => {
    const { network, accepted } = scene(20)
    const before = accepted.map(({ bytes }) => bytes)
    network.advance(500)
    const got = accepted.map(({ bytes }, i) => bytes - (before[i] as number))
    const sum = got.reduce((all, each) => all + each, 0)
    // Jain's index
    expect(sum ** 2 / (got.length * got.reduce((all, each) => all + each ** 2, 0))).toBeGreaterThan(0.99)
  })

  it('one alone has as much of the buffer as long segments fill, and no window is larger', () => {
    const { network, platform, accepted } = scene(1)
    expect(accepted[0]?.channel.status().receiveLimit).toBe(LONG)
    // a quarter of the window, more or less: its unit is not a byte
    expect(accepted[0]?.channel.status().receiveMss).toBeGreaterThan(0.99 * (LONG / 4))
    platform.suspend()
    network.advance(40)
    platform.resume()
    network.advance(40)
    expect(network.capture.length).toBeGreaterThan(10)
    expect(network.capture.filter(({ fate }) => fate === 'buffer full')).toEqual([])
  })

  it('and with short segments half of it', () => {
    const { network, accepted } = scene(1, 1_440)
    network.advance(1_000)
    expect(accepted[0]?.channel.status()).toMatchObject({ receiveLimit: USABLE, receiveMss: 1_428 })
  })

  it('no window is too small for two of the segments that come', () => {
    const { accepted } = scene(60)
    for (const { channel } of accepted) {
      const { receiveLimit, receiveMss } = channel.status()
      expect(receiveLimit).toBeGreaterThanOrEqual(2 * receiveMss)
    }
  })
})

it('text in the name of others, whose numbers it does not have, takes no room from who receives', () => {
  const network = new Network({ link: { delay: 1 } })
  const spoofer = new Spoofer(network.host('10.0.0.1').platform)
  const acceptance = new Acceptance()
  new Stack(spoofer.platform).listen({ address: '10.0.0.1', port: 80 }, createConfig, acceptance)
  const peers = Array.from({ length: 10 }, (_, i) => {
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000 + i, { address: '10.0.0.1', port: 80 })
    peer.open()
    return peer
  })
  const { room } = acceptance.channels[0].local
  const all = room.bytes
  for (const { port, seq } of peers) {
    const segment = Object.assign(new Segment(), { flags: ACK, sourcePort: port, destinationPort: 80 })
    Object.assign(segment, { seq: (seq + 2 ** 30) >>> 0, ack: 7, payload: new Uint8Array(10) })
    spoofer.arrive(80, datagramOf(segment), '10.0.0.9', port)
  }
  spoofer.quiet(80)
  expect(room.bytes).toBe(all)
  for (const peer of peers) peer.send(ACK, { payload: new Uint8Array(10) })
  network.advance(10)
  expect(room.bytes).toBeLessThanOrEqual(Math.ceil(all / 10))
})
