// Memory for the buffers of all connections of an endpoint: who takes how much, and who goes when it is spent.
import type { Budget } from '../core/surroundings.js'

/** From this part on memory is tight. */
const TIGHT = 3 / 4

/** A connection whose owner is gone. */
export interface Orphan {
  abort(): void
}

export class BufferBudget implements Budget {
  /** Bytes that buffers and flights take. */
  used = 0
  /** Orphans that were ended to make room. */
  orphansEnded = 0
  /** The one whose owner went first is first. */
  readonly orphans: Set<Orphan> = new Set()
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
    for (const oldest of this.orphans) {
      this.orphans.delete(oldest)
      this.orphansEnded++
      oldest.abort()
      return
    }
  }
}
