// All that the measurements over links are to show, from the files of measurements that were made before.
import { recorded } from '../../expectations.js'
import type { Settings, Workload } from '../../workloads/workload.js'
import { Targets } from '../targets.js'

async function run(settings: Settings): Promise<string> {
  const entries = recorded(settings)
  if (entries.length === 0) throw new Error('targets takes --from FILE,.. that --json has written')
  return new Targets(entries).text()
}

export const targets: Workload = {
  name: 'targets',
  summary: 'what those over links are to show, from the files that --json wrote',
  steps: () => 0,
  run,
}
