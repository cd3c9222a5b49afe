// The maximum of a window that moves, in three numbers or two, beside a list of all samples.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MaxFilter, TwoCycleMax } from '../../lib/core/congestion/max-filter.js'

describe('the max filter', () => {
  test('over this cycle and the one before it is exact', () => {
    const step = fc.record({ value: fc.integer({ min: 1, max: 100 }), later: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const filter = new TwoCycleMax()
        const all: { value: number; cycle: number }[] = []
        let cycle = 0
        for (const { value, later } of steps) {
          if (later) cycle++
          filter.update(value, cycle)
          all.push({ value, cycle })
          const recent = all.filter((sample) => sample.cycle >= cycle - 1)
          expect(filter.best).toBe(Math.max(...recent.map((sample) => sample.value)))
        }
      }),
    )
  })

  test('over any window: nothing that is too old, and no less than the newest sample', () => {
    const step = fc.record({ value: fc.integer({ min: 1, max: 1000 }), after: fc.integer({ min: 0, max: 4 }) })
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 20 }), fc.array(step, { maxLength: 100 }), (window, steps) => {
        const filter = new MaxFilter(window)
        const all: { value: number; at: number }[] = []
        let now = 0
        for (const { value, after } of steps) {
          now += after
          filter.update(value, now)
          all.push({ value, at: now })
          const within = (age: number): number =>
            Math.max(...all.filter((sample) => now - sample.at <= age).map((sample) => sample.value))
          expect(filter.best).toBeLessThanOrEqual(within(window))
          expect(filter.best).toBeGreaterThanOrEqual(value)
        }
      }),
    )
  })
})
