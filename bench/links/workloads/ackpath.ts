// Paths whose way back loses or is slow: what is left of the way there.

import { failuresOf, figures, rounds, type Series } from '../../rounds.js'
import { digits, fine, inAll, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { type FlowResult, measureFlow } from '../flow.js'
import { isOurs, kernelControl } from '../peers.js'
import { ackPaths } from '../profiles.js'
import { chosenProfiles, lanesOver, linkSteps } from '../settings.js'
import { prepare } from '../tools.js'

const HEAD = ['peer', 'Mbit/s', 'p10', '% of link', '× best kernel', 'sent per delivered', 'failed']

type Results = Map<string, Series<FlowResult>>

const rateOf = (series: Series<FlowResult> | undefined): number => median(figures(series, ({ rate }) => rate))

function rowOf(name: string, results: Results, rate: number): string[] {
  const series = results.get(name) as Series<FlowResult>
  const kernels = [...results].filter(([one]) => kernelControl(one) !== undefined).map(([, one]) => rateOf(one))
  return [
    name,
    digits(rateOf(series)),
    digits(
      percentile(
        figures(series, (value) => value.rate),
        0.1,
      ),
    ),
    digits((rateOf(series) / rate) * 100),
    isOurs(name) ? digits(rateOf(series) / Math.max(...kernels)) : '',
    fine(median(figures(series, ({ sentPerDelivered }) => sentPerDelivered))),
    failuresOf(series),
  ]
}

async function run(settings: Settings, part: string): Promise<string> {
  const { peers, seeds, seconds } = settings.links
  const profile = ackPaths[part]
  const time = seconds ?? profile.seconds
  prepare(peers)
  const results = await rounds({
    ...settings,
    label: `ackpath ${part}`,
    names: peers,
    seeds,
    lanes: lanesOver(settings.links, profile),
    measure: (peer, seed) => measureFlow({ profile, peer, seed, seconds: time, probed: false }),
  })
  return [
    `${profile.summary}. ${time} s, median of ${inAll(seeds, 'seed')}.`,
    '',
    table(
      HEAD,
      peers.map((name) => rowOf(name, results, profile.rate)),
    ),
  ].join('\n')
}

export const ackpath: Workload = {
  name: 'ackpath',
  summary: 'paths whose way back loses 10 % or has a 50th of the rate',
  parts: (settings) => chosenProfiles(settings.links, ackPaths),
  steps: linkSteps,
  run,
}
