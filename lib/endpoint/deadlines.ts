// A heap of wake-up times, re-armed lazily: a time that moves later costs nothing until the old one has come.

/** Something that wants to be woken. The two fields are the heap's. */
export interface Sleeper {
  /** The time it is filed under, ms: never later than it wants to be woken. Infinity while it is not in the heap. */
  dueAt: number
  /** Its place in the heap; -1: none. */
  slot: number
}

/** What sleeps until a time that it has asked for. */
export interface Waking extends Sleeper {
  /** The time has come, or is near. */
  wake(now: number): void
}

export class Deadlines<T extends Sleeper> {
  private readonly heap: T[] = []

  get size(): number {
    return this.heap.length
  }

  /** The earliest time that anything is filed under; Infinity: none. */
  get next(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : (this.heap[0] as T).dueAt
  }

  /** The one that is filed earliest. */
  get first(): T | undefined {
    return this.heap[0]
  }

  /** Wakes `sleeper` at `at` or before. */
  schedule(sleeper: T, at: number): void {
    if (at >= sleeper.dueAt || at === Number.POSITIVE_INFINITY) return
    sleeper.dueAt = at
    if (sleeper.slot < 0) {
      sleeper.slot = this.heap.length
      this.heap.push(sleeper)
    }
    this.up(sleeper.slot)
  }

  /** Takes out the earliest that is due; the caller files it again under the time it wants now. */
  takeDue(now: number): T | undefined {
    const first = this.heap[0]
    if (first === undefined || first.dueAt > now) return undefined
    this.remove(first)
    return first
  }

  remove(sleeper: T): void {
    const { slot } = sleeper
    if (slot < 0) return
    sleeper.slot = -1
    sleeper.dueAt = Number.POSITIVE_INFINITY
    const last = this.heap.pop() as T
    if (last === sleeper) return
    last.slot = slot
    this.heap[slot] = last
    this.up(slot)
    this.down(last.slot)
  }

  private up(from: number): void {
    const { heap } = this
    const moving = heap[from] as T
    let slot = from
    while (slot > 0) {
      const parent = heap[(slot - 1) >> 1] as T
      if (parent.dueAt <= moving.dueAt) break
      parent.slot = slot
      heap[slot] = parent
      slot = (slot - 1) >> 1
    }
    moving.slot = slot
    heap[slot] = moving
  }

  private down(from: number): void {
    const { heap } = this
    const moving = heap[from] as T
    let slot = from
    for (;;) {
      let child = slot * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as T).dueAt < (heap[child] as T).dueAt) child++
      const smaller = heap[child] as T
      if (smaller.dueAt >= moving.dueAt) break
      smaller.slot = slot
      heap[slot] = smaller
      slot = child
    }
    moving.slot = slot
    heap[slot] = moving
  }
}
