// What is remembered of remote hosts (RFC 9040 §6): who learns it, who begins with it, and that it is bounded.
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import type { CongestionAlgorithm } from '../../lib/core/congestion/controller.js'
import { mergePathMemory, type PathMemory } from '../../lib/core/path-memory.js'
import { HostCache } from '../../lib/endpoint/host-cache.js'
import { DEFAULT_LIMITS } from '../../lib/endpoint/limits.js'
import { SYN } from '../../lib/wire/segment.js'
import { CLIENT, Couple, flags, type Party, SERVER } from '../support/couple.js'

const NONE = Number.POSITIVE_INFINITY
const HOUR = 3_600_000
const memory = (srtt: number, rttvar = 10, ssthresh = NONE): PathMemory => ({ srtt, rttvar, ssthresh })

describe('the cache', () => {
  test('one address, whatever its clothes, and no other', () => {
    const cache = new HostCache(10)
    cache.learn('10.0.0.1', memory(50), 0)
    expect(cache.recall('::ffff:10.0.0.1', 1)).toEqual(memory(50))
    expect(cache.recall('10.0.0.11', 1)).toBeNull()
  })

  test('is good for an hour since the last connection', () => {
    const cache = new HostCache(10)
    cache.learn('10.0.0.1', memory(50), 0)
    expect(cache.recall('10.0.0.1', HOUR)).not.toBeNull()
    expect(cache.recall('10.0.0.1', HOUR + 1)).toBeNull()
    expect(cache.size).toBe(0)
  })

  test('holds so many hosts, and forgets the one that was used longest ago', () => {
    const cache = new HostCache(3)
    for (const host of ['a', 'b', 'c']) cache.learn(host, memory(1), 0)
    cache.recall('a', 1)
    cache.learn('d', memory(1), 2)
    expect(['a', 'b', 'c', 'd'].map((host) => cache.recall(host, 3) !== null)).toEqual([true, false, true, true])
    for (let i = 0; i < 5000; i++) cache.learn(`host ${i}`, memory(1), 4)
    expect(cache.size).toBe(3)
  })

  test('merges: slower is believed at once, faster by an eighth; the threshold is the mean', () => {
    expect(mergePathMemory(memory(80, 20, 40_000), memory(160, 10, 20_000))).toEqual(memory(160, 40, 30_000))
    expect(mergePathMemory(memory(80, 40), memory(72, 4, 20_000))).toEqual(memory(79, 31, 20_000))
    expect(mergePathMemory(memory(80, 40, 30_000), memory(80, 40))).toEqual(memory(80, 40, 30_000))
  })
})

/** A client and a server 2 x 10 ms apart, both with the cache on unless told otherwise. */
function scene(congestion?: CongestionAlgorithm, hostCache = true): Couple {
  const couple = new Couple({ config: { congestion, msl: 10 } }).listen({ hostCache })
  couple.onAccepted = (party) => {
    party.closesOnEnd = true
  }
  return couple
}

/** A connection that sends `length` bytes and ends. */
function exchange(couple: Couple, length: number, hostCache = true): Party {
  const client = couple.connect({ hostCache })
  couple.network.advanceUntil(() => client.state === 'ESTABLISHED', 60_000)
  if (length > 0) client.channel.send(new Uint8Array(length))
  couple.network.advance(500)
  client.channel.close()
  couple.network.advanceUntil(() => client.state === 'TIME-WAIT', 60_000)
  couple.network.advance(500)
  return client
}

const clientHosts = (couple: Couple): HostCache => couple.clientHost.stack.hosts
const rtoOf = (couple: Couple, hostCache: boolean): number => couple.connect({ hostCache }).channel.status().rto

describe('connections', () => {
  test('the first leaves its round trip, and the SYN of the second is repeated by it, not after a second', () => {
    const couple = scene()
    exchange(couple, 10_000)
    expect(clientHosts(couple).recall(SERVER, couple.network.now)?.srtt).toBeCloseTo(20, 0)
    couple.network.link(couple.clientHost, couple.serverHost).set({ loss: 1 })
    couple.network.clearCapture()
    couple.connect({ hostCache: true })
    couple.network.advance(900)
    const [first, second] = couple.sent(CLIENT, flags(SYN))
    expect((second?.at ?? NONE) - (first?.at ?? 0)).toBeGreaterThanOrEqual(220)
    expect((second?.at ?? NONE) - (first?.at ?? 0)).toBeLessThan(300)
  })

  test('the first sample of its own is news, and counts alone', () => {
    const couple = scene()
    clientHosts(couple).learn(SERVER, memory(500, 250), 0)
    const client = couple.connect({ hostCache: true })
    couple.network.advance(30)
    expect(client.channel.status()).toMatchObject({ srtt: 20, rttvar: 10 })
  })

  test('whatever is remembered, a SYN is not put off longer than 3 s', () => {
    const couple = scene()
    clientHosts(couple).learn(SERVER, memory(40_000, 10_000), 0)
    expect(rtoOf(couple, true)).toBe(3000)
  })

  test.each(['reno', 'cubic'])('%s: a loss leaves a threshold, and slow start ends there the next time', (name) => {
    const couple = scene(findCongestionControl(name) as CongestionAlgorithm)
    couple.network.link(couple.clientHost, couple.serverHost).set({ lose: [60] })
    exchange(couple, 300_000)
    const threshold = clientHosts(couple).recall(SERVER, couple.network.now)?.ssthresh ?? 0
    expect(threshold).toBeGreaterThanOrEqual(10 * 1440)
    expect(threshold).toBeLessThan(200_000)
    expect(couple.connect({ hostCache: true }).channel.status().ssthresh).toBe(threshold)
    expect(couple.connect({ hostCache: false }).channel.status().ssthresh).toBe(NONE)
  })

  test('never less than the initial window, however early the losses were', () => {
    const couple = scene(findCongestionControl('reno') as CongestionAlgorithm)
    couple.network.link(couple.clientHost, couple.serverHost).set({ lose: [3, 4, 5, 6] })
    exchange(couple, 30_000)
    expect(clientHosts(couple).recall(SERVER, couple.network.now)?.ssthresh).toBe(10 * 1440)
  })

  test('bbr has no threshold to leave and needs none', () => {
    const couple = scene(findCongestionControl('bbr') as CongestionAlgorithm)
    couple.network.link(couple.clientHost, couple.serverHost).set({ lose: [60] })
    exchange(couple, 300_000)
    expect(clientHosts(couple).recall(SERVER, couple.network.now)?.ssthresh).toBe(NONE)
  })

  test('a server remembers too, where it has sent something', () => {
    const couple = scene()
    couple.onAccepted = (party) => {
      party.closesOnEnd = true
      party.channel.send(new Uint8Array(5000))
    }
    exchange(couple, 100)
    expect(couple.serverHost.stack.hosts.recall(CLIENT, couple.network.now)?.srtt).toBeGreaterThanOrEqual(20)
  })

  test('off, which is the default: nothing is remembered, nothing is used', () => {
    const couple = scene(undefined, false)
    exchange(couple, 10_000, false)
    expect(clientHosts(couple).size + couple.serverHost.stack.hosts.size).toBe(0)
    clientHosts(couple).learn(SERVER, memory(500, 20), couple.network.now)
    expect(rtoOf(couple, false)).toBe(createConfig().initialRto)
  })
})

describe('who may teach', () => {
  test('no connection that was never established, and none that moved nothing', () => {
    const couple = scene()
    exchange(couple, 0)
    const refused = couple.connect({ hostCache: true, port: 1 })
    couple.network.advance(1000)
    expect(refused.state).toBe('CLOSED')
    expect(clientHosts(couple).size).toBe(0)
  })

  test('a host teaches about itself: what others are to be told stays as it was', () => {
    const couple = scene()
    const { hosts } = couple.serverHost.stack
    hosts.learn('10.0.0.77', memory(30, 5, 50_000), 0)
    couple.onAccepted = (party) => {
      party.closesOnEnd = true
      party.channel.send(new Uint8Array(5000))
    }
    // its ACKs take for ever
    couple.network.link(couple.clientHost, couple.serverHost).set({ delay: 5_000 })
    const client = couple.connect()
    couple.network.advance(60_000)
    client.channel.close()
    couple.network.advance(60_000)
    expect(hosts.recall(CLIENT, couple.network.now)?.srtt).toBeGreaterThan(4_000)
    expect(hosts.recall('10.0.0.77', couple.network.now)).toEqual(memory(30, 5, 50_000))
  })

  test('there is a limit by default', () => {
    expect(DEFAULT_LIMITS.maxRememberedHosts).toBe(1024)
  })
})
