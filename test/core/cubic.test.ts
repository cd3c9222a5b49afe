// CUBIC's figures: RFC 9438 §4 and §5.
import { describe, expect, test } from 'vitest'
import { CUBIC } from '../../lib/core/congestion/algorithms.js'
import type { CongestionController } from '../../lib/core/congestion/controller.js'
import { ackSample } from '../support/ack-sample.js'

const MSS = 1000
const C = 0.4
const BETA = 0.7

/** A controller whose window is `segments`, still in slow start. */
function grown(segments: number): CongestionController {
  const controller = CUBIC.create(MSS, () => 0)
  for (let missing = 1; missing > 0; ) {
    missing = segments * MSS - controller.window
    const ackedBytes = Math.min(missing, controller.window)
    if (missing > 0) controller.onAck(ackSample({ ackedBytes, rtt: Number.NaN }), 0)
  }
  expect(controller.window).toBe(segments * MSS)
  return controller
}

function lose(controller: CongestionController, now: number): void {
  controller.onLoss(MSS, controller.window - MSS, now)
  controller.onRecoveryEnd(now)
}

/** ACKs for a window in each round trip, `seconds` long. @returns the time then, ms. */
function acknowledge(controller: CongestionController, from: number, seconds: number, rtt = 100): number {
  const sample = ackSample({ rtt, srtt: rtt, minRtt: rtt, ackedBytes: MSS })
  let now = from
  while (now < from + seconds * 1000) {
    now += (rtt * MSS) / controller.window
    controller.onAck(sample, now)
  }
  return now
}

const near = (value: number, wanted: number, share = 0.01): void => {
  expect(Math.abs(value / wanted - 1), `${value} is not ${wanted}`).toBeLessThan(share)
}

describe('RFC 9438 §4', () => {
  test('§4.6: a loss takes the window and ssthresh to 0.7 of the flight', () => {
    const controller = grown(1000)
    lose(controller, 0)
    expect([controller.window, controller.ssthresh]).toEqual([700 * MSS, 700 * MSS])
  })

  test('§4.6: the flight, not a window that was never used; what was lost of it counts', () => {
    const controller = grown(1000)
    controller.onLoss(100 * MSS, 300 * MSS, 0)
    expect(controller.window).toBe(280 * MSS)
  })

  test('§4.6: two segments at least', () => {
    const controller = grown(10)
    controller.onLoss(MSS, 0, 0)
    expect(controller.window).toBe(2 * MSS)
  })

  test('§4.2: it is back at W_max after K = cbrt(W_max (1 - beta) / C), and follows C (t - K)^3 + W_max on both sides', () => {
    const wMax = 10_000
    const controller = grown(wMax)
    lose(controller, 0)
    const k = Math.cbrt((wMax * (1 - BETA)) / C)
    expect(k).toBeCloseTo(19.57, 2)
    let now = acknowledge(controller, 0, 0.1)
    for (const t of [2, 5, 10, 15, k, 22, 28]) {
      now = acknowledge(controller, now, t - now / 1000)
      near(controller.window / MSS, C * (now / 1000 - k) ** 3 + wMax)
    }
  })

  test('§4.4: it does not depend on the round trip', () => {
    const windows = [20, 100, 300].map((rtt) => {
      const controller = grown(10_000)
      lose(controller, 0)
      acknowledge(controller, 0, 10, rtt)
      return controller.window
    })
    near(windows[0] as number, windows[1] as number)
    near(windows[2] as number, windows[1] as number, 0.02)
  })

  test('§4.3: where Reno would be faster it grows as Reno does: alpha = 3 (1 - beta) / (1 + beta) until W_max, then 1', () => {
    const rtt = 10
    const controller = grown(100)
    lose(controller, 0)
    // 70 segments: alpha segments in each round trip, to 100; cubic would take K = 4.2 s
    const alpha = (3 * (1 - BETA)) / (1 + BETA)
    let now = acknowledge(controller, 0, 0.3, rtt)
    near(controller.window / MSS, 70 + (alpha * now) / rtt)
    while (controller.window < 100 * MSS) now = acknowledge(controller, now, 0.001, rtt)
    near(now, (30 / alpha) * rtt, 0.02)
    const then = now
    now = acknowledge(controller, now, 0.2, rtt)
    near(controller.window / MSS, 100 + (now - then) / rtt)
  })

  test('§4.4: no more than half a window in a round trip', () => {
    const controller = grown(100)
    lose(controller, 0)
    const now = acknowledge(controller, 0, 0.1)
    // half a minute later, as if the ACKs had not come
    const before = controller.window
    acknowledge(controller, now + 30_000, 0.1)
    expect(controller.window / before).toBeLessThan(1.75)
  })

  test('§4.7: fast convergence: a second loss below W_max gives way to (1 + beta) / 2 of the window', () => {
    const controller = grown(10_000)
    lose(controller, 0)
    let now = acknowledge(controller, 0, 1)
    const cwnd = controller.window / MSS
    expect(cwnd).toBeLessThan(10_000)
    lose(controller, now)
    const start = now
    const wMax = (cwnd * (1 + BETA)) / 2
    const k = Math.cbrt((wMax - cwnd * BETA) / C)
    now = acknowledge(controller, now, 0.1)
    now = acknowledge(controller, now, 5)
    near(controller.window / MSS, C * ((now - start) / 1000 - k) ** 3 + wMax)
  })

  test('§4.8: after a time-out one segment, slow start to ssthresh, and from there the curve with K = 0 and W_max = cwnd', () => {
    const controller = grown(10_000)
    controller.onTimeout(10_000 * MSS, 0)
    expect([controller.window, controller.ssthresh]).toEqual([MSS, 7000 * MSS])
    for (let i = 0; i < 6999; i++) controller.onAck(ackSample({ ackedBytes: MSS }), 0)
    expect(controller.window).toBe(7000 * MSS)
    const now = acknowledge(controller, acknowledge(controller, 0, 0.1), 10)
    near(controller.window / MSS, C * ((now - 100) / 1000) ** 3 + 7000)
  })

  test('§5.8: time without use is no time of growth', () => {
    const [idle, busy] = [grown(10_000), grown(10_000)]
    for (const controller of [idle, busy]) {
      lose(controller, 0)
      acknowledge(controller, 0, 1)
    }
    for (let now = 1000; now <= 61_000; now += 100) idle.onAck(ackSample({ ackedBytes: MSS, appLimited: true }), now)
    expect(idle.window).toBe(busy.window)
    acknowledge(idle, 61_000, 5)
    acknowledge(busy, 1000, 5)
    near(idle.window, busy.window)
  })

  test('§5.8: nor is a silence: what a radio held for 30 s, and an undo gave back, goes on where it was', () => {
    const [held, steady] = [grown(300), grown(300)]
    for (const controller of [held, steady]) {
      lose(controller, 0)
      acknowledge(controller, 0, 20)
    }
    held.onTimeout(held.window, 20_200)
    held.onUndo(50_000)
    acknowledge(held, 50_000, 2)
    acknowledge(steady, 20_000, 2)
    near(held.window, steady.window, 0.02)
  })

  test('RFC 3042 §2: what SACKs name makes the window grow once SND.UNA moves', () => {
    const controller = CUBIC.create(MSS, () => 0)
    const sacked = ackSample({ ackedBytes: MSS, advanced: false })
    for (let i = 0; i < 3; i++) controller.onAck(sacked, i)
    expect(controller.window).toBe(10 * MSS)
    controller.onAck(ackSample({ ackedBytes: MSS }), 3)
    expect(controller.window).toBe(14 * MSS)
  })

  test('an ACK for all that arrived before a time-out doubles the window, and no more', () => {
    const controller = grown(100)
    controller.onTimeout(100 * MSS, 0)
    expect(controller.window).toBe(MSS)
    controller.onAck(ackSample({ ackedBytes: 100 * MSS }), 100)
    expect(controller.window).toBe(2 * MSS)
  })

  test('§4.9: an undo restores all of it: what follows is as if there had been no loss', () => {
    const [undone, spared] = [grown(1000), grown(1000)]
    for (const controller of [undone, spared]) {
      lose(controller, 0)
      acknowledge(controller, 0, 2)
    }
    undone.onLoss(MSS, undone.window - MSS, 2000)
    undone.onUndo(2000)
    expect([undone.window, undone.ssthresh]).toEqual([spared.window, spared.ssthresh])
    for (const controller of [undone, spared]) acknowledge(controller, 2000, 20)
    expect(undone.window).toBe(spared.window)
    lose(undone, 22_000)
    lose(spared, 22_000)
    for (const controller of [undone, spared]) acknowledge(controller, 22_000, 3)
    expect(undone.window).toBe(spared.window)
  })
})

describe('pacing', () => {
  test('twice the window in a round trip in slow start, 1.2 times from half of ssthresh on', () => {
    expect(CUBIC.create(MSS, () => 0).pacingRate).toBe(Number.POSITIVE_INFINITY)
    const controller = grown(20)
    controller.onAck(ackSample({ ackedBytes: 20 * MSS, srtt: 100 }), 0)
    expect(controller.pacingRate).toBe((2 * 40 * MSS) / 100)
    lose(controller, 0)
    expect(controller.pacingRate).toBeCloseTo((1.2 * 28 * MSS) / 100)
  })

  test('the rate is of the window that an ACK has just made: one for all of it does not leave at the pace of one segment', () => {
    const controller = grown(100)
    controller.onAck(ackSample({ ackedBytes: 100 * MSS, srtt: 100 }), 0)
    expect(controller.window).toBe(200 * MSS)
    expect(controller.pacingRate).toBeCloseTo((2 * 200 * MSS) / 100)
  })

  test('where nothing is in flight an initial window leaves in one go, but no more than the window after a time-out', () => {
    const controller = grown(20)
    controller.onAck(ackSample({ ackedBytes: MSS, srtt: 100 }), 0)
    expect(controller.sendQuantum).toBe(10 * MSS)
    controller.onSent(MSS, MSS, 0)
    expect(controller.sendQuantum).toBe(2 * MSS)
    controller.onTimeout(MSS, 0)
    controller.onAck(ackSample({ ackedBytes: MSS, srtt: 100, inFlight: 0 }), 0)
    expect(controller.sendQuantum).toBe(2 * MSS)
  })
})

describe('RFC 9438 §4.6 with late ACKs', () => {
  test('what counts is the most that was in flight in the last two round trips, not what late ACKs have left of it', () => {
    const controller = grown(1000)
    controller.onSent(MSS, 900 * MSS, 0)
    controller.onAck(ackSample({ ackedBytes: 0, inFlight: 400 * MSS, roundStart: true }), 0)
    controller.onLoss(MSS, 399 * MSS, 0)
    expect(controller.window).toBeCloseTo(630 * MSS)
    // two round trips later it is forgotten
    const later = grown(1000)
    later.onSent(MSS, 900 * MSS, 0)
    for (let i = 0; i < 3; i++) {
      later.onAck(ackSample({ ackedBytes: 0, inFlight: 400 * MSS, roundStart: true }), i)
    }
    later.onLoss(MSS, 399 * MSS, 3)
    expect(later.window).toBeCloseTo(280 * MSS)
  })

  test('a user who has less to say now has made room: then it is the flight', () => {
    const controller = grown(1000)
    controller.onSent(MSS, 900 * MSS, 0)
    controller.onAck(ackSample({ ackedBytes: MSS, inFlight: 20 * MSS, appLimited: true }), 0)
    controller.onLoss(MSS, 19 * MSS, 0)
    expect(controller.window).toBeCloseTo(14 * MSS)
  })
})

describe('RFC 9438 §5.1', () => {
  // The model of the table: losses come as the window is back at W_max, so that fast convergence has no part in it.
  test.each([
    [1e-4, 100, 187],
    [1e-5, 100, 1054],
    [1e-6, 100, 5926],
    [1e-7, 100, 33_325],
    [1e-7, 10, 5926],
    [1e-8, 10, 33_325],
  ])('the mean window at a loss rate of %f and %i ms is %i segments', (loss, rtt, segments) => {
    const wMax = (segments * 4) / (3 + BETA)
    const controller = grown(wMax)
    lose(controller, 0)
    const sample = ackSample({ rtt, srtt: rtt, minRtt: rtt })
    let [now, sent, area] = [0, 0, 0]
    while (controller.window < wMax * MSS) {
      // ACKs of a thousandth of a window keep the step small
      const some = Math.max(1, controller.window / MSS / 1000)
      const step = (rtt * some * MSS) / controller.window
      now += step
      sent += some
      area += (controller.window / MSS) * step
      controller.onAck({ ...sample, ackedBytes: some * MSS }, now)
      // the last of the way is flat
      if (Math.abs(now / 1000 - Math.cbrt((wMax * (1 - BETA)) / C)) < rtt / 2000) break
    }
    near(area / now, segments)
    near(sent, 1 / loss, 0.02)
  })

  // Its first rows are what Reno has on average, sqrt(3 / 2p), as it is the faster one there (§4.3). At 1e-3 the beginning of
  // a cycle is cubic's and only the rest Reno's, so that the mean is above either's own.
  test.each([
    [1e-2, 12, 1],
    [1e-3, 38, 1.065],
  ])(
    'the mean window at a loss rate of %f and 100 ms is that of Reno, %i segments, or above',
    (loss, segments, more) => {
      const mean = Math.sqrt(1.5 / loss)
      expect(Math.floor(mean)).toBe(segments)
      const wMax = (mean * 2) / (1 + BETA)
      const controller = grown(wMax)
      lose(controller, 0)
      const some = wMax / 1000
      const sample = ackSample({ rtt: 100, srtt: 100, minRtt: 100, ackedBytes: some * MSS })
      let [now, sent, area] = [0, 0, 0]
      while (controller.window < wMax * MSS) {
        const step = (100 * some * MSS) / controller.window
        now += step
        sent += some
        area += (controller.window / MSS) * step
        controller.onAck(sample, now)
      }
      near(area / now, more * mean)
      near(sent, more / loss, 0.02)
    },
  )
})
