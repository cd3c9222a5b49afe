// What is remembered of remote hosts, by address (RFC 9040 §6, as FreeBSD's tcp.hostcache): bounded in number and age.
import { mergePathMemory, type PathMemory } from '../core/path-memory.js'
import { unmapped } from './address.js'

/** ms after which what is remembered says nothing any more: an hour, as in FreeBSD and Linux. */
const MAX_AGE = 3_600_000

interface Entry {
  readonly memory: PathMemory
  readonly learnedAt: number
}

export class HostCache {
  private readonly limit: number
  /** The one that was used longest ago is first. */
  private readonly entries: Map<string, Entry> = new Map()

  /** `limit`: hosts at most. */
  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.entries.size
  }

  /** What is known of the paths to `address`; null: nothing, or nothing that still counts. */
  recall(address: string, now: number): PathMemory | null {
    const key = unmapped(address)
    const entry = this.entries.get(key)
    if (entry === undefined) return null
    this.entries.delete(key)
    if (now - entry.learnedAt > MAX_AGE) return null
    this.entries.set(key, entry)
    return entry.memory
  }

  /** A connection with `address` has ended, and this is what it saw. */
  learn(address: string, seen: PathMemory, now: number): void {
    const key = unmapped(address)
    const old = this.recall(key, now)
    this.entries.delete(key)
    this.entries.set(key, { memory: old === null ? seen : mergePathMemory(old, seen), learnedAt: now })
    if (this.entries.size <= this.limit) return
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      return
    }
  }
}
