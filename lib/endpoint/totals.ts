// What all endpoints of a stack have counted, those that are closed too; and from time to time, what was dropped lately.
import type { Commons } from './commons.js'
import type { EndpointStats, OwnCounts, OwnStats } from './target.js'

/** An endpoint, as far as it counts. */
export interface Counting {
  readonly commons: Commons
  getStats(): EndpointStats
  ownStats(): OwnStats
  counts(): OwnCounts
}

/** Hears what was dropped, doubted or refused. */
export interface DropsObserver {
  /** Anybody wants to know. */
  readonly isWatching: boolean
  /** `counts`: by name, what has been counted in the last `ms`; what has not is left out. */
  onDrops(counts: Readonly<Record<string, number>>, ms: number): void
}

/** ms between two reports at least. */
const INTERVAL = 1000
/** As they are now, not counted. */
const GAUGES: ReadonlySet<string> = new Set(['sockets', 'connections', 'timeWait', 'bufferMemory'])

type Counts = Record<string, number>

/** Of a stack; what the machine grants is each socket's own. */
export type TotalStats = Omit<EndpointStats, 'receiveBuffer'>

export class Totals {
  /** When report() is due, ms; Infinity: nobody observes. */
  reportAt: number = Number.POSITIVE_INFINITY
  private observer: DropsObserver | null = null
  private reported: Counts = {}
  private reportedAt = 0
  private readonly ofClients: Commons
  /** Of endpoints that are closed. */
  private readonly gone: Record<keyof OwnCounts, number> = nothing()
  private readonly goneInCommon: Counts = {}

  /** `ofClients`: of the endpoints that have one connection each. */
  constructor(ofClients: Commons) {
    this.ofClients = ofClients
  }

  observe(observer: DropsObserver, now: number): void {
    this.observer = observer
    this.reportedAt = now
    this.reportAt = now + INTERVAL
  }

  endpointClosed(endpoint: Counting): void {
    const { gone } = this
    const counts = endpoint.counts()
    for (const name of OWN) gone[name] += counts[name]
    // those of clients have the rest in common, which stays
    if (endpoint.commons !== this.ofClients) {
      const { defences, budget } = endpoint.commons
      add(this.goneInCommon, { ...defences, orphansEnded: budget.orphansEnded })
    }
  }

  sum(endpoints: Iterable<Counting>): TotalStats {
    const { defences, budget } = this.ofClients
    const sum: Counts = { ...this.goneInCommon, ...this.gone }
    add(sum, { ...defences, bufferMemory: budget.used, orphansEnded: budget.orphansEnded })
    for (const endpoint of endpoints) add(sum, this.countsOf(endpoint))
    return sum as unknown as TotalStats
  }

  /** Tells the observer what is new. */
  report(endpoints: Iterable<Counting>, now: number): void {
    this.reportAt = now + INTERVAL
    if (!this.observer?.isWatching) return
    const counts = this.counters(endpoints)
    const news: Counts = {}
    for (const [name, count] of Object.entries(counts)) {
      const change = count - (this.reported[name] ?? 0)
      if (change > 0 && !GAUGES.has(name) && name !== 'datagrams') news[name] = change
    }
    const ms = now - this.reportedAt
    this.reported = counts
    this.reportedAt = now
    if (Object.keys(news).length > 0) this.observer.onDrops(news, ms)
  }

  /**
   * As far as it grows, with little work each second: of the thousands of sockets that clients have the machine is not asked what
   * it dropped, but of those that many share.
   */
  private counters(endpoints: Iterable<Counting>): Counts {
    const { defences, budget } = this.ofClients
    const sum: Counts = { ...this.goneInCommon, ...this.gone }
    add(sum, { ...defences, orphansEnded: budget.orphansEnded })
    for (const endpoint of endpoints) {
      if (endpoint.commons !== this.ofClients) {
        add(sum, this.countsOf(endpoint))
        continue
      }
      const counts = endpoint.counts()
      for (const name of OWN) sum[name] = (sum[name] as number) + counts[name]
    }
    return sum
  }

  private countsOf(endpoint: Counting): Counts {
    const stats = endpoint.commons === this.ofClients ? endpoint.ownStats() : endpoint.getStats()
    const { receiveBuffer: _, dropped, ...counts } = stats
    // what the machine does not say counts as nothing
    return dropped === undefined ? counts : { ...counts, dropped }
  }
}

/** One for each name: an endpoint closes with each connection of a client. */
const OWN: readonly (keyof OwnCounts)[] = Object.keys(nothing()) as (keyof OwnCounts)[]

function nothing(): Record<keyof OwnCounts, number> {
  return {
    timeWaitEvicted: 0,
    datagrams: 0,
    malformed: 0,
    unowned: 0,
    resetsSent: 0,
    resetsSuppressed: 0,
    refusedByLimit: 0,
    refusedPerAddress: 0,
    refusedByMemory: 0,
    selfAddressed: 0,
    pathProbes: 0,
    pathsFollowed: 0,
    socketErrors: 0,
  }
}

function add(sum: Counts, counts: Readonly<Counts>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}
