// What an endpoint tells of itself: what it is like now, and what has been counted.
import type { Binding } from './binding.js'
import type { Branches } from './branches.js'
import type { Commons } from './commons.js'
import type { EndpointStats, OwnStats } from './counts.js'
import type { TimeWait } from './time-wait.js'

/** An endpoint, as far as it is looked at; null: that part of it has not been needed. */
interface Counted {
  readonly commons: Commons
  readonly binding: Binding
  readonly branches: Branches | null
  readonly timeWait: TimeWait | null
  readonly channels: number
  readonly dropped: number | undefined
}

export function statsOf(endpoint: Counted): EndpointStats {
  return { ...ownStatsOf(endpoint), ...commonStatsOf(endpoint.commons) }
}

/** Without what it has in common with others. */
export function ownStatsOf({ binding, branches, timeWait, channels, dropped }: Counted): OwnStats {
  return {
    sockets: binding.locals.length + (branches?.size ?? 0),
    connections: channels,
    timeWait: timeWait?.size ?? 0,
    receiveBuffer: binding.buffer,
    dropped,
  }
}

/** What those that share it have in common. */
export function commonStatsOf({ counts, defences, budget }: Commons): Omit<EndpointStats, keyof OwnStats> {
  return { ...counts, ...defences, bufferMemory: budget.used, orphansEnded: budget.orphansEnded }
}
