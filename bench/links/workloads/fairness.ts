// Two flows that share a link, of the same or of different stacks.
import { setTimeout as sleep } from 'node:timers/promises'
import { failuresOf, figures, rounds, type Series } from '../../rounds.js'
import { digits, fine, inAll, jain, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { openEnds, startFlow } from '../ends.js'
import { Link } from '../link.js'
import { kernelControl } from '../peers.js'
import { type Profile, profiles } from '../profiles.js'
import { chosenProfiles, lanesOver } from '../settings.js'
import { prepare } from '../tools.js'

/** Two of ours; ours against the kernel's, and the kernel's own in that place. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['ours:bbr', 'ours:bbr'],
  ['ours:cubic', 'ours:cubic'],
  ['ours:reno', 'ours:reno'],
  ['kernel:bbr', 'kernel:bbr'],
  ['kernel:cubic', 'kernel:cubic'],
  ['ours:cubic', 'kernel:cubic'],
  ['ours:reno', 'kernel:reno'],
  ['ours:bbr', 'kernel:cubic'],
  ['kernel:bbr', 'kernel:cubic'],
  ['ours:cubic', 'kernel:bbr'],
  ['kernel:cubic', 'kernel:bbr'],
]
/** s that two flows share the link. */
const SECONDS = 30

export interface Shares {
  /** Mbit/s */
  readonly first: number
  readonly second: number
}

async function measure(
  profile: Profile,
  pair: readonly [string, string],
  seed: number,
  seconds: number,
): Promise<Shares> {
  const link = await Link.open(profile, seed, pair.map(kernelControl))
  try {
    const ends = await Promise.all(pair.map((peer, i) => openEnds(link, peer, i)))
    const flows = await Promise.all(pair.map((peer, i) => startFlow(link, peer, ends[i], i)))
    const marks = (): Promise<{ at: number; bytes: number; intact: boolean }[]> =>
      Promise.all(flows.map(({ receiver }) => receiver.mark()))
    const starts = await marks()
    await sleep(seconds * 1000)
    const [first, second] = (await marks()).map(({ at, bytes, intact }, i) => {
      if (!intact) throw new Error('what arrived is not what was sent')
      return ((bytes - starts[i].bytes) * 8) / 1e3 / (at - starts[i].at)
    })
    return { first, second }
  } finally {
    link.close()
  }
}

export const evenness = ({ first, second }: Shares): number => jain([first, second])
export const share = ({ first, second }: Shares): number => first / (first + second)

function rowOf(name: string, series: Series<Shares>, rate: number): string[] {
  const of = (figure: (value: Shares) => number): number[] => figures(series, figure)
  return [
    name,
    fine(median(of(share))),
    `${fine(Math.min(...of(share)))} to ${fine(Math.max(...of(share)))}`,
    fine(median(of(evenness))),
    fine(percentile(of(evenness), 0.1)),
    digits((median(of(({ first, second }) => first + second)) / rate) * 100),
    failuresOf(series),
  ]
}

async function run(settings: Settings, part: string): Promise<string> {
  const { seeds, seconds = SECONDS, pairs = PAIRS } = settings.links
  const profile = profiles[part]
  const named = new Map(pairs.map((pair) => [pair.join(' + '), pair]))
  prepare(pairs.flat())
  const results = await rounds({
    ...settings,
    label: `fairness ${part}`,
    names: [...named.keys()],
    seeds,
    lanes: lanesOver(settings.links, profile),
    measure: (name, seed) => measure(profile, named.get(name)!, seed, seconds),
  })
  return [
    `${profile.summary}. Two flows that begin together, ${seconds} s from the moment that both have arrived; median of ${inAll(seeds, 'seed')}.`,
    'Share: of the first.',
    '',
    table(
      ['flows', 'share', 'least to most', 'Jain', 'p10 of it', 'both % of link', 'failed'],
      [...named.keys()].map((name) => rowOf(name, results.get(name) as Series<Shares>, profile.rate)),
    ),
  ].join('\n')
}

export const fairness: Workload = {
  name: 'fairness',
  summary: 'two flows that share a link, for 30 s',
  parts: (settings) => {
    const known = settings.links.profiles === undefined ? ['broadband', 'bufferbloat'] : Object.keys(profiles)
    return chosenProfiles(settings.links, Object.fromEntries(known.map((name) => [name, profiles[name]])))
  },
  steps: ({ links }) => (links.pairs ?? PAIRS).length * links.seeds,
  run,
}
