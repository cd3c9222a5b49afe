// Congestion control as it shows on the wire: RFC 5681, 6928, 3042, 6582 and 9937 with the NewReno that comes with the core.
import { describe, expect, test } from 'vitest'
import { NEWRENO } from '../../lib/core/congestion/algorithms.js'
import { ackSample } from '../support/ack-sample.js'
import { established, type Script } from '../support/script.js'

const MSS = 1000

/** A path with a window that never is the limit, and `bytes` to send. */
function bulk(bytes: number, peer = `mss ${MSS}`): Script {
  const tcp = established({ peer: `${peer},wscale 7`, window: 65_535 })
  tcp.inject('. 1 ack 1 win 65535')
  tcp.send(bytes)
  return tcp
}

/** One ACK for each segment of `lines`, at `ms`. @returns what leaves upon them. */
function acknowledge(tcp: Script, lines: readonly string[], ms: number, every = 1): string[] {
  tcp.at(ms)
  const sent: string[] = []
  const ends = lines.map((line) => Number(/:(\d+)/.exec(line)?.[1]))
  for (let i = every - 1; i < ends.length; i += every) {
    tcp.inject(`. 1 ack ${ends[i]} win 65535`)
    sent.push(...tcp.take())
  }
  return sent
}

/** Duplicate ACKs for 1, at `ms`. @returns what leaves upon each. */
function duplicates(tcp: Script, count: number, ack = 1): string[][] {
  const sent: string[][] = []
  for (let i = 0; i < count; i++) {
    tcp.inject(`. 1 ack ${ack} win 65535`)
    sent.push(tcp.take().map((line) => line.replace(/ ack.*/, '')))
  }
  return sent
}

describe('the beginning', () => {
  test('RFC 6928 §2: ten segments before the first ACK', () => {
    const tcp = bulk(100_000)
    expect(tcp.take()).toHaveLength(10)
    tcp.silence()
  })

  test('RFC 6928 §2: of the MSS in use, options counted', () => {
    const tcp = established({ peer: 'mss 1000,ts 0 ecr -100' })
    tcp.send(100_000)
    expect(tcp.status.cwnd).toBe(10 * 988)
    expect(tcp.take()).toHaveLength(10)
  })

  test('MUST-19 (RFC 5681 §3.1): slow start: twice as many each round trip, with an ACK for each segment', () => {
    const tcp = bulk(2_000_000)
    let flight = tcp.take()
    const sizes = [flight.length]
    for (let round = 1; round <= 4; round++) {
      flight = acknowledge(tcp, flight, round * 100)
      sizes.push(flight.length)
    }
    expect(sizes).toEqual([10, 20, 40, 80, 160])
  })

  test('RFC 3465 §2.3: with an ACK for every second segment it grows 1.5 times or more, and never more than twice', () => {
    const tcp = bulk(2_000_000)
    let flight = tcp.take()
    for (let round = 1; round <= 4; round++) {
      const next = acknowledge(tcp, flight, round * 100, 2)
      expect(next.length / flight.length).toBeGreaterThanOrEqual(1.5)
      expect(next.length / flight.length).toBeLessThanOrEqual(2)
      flight = next
    }
  })

  test('RFC 7661 §4.3: a window that is not used does not grow', () => {
    const tcp = bulk(0)
    const { cwnd } = tcp.status
    for (let i = 0; i < 50; i++) {
      tcp.at(i * 100)
      tcp.send(1000)
      tcp.take()
      tcp.at(i * 100 + 50).inject(`. 1 ack ${i * 1000 + 1001} win 65535`)
    }
    expect(tcp.status.cwnd).toBe(cwnd)
  })

  test('RFC 5681 §3.1: growth in congestion avoidance: a segment each round trip', () => {
    const controller = NEWRENO.create(MSS, Math.random)
    controller.onLoss(MSS, 9 * MSS, 0)
    expect(controller.window).toBe(5 * MSS)
    const sample = ackSample({ ackedBytes: MSS })
    for (let window = 5; window < 20; window++) {
      for (let i = 0; i < window; i++) controller.onAck(sample, 0)
      expect(controller.window).toBe((window + 1) * MSS)
    }
  })

  test('RFC 5681 §3.1: ssthresh after a loss is half of what was in flight, two segments at least', () => {
    for (const [flight, ssthresh] of [
      [10, 5],
      [6, 3],
      [4, 2],
      [3, 2],
      [1, 2],
    ] as const) {
      const controller = NEWRENO.create(MSS, Math.random)
      controller.onTimeout(flight * MSS, 0)
      expect([controller.ssthresh, controller.window]).toEqual([ssthresh * MSS, MSS])
    }
  })
})

describe('after silence', () => {
  test('RFC 5681 §4.1: nothing sent for longer than the RTO: the initial window again', () => {
    const tcp = bulk(1_000_000)
    let flight = tcp.take()
    for (let round = 1; round <= 3; round++) flight = acknowledge(tcp, flight, round * 100)
    expect(flight).toHaveLength(80)
    // the rest is acknowledged without a pause, until all is through
    for (let round = 4; flight.length > 0; round++) flight = acknowledge(tcp, flight, round * 100)
    expect(tcp.connection.hasUnacknowledged).toBe(false)
    tcp.at(tcp.time + 10_000)
    tcp.send(1_000_000)
    expect(tcp.take()).toHaveLength(10)
  })

  test('RFC 5681 §4.1: a pause shorter than the RTO changes nothing', () => {
    const tcp = bulk(150_000)
    let flight = tcp.take()
    for (let round = 1; flight.length > 0; round++) flight = acknowledge(tcp, flight, round * 100)
    tcp.at(tcp.time + 50)
    tcp.send(1_000_000)
    expect(tcp.take().length).toBeGreaterThan(20)
  })
})

describe('three duplicate ACKs, from a peer without SACK', () => {
  test('RFC 3042 §2: the first and the second each let one new segment leave', () => {
    const tcp = bulk(100_000)
    tcp.take()
    expect(duplicates(tcp, 2)).toEqual([['. 10001:11001'], ['. 11001:12001']])
  })

  test('RFC 5681 §3.2: the third repeats the first segment at once', () => {
    const tcp = bulk(100_000)
    tcp.take()
    const [, , third] = duplicates(tcp, 3)
    expect(third?.[0]).toBe('. 1:1001')
  })

  test('RFC 5681 §3.2: not for two, nor for window updates, nor for segments with text', () => {
    const tcp = bulk(100_000)
    tcp.take()
    duplicates(tcp, 2)
    tcp.inject('. 1 ack 1 win 60000').take()
    tcp.inject('. 1 ack 1 win 50000').take()
    for (let i = 0; i < 5; i++) tcp.inject(`P. ${1 + i}:${2 + i} ack 1 win 50000`).take()
    expect(tcp.status.recoveries).toBe(0)
    expect(tcp.status.segmentsRetransmitted).toBe(0)
  })

  test('RFC 6582 §3.2: a partial ACK repeats the next hole at once', () => {
    const tcp = bulk(100_000)
    tcp.take()
    duplicates(tcp, 9)
    tcp.at(100).inject('. 1 ack 4001 win 65535')
    expect(tcp.take()[0]).toMatch(/^\. 4001:5001 /)
    tcp.at(200).inject('. 1 ack 7001 win 65535')
    expect(tcp.take()[0]).toMatch(/^\. 7001:8001 /)
    expect(tcp.status.recoveries).toBe(1)
  })

  test('RFC 5681 §3.2: the window afterwards is half of the flight', () => {
    const tcp = bulk(1_000_000)
    let flight = tcp.take()
    flight = acknowledge(tcp, flight, 100)
    expect(flight).toHaveLength(20)
    tcp.at(200)
    const base = 10_001
    const sent = duplicates(tcp, 19, base).flat()
    expect(sent).toContain(`. ${base}:${base + 1000}`)
    // everything that had left is acknowledged: the repair is over
    tcp.at(300).inject(`. 1 ack ${tcp.sndNxt} win 65535`)
    const after = tcp.take().length
    expect(after).toBeLessThanOrEqual(0.75 * 20 + 3)
    expect(after).toBeGreaterThanOrEqual(8)
    expect(tcp.status.cwnd / MSS).toBeGreaterThanOrEqual(9)
    expect(tcp.status.cwnd / MSS).toBeLessThanOrEqual(12)
  })

  test('RFC 9937 §6: during the repair no more leaves than arrives', () => {
    const tcp = bulk(1_000_000)
    acknowledge(tcp, tcp.take(), 100)
    tcp.at(200)
    const sent = duplicates(tcp, 19, 10_001)
    for (let i = 3; i < sent.length; i++) expect(sent[i]?.length, `after duplicate ${i + 1}`).toBeLessThanOrEqual(2)
    expect(sent.flat().length).toBeLessThanOrEqual(19)
  })

  test('RFC 6298 §5, RFC 5681 §4.3: when the repetition is lost as well, the timer repairs it', () => {
    const tcp = bulk(10_000)
    tcp.take()
    duplicates(tcp, 9)
    expect(tcp.next()).toBeLessThanOrEqual(1000)
    expect(tcp.take()[0]).toMatch(/^\. 1:1001 /)
  })
})

describe('the timer expires', () => {
  test('RFC 5681 §3.1 (4): ssthresh is half of the flight, and slow start ends there', () => {
    const tcp = bulk(1_000_000)
    tcp.take()
    tcp.at(300)
    expect(tcp.take()).toHaveLength(1)
    expect(tcp.status.ssthresh).toBe(5 * MSS)
    expect(tcp.status.cwnd).toBe(MSS)
    // one segment, 2 that are new (RFC 5682 §2.1 step 2b), and when they turn out to lie above a hole 2, 4, 5 and a bit ...
    tcp.at(400).inject('. 1 ack 1001 win 65535')
    expect(tcp.take().map((line) => line.slice(0, 13))).toEqual(['. 10001:11001', '. 11001:12001'])
    tcp.at(500).inject('. 1 ack 1001 win 65535', '. 1 ack 1001 win 65535')
    expect(tcp.take()).toHaveLength(2)
    tcp.at(600).inject('. 1 ack 2001 win 65535').take()
    tcp.inject('. 1 ack 3001 win 65535').take()
    expect(tcp.status.cwnd).toBe(4 * MSS)
    tcp.at(700)
    for (let end = 4001; end <= 7001; end += 1000) tcp.inject(`. 1 ack ${end} win 65535`).take()
    expect(tcp.status.cwnd / MSS).toBeLessThan(6)
  })

  test('RFC 5681 §3.1: a second expiry of the same segment leaves ssthresh as it is', () => {
    const tcp = bulk(1_000_000)
    tcp.take()
    for (const time of [300, 900, 2100]) {
      tcp.at(time)
      expect(tcp.take()).toHaveLength(1)
    }
    expect(tcp.status.ssthresh).toBe(5 * MSS)
  })
})

describe('was it for nothing?', () => {
  test('RFC 5682 §2.1: without SACK an ACK of all after the repetition proves nothing: the others may have waited for it', () => {
    const tcp = bulk(10_000)
    tcp.take()
    tcp.at(300).take()
    tcp.at(400).inject('. 1 ack 10001 win 65535')
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 5 * MSS })
  })

  test('RFC 5682 §3.1: with SACK it does, since the peer had not reported them', () => {
    const tcp = bulk(10_000, `mss ${MSS},sackOK`)
    tcp.take()
    while (tcp.status.timeouts === 0) {
      tcp.next()
      tcp.take()
    }
    tcp.inject('. 1 ack 10001 win 65535')
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: Number.POSITIVE_INFINITY })
  })

  test('RFC 3708 §2.1: when D-SACKs tell that all repetitions were for nothing, and not when the network made a copy', () => {
    const tcp = bulk(10_000, `mss ${MSS},sackOK`)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 2001:5001>').take()
    tcp.at(130).take()
    tcp.inject('. 1 ack 1 win 65535 <sack 2001:10001>').take()
    expect(tcp.status).toMatchObject({ recoveries: 1, segmentsRetransmitted: 2, ssthresh: 5 * MSS })
    tcp.inject('. 1 ack 1 win 65535 <sack 4001:5001 2001:10001>').take()
    tcp.inject('. 1 ack 1 win 65535 <sack 5001:6001 2001:10001>').take()
    expect(tcp.status.undos).toBe(0)
    tcp.inject('. 1 ack 1001 win 65535 <sack 1:1001 2001:10001>').take()
    expect(tcp.status.undos).toBe(0)
    tcp.inject('. 1 ack 1001 win 65535 <sack 1001:2001 1001:10001>').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: Number.POSITIVE_INFINITY })
  })

  test('RFC 3522 §3.2: with timestamps, when the ACK answers the first transmission', () => {
    const tcp = established({ peer: `mss ${MSS},ts 0 ecr -100` })
    tcp.send(9880)
    tcp.take()
    tcp.at(300).take()
    tcp.at(310).inject('. 1 ack 989 <ts 5 ecr 0>').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: Number.POSITIVE_INFINITY })
    const lost = established({ peer: `mss ${MSS},ts 0 ecr -100` })
    lost.send(9880)
    lost.take()
    lost.at(300).take()
    lost.at(400).inject('. 1 ack 989 <ts 5 ecr 300>').take()
    expect(lost.status).toMatchObject({ undos: 0, ssthresh: 4940 })
  })
})

describe('the state of the controller', () => {
  test('RFC 5681 §3.1: an undone reduction gives the window back', () => {
    const controller = NEWRENO.create(MSS, Math.random)
    controller.onLoss(MSS, 9 * MSS, 0)
    controller.onUndo(0)
    expect([controller.window, controller.ssthresh]).toEqual([10 * MSS, Number.POSITIVE_INFINITY])
  })

  test('RFC 6691: another MSS keeps the window in segments', () => {
    const controller = NEWRENO.create(MSS, Math.random)
    controller.onMss(500)
    expect(controller.window).toBe(5000)
  })
})
