// What all endpoints of a stack have counted, those that are closed too; and from time to time, what was dropped lately.
import type { Commons } from './commons.js'
import type { EndpointStats, OwnStats } from './counts.js'
import { commonStatsOf } from './endpoint-stats.js'

/** An endpoint, as far as it counts. */
export interface Counting {
  readonly commons: Commons
  getStats(): EndpointStats
  ownStats(): OwnStats
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

type Sums = Record<string, number>

/** Of a stack; what the machine grants is each socket's own. */
export type TotalStats = Omit<EndpointStats, 'receiveBuffer'>

export class Totals {
  /** When report() is due, ms; Infinity: nobody observes. */
  reportAt: number = Number.POSITIVE_INFINITY
  private observer: DropsObserver | null = null
  private reported: Sums = {}
  private reportedAt = 0
  private readonly ofClients: Commons
  /** Of endpoints that are closed. */
  private readonly gone: Sums = {}

  /** `ofClients`: of the endpoints that have one connection each. */
  constructor(ofClients: Commons) {
    this.ofClients = ofClients
  }

  observe(observer: DropsObserver, now: number): void {
    this.observer = observer
    this.reportedAt = now
    this.reportAt = now + INTERVAL
  }

  endpointClosed({ commons }: Counting): void {
    // that of clients stays, and counts for those that are gone, too
    if (commons === this.ofClients) return
    const { bufferMemory: _, ...counts } = commonStatsOf(commons)
    add(this.gone, counts)
  }

  sum(endpoints: Iterable<Counting>): TotalStats {
    const sum = this.shared()
    add(sum, { sockets: 0, connections: 0, timeWait: 0 })
    for (const endpoint of endpoints) add(sum, this.statsOf(endpoint))
    return sum as unknown as TotalStats
  }

  /** Tells the observer what is new. */
  report(endpoints: Iterable<Counting>, now: number): void {
    this.reportAt = now + INTERVAL
    if (!this.observer?.isWatching) return
    const counts = this.shared()
    // of the thousands of sockets that clients have the machine is not asked each second what it dropped, but of those that many share
    for (const endpoint of endpoints) if (endpoint.commons !== this.ofClients) add(counts, this.statsOf(endpoint))
    const news: Sums = {}
    for (const [name, count] of Object.entries(counts)) {
      const change = count - (this.reported[name] ?? 0)
      if (change > 0 && !GAUGES.has(name) && name !== 'datagrams') news[name] = change
    }
    const ms = now - this.reportedAt
    this.reported = counts
    this.reportedAt = now
    if (Object.keys(news).length > 0) this.observer.onDrops(news, ms)
  }

  /** What belongs to no endpoint that is open, or to all those of clients. */
  private shared(): Sums {
    const sum: Sums = { ...this.gone }
    add(sum, commonStatsOf(this.ofClients))
    return sum
  }

  private statsOf(endpoint: Counting): Sums {
    const stats = endpoint.commons === this.ofClients ? endpoint.ownStats() : endpoint.getStats()
    const { receiveBuffer: _, dropped, ...counts } = stats
    // what the machine does not say counts as nothing
    return dropped === undefined ? counts : { ...counts, dropped }
  }
}

function add(sum: Sums, counts: Readonly<Sums>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}
