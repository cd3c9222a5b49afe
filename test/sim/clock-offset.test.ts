// A connection knows no hour: whenever it begins, it goes the same way.
import { describe, expect, test } from 'vitest'
import { FlowRun } from '../support/flow.js'

const PATH = { forth: { rate: 20e6, delay: 30, queue: 150_000, loss: 0.002 } }
/** Bytes: sums of times are rounded otherwise when they are larger, and then things take another turn. */
const SLACK = 60_000

interface Course {
  /** Bytes that have arrived after each 100 ms. */
  readonly arrived: readonly number[]
  /** What the controller went through in its first second. */
  readonly phases: readonly string[]
}

function courseAfter(pause: number, control: string): Course {
  const run = new FlowRun(PATH, 3)
  run.run(pause)
  const flow = run.start(control)
  const arrived = Array.from({ length: 10 }, () => {
    run.run(100)
    return flow.received
  })
  const early = flow.phases.filter(({ at }) => at < pause + 1000)
  return { arrived, phases: early.map(({ phase }) => phase) }
}

describe('a flow that begins later', () => {
  test.each(['reno', 'cubic', 'bbr'])('%s', (control) => {
    const { arrived, phases } = courseAfter(0, control)
    for (const pause of [7_000, 3_600_000]) {
      const later = courseAfter(pause, control)
      expect(later.phases).toEqual(phases)
      for (const [i, bytes] of later.arrived.entries()) expect(Math.abs(bytes - arrived[i]!)).toBeLessThan(SLACK)
    }
  })
})
