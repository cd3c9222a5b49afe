// Files of several sizes over each link, a fresh connection for each: how long until the other end has read it all.

import { failuresOf, rounds, type Series } from '../../rounds.js'
import { digits, inAll, median, percentile, table } from '../../table.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { openEnds, placeOf } from '../ends.js'
import { Link } from '../link.js'
import { isOurs, kernelControl } from '../peers.js'
import { isLossy, type Profile, profiles } from '../profiles.js'
import { chosenProfiles, lanesOver, linkSteps } from '../settings.js'
import { prepare } from '../tools.js'

/** Transfers of each size over lossy links. */
const RUNS = 30
/** What is not counted lasts so long, ms, or has so many bytes: the code is compiled, udx-native has its socket. */
const WARM_UP = { time: 500, bytes: 65_536 }
const BYTES_PER_MBIT_MS = 125
/** ms that a transfer may take. */
const PATIENCE = 180_000

interface Batch {
  /** ms of each. */
  readonly times: readonly number[]
}

async function measure(profile: Profile, peer: string, seed: number, bytes: number, runs: number): Promise<Batch> {
  const link = await Link.open(profile, seed, [kernelControl(peer)])
  try {
    const { sender, receiver } = await openEnds(link, peer)
    const transfer = async (size: number): Promise<number> => {
      sender.say({ kind: 'file', peer, ...placeOf(link, 0), bytes: size })
      return (await sender.hear('filed', PATIENCE)).ms
    }
    const warmUp = Math.max(WARM_UP.bytes, Math.round(profile.rate * BYTES_PER_MBIT_MS * WARM_UP.time))
    await transfer(warmUp)
    const times: number[] = []
    for (let i = 0; i < runs; i++) times.push(await transfer(bytes))
    const { intact, bytes: got } = await receiver.mark()
    if (!intact) throw new Error('what arrived is not what was sent')
    if (got !== warmUp + runs * bytes) throw new Error(`${got} bytes arrived`)
    return { times }
  } finally {
    link.close()
  }
}

export const sizeName = (bytes: number): string =>
  bytes >= 1 << 20 ? `${digits(bytes / (1 << 20))} MB` : `${digits(bytes / 1024)} KB`

const timesOf = (series: Series<Batch> | undefined): number[] =>
  (series?.values ?? []).flatMap(({ value }) => value.times)

type Results = Map<string, Series<Batch>>

function cellsOf(name: string, results: Results): string[] {
  const times = timesOf(results.get(name))
  const kernels = [...results.keys()].filter((one) => kernelControl(one) !== undefined)
  const best = Math.min(...kernels.map((one) => median(timesOf(results.get(one)))).filter((ms) => !Number.isNaN(ms)))
  const ratio = isOurs(name) ? digits(median(times) / best) : ''
  return [digits(median(times)), digits(percentile(times, 0.9)), ratio]
}

async function run(settings: Settings, part: string): Promise<string> {
  const { peers, seeds, sizes } = settings.links
  const profile = profiles[part]
  const runs = settings.links.runs ?? (isLossy(profile) ? RUNS : seeds)
  const batch = Math.ceil(runs / seeds)
  prepare(peers)
  const all: Results[] = []
  for (const bytes of sizes) {
    all.push(
      await rounds({
        ...settings,
        label: `file ${part} ${sizeName(bytes)}`,
        names: peers,
        seeds,
        lanes: lanesOver(settings.links, profile),
        measure: (peer, seed) => measure(profile, peer, seed, bytes, batch),
      }),
    )
  }
  const head = sizes.flatMap((bytes) => [`${sizeName(bytes)} ms`, 'p90', '× best kernel'])
  const rows = peers.map((name) => [
    name,
    ...all.flatMap((results) => cellsOf(name, results)),
    all.map((results) => failuresOf(results.get(name) as Series<Batch>)).join(''),
  ])
  return [
    `${profile.summary}. From connect() until the end of the other side is there, which it sends when it has read all; every byte`,
    `checked. Median and 90th percentile of ${inAll(batch * seeds, 'transfer')} (${inAll(seeds, 'seed')}, the peers taking turns; a transfer that is not`,
    'counted goes before), each on a fresh connection, from a process that is warm.',
    '',
    table(['peer', ...head, 'failed'], rows),
  ].join('\n')
}

export const file: Workload = {
  name: 'file',
  summary: 'files of 64 KB, 1 MB and 8 MB over emulated links',
  parts: (settings) => chosenProfiles(settings.links, profiles),
  steps: (settings) => linkSteps(settings) * settings.links.sizes.length,
  run,
}
