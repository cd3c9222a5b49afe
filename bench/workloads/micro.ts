// Single parts in one process, timed by the `benchmark` package.
import Benchmark from 'benchmark'
import type { Case } from '../micro/case.js'
import { codec } from '../micro/codec.js'
import { connection } from '../micro/connection.js'
import { deadlines } from '../micro/deadlines.js'
import { demux } from '../micro/demux.js'
import { reassembly } from '../micro/reassembly.js'
import { scoreboard } from '../micro/scoreboard.js'
import { digits, table } from '../table.js'
import type { Settings, Workload } from './workload.js'

export const microCases: readonly Case[] = [
  ...codec,
  ...demux,
  ...deadlines,
  ...reassembly,
  ...scoreboard,
  ...connection,
]

async function run({ progress, record }: Settings): Promise<string> {
  const rows: string[][] = []
  for (const { name, run: once } of microCases) {
    progress.show(`micro: ${name}`)
    const bench = new Benchmark(name, once)
    bench.run()
    if (bench.error !== undefined) throw bench.error as unknown as Error
    rows.push([name, digits(1e9 / bench.hz), `${bench.stats.rme.toFixed(1)} %`])
    record({ label: 'micro', name, ns: 1e9 / bench.hz, margin: bench.stats.rme })
    progress.step()
    await null
  }
  return ['Single parts, in one process.', '', table(['part', 'ns', 'margin of error'], rows)].join('\n')
}

export const micro: Workload = {
  name: 'micro',
  summary: 'single parts of the code: codec, demux, timers, reassembly, scoreboard, connection',
  steps: () => microCases.length,
  run,
}
