// All that the measurements over loopback are to show: of this run, or of the files that --json wrote.
import { recorded } from '../expectations.js'
import { Goals } from '../goals.js'
import type { Workload } from './workload.js'

export const goals: Workload = {
  name: 'goals',
  summary: 'what those are to show, from what ran before it or the files that --json wrote',
  steps: () => 0,
  async run(settings) {
    const entries = recorded(settings)
    if (entries.length === 0)
      throw new Error('goals needs workloads before it, or --from FILE,.. that --json has written')
    return new Goals(entries).text()
  },
  async picture(settings) {
    // only who draws waits for Vega
    const { drawBars } = await import('../plots/bars.js')
    return {
      file: 'loopback.svg',
      summary: 'Throughput, trips, connections and memory beside the peers, over loopback',
      svg: await drawBars(new Goals(recorded(settings)).panels()),
    }
  },
}
