// Goodput of one flow over each link, and what it costs the path: delay added, bytes sent, CPU.

import { failuresOf, figures, rounds, type Series } from '../../rounds.js'
import { digits, fine, inAll, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { type FlowResult, measureFlow } from '../flow.js'
import { isOurs, REFERENCES } from '../peers.js'
import { profiles } from '../profiles.js'
import { chosenProfiles, lanesOver, linkSteps } from '../settings.js'
import { prepare } from '../tools.js'

type Results = Map<string, Series<FlowResult>>

const HEAD = [
  'peer',
  'Mbit/s',
  'p10',
  '% of link',
  '2nd half %',
  '× best other',
  'delay added p95 ms',
  'p90 of it',
  'sent per delivered',
  'CPU s/GB',
  'Mbit/s per core',
  'other load',
  'failed',
]

const middle = (series: Series<FlowResult> | undefined, figure: (value: FlowResult) => number): number =>
  median(figures(series, figure))

/** Of kernel and udx-native, by the median. */
function bestOther(results: Results): number {
  const rates = REFERENCES.map((name) => middle(results.get(name), ({ rate }) => rate))
  return Math.max(...rates.filter((rate) => !Number.isNaN(rate)))
}

function rowOf(name: string, results: Results, rate: number): string[] {
  const series = results.get(name) as Series<FlowResult>
  const of = (figure: (value: FlowResult) => number): number => middle(series, figure)
  const mbit = of((value) => value.rate)
  return [
    name,
    digits(mbit),
    digits(
      percentile(
        figures(series, (value) => value.rate),
        0.1,
      ),
    ),
    digits((mbit / rate) * 100),
    digits((of((value) => value.laterRate) / rate) * 100),
    isOurs(name) ? digits(mbit / bestOther(results)) : '',
    digits(of((value) => value.addedP95)),
    digits(
      percentile(
        figures(series, (value) => value.addedP95),
        0.9,
      ),
    ),
    fine(of((value) => value.sentPerDelivered)),
    digits(of((value) => value.cpuPerGb)),
    digits(of((value) => value.ratePerCore)),
    digits(of((value) => value.otherCores)),
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
    label: `links ${part}`,
    names: peers,
    seeds,
    lanes: lanesOver(settings.links, profile),
    measure: (peer, seed) => measureFlow({ profile, peer, seed, seconds: time, probed: true }),
  })
  return [
    `${profile.summary}. One flow, ${time} s from its first byte on, every byte checked; median of ${inAll(seeds, 'seed')}, the peers taking`,
    'turns. Delay: of a probe every 20 ms beside the flow, beyond the bare RTT. Sent: bytes of IP for each byte of payload that',
    'arrived. Per core: what the busier end would carry with a core of its own. Other load: cores that others kept busy meanwhile.',
    'Everybody has the buffers that it has by default.',
    '',
    table(
      HEAD,
      peers.map((name) => rowOf(name, results, profile.rate)),
    ),
  ].join('\n')
}

export const links: Workload = {
  name: 'links',
  summary: 'one flow over emulated links, beside the kernel and udx-native',
  parts: (settings) => chosenProfiles(settings.links, profiles),
  steps: linkSteps,
  run,
}
