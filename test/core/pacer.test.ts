// Departure times against a clock that is late: what leaves, how evenly, and nothing in one go after a pause.
import { describe, expect, test } from 'vitest'
import { Pacer } from '../../lib/core/send/pacer.js'
import { Random } from '../../lib/testing/random.js'

const MSS = 1448

interface Train {
  readonly at: number
  readonly bytes: number
}

/** A sender that always has something to send, woken up to `late` ms too late. */
function drive(pacer: Pacer, rate: number, from: number, ms: number, late: number, random: Random, srtt = 1): Train[] {
  const quantum = Math.max(2 * MSS, Math.min(rate, 65_536))
  const trains: Train[] = []
  let now = from
  while (now < from + ms) {
    let bytes = 0
    while (pacer.isOpen(rate, quantum, srtt, now)) {
      pacer.onSent(MSS, rate, now)
      bytes += MSS
    }
    trains.push({ at: now, bytes })
    now = Math.max(now, pacer.opensAt) + random.next() * late
  }
  return trains
}

const sum = (trains: readonly Train[]): number => trains.reduce((total, { bytes }) => total + bytes, 0)

describe.each([
  ['1 Mbit/s', 125],
  ['10 Mbit/s', 1250],
  ['100 Mbit/s', 12_500],
  ['500 Mbit/s', 62_500],
  ['1 Gbit/s', 125_000],
])('at %s', (_name, rate) => {
  const quantum = Math.max(2 * MSS, Math.min(rate, 65_536))

  test.each([0, 1, 2])('with a clock that is up to %i ms late, 1 % at most is missing or too much', (late) => {
    for (let seed = 1; seed <= 5; seed++) {
      const trains = drive(new Pacer(), rate, 1000, 5000, late, new Random(seed))
      expect(Math.abs(sum(trains) / (rate * 5000) - 1), `seed ${seed}`).toBeLessThan(0.01)
    }
  })

  test('trains are a quantum, and what a late clock has held back', () => {
    const trains = drive(new Pacer(), rate, 1000, 2000, 2, new Random(1))
    for (const { bytes } of trains) expect(bytes).toBeLessThanOrEqual(quantum + 2 * rate + MSS)
    const punctual = drive(new Pacer(), rate, 1000, 2000, 0, new Random(1))
    for (const { bytes } of punctual) expect(bytes).toBeLessThanOrEqual(quantum + MSS)
  })

  test('a clock that is later than that loses time, and never bursts', () => {
    const trains = drive(new Pacer(), rate, 1000, 2000, 20, new Random(1))
    for (const { bytes } of trains) expect(bytes).toBeLessThanOrEqual(quantum + 2 * rate + MSS)
  })

  test('an eighth of the round trip is caught up with all the same: a busy machine makes nobody slow', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const trains = drive(new Pacer(), rate, 1000, 5000, 10, new Random(seed), 80)
      expect(Math.abs(sum(trains) / (rate * 5000) - 1), `seed ${seed}`).toBeLessThan(0.01)
      for (const { bytes } of trains) expect(bytes).toBeLessThanOrEqual(quantum + 10 * rate + MSS)
    }
  })

  test('what waited for the congestion window has not paused: it catches up too', () => {
    const firstTrain = (waited: boolean): number => {
      const pacer = new Pacer()
      expect(pacer.isOpen(rate, quantum, 80, 1000)).toBe(true)
      pacer.onSent(MSS, rate, 1000)
      if (waited) pacer.hold()
      const [first] = drive(pacer, rate, 5000, 1, 0, new Random(1), 80)
      return first?.bytes ?? 0
    }
    expect(Math.abs(firstTrain(true) - (quantum + 10 * rate))).toBeLessThanOrEqual(MSS)
    expect(firstTrain(false)).toBeLessThanOrEqual(quantum + MSS)
  })

  test('after a pause it begins with one quantum', () => {
    const pacer = new Pacer()
    // a short message, over before the pacer had to hold anything back
    expect(pacer.isOpen(rate, quantum, 1, 1000)).toBe(true)
    pacer.onSent(MSS, rate, 1000)
    const [first] = drive(pacer, rate, 5000, 1, 0, new Random(1))
    expect(first?.bytes).toBeLessThanOrEqual(quantum + MSS)
  })
})

test('Infinity: nothing is ever held back', () => {
  const pacer = new Pacer()
  for (let i = 0; i < 1000; i++) {
    expect(pacer.isOpen(Number.POSITIVE_INFINITY, 1, 0, 0)).toBe(true)
    pacer.onSent(MSS, Number.POSITIVE_INFINITY, 0)
  }
})
