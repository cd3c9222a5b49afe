// The heap of wake-up times, with few connections and with many: what an ACK costs that moves a time-out later, and what a time-out costs.
import { Deadlines, type Sleeper } from '../../lib/endpoint/deadlines.js'
import type { Case } from './case.js'

const COUNTS = [10, 100_000]
/** ms from an ACK to the time-out that it sets. */
const RTO = 200
/** Coprime to all counts: no order that the heap has. */
const STEP = 7_919

/** Connections that all wait for something, spread over a time-out. */
function waiting(count: number): { deadlines: Deadlines<Sleeper>; sleepers: Sleeper[] } {
  const deadlines = new Deadlines<Sleeper>()
  const sleepers = Array.from({ length: count }, () => ({ slot: -1 }))
  sleepers.forEach((sleeper, i) => {
    deadlines.schedule(sleeper, (((i * STEP) % count) / count) * RTO)
  })
  return { deadlines, sleepers }
}

function moveLater(count: number): Case {
  const { deadlines, sleepers } = waiting(count)
  let at = 0
  return {
    name: `timers: moved later, one of ${count}`,
    run: () => {
      at = (at + STEP) % count
      deadlines.schedule(sleepers[at], 2 * RTO)
    },
  }
}

function ring(count: number): Case {
  const { deadlines } = waiting(count)
  return {
    name: `timers: the earliest of ${count} rings, and is filed anew`,
    run: () => {
      const now = deadlines.next
      const due = deadlines.takeDue(now)
      if (due !== undefined) deadlines.schedule(due, now + RTO)
    },
  }
}

export const deadlines: readonly Case[] = [...COUNTS.map(moveLater), ...COUNTS.map(ring)]
