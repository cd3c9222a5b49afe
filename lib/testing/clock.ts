// Virtual time: events in order of time; within an instant the network's first, then what was deferred.
import type { Alarm, Platform } from '../platform/platform.js'

/** What a Link needs of a clock, virtual or real. */
export interface Scheduler {
  /** ms */
  now(): number
  /** Runs `run` once at `at` (ms; a time that is past: as soon as possible, after what was due before). */
  at(at: number, run: () => void): Scheduled
}

/** An event to come. */
export interface Scheduled {
  readonly time: number
  cancel(): void
}

/** Within one instant: all of PRESENT, also what joins meanwhile, before any of DEFERRED. */
const PRESENT = 0
const DEFERRED = 1

/** So many events without time moving on mean that it never will. */
const MAX_EVENTS_PER_INSTANT = 1_000_000

class Entry implements Scheduled {
  readonly time: number
  readonly phase: number
  readonly order: number
  run: (() => void) | null
  private readonly onCancel: () => void

  constructor(time: number, phase: number, order: number, run: () => void, onCancel: () => void) {
    this.time = time
    this.phase = phase
    this.order = order
    this.run = run
    this.onCancel = onCancel
  }

  cancel(): void {
    if (this.run === null) return
    this.run = null
    this.onCancel()
  }
}

/** A heap of events, earliest first, equal ones in the order in which they were pushed. */
class EventHeap {
  private entries: Entry[] = []
  private orders = 0
  private cancelled = 0
  private readonly onCancel = (): void => {
    this.cancelled++
    if (this.cancelled > 1_000 && this.cancelled > this.entries.length / 2) this.compact()
  }

  push(time: number, phase: number, run: () => void): Entry {
    const entry = new Entry(time, phase, this.orders++, run, this.onCancel)
    this.entries.push(entry)
    this.rise(this.entries.length - 1)
    return entry
  }

  /** The earliest that was not cancelled. */
  peek(): Entry | undefined {
    let first = this.entries[0]
    while (first !== undefined && first.run === null) {
      this.removeFirst()
      this.cancelled--
      first = this.entries[0]
    }
    return first
  }

  removeFirst(): void {
    const last = this.entries.pop()
    if (last === undefined || this.entries.length === 0) return
    this.entries[0] = last
    this.sink(0)
  }

  private compact(): void {
    this.entries = this.entries.filter((entry) => entry.run !== null).sort(compare)
    this.cancelled = 0
  }

  private rise(from: number): void {
    const { entries } = this
    const entry = entries[from]
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      if (compare(entry, entries[above]) >= 0) break
      entries[at] = entries[above]
      at = above
    }
    entries[at] = entry
  }

  private sink(from: number): void {
    const { entries } = this
    const entry = entries[from]
    let at = from
    for (;;) {
      let below = 2 * at + 1
      if (below >= entries.length) break
      if (below + 1 < entries.length && compare(entries[below + 1], entries[below]) < 0) below++
      if (compare(entry, entries[below]) <= 0) break
      entries[at] = entries[below]
      at = below
    }
    entries[at] = entry
  }
}

function compare(a: Entry, b: Entry): number {
  return a.time - b.time || a.phase - b.phase || a.order - b.order
}

/** Time that moves only when told to, from event to event. */
export class VirtualClock implements Scheduler {
  private time: number
  private readonly heap = new EventHeap()
  private eventsAtInstant = 0

  /** `start`: ms. @default 0 */
  constructor(start = 0) {
    this.time = start
  }

  now(): number {
    return this.time
  }

  at(at: number, run: () => void): Scheduled {
    return this.heap.push(Math.max(at, this.time), PRESENT, run)
  }

  /** Runs `run` in this instant, after all that is due in it otherwise. */
  defer(run: () => void): Scheduled {
    return this.heap.push(this.time, DEFERRED, run)
  }

  /** When the next event is due, ms; Infinity: nothing is left. */
  get nextAt(): number {
    return this.heap.peek()?.time ?? Infinity
  }

  /** Moves to the next event, if it is due by `limit`, and runs it. @returns false: there was none. */
  step(limit: number = Infinity): boolean {
    const entry = this.heap.peek()
    if (entry === undefined || entry.time > limit) return false
    this.heap.removeFirst()
    this.moveTo(entry.time)
    if (++this.eventsAtInstant > MAX_EVENTS_PER_INSTANT) {
      throw new Error(`time stands still at ${this.time} ms: something answers itself without delay`)
    }
    const { run } = entry
    entry.run = null
    run?.()
    return true
  }

  /** Runs what is due up to and at `until` (ms), which is the time then. */
  runTo(until: number): void {
    while (this.step(until));
    if (until !== Infinity) this.moveTo(until)
  }

  /** Lets `ms` pass. */
  advance(ms: number): void {
    this.runTo(this.time + ms)
  }

  private moveTo(time: number): void {
    if (time <= this.time) return
    this.time = time
    this.eventsAtInstant = 0
  }
}

/** The same over a platform's own clock and one alarm of it: a Link in real time. */
export class AlarmClock implements Scheduler {
  private readonly platform: Platform
  private readonly heap = new EventHeap()
  private readonly alarm: Alarm

  /** `holds`: whether events to come hold the process. */
  constructor(platform: Platform, holds: boolean) {
    this.platform = platform
    this.alarm = platform.alarm(() => this.ring())
    if (!holds) this.alarm.unref()
  }

  now(): number {
    return this.platform.now()
  }

  at(at: number, run: () => void): Scheduled {
    const entry = this.heap.push(at, PRESENT, run)
    if (this.heap.peek() === entry) this.alarm.set(at)
    return entry
  }

  private ring(): void {
    try {
      for (let entry = this.heap.peek(); entry !== undefined; entry = this.heap.peek()) {
        if (entry.time > this.platform.now()) return
        this.heap.removeFirst()
        const { run } = entry
        entry.run = null
        run?.()
      }
    } finally {
      // one that throws does not cost the others their time
      const next = this.heap.peek()
      if (next !== undefined) this.alarm.set(next.time)
    }
  }
}
