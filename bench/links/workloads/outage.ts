// A link that goes down for 3 s in the middle of a transfer: how soon the sender notices that it is back, and has its rate again.
import { setTimeout as sleep } from 'node:timers/promises'
import { failuresOf, figures, rounds, type Series } from '../../rounds.js'
import { digits, inAll, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { openEnds, startFlow } from '../ends.js'
import { Link } from '../link.js'
import type { Sample } from '../messages.js'
import { kernelControl } from '../peers.js'
import { type Profile, profiles } from '../profiles.js'
import { chosenProfiles, lanesOver, linkSteps } from '../settings.js'
import { prepare } from '../tools.js'

/** ms */
const OUTAGE = 3_000
/** ms after it that are waited for the rate. */
const PATIENCE = 30_000
/** ms between looks. */
const LOOK = 500
/** Of the rate before: that much again is full. */
const FULL = 0.9
/** The rate is of a window of at least so many ms, and so many bare RTTs. */
const WINDOW = 500
const WINDOW_RTTS = 4

interface Result {
  /** Mbit/s before. */
  readonly before: number
  /** ms from the end of the outage to the first data that the link carried. */
  readonly noticed: number
  /** ms from there to the full rate; Infinity: not within PATIENCE. */
  readonly recovered: number
  /** The sum. */
  readonly back: number
  /** ms from the begin of the outage. */
  readonly tries: readonly number[]
}

/** By straight lines between samples. */
function bytesAt(samples: readonly Sample[], at: number): number {
  const i = samples.findIndex(([time]) => time >= at)
  if (i <= 0) return i === 0 ? samples[0][1] : samples[samples.length - 1][1]
  const [[before, low], [after, high]] = [samples[i - 1], samples[i]]
  return low + ((high - low) * (at - before)) / (after - before)
}

/** When the first window begins that has the rate, bytes per ms; Infinity: none yet. */
function fullRateAt(samples: readonly Sample[], from: number, window: number, rate: number): number {
  const last = samples[samples.length - 1][0]
  for (const [time] of samples) {
    if (time < from || time + window > last) continue
    if (bytesAt(samples, time + window) - bytesAt(samples, time) >= FULL * rate * window) return time
  }
  return Number.POSITIVE_INFINITY
}

async function measure(profile: Profile, peer: string, seed: number, seconds: number): Promise<Result> {
  const link = await Link.open(profile, seed, [kernelControl(peer)])
  try {
    const { receiver } = await startFlow(link, peer, await openEnds(link, peer))
    const window = Math.max(WINDOW, WINDOW_RTTS * 2 * profile.delay)
    await sleep(seconds * 1000)
    link.breakFor(OUTAGE)
    await sleep(OUTAGE)
    let back = Number.POSITIVE_INFINITY
    let { outage } = await link.stats()
    let before = 0
    for (const end = performance.now() + PATIENCE; back === Number.POSITIVE_INFINITY && performance.now() < end; ) {
      await sleep(LOOK)
      outage = (await link.stats()).outage
      receiver.say({ kind: 'samples' })
      const { samples } = await receiver.hear('sampled')
      // the second half of the time before: without the start
      const half = outage.from - (seconds * 1000) / 2
      before = (bytesAt(samples, outage.from) - bytesAt(samples, half)) / (outage.from - half)
      if (outage.carriedAt > 0) back = fullRateAt(samples, outage.carriedAt, window, before)
    }
    if (outage.carriedAt === 0) throw new Error(`nothing was sent within ${PATIENCE / 1000} s`)
    return {
      before: (before * 8) / 1e3,
      noticed: outage.carriedAt - outage.until,
      recovered: back - outage.carriedAt,
      back: back - outage.until,
      tries: outage.tries,
    }
  } finally {
    link.close()
  }
}

function rowOf(name: string, series: Series<Result>): string[] {
  const of = (figure: (value: Result) => number): number[] => figures(series, figure)
  const back = of((value) => value.back)
  const [first] = series.values
  return [
    name,
    digits(median(of((value) => value.before))),
    digits(median(of((value) => value.noticed))),
    digits(median(of((value) => value.recovered))),
    digits(median(back)),
    digits(percentile(back, 0.9)),
    (first?.value.tries ?? []).map((ms) => digits(ms / 1000)).join(' '),
    failuresOf(series),
  ]
}

async function run(settings: Settings, part: string): Promise<string> {
  const { peers, seeds, seconds } = settings.links
  const profile = profiles[part]
  const time = seconds ?? profile.seconds
  prepare(peers)
  const results = await rounds({
    ...settings,
    label: `outage ${part}`,
    names: peers,
    seeds,
    lanes: lanesOver(settings.links, profile),
    measure: (peer, seed) => measure(profile, peer, seed, time),
  })
  const head = [
    'peer',
    'Mbit/s before',
    'noticed ms',
    'then full rate ms',
    'together ms',
    'p90',
    'tries at s',
    'failed',
  ]
  return [
    `${profile.summary}. After ${time} s the link is down for ${OUTAGE / 1000} s, both ways, and what waited in its queue is lost. Noticed: from its`,
    `return to the first data that it carried. Full rate: ${FULL * 100} % of the sender's own rate before, over ${Math.max(WINDOW, WINDOW_RTTS * 2 * profile.delay)} ms that begin there;`,
    `-: not within ${PATIENCE / 1000} s. Tries: what the sender sent after 20 ms of silence or more, in the first round, from the begin of the`,
    `outage. Median of ${inAll(seeds, 'seed')}, the peers taking turns.`,
    '',
    table(
      head,
      peers.map((name) => rowOf(name, results.get(name) as Series<Result>)),
    ),
  ].join('\n')
}

export const outage: Workload = {
  name: 'outage',
  summary: 'a link that goes down for 3 s in the middle of a transfer',
  parts: (settings) => chosenProfiles(settings.links, profiles),
  steps: linkSteps,
  run,
}
