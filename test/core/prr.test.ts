// Proportional rate reduction: the two figures of RFC 9937 §8, row by row, and the corners of its pseudo-code (§6).
import { describe, expect, test } from 'vitest'
import { ProportionalRateReduction } from '../../lib/core/recovery/prr.js'
import { established, type Script } from '../support/script.js'

const MSS = 1000
const SSTHRESH = 10

/**
 * Figure 1, in segments, for ACK#1 to #22. At ACK#19 `inflight` is ssthresh, and not above it: there the figure takes the
 * proportional branch and §6.2 the reduction bound, which lets that segment leave one ACK later. §6.2 is normative.
 */
const FIGURE_1 = {
  cwnd: [20, 20, 19, 18, 18, 17, 17, 16, 16, 15, 15, 14, 14, 13, 13, 12, 12, 11, 10, 10, 10, 10],
  inflight: [19, 19, 18, 18, 17, 17, 16, 16, 15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 9, 9, 9],
  sent: 'N N R - N - N - N - N - N - N - N - - N N N'.split(' '),
}
const FIGURE_1_AS_PRINTED = {
  cwnd: [...FIGURE_1.cwnd.slice(0, 18), 11, 10, 10, 10],
  inflight: [...FIGURE_1.inflight.slice(0, 19), 10, 9, 9],
  sent: 'N N R - N - N - N - N - N - N - N - N - N N'.split(' '),
}
/** Figure 2, for ACK#15 to #19. */
const FIGURE_2 = { cwnd: [20, 20, 5, 5, 5], inflight: [19, 19, 4, 4, 4], sent: 'N N R R R'.split(' ') }

/** NewReno with 20 segments in flight, the last ACK at 100 ms; segment `n` of the figures begins at `at(n)`. */
function twenty(): Script {
  const tcp = established({ peer: `mss ${MSS},sackOK,wscale 7` })
  tcp.inject('. 1 ack 1 win 65535')
  tcp.send(200 * MSS)
  tcp.take()
  tcp.at(100)
  for (let end = 1001; end <= 10_001; end += MSS) tcp.inject(`. 1 ack ${end} win 65535`).take()
  expect(tcp.status.inFlight).toBe(20 * MSS)
  return tcp.at(200)
}

const at = (segment: number): number => 10_001 + segment * MSS

interface Rows {
  cwnd: number[]
  inflight: number[]
  sent: string[]
}

/** One ACK, 1 ms after the one before. `sent`: N, R, several of them, or -. */
function acknowledge(tcp: Script, line: string, rows: Rows): void {
  const highest = tcp.sndNxt
  tcp.at(tcp.time + 1).inject(line)
  const from = tcp.take().map((text) => Number(/ (\d+):/.exec(text)?.[1]))
  rows.sent.push(from.map((offset) => (offset < highest ? 'R' : 'N')).join('') || '-')
  rows.inflight.push(tcp.status.inFlight / MSS - from.length)
}

/** The same by the class alone, which also shows cwnd; `lost` at the third ACK, after limited transmit. */
function byModule(acks: number, lost: number): Rows {
  const prr = new ProportionalRateReduction()
  const rows: Rows = { cwnd: [], inflight: [], sent: [] }
  let inFlight = 20
  for (let i = 1; i <= acks; i++) {
    inFlight--
    if (i === 3) {
      inFlight -= lost
      prr.begin(20, SSTHRESH, false)
    }
    if (i >= 3) prr.onAck(1, inFlight, false, false, 1)
    const cwnd = i < 3 ? 20 : prr.window
    rows.cwnd.push(cwnd)
    rows.inflight.push(inFlight)
    rows.sent.push(cwnd === inFlight ? '-' : i === 3 ? 'R' : 'N')
    prr.onSent(cwnd - inFlight)
    inFlight = cwnd
  }
  return rows
}

describe('RFC 9937 §8, figure 1: the first of 20 is lost', () => {
  test('on the wire: two by limited transmit, the repetition, then one for every second ACK', () => {
    const tcp = twenty()
    const rows: Rows = { cwnd: [], inflight: [], sent: [] }
    for (let n = 1; n <= 21; n++) {
      if (n === 20) tcp.at(300) // limited transmit's, a round trip later
      acknowledge(tcp, `. 1 ack ${at(0)} win 65535 <sack ${at(1)}:${at(n + 1)}>`, rows)
    }
    // ACK#22 covers all up to the limited transmits, and ends the recovery
    acknowledge(tcp, `. 1 ack ${at(22)} win 65535`, rows)
    expect(rows.sent).toEqual(FIGURE_1.sent)
    expect(rows.inflight).toEqual(FIGURE_1.inflight)
    expect(tcp.status).toMatchObject({ cwnd: SSTHRESH * MSS, ssthresh: SSTHRESH * MSS, recoveries: 1, timeouts: 0 })
  })

  test('cwnd by §6.2, and where the printed figure differs from it', () => {
    const rows = byModule(21, 1)
    expect(rows.cwnd).toEqual(FIGURE_1.cwnd.slice(0, 21))
    expect(rows.inflight).toEqual(FIGURE_1.inflight.slice(0, 21))
    const differs = (row: readonly unknown[], printed: readonly unknown[]): number[] =>
      row.flatMap((value, i) => (value === printed[i] ? [] : [i + 1]))
    expect(differs(FIGURE_1.cwnd, FIGURE_1_AS_PRINTED.cwnd)).toEqual([19])
    expect(differs(FIGURE_1.inflight, FIGURE_1_AS_PRINTED.inflight)).toEqual([20])
    expect(differs(FIGURE_1.sent, FIGURE_1_AS_PRINTED.sent)).toEqual([19, 20])
    expect([...FIGURE_1.sent].sort()).toEqual([...FIGURE_1_AS_PRINTED.sent].sort())
  })
})

describe('RFC 9937 §8, figure 2: the first 15 of 20 are lost', () => {
  /** After ACK#15 to #19. */
  function heavy(): { tcp: Script; rows: Rows } {
    const tcp = twenty()
    const rows: Rows = { cwnd: [], inflight: [], sent: [] }
    for (let n = 15; n <= 19; n++) {
      acknowledge(tcp, `. 1 ack ${at(0)} win 65535 <sack ${at(15)}:${at(n + 1)}>`, rows)
    }
    return { tcp, rows }
  }

  test('on the wire: what arrives is what leaves, and no burst', () => {
    const { tcp, rows } = heavy()
    expect(rows.sent).toEqual(FIGURE_2.sent)
    expect(rows.inflight).toEqual(FIGURE_2.inflight)
    expect(tcp.status).toMatchObject({ lost: 12 * MSS, ssthresh: SSTHRESH * MSS, recoveries: 1 })
  })

  test('cwnd', () => {
    expect(byModule(5, 15)).toMatchObject({ cwnd: FIGURE_2.cwnd, inflight: FIGURE_2.inflight })
  })

  test('then the repetitions are acknowledged: one more for each ACK, until ssthresh is in flight (PRR-SSRB)', () => {
    const { tcp, rows } = heavy()
    tcp.at(300)
    for (const end of [21, 22]) acknowledge(tcp, `. 1 ack ${at(0)} win 65535 <sack ${at(15)}:${at(end)}>`, rows)
    expect(rows.sent.slice(5)).toEqual(['R', 'R'])
    for (let n = 1; n <= 7; n++) acknowledge(tcp, `. 1 ack ${at(n)} win 65535 <sack ${at(15)}:${at(22)}>`, rows)
    // the last of 15 holes is filled by then, and new text follows
    expect(rows.sent.slice(7)).toEqual(['RR', 'RR', 'RR', 'RR', 'RR', 'N', 'N'])
    expect(tcp.status.inFlight).toBe(SSTHRESH * MSS)
  })
})

describe('RFC 9937 §6', () => {
  test('SafeACK: one segment more, up to ssthresh; without it what was delivered', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10, false)
    prr.onAck(1, 4, false, false, 1)
    expect(prr.window).toBe(5)
    prr.onSent(1)
    prr.onAck(1, 4, true, false, 1)
    expect(prr.window).toBe(6)
    prr.onSent(2)
    prr.onAck(1, 9, true, false, 1)
    expect(prr.window).toBe(10)
  })

  test('the first repetition leaves in any case', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10, false)
    prr.onAck(0, 18, false, false, 1)
    expect(prr.window).toBe(19)
  })

  test('what could not be sent is made up for, up to ssthresh (§7: application stalls)', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 14, false)
    prr.onAck(1, 18, false, false, 1)
    prr.onSent(1)
    for (let inFlight = 17; inFlight >= 8; inFlight--) prr.onAck(1, inFlight, false, false, 1)
    expect(prr.window).toBe(14)
  })

  test('an ACK of many lets out as many, in proportion, rounded up', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10, false)
    prr.onAck(1, 18, false, false, 1)
    prr.onSent(1)
    prr.onAck(6, 13, false, false, 1)
    expect(prr.window - 13).toBe(Math.ceil((7 * 10) / 20) - 1)
  })

  test('§7: with few losses the window ends at what the controller chose, for any share', () => {
    for (const ssthresh of [10, 14, 17]) {
      for (let lost = 1; lost <= 20 - ssthresh; lost++) {
        const prr = new ProportionalRateReduction()
        prr.begin(20, ssthresh, false)
        let inFlight = 20 - lost
        for (let i = 0; i < 20 - lost; i++) {
          inFlight--
          prr.onAck(1, inFlight, false, false, 1)
          prr.onSent(prr.window - inFlight)
          inFlight = prr.window
        }
        expect(inFlight, `${lost} lost, ssthresh ${ssthresh}`).toBe(ssthresh)
      }
    }
  })

  test('§6.2 without SACK: duplicates that a peer makes up let out no more than was in flight', () => {
    const tcp = established({ peer: `mss ${MSS}` })
    tcp.send(60 * MSS)
    expect(tcp.take()).toHaveLength(10)
    let sent = 0
    for (let i = 0; i < 200; i++) sent += tcp.inject('. 1 ack 1').take().length
    expect(sent).toBeLessThanOrEqual(2 + 10)
    expect(tcp.status).toMatchObject({ recoveries: 1 })
  })
})
