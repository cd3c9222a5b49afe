// The workloads: those over loopback, which make the table of performance, those over emulated links, and single parts.
import { ackpath } from '../links/workloads/ackpath.js'
import { fairness } from '../links/workloads/fairness.js'
import { file } from '../links/workloads/file.js'
import { links } from '../links/workloads/links.js'
import { outage } from '../links/workloads/outage.js'
import { reorder } from '../links/workloads/reorder.js'
import { targets } from '../links/workloads/targets.js'
import { bulk } from './bulk.js'
import { busy } from './busy.js'
import { connections } from './connections.js'
import { fanin } from './fanin.js'
import { goals } from './goals.js'
import { idle } from './idle.js'
import { lossy } from './lossy.js'
import { messages } from './messages.js'
import { micro } from './micro.js'
import { pingpong } from './pingpong.js'
import { skeleton } from './skeleton.js'
import type { Workload } from './workload.js'

/** What runs when nothing is named. */
const QUICK: readonly Workload[] = [bulk, pingpong, connections, fanin, idle, busy, messages, goals]
const FULL: readonly Workload[] = [bulk, pingpong, connections, fanin, idle, busy, messages, skeleton, goals, micro]

export const groups: Readonly<Record<string, readonly Workload[]>> = {
  'Over loopback': [bulk, pingpong, connections, fanin, idle, busy, messages, skeleton, goals],
  'In this process, and through a path that is bad by itself': [micro, lossy],
  'Over emulated links': [links, file, outage, reorder, fairness, ackpath, targets],
}
const all = Object.values(groups).flat()

/** Whether two processes of ours do the work, which can be profiled and done at several depths. */
export const isOverLoopback = (workload: Workload): boolean => groups['Over loopback'].includes(workload)

/** @throws Error for a name that is none. */
export function chosenWorkloads(names: readonly string[], full: boolean): readonly Workload[] {
  if (names.length === 0) return full ? FULL : QUICK
  return names.map((name) => {
    const workload = all.find((one) => one.name === name)
    if (workload === undefined) throw new Error(`no workload is called ${name}; see --help`)
    return workload
  })
}
