// A heap of wake-up times, re-armed lazily: a time that moves later costs nothing until the old one has come.

/** Something that wants to be woken. */
export interface Sleeper {
  /** Its place in the heap, which is the heap's to write; -1: none. */
  slot: number
}

/** What sleeps until a time that it has asked for. */
export interface Waking extends Sleeper {
  /** The time has come, or is near. */
  wake(now: number): void
}

export class Deadlines<T extends Sleeper> {
  private readonly heap: T[] = []
  /** The time, ms, that each of them is filed under: never later than it wants to be woken. */
  private readonly times: number[] = []

  get size(): number {
    return this.heap.length
  }

  /** The earliest time that anything is filed under; Infinity: none. */
  get next(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : (this.times[0] as number)
  }

  /** The one that is filed earliest. */
  get first(): T | undefined {
    return this.heap[0]
  }

  /** Wakes `sleeper` at `at` or before. */
  schedule(sleeper: T, at: number): void {
    if (at === Number.POSITIVE_INFINITY) return
    const { heap, times } = this
    let { slot } = sleeper
    if (slot < 0) {
      slot = heap.length
      heap.push(sleeper)
      times.push(at)
    } else if (at >= (times[slot] as number)) return
    this.up(slot, sleeper, at)
  }

  /** Takes out the earliest that is due; the caller files it again under the time it wants now. */
  takeDue(now: number): T | undefined {
    const first = this.heap[0]
    if (first === undefined || (this.times[0] as number) > now) return undefined
    this.remove(first)
    return first
  }

  remove(sleeper: T): void {
    const { slot } = sleeper
    if (slot < 0) return
    sleeper.slot = -1
    const last = this.heap.pop() as T
    const at = this.times.pop() as number
    if (last === sleeper) return
    this.up(slot, last, at)
    this.down(last.slot, last, at)
  }

  /** `moving`, filed under `at`, goes to `from` or nearer to the first. */
  private up(from: number, moving: T, at: number): void {
    let slot = from
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if ((this.times[parent] as number) <= at) break
      this.put(slot, this.heap[parent] as T, this.times[parent] as number)
      slot = parent
    }
    this.put(slot, moving, at)
  }

  /** Or farther from it. */
  private down(from: number, moving: T, at: number): void {
    const { heap, times } = this
    let slot = from
    for (;;) {
      let child = slot * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (times[child + 1] as number) < (times[child] as number)) child++
      if ((times[child] as number) >= at) break
      this.put(slot, heap[child] as T, times[child] as number)
      slot = child
    }
    this.put(slot, moving, at)
  }

  private put(slot: number, sleeper: T, at: number): void {
    sleeper.slot = slot
    this.heap[slot] = sleeper
    this.times[slot] = at
  }
}
