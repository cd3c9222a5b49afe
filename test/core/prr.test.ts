// Proportional rate reduction: the scenarios of RFC 9937's examples by its pseudo-code, segment by segment.
import { describe, expect, test } from 'vitest'
import { ProportionalRateReduction } from '../../lib/core/recovery/prr.js'

/** 20 segments in flight; what each ACK lets out. `lost`: segments found lost with the ACK of that number. */
function recovery(acks: number, ssthresh: number, lost: number, flight = 20): { sent: number[]; pipe: number[] } {
  const prr = new ProportionalRateReduction()
  const sent: number[] = []
  const pipe: number[] = []
  let inFlight = flight - lost
  prr.begin(flight, ssthresh)
  for (let i = 0; i < acks; i++) {
    inFlight--
    prr.onAck(1, inFlight, false, false, 1)
    let out = 0
    while (inFlight + 1 <= prr.window) {
      inFlight++
      out++
      prr.onSent(1)
    }
    sent.push(out)
    pipe.push(inFlight)
  }
  return { sent, pipe }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

describe('RFC 9937', () => {
  test('one of 20 is lost, Reno (ssthresh 10): one leaves for every second ACK, and at the end the reduction bound holds ssthresh', () => {
    const { sent, pipe } = recovery(19, 10, 1)
    expect(sent).toEqual([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1])
    expect(pipe.at(-1)).toBe(10)
  })

  test('one of 20 is lost, CUBIC (ssthresh 14): seven leave for every ten ACKs', () => {
    const { sent, pipe } = recovery(19, 14, 1)
    expect(sent).toEqual([1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1])
    expect(pipe.at(-1)).toBe(14)
  })

  test('15 of 20 are lost (ssthresh 10): what arrives is what leaves, and no more', () => {
    const { sent, pipe } = recovery(4, 10, 15)
    expect(sent).toEqual([1, 1, 1, 1])
    expect(pipe).toEqual([5, 5, 5, 5])
  })

  test('never more than two segments at once, whatever was lost, and never past ssthresh', () => {
    for (let lost = 1; lost < 20; lost++) {
      for (const ssthresh of [10, 14]) {
        const { sent, pipe } = recovery(20 - lost, ssthresh, lost)
        expect(Math.max(...sent), `${lost} lost`).toBeLessThanOrEqual(2)
        const last = pipe.at(-1) as number
        expect(last, `${lost} lost`).toBeLessThanOrEqual(Math.max(ssthresh, 20 - lost))
        expect(sum(sent)).toBeGreaterThanOrEqual(1)
      }
    }
  })

  test('slow start reduction bound: with SafeACKs one segment more for each, up to ssthresh', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10)
    prr.onAck(1, 4, true, false, 1)
    expect(prr.window).toBe(6)
    prr.onSent(2)
    prr.onAck(1, 9, true, false, 1)
    expect(prr.window).toBe(10)
  })

  test('conservative reduction bound: without, what was delivered', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10)
    prr.onAck(1, 4, false, false, 1)
    expect(prr.window).toBe(5)
  })

  test('what could not be sent is made up for', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 14)
    // the application had nothing: only the first repetition leaves
    prr.onAck(1, 18, false, false, 1)
    prr.onSent(1)
    for (let inFlight = 17; inFlight >= 8; inFlight--) prr.onAck(1, inFlight, false, false, 1)
    expect(prr.window).toBe(14)
  })

  test('an ACK of many lets out as many, in proportion', () => {
    const prr = new ProportionalRateReduction()
    prr.begin(20, 10)
    prr.onAck(1, 18, false, false, 1)
    prr.onSent(1)
    prr.onAck(5, 14, false, false, 1)
    expect(prr.window - 14).toBe(2) // ceil(6 * 10 / 20) - 1
  })
})
