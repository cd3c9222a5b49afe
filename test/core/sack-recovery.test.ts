// Repair by SACK: the rules of RFC 6675 §4 as RACK holds them, lost repetitions, and windows with hundreds of holes.
import { describe, expect, test } from 'vitest'
import { BBR, CUBIC, NEWRENO } from '../../lib/core/congestion/algorithms.js'
import type { CongestionAlgorithm } from '../../lib/core/congestion/controller.js'
import { FlowRun } from '../support/flow.js'
import { established, type Script } from '../support/script.js'

const RTT = 100

/** `count` segments of 1,000 bytes have left, and `more` wait for room. */
function inFlight(count: number, more = 0, congestion: CongestionAlgorithm = NEWRENO): Script {
  const tcp = established({ peer: 'mss 1000,sackOK,wscale 7', config: { congestion } })
  tcp.inject('. 1 ack 1 win 65535')
  tcp.send((count + more) * 1000)
  expect(tcp.take()).toHaveLength(count)
  return tcp.at(RTT)
}

function texts(tcp: Script): string[] {
  return tcp.take().map((line) => / (\S+) ack/.exec(line)?.[1] ?? '')
}

describe('RFC 6675 §4', () => {
  test('IsLost(): three SACKed ranges that do not touch', () => {
    const tcp = inFlight(10)
    for (const sack of ['1001:2001', '3001:4001 1001:2001']) tcp.inject(`. 1 ack 1 win 65535 <sack ${sack}>`).silence()
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 5001:6001 3001:4001 1001:2001>'))[0]).toBe('1:1001')
  })

  test('IsLost(): more than two segments of bytes above, in one ACK', () => {
    const tcp = inFlight(10)
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:4001>'))[0]).toBe('1:1001')
  })

  test('IsLost(): not for two, within a quarter of the round trip; nor for what lies above all SACKs', () => {
    const tcp = inFlight(10)
    tcp.inject('. 1 ack 1 win 65535 <sack 1001:3001>').silence()
    tcp.at(RTT + RTT / 4 - 1).silence()
    tcp.inject('. 1 ack 1 win 65535 <sack 1001:4001>').take()
    expect(tcp.status.lost + tcp.status.segmentsRetransmitted * 1000).toBe(1000)
  })

  test('NextSeg() (1), (2): holes first, lowest first; then new text', () => {
    const tcp = inFlight(10, 10)
    const sent = texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:2001 3001:10001>'))
    for (let i = 0; i < 3; i++)
      sent.push(...texts(tcp.at(tcp.time + RTT).inject(`. 1 ack ${[2001, 10_001, 11_001][i]} win 65535`)))
    const order = sent.map((text) => Number(text.split(':')[0]))
    expect(order.slice(0, 2).sort((a, b) => a - b)).toEqual([1, 2001])
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(new Set(order).size).toBe(order.length)
  })

  test('NextSeg() (3), (4): the tail is lost as well, and there is no new text: the repetition tells of it, not the timer', () => {
    const tcp = inFlight(10)
    // 1, 9 and 10 are lost
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:8001>'))).toEqual(['1:1001'])
    const sent = texts(tcp.at(2 * RTT).inject('. 1 ack 8001 win 65535'))
    while (sent.length < 2 && tcp.next(RTT) < 3 * RTT) sent.push(...texts(tcp))
    expect(sent).toEqual(['8001:9001', '9001:10001'])
    tcp.at(3 * RTT).inject('. 1 ack 10001 win 65535')
    expect(tcp.status).toMatchObject({ timeouts: 0, unacknowledged: 0, segmentsRetransmitted: 3 })
  })

  test('§6: a repetition of what comes first gives the RTO its round trip', () => {
    const tcp = inFlight(10)
    tcp.at(190).inject('. 1 ack 1 win 65535 <sack 1001:10001>')
    expect(texts(tcp)).toEqual(['1:1001'])
    const { rto } = tcp.status
    expect(tcp.next()).toBe(190 + rto)
    tcp.take()
  })
})

describe.each([
  ['reno', NEWRENO],
  ['cubic', CUBIC],
  ['bbr', BBR],
] as const)('a repetition that is lost, with %s', (_, congestion) => {
  test('is found by what left after it, again and again, and no timer expires', () => {
    const tcp = inFlight(10, 60, congestion)
    tcp.inject('. 1 ack 1 win 65535 <sack 1001:10001>')
    let repeated = 0
    let known = 10_001
    for (let round = 2; round <= 6; round++) {
      const sent = texts(tcp)
      while (tcp.next(RTT - 20) !== Number.POSITIVE_INFINITY && tcp.time < round * RTT - 10) sent.push(...texts(tcp))
      sent.push(...texts(tcp))
      repeated += sent.filter((text) => text === '1:1001').length
      known = Math.max(known, ...sent.map((text) => Number(text.split(':')[1])))
      tcp.at(Math.max(tcp.time, round * RTT)).inject(`. 1 ack 1 win 65535 <sack 1001:${known}>`)
    }
    tcp.take()
    expect(repeated).toBeGreaterThanOrEqual(4)
    expect(tcp.status).toMatchObject({ timeouts: 0, recoveries: 1 })
  })
})

describe.each(['reno', 'cubic', 'bbr'])('hundreds of holes in one window, with %s', (control) => {
  test.each([
    ['every second of 600 packets', (n: number) => n <= 600 && n % 2 === 0],
    ['300 in a row', (n: number) => n <= 300],
  ])('%s: repaired within a few round trips, without a time-out', (_, isLost) => {
    const run = new FlowRun({ forth: { rate: 100e6, delay: 25, queue: 2_000_000 } })
    const flow = run.start(control)
    run.run(3000)
    let seen = 0
    let lostAt = Number.NaN
    const lose = (_: unknown, n: number): boolean => {
      seen = n
      if (!isLost(n)) return false
      if (Number.isNaN(lostAt)) lostAt = run.network.now
      return true
    }
    run.link.set({ ...run.link.options, lose })
    const before = flow.status
    let repairedAt = Number.NaN
    let burst = 0
    while (Number.isNaN(repairedAt) && run.network.now < 6000) {
      const { entered } = run.link.stats
      run.run(1)
      burst = Math.max(burst, run.link.stats.entered - entered)
      const { lost, segmentsRetransmitted } = flow.status
      if (seen > 600 && lost === 0 && segmentsRetransmitted - before.segmentsRetransmitted >= 300) {
        repairedAt = run.network.now
      }
    }
    const roundTrips = (repairedAt - lostAt) / before.srtt
    expect(flow.status.timeouts - before.timeouts).toBe(0)
    // one to hear of the losses, and one or two to repair them
    expect(roundTrips).toBeLessThan(3)
    // the link takes 9 in a ms; one more for each ACK (RFC 9937 §6.2) makes it twice as many
    expect(burst).toBeLessThanOrEqual(2 * 9)
  })
})
