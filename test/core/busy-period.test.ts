// What a link carries while a queue stands: the bound on BBR's bandwidth that jitter cannot flatter.
import { describe, expect, test } from 'vitest'
import { BusyPeriod } from '../../lib/core/congestion/busy-period.js'
import { TwoCycleMax } from '../../lib/core/congestion/max-filter.js'

const MIN_RTT = 20
const QUEUED = 30

describe('BusyPeriod', () => {
  test('measures from the first sample that waited to the first that did not', () => {
    const period = new BusyPeriod()
    expect(period.update(MIN_RTT, MIN_RTT, 0, 0)).toBe(Infinity)
    period.update(MIN_RTT, MIN_RTT, 0, 95)
    for (let now = 100; now < 200; now += 5) {
      expect(period.update(QUEUED, MIN_RTT, (now - 100) * 12_000, now)).toBe(Infinity)
    }
    expect(period.update(MIN_RTT, MIN_RTT, 100 * 12_000, 200)).toBeCloseTo(1.01 * 12_000)
    expect(period.update(MIN_RTT, MIN_RTT, 101 * 12_000, 201)).toBe(Infinity)
  })

  test('a period of less than two round trips or 40 ms says nothing', () => {
    const period = new BusyPeriod()
    for (let now = 0; now < 39; now++) period.update(QUEUED, MIN_RTT, now * 1000, now)
    expect(period.update(MIN_RTT, MIN_RTT, 39_000, 39)).toBe(Infinity)
    for (let now = 100; now < 299; now++) period.update(QUEUED * 5, MIN_RTT * 5, now * 1000, now)
    expect(period.update(MIN_RTT * 5, MIN_RTT * 5, 299_000, 299)).toBe(Infinity)
  })

  test('a queue that does not go, and ACKs without a sample, bound nothing', () => {
    const period = new BusyPeriod()
    for (let now = 0; now < 10_000; now += 10) expect(period.update(QUEUED, MIN_RTT, now, now)).toBe(Infinity)
    expect(period.update(Number.NaN, MIN_RTT, 10_000, 10_000)).toBe(Infinity)
  })

  test('nor does a sender that paused meanwhile', () => {
    const period = new BusyPeriod()
    for (let now = 0; now < 100; now += 10) period.update(QUEUED, MIN_RTT, now * 1000, now)
    period.forget()
    expect(period.update(MIN_RTT, MIN_RTT, 100_000, 100)).toBe(Infinity)
  })

  test('nor does one in which no ACK came for longer than the queue was: an outage, a closed window, a loop that stood still', () => {
    const period = new BusyPeriod()
    for (let now = 0; now < 100; now += 10) period.update(QUEUED, MIN_RTT, now * 1000, now)
    expect(period.update(MIN_RTT, MIN_RTT, 100_000, 3100)).toBe(Infinity)
    for (let now = 3110; now < 3200; now += 10) period.update(QUEUED, MIN_RTT, now * 1000, now)
    expect(period.update(MIN_RTT, MIN_RTT, 3_200_000, 3200)).toBeCloseTo(1010)
  })

  test('the filter forgets what is beyond the bound, of both cycles', () => {
    const filter = new TwoCycleMax()
    filter.update(110, 0)
    filter.update(120, 1)
    filter.limit(100)
    expect(filter.best).toBe(100)
    filter.limit(Infinity)
    expect(filter.best).toBe(100)
    filter.update(105, 1)
    expect(filter.best).toBe(105)
  })
})
