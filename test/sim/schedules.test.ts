// Any schedule of loss, reordering, duplication, writes, reads, pauses and half-closes: every byte and then the end, or an error that says why.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foundSchedules } from '../support/found-schedules.js'
import { anySchedule, type Schedule } from '../support/schedule.js'
import { runSchedule } from '../support/schedule-run.js'
import { runWithSockets } from '../support/schedule-sockets.js'

// SCHEDULES=n runs n of them, new ones each time; SCHEDULE_SEED and SCHEDULE_PATH run those of a failure again.
const { SCHEDULES, SCHEDULE_SEED, SCHEDULE_PATH } = process.env
const RUNS = Number(SCHEDULES ?? 1_000)
/** Streams need turns of the event loop. */
const SOCKET_RUNS = Math.ceil(RUNS / 8)
const SEED = Number(SCHEDULE_SEED ?? (SCHEDULES === undefined ? 9293 : Date.now() % 2 ** 31))

/** Runs `body` on as many schedules; a failure is shrunk and says how to run it again. */
async function forAny(runs: number, title: string, body: (schedule: Schedule) => Promise<void>): Promise<void> {
  const chosen = SCHEDULE_PATH === undefined ? { seed: SEED } : { seed: SEED, path: SCHEDULE_PATH, endOnFailure: true }
  const result = await fc.check(fc.asyncProperty(anySchedule, body), { numRuns: runs, ...chosen })
  if (!result.failed) return
  const { counterexample, seed, counterexamplePath, errorInstance } = result
  const command = `SCHEDULE_SEED=${seed} SCHEDULE_PATH=${counterexamplePath} npx vitest run test/sim/schedules.test.ts -t '${title}'`
  const why = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance)
  throw new Error(`${why}\n\nschedule: ${fc.stringify(counterexample?.[0])}\nagain: ${command}`)
}

/** How the sides ended, counted; and that giving up, which a path this bad allows, stays the exception. */
class Tally {
  bytes = 0
  private readonly counts: Map<string, number> = new Map()
  private sides = 0

  add(how: string | null, received: number): void {
    this.sides++
    this.bytes += received
    this.counts.set(String(how), (this.counts.get(String(how)) ?? 0) + 1)
  }

  share(how: string | null): number {
    return (this.counts.get(String(how)) ?? 0) / this.sides
  }
}

describe('schedules that once failed', () => {
  test.each(foundSchedules)('%s', async (_why, schedule) => {
    runSchedule(schedule, true)
    await runWithSockets(schedule, true)
  })
})

describe('any schedule', () => {
  test('with channels', { timeout: 60_000 + RUNS * 100 }, async () => {
    const tally = new Tally()
    await forAny(RUNS, 'with channels', async (schedule) => {
      for (const { reason, received } of runSchedule(schedule, SCHEDULE_PATH !== undefined)) tally.add(reason, received)
    })
    if (SCHEDULE_PATH !== undefined) return
    expect(tally.bytes).toBeGreaterThan(RUNS * 1_000)
    expect(tally.share(null)).toBeGreaterThan(0.8)
    expect(tally.share('timed-out')).toBeLessThan(0.03)
  })

  test('with sockets', { timeout: 60_000 + RUNS * 100 }, async () => {
    const tally = new Tally()
    await forAny(SOCKET_RUNS, 'with sockets', async (schedule) => {
      const outcomes = await runWithSockets(schedule, SCHEDULE_PATH !== undefined)
      for (const { error, received } of outcomes) tally.add(error, received)
    })
    if (SCHEDULE_PATH !== undefined) return
    expect(tally.bytes).toBeGreaterThan(SOCKET_RUNS * 1_000)
    expect(tally.share(null)).toBeGreaterThan(0.8)
    expect(tally.share('ETIMEDOUT')).toBeLessThan(0.05)
  })
})
