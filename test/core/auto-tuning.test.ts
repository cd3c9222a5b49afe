// How the receive window grows: by what is taken in a round trip, as seen by the receiver (Dynamic Right-Sizing), and by nothing else.
import { describe, expect, test } from 'vitest'
import { ReceiveTuning } from '../../lib/core/receive/auto-tuning.js'
import { established } from '../support/script.js'

const KB = 1024

describe('growth, by which a sender in slow start is known', () => {
  /** Takes `bytes` a ms for `ms`, in pieces of a ms. @returns how many of these found it growing. */
  function take(tuning: ReceiveTuning, from: { at: number; total: number }, ms: number, bytes: number): number {
    let growing = 0
    for (let i = 0; i < ms; i++) {
      from.at++
      from.total += bytes
      tuning.onTaken(from.total, from.at)
      if (tuning.isGrowing) growing++
    }
    return growing
  }

  test.each([1, 20, 300])('a rate that doubles with each round trip of %s ms is, one that stays is not', (rtt) => {
    const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
    const so = { at: 0, total: 0 }
    tuning.onEcho(1, rtt)
    for (let round = 0; round < 8; round++) expect(take(tuning, so, rtt, 100 * 2 ** round)).toBe(rtt)
    take(tuning, so, 2 * rtt, 12_800)
    expect(take(tuning, so, 50 * rtt, 12_800)).toBe(0)
  })

  test('nor is one that stays while round trips seem longer, then shorter, or with stalls of some ms', () => {
    const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
    const so = { at: 0, total: 0 }
    let growing = 0
    for (let round = 0; round < 500; round++) {
      // two busy processes on one machine: now it is a ms, now a turn of the other's
      tuning.onEcho(round + 1, 1 + ((round * 7) % 25))
      const now = take(tuning, so, 1 + (round % 5), 100_000)
      if (round > 20) growing += now
      so.at += round % 9 === 0 ? 4 : 0
    }
    expect(growing).toBe(0)
  })

  test('after a pause the sender begins anew', () => {
    const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
    const so = { at: 0, total: 0 }
    tuning.onEcho(1, 20)
    take(tuning, so, 1_000, 1_000)
    expect(tuning.isGrowing).toBe(false)
    so.at += 300
    expect(take(tuning, so, 20, 100)).toBe(20)
  })
})

describe('the limit', () => {
  test('begins where it is told to, or at the most there may be', () => {
    expect(new ReceiveTuning(64 * KB, 1e6).limit).toBe(64 * KB)
    expect(new ReceiveTuning(64 * KB, 1000).limit).toBe(1000)
  })

  test('slow start, in bursts a round trip apart: initial window and all that has arrived fit, whatever the estimate, from a half to twice', () => {
    for (const wrong of [0.5, 0.9, 1, 1.1, 2]) {
      const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
      const initial = 14_480
      let arrived = 0
      for (let round = 0; round < 9; round++) {
        tuning.onEcho(round + 1, 600 * wrong)
        for (let sent = 0; sent < initial * 2 ** round; sent += initial / 10) {
          arrived += initial / 10
          tuning.onTaken(arrived, round * 600 + (100 * sent) / (initial * 2 ** round))
          if (wrong >= 1) expect(tuning.limit).toBeGreaterThanOrEqual(initial + arrived)
        }
        expect(tuning.limit).toBeGreaterThanOrEqual(initial + arrived)
      }
    }
  })

  test('steady reading: four round trips at most, and two at least', () => {
    const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
    for (let ms = 0; ms < 60_000; ms++) {
      tuning.onEcho(ms + 1, 50)
      tuning.onTaken(1000 * ms, ms)
    }
    expect(tuning.limit).toBeGreaterThanOrEqual(64 * KB + 2 * 50_000)
    expect(tuning.limit).toBeLessThanOrEqual(64 * KB + 4 * 51_000)
  })

  test('a little now and then adds up to nothing', () => {
    const tuning = new ReceiveTuning(64 * KB, 2 ** 40)
    for (let i = 1; i <= 100_000; i++) {
      // the peer has waited for its user: the echo is as old as the pause
      tuning.onEcho(i, 1000)
      tuning.onTaken(i * 100, i * 1000)
    }
    expect(tuning.limit).toBeLessThan(65 * KB)
  })

  test('nobody reads: it stays; and it never shrinks', () => {
    const tuning = new ReceiveTuning(64 * KB, 1e6)
    tuning.onEcho(1, 10)
    for (let ms = 0; ms < 1000; ms++) tuning.onTaken(0, ms)
    expect(tuning.limit).toBe(64 * KB)
    tuning.onTaken(100_000, 1000)
    const { limit } = tuning
    expect(limit).toBe(64 * KB + 200_000)
    tuning.onTaken(100_001, 60_000)
    tuning.onTaken(90_000, 70_000)
    expect(tuning.limit).toBe(limit)
    tuning.onTaken(1e7, 70_000)
    expect(tuning.limit).toBe(1e6)
  })
})

describe('the round trip', () => {
  test('falls at once and rises slowly: a sample holds the path and what the sender waited', () => {
    const tuning = new ReceiveTuning(1, 1)
    expect(tuning.rtt).toBe(Number.POSITIVE_INFINITY)
    tuning.onEcho(1, 5000)
    tuning.onEcho(2, 20)
    expect(tuning.rtt).toBe(20)
    tuning.onEcho(3, 100)
    expect(tuning.rtt).toBe(30)
    // the same echo again is no news, and one from the future is none of ours
    tuning.onEcho(3, 4000)
    tuning.onEcho(4, -1)
    expect(tuning.rtt).toBe(30)
    tuning.onEcho(5, 0)
    expect(tuning.rtt).toBe(1)
  })

  test('without timestamps: the shortest time from which on text comes that lies beyond the window of then', () => {
    const tuning = new ReceiveTuning(1, 1)
    tuning.onText(1001, 65_537, 0)
    tuning.onText(65_537, 70_000, 1)
    expect(tuning.rtt).toBe(Number.POSITIVE_INFINITY)
    tuning.onText(66_537, 130_000, 80)
    expect(tuning.rtt).toBe(80)
    tuning.onText(131_000, 200_000, 1000)
    tuning.onText(201_000, 300_000, 1040)
    expect(tuning.rtt).toBe(40)
  })
})

describe('of a connection', () => {
  const timestamps = 'mss 1000,sackOK,ts 7,wscale 7'

  test('by the echo of timestamps: 20 ms, though the handshake took 100', () => {
    const tcp = established({ peer: timestamps })
    tcp.at(20).inject('. 1:1001 ack 1 <ts 27 ecr 0>').take()
    expect(tcp.status).toMatchObject({ receiveRtt: 20, receiveLimit: 65_536 })
    tcp.receive()
    tcp.take()
    tcp.at(21).inject('. 1001:2001 ack 1 <ts 28 ecr 20>').take()
    expect(tcp.status).toMatchObject({ receiveRtt: 1, receiveLimit: 67_536 })
  })

  test('what is above a hole takes no room, and the window of a duplicate ACK grows with it', () => {
    const tcp = established({ peer: 'mss 1000,sackOK,wscale 7' })
    tcp.inject('. 1001:2001 ack 1').take()
    tcp.inject('. 2001:3001 ack 1').take()
    expect(tcp.status.receiveWindow).toBeGreaterThanOrEqual(65_536 + 2000)
  })

  test('RFC 5681 §2: but not without SACK, where another window would be no duplicate', () => {
    const tcp = established({ peer: 'mss 1000,wscale 7' })
    tcp.inject('. 1001:2001 ack 1').expect('. 1 ack 1 win 256')
    tcp.inject('. 2001:3001 ack 1').expect('. 1 ack 1 win 256')
  })

  test('a reader that stops closes the window: what comes grows nothing', () => {
    const tcp = established({ peer: 'mss 1000,sackOK,wscale 7' })
    let end = 1
    while (tcp.status.receiveWindow > 0 && end < 1e6) {
      const length = Math.min(1000, tcp.status.receiveWindow)
      tcp.inject(`. ${end}:${end + length} ack 1`).take()
      end += length
    }
    expect(tcp.status).toMatchObject({ receiveWindow: 0, receiveLimit: 65_536 })
    expect(end).toBeLessThan(2 * 65_536)
  })

  test('a large segment: the ten that come first, twice', () => {
    const tcp = established({ config: { mss: 16_000 } })
    expect(tcp.status.receiveLimit).toBe(320_000)
  })
})
