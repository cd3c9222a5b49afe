// What an endpoint tells of itself: what it has, and what its parts have counted.
import type { Admission } from './admission.js'
import type { Binding } from './binding.js'
import type { Branches } from './branches.js'
import type { Paths } from './paths.js'
import type { Rejecter } from './reject.js'
import type { EndpointStats, OwnCounts, OwnStats } from './target.js'
import type { TimeWait } from './time-wait.js'

/** An endpoint, as far as it counts; null: that part of it has not been needed. */
interface Counted {
  readonly binding: Binding
  readonly admission: Admission
  readonly branches: Branches | null
  readonly timeWait: TimeWait | null
  readonly rejecter: Rejecter | null
  readonly paths: Paths | null
  readonly channels: number
  readonly dropped: number | undefined
  readonly datagrams: number
  readonly malformed: number
  readonly unowned: number
  readonly selfAddressed: number
  readonly socketErrors: number
}

export function statsOf(endpoint: Counted): EndpointStats {
  const { defences, budget } = endpoint.admission.commons
  return { ...ownStatsOf(endpoint), ...defences, bufferMemory: budget.used, orphansEnded: budget.orphansEnded }
}

/** Without what it has in common with others. */
export function ownStatsOf(endpoint: Counted): OwnStats {
  const { binding, branches, channels, timeWait, dropped } = endpoint
  return {
    ...countsOf(endpoint),
    sockets: binding.locals.length + (branches?.size ?? 0),
    connections: channels,
    timeWait: timeWait?.size ?? 0,
    receiveBuffer: binding.buffer,
    dropped,
  }
}

/** What it has counted since it began. */
export function countsOf(endpoint: Counted): OwnCounts {
  const { admission, timeWait, rejecter, paths } = endpoint
  return {
    timeWaitEvicted: timeWait?.evicted ?? 0,
    datagrams: endpoint.datagrams,
    malformed: endpoint.malformed,
    unowned: endpoint.unowned,
    resetsSent: rejecter?.sent ?? 0,
    resetsSuppressed: rejecter?.suppressed ?? 0,
    refusedByLimit: admission.refusedByLimit,
    refusedPerAddress: admission.refusedPerAddress,
    refusedByMemory: admission.refusedByMemory,
    selfAddressed: endpoint.selfAddressed,
    pathProbes: paths?.probes ?? 0,
    pathsFollowed: paths?.followed ?? 0,
    socketErrors: endpoint.socketErrors,
  }
}
