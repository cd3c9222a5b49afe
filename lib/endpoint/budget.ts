// Memory for the buffers of all connections of an endpoint: who takes how much, and who goes when it is spent.
import type { Budget } from '../core/surroundings.js'
import { type Place, Roster } from './roster.js'

/** From this part on memory is tight. */
const TIGHT = 3 / 4

/** A connection whose owner is gone. */
export interface Orphan {
  /** The budget's. */
  orphaned: Place<Orphan> | null
  abort(): void
}

export class BufferBudget implements Budget {
  /** Bytes that buffers and flights take. */
  used = 0
  /** Orphans that were ended to make room. */
  orphansEnded = 0
  private readonly orphans: Roster<Orphan> = new Roster()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get isTight(): boolean {
    return this.used >= this.limit * TIGHT
  }

  get isSpent(): boolean {
    return this.used >= this.limit
  }

  /** Some connection takes `change` bytes more. When all is used, the orphan that is one for longest goes: nobody waits for it. */
  charge(change: number): void {
    this.used += change
    if (change <= 0 || !this.isSpent) return
    const { oldest } = this.orphans
    if (oldest === null) return
    this.left(oldest)
    this.orphansEnded++
    oldest.abort()
  }

  /** The owner of `orphan` is gone. */
  orphaned(orphan: Orphan): void {
    orphan.orphaned = this.orphans.enter(orphan)
  }

  /** `connection` is over; it need not be an orphan. */
  left(connection: Orphan): void {
    connection.orphaned = this.orphans.leave(connection.orphaned)
  }
}
