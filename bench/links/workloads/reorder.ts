// Paths that change the order of packets and lose none: what the sender makes of it.

import { failuresOf, figures, rounds, type Series } from '../../rounds.js'
import { digits, inAll, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { type FlowResult, measureFlow } from '../flow.js'
import { reordering } from '../profiles.js'
import { chosenProfiles, lanesOver, linkSteps } from '../settings.js'
import { prepare } from '../tools.js'

const HEAD = ['peer', 'Mbit/s', 'p10', '% of link', 'needless %', 'p90 of it', 'lost in queue %', 'failed']

/** Of what was sent, sent again although it was not lost. The link loses nothing but what its queue has no room for. */
export const needless = ({ segments, retransmitted, lost }: FlowResult): number =>
  (Math.max(0, retransmitted - lost) / segments) * 100

function rowOf(name: string, series: Series<FlowResult>, rate: number): string[] {
  const rates = figures(series, (value) => value.rate)
  return [
    name,
    digits(median(rates)),
    digits(percentile(rates, 0.1)),
    digits((median(rates) / rate) * 100),
    digits(median(figures(series, needless))),
    digits(percentile(figures(series, needless), 0.9)),
    digits(median(figures(series, ({ lost, segments }) => (lost / segments) * 100))),
    failuresOf(series),
  ]
}

async function run(settings: Settings, part: string): Promise<string> {
  const { peers, seeds, seconds } = settings.links
  const profile = reordering[part]
  const time = seconds ?? profile.seconds
  prepare(peers)
  const results = await rounds({
    ...settings,
    label: `reorder ${part}`,
    names: peers,
    seeds,
    lanes: lanesOver(settings.links, profile),
    measure: (peer, seed) => measureFlow({ profile, peer, seed, seconds: time, probed: false }),
  })
  return [
    `${profile.summary}; no loss, a queue of 2 BDP. ${time} s, median of ${inAll(seeds, 'seed')}. Needless: retransmissions beyond what the queue`,
    'dropped, as shares of all segments.',
    '',
    table(
      HEAD,
      peers.map((name) => rowOf(name, results.get(name) as Series<FlowResult>, profile.rate)),
    ),
  ].join('\n')
}

export const reorder: Workload = {
  name: 'reorder',
  summary: 'paths that change the order of packets and lose none',
  parts: (settings) => chosenProfiles(settings.links, reordering),
  steps: linkSteps,
  run,
}
