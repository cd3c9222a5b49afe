// All that the measurements over links are to show, from the files of measurements that were made before.
import { readFileSync } from 'node:fs'
import type { Settings, Workload } from '../../workloads/workload.js'
import { Targets } from '../targets.js'

async function run({ links }: Settings): Promise<string> {
  const { from } = links
  if (from === undefined) throw new Error('targets takes --from FILE,.. that --json has written')
  return new Targets(from.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as object[])).text()
}

export const targets: Workload = {
  name: 'targets',
  summary: 'what those over links are to show, from the files that --json wrote',
  run,
}
