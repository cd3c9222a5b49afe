// HyStart++: RFC 9406 §4, with ACKs made by hand.
import { describe, expect, test } from 'vitest'
import { CUBIC } from '../../lib/core/congestion/algorithms.js'
import { HyStart } from '../../lib/core/congestion/hystart.js'
import { ackSample } from '../support/ack-sample.js'

const MSS = 1000

/** One round of `samples` ACKs for a segment each, all with this RTT. @returns what each added, in segments. */
function round(hystart: HyStart, rtt: number, samples = 8): number[] {
  return Array.from({ length: samples }, (_, i) => hystart.onAck(MSS, rtt, i === 0) / MSS)
}

function started(rtt = 100): HyStart {
  const hystart = new HyStart()
  round(hystart, rtt)
  return hystart
}

describe('RFC 9406 §4.2', () => {
  test.each([
    [16, 4],
    [32, 4],
    [40, 5],
    [100, 12.5],
    [128, 16],
    [300, 16],
  ])('at %f ms a round trip that is %f ms longer ends slow start, and none that is less', (rtt, threshold) => {
    const below = started(rtt)
    round(below, rtt + threshold - 0.01)
    expect(below.inCss).toBe(false)
    const above = started(rtt)
    round(above, rtt + threshold)
    expect(above.inCss).toBe(true)
  })

  test('the smallest of a round counts, and eight samples are needed', () => {
    const hystart = started()
    round(hystart, 200, 7)
    expect(hystart.inCss).toBe(false)
    hystart.onAck(MSS, 105, false)
    expect(hystart.inCss).toBe(false)
    round(hystart, 200, 8)
    expect(hystart.inCss).toBe(true)
  })

  test('an ACK without an RTT is no sample', () => {
    const hystart = started()
    round(hystart, 200, 7)
    for (let i = 0; i < 10; i++) hystart.onAck(MSS, Number.NaN, false)
    expect(hystart.inCss).toBe(false)
  })

  test('conservative slow start grows a quarter as fast, from the next ACK on', () => {
    const hystart = started()
    expect(round(hystart, 200)).toEqual([1, 1, 1, 1, 1, 1, 1, 0.25])
    expect(round(hystart, 200)).toEqual(Array(8).fill(0.25))
  })

  test('it lasts five rounds, and the one in which it began counts', () => {
    const hystart = started()
    round(hystart, 200)
    for (let i = 2; i <= 5; i++) expect(round(hystart, 200).every((growth) => growth === 0.25)).toBe(true)
    expect(hystart.onAck(MSS, 200, true)).toBeLessThan(0)
  })

  test('when the queue goes it was none: slow start resumes', () => {
    const hystart = started()
    round(hystart, 200)
    round(hystart, 200)
    expect(hystart.inCss).toBe(true)
    round(hystart, 199)
    expect(hystart.inCss).toBe(false)
    expect(round(hystart, 199)).toEqual(Array(8).fill(1))
    // and it may end again, measured by its own rounds
    round(hystart, 250)
    expect(hystart.inCss).toBe(true)
  })

  test('L: who paces grows by all that an ACK covers', () => {
    expect(new HyStart().onAck(20 * MSS, 100, true)).toBe(20 * MSS)
  })
})

describe('in CUBIC', () => {
  test('ssthresh is the window with which conservative slow start ends', () => {
    const controller = CUBIC.create(MSS, () => 0)
    const one = (rtt: number): void => {
      for (let i = 0; i < 10; i++) controller.onAck(ackSample({ ackedBytes: MSS, rtt, roundStart: i === 0 }), 0)
    }
    one(100)
    for (let i = 0; i < 5; i++) one(200)
    expect([controller.phase, controller.ssthresh]).toEqual(['conservative slow start', Number.POSITIVE_INFINITY])
    one(200)
    expect(controller.phase).toBe('congestion avoidance')
    expect(controller.ssthresh).toBeLessThanOrEqual(controller.window)
  })

  test('§4.3: only the first slow start is watched', () => {
    const controller = CUBIC.create(MSS, () => 0)
    for (const segments of [10, 20, 40, 80, 40]) controller.onAck(ackSample({ ackedBytes: segments * MSS }), 0)
    controller.onTimeout(200 * MSS, 0)
    for (let turn = 0; turn < 8; turn++) {
      for (let i = 0; i < 8; i++) {
        controller.onAck(ackSample({ ackedBytes: MSS, rtt: turn < 2 ? 100 : 300, roundStart: i === 0 }), 0)
      }
    }
    expect([controller.phase, controller.window]).toEqual(['slow start', 65 * MSS])
  })
})
