// RACK-TLP in action: the examples of RFC 8985 §3 on the wire, and what it does where they end (§6.3, §7).
import { describe, expect, test } from 'vitest'
import { BBR, NEWRENO } from '../../lib/core/congestion/algorithms.js'
import { established, type Script, type ScriptOptions } from '../support/script.js'

const RTT = 100
const MSS = 1000

function withSack(options: ScriptOptions = {}): Script {
  const tcp = established({ peer: 'mss 1000,sackOK,wscale 7', ...options })
  tcp.inject('. 1 ack 1 win 65535')
  return tcp
}

/** Offsets of what left, in segments: 1 is the second one. */
function segments(tcp: Script): number[] {
  return tcp.take().map((line) => (Number(/ (\d+):/.exec(line)?.[1]) - 1) / MSS)
}

/** The last 100 of 250 segments have just left, by slow start from 10 on. @returns the first one's number. */
function hundred(tcp: Script): number {
  tcp.send(250 * MSS)
  for (let flight = segments(tcp); ; ) {
    if (flight.at(-1) === 249) return flight[0] as number
    tcp.at(tcp.time + RTT)
    flight = flight.flatMap((n) => segments(tcp.inject(`. 1 ack ${(n + 1) * MSS + 1} win 65535`)))
  }
}

describe('RFC 8985 §3.4, figure 1', () => {
  test.each([
    // what a SACK of one segment lets out: the figure's two by a window that has room, one by PRR
    ['a window with room', BBR, [1, 2]],
    ['PRR', NEWRENO, [1]],
  ])('P1 to P3 are lost, and P1 once more, with %s', (_, congestion, first) => {
    const tcp = withSack({ config: { congestion } })
    tcp.send(4 * MSS)
    expect(segments(tcp)).toEqual([0, 1, 2, 3]) // event 1
    tcp.at(RTT).inject('. 1 ack 1001 win 65535').silence() // 2
    const probedAt = tcp.next() // 3a
    expect(probedAt).toBeGreaterThanOrEqual(RTT + 2 * RTT)
    expect(probedAt).toBeLessThanOrEqual(RTT + 2 * RTT + 5)
    expect(segments(tcp)).toEqual([3]) // 3b
    tcp.at(probedAt + RTT).inject('. 1 ack 1001 win 65535 <sack 3001:4001>') // 4, 5a
    expect(tcp.status.recoveries).toBe(1) // 5b
    const repeated = segments(tcp)
    while (repeated.length < first.length && tcp.next(20) !== Number.POSITIVE_INFINITY) repeated.push(...segments(tcp))
    expect(repeated).toEqual(first) // 5c
    if (first.length === 1) return
    tcp.at(tcp.time + RTT).inject('. 1 ack 1001 win 65535 <sack 2001:4001>') // 6
    if (tcp.take().length === 0) expect(tcp.next(RTT)).toBeLessThan(Number.POSITIVE_INFINITY)
    tcp.take()
    expect(tcp.status).toMatchObject({ lost: 0, segmentsRetransmitted: 4, timeouts: 0 }) // 7a, 7b
    tcp.at(tcp.time + RTT).inject('. 1 ack 4001 win 65535') // 8
    expect(tcp.status).toMatchObject({ unacknowledged: 0, timeouts: 0, tailProbes: 1 })
  })

  test('§3.2: the last three of 100 are lost: four round trips, half of the window, no time-out', () => {
    const tcp = withSack({ config: { sendBuffer: 1 << 20 } })
    const una = hundred(tcp)
    expect(una).toBe(150)
    const start = tcp.time
    const { cwnd } = tcp.status
    const edge = (n: number): number => (una + n) * MSS + 1
    tcp.at(start + RTT)
    for (let n = 1; n <= 97; n++) tcp.inject(`. 1 ack ${edge(n)} win 65535`).silence()
    const probedAt = tcp.next()
    expect(segments(tcp)).toEqual([una + 99])
    tcp.at(probedAt + RTT).inject(`. 1 ack ${edge(97)} win 65535 <sack ${edge(99)}:${edge(100)}>`)
    expect(segments(tcp)).toEqual([una + 97])
    tcp.at(tcp.time + RTT).inject(`. 1 ack ${edge(98)} win 65535 <sack ${edge(99)}:${edge(100)}>`)
    expect(segments(tcp)).toEqual([una + 98])
    tcp.at(tcp.time + RTT).inject(`. 1 ack ${edge(100)} win 65535`)
    expect(tcp.status).toMatchObject({ unacknowledged: 0, timeouts: 0, recoveries: 1 })
    expect(tcp.time - start).toBeLessThan(6.5 * RTT)
    expect(tcp.status.cwnd).toBeLessThan(cwnd)
  })
})

describe('RFC 8985 §3.5 and §6.3: a time-out', () => {
  /** One segment, and two more right before its RTO expires. */
  function threeByHalves(peer: string): Script {
    const tcp = established({ peer, config: { noDelay: true } })
    tcp.send(MSS)
    tcp.take()
    tcp.at(299)
    tcp.send(2 * MSS)
    expect(segments(tcp)).toEqual([1, 2])
    tcp.at(300)
    expect(segments(tcp)).toEqual([0])
    expect(tcp.status).toMatchObject({ timeouts: 1 })
    return tcp
  }

  test('only the first is taken for lost: what left a moment ago is still in flight', () => {
    expect(threeByHalves('mss 1000,sackOK').status).toMatchObject({ lost: 0, inFlight: 3 * MSS })
  })

  test('the ACK of the original arrives: nothing else is repeated', () => {
    const tcp = threeByHalves('mss 1000,sackOK')
    tcp.at(305).inject('. 1 ack 1001').silence()
    tcp.at(399).inject('. 1 ack 3001').silence()
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.status).toMatchObject({ segmentsRetransmitted: 1, unacknowledged: 0 })
  })

  test('without SACK there is no RACK: all is taken for lost', () => {
    expect(threeByHalves('mss 1000').status).toMatchObject({ lost: 2 * MSS, inFlight: MSS })
  })

  test('RFC 6298 §5.4: the first leaves, though what is in flight fills the window', () => {
    const tcp = withSack({ config: { noDelay: true } })
    tcp.send(MSS)
    tcp.take()
    tcp.at(299)
    tcp.send(9 * MSS)
    expect(segments(tcp)).toHaveLength(9)
    tcp.at(300)
    expect(segments(tcp)).toEqual([0])
    expect(tcp.status).toMatchObject({ cwnd: MSS, inFlight: 10 * MSS })
    // it was the only one lost
    tcp.at(399).inject('. 1 ack 1 win 65535 <sack 1001:10001>').silence()
    tcp.at(400).inject('. 1 ack 10001 win 65535')
    expect(tcp.status).toMatchObject({ unacknowledged: 0, segmentsRetransmitted: 1, undos: 0 })
  })

  test('they were lost too: the ACK of the repetition tells, and they leave by slow start', () => {
    const tcp = threeByHalves('mss 1000,sackOK')
    tcp.at(400).inject('. 1 ack 1001')
    expect(segments(tcp)).toEqual([1, 2])
    tcp.at(500).inject('. 1 ack 3001')
    expect(tcp.status).toMatchObject({ unacknowledged: 0, timeouts: 1, undos: 0 })
  })
})

/** Four segments without an answer, and the probe that is the last of them again. */
function probed(): ReturnType<typeof withSack> {
  const tcp = withSack({ config: { noDelay: true } })
  tcp.send(4 * MSS)
  tcp.take()
  tcp.next()
  expect(segments(tcp)).toEqual([3])
  return tcp
}

describe('RFC 8985 §7.3', () => {
  test('no second probe before the RTT has been measured again', () => {
    const tcp = probed()
    // which of the two arrived? That is no sample
    tcp
      .at(tcp.time + 5)
      .inject('. 1 ack 4001 win 65535')
      .inject('. 1 ack 4001 win 65535')
    tcp.send(4 * MSS)
    tcp.take()
    tcp.next()
    expect(segments(tcp)).toEqual([4])
    expect(tcp.status).toMatchObject({ tailProbes: 1, timeouts: 1 })
  })

  test('and one as soon as it has', () => {
    const tcp = withSack({ config: { noDelay: true } })
    for (let round = 0; round < 2; round++) {
      const end = 1 + 5 * MSS * round
      tcp.send(4 * MSS)
      tcp.take()
      tcp.next()
      expect(segments(tcp)).toEqual([5 * round + 3])
      tcp
        .at(tcp.time + 5)
        .inject(`. 1 ack ${end + 4 * MSS} win 65535`)
        .inject(`. 1 ack ${end + 4 * MSS} win 65535`)
      tcp.send(MSS)
      tcp.take()
      tcp
        .at(tcp.time + RTT)
        .inject(`. 1 ack ${end + 5 * MSS} win 65535`)
        .silence()
    }
    expect(tcp.status).toMatchObject({ tailProbes: 2, timeouts: 0 })
  })

  test('§7.4.2: a duplicate of something else says nothing about the probe', () => {
    const tcp = probed()
    tcp
      .at(tcp.time + RTT)
      .inject('. 1 ack 4001 win 65535 <sack 1:1001>')
      .silence()
    tcp.send(MSS)
    tcp.take()
    tcp.at(tcp.time + RTT).inject('. 1 ack 5001 win 65535')
    expect(tcp.status.ssthresh).toBeLessThan(Number.POSITIVE_INFINITY)
  })
})
