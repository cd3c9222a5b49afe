// What the parts of a flood tell each other.
import type { TotalStats } from '../../lib/endpoint/totals.js'

export interface ServerReport {
  /** Bytes, now and at most since it began. */
  readonly rss: number
  readonly mostRss: number
  /** ms of CPU. */
  readonly cpu: number
  readonly stats: TotalStats
}

export interface FloodReport {
  /** SYNs that left, and their bytes. */
  readonly sent: number
  readonly bytes: number
  /** Bytes that came back and were read. */
  readonly bytesBack: number
  readonly seconds: number
}
