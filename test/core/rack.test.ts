// Loss detection by time: RFC 8985 §6 with RACK alone, and with a connection.
import { describe, expect, test } from 'vitest'
import { Rack } from '../../lib/core/recovery/rack.js'
import type { Flight } from '../../lib/core/send/flight.js'
import { Scoreboard } from '../../lib/core/send/scoreboard.js'
import { established, type Script } from '../support/script.js'

const MSS = 1000
const RTT = 100
const NOTHING = { onSent: () => {}, onFound: () => {}, onLost: () => {}, onTooLong: () => {} }

/** A scoreboard with RACK behind it; segments are numbered from 0. */
class Path {
  readonly rack: Rack
  readonly lost: number[] = []
  readonly scoreboard = new Scoreboard({
    ...NOTHING,
    onDelivered: (flight: Flight, now: number) => this.rack.onDelivered(flight, now),
  })
  inRecovery = false

  constructor(minRtt = RTT) {
    this.rack = new Rack({ minRtt })
  }

  send(count: number, at: number): void {
    for (let i = 0; i < count; i++) {
      const from = this.scoreboard.count * MSS
      this.scoreboard.add(from, from + MSS, at)
    }
  }

  /** The peer has these segments. @returns the numbers of those that are lost now. */
  sack(at: number, ...segments: number[]): number[] {
    this.rack.begin(Number.NaN)
    for (const n of segments) this.scoreboard.sack(Float64Array.of(n * MSS, (n + 1) * MSS), 1, at)
    return this.look(at)
  }

  look(at: number): number[] {
    this.lookAgainAt = this.rack.detect(this.scoreboard, RTT, this.inRecovery, at)
    const found: number[] = []
    for (let flight = this.scoreboard.nextLost(MSS); flight !== null; flight = this.scoreboard.nextLost(MSS)) {
      found.push(flight.from / MSS)
      this.scoreboard.resent(flight, at)
    }
    return found
  }
  lookAgainAt = Number.POSITIVE_INFINITY
}

describe('RFC 8985 §6.2', () => {
  test('what was sent before something that has arrived is lost a quarter of the smallest RTT later', () => {
    const path = new Path()
    path.send(2, 0)
    expect(path.sack(RTT, 1)).toEqual([])
    expect(path.lookAgainAt).toBe(RTT + RTT / 4)
    expect(path.look(RTT + RTT / 4 - 1)).toEqual([])
    expect(path.look(RTT + RTT / 4)).toEqual([0])
  })

  test('with three segments held by the peer at once, as long as nothing was seen out of order', () => {
    const path = new Path()
    path.send(4, 0)
    expect(path.sack(RTT, 1, 2)).toEqual([])
    expect(path.sack(RTT + 1, 3)).toEqual([0])
  })

  test('and in a recovery at once', () => {
    const path = new Path()
    path.inRecovery = true
    path.send(2, 0)
    expect(path.sack(RTT, 1)).toEqual([0])
  })

  test('what was sent after is not lost, whatever its number', () => {
    const path = new Path()
    path.send(4, 0)
    path.send(4, 50)
    expect(path.sack(RTT, 1, 2, 3)).toEqual([0])
    expect(path.look(1000)).toEqual([])
  })

  test('step 3: a path that has reordered gets its window back for good', () => {
    const path = new Path()
    path.send(3, 0)
    path.sack(RTT, 2)
    path.sack(RTT + 5, 1)
    path.sack(RTT + 6, 0)
    path.send(5, 200)
    expect(path.sack(300, 4, 5, 6, 7)).toEqual([])
    expect(path.look(300 + RTT / 4)).toEqual([3])
  })

  test('step 2: an ACK that may be of the first transmission moves nothing', () => {
    const path = new Path()
    path.send(2, 0)
    path.sack(RTT, 1)
    expect(path.look(150)).toEqual([0])
    path.send(3, 151)
    // 5 ms after it was sent again, which no path can do
    expect(path.sack(155, 0)).toEqual([])
    expect(path.look(1000)).toEqual([])
  })

  test('a repetition that is lost is found by what left after it', () => {
    const path = new Path()
    path.send(4, 0)
    expect(path.sack(RTT, 1, 2, 3)).toEqual([0])
    path.inRecovery = true
    path.send(1, RTT + 1)
    expect(path.sack(2 * RTT + 1, 4)).toEqual([0])
  })

  test('step 4: D-SACKs widen the window by a quarter of the smallest RTT in each round trip that has them', () => {
    const path = new Path()
    path.rack.onReordering()
    path.rack.onDuplicateSack(5000, 0)
    path.rack.onDuplicateSack(6000, 4999)
    path.send(2, 0)
    path.sack(RTT, 1)
    expect(path.lookAgainAt).toBe(RTT + (2 * RTT) / 4)
    path.rack.onDuplicateSack(9000, 5000)
    path.look(RTT)
    expect(path.lookAgainAt).toBe(RTT + (3 * RTT) / 4)
  })

  test('step 4: never beyond the smoothed RTT', () => {
    const path = new Path()
    path.rack.onReordering()
    for (let i = 1; i < 20; i++) path.rack.onDuplicateSack(i * 1000 + 1, i * 1000)
    path.send(2, 0)
    path.sack(RTT, 1)
    expect(path.lookAgainAt).toBe(2 * RTT)
  })

  test('step 4: after 16 recoveries without one it is narrow again', () => {
    const path = new Path()
    path.rack.onReordering()
    path.rack.onDuplicateSack(1000, 0)
    path.send(2, 0)
    path.sack(RTT, 1)
    for (let i = 0; i < 15; i++) path.rack.onRecoveryEnd()
    path.look(RTT)
    expect(path.lookAgainAt).toBe(RTT + RTT / 2)
    path.rack.onRecoveryEnd()
    path.look(RTT)
    expect(path.lookAgainAt).toBe(RTT + RTT / 4)
  })
})

describe('in a connection', () => {
  function sent(count: number): Script {
    const tcp = established({ peer: `mss ${MSS},sackOK`, window: 65_535 })
    tcp.send(count * MSS)
    expect(tcp.take()).toHaveLength(count)
    return tcp
  }

  test('RFC 8985 §3.3: two lost of four: found by the last one, after the window, and repeated together', () => {
    const tcp = sent(4)
    tcp.at(RTT).inject('. 1 ack 1001').silence()
    tcp.inject('. 1 ack 1001 <sack 3001:4001>').silence()
    expect(tcp.next()).toBe(RTT + RTT / 4)
    tcp.expect('. 1001:2001 ack 1')
    expect(tcp.status.recoveries).toBe(1)
    tcp.at(2 * RTT).inject('. 1 ack 2001 <sack 3001:4001>')
    tcp.expect('. 2001:3001 ack 1')
    tcp.at(3 * RTT + 1).inject('. 1 ack 4001')
    expect(tcp.status).toMatchObject({ unacknowledged: 0, timeouts: 0 })
  })

  test('reordering within a quarter of the RTT repeats nothing', () => {
    const tcp = sent(6)
    tcp.at(RTT).inject('. 1 ack 1 <sack 1001:3001>').silence()
    tcp
      .at(RTT + 20)
      .inject('. 1 ack 3001')
      .silence()
    tcp
      .at(RTT + 21)
      .inject('. 1 ack 3001 <sack 4001:6001>')
      .silence()
    tcp.at(RTT + 40).inject('. 1 ack 6001')
    expect(tcp.status).toMatchObject({ recoveries: 0, segmentsRetransmitted: 0 })
  })

  test('after lost ACKs, several new blocks in one ACK are not reordering', () => {
    const tcp = sent(10)
    // the newest block comes first; 3 and 6 are lost, and so is 0
    tcp.at(RTT).inject('. 1 ack 1 <sack 7001:10001 4001:6001 1001:3001>')
    expect(tcp.take().length).toBeGreaterThan(0)
    expect(tcp.status.recoveries).toBe(1)
  })
})
