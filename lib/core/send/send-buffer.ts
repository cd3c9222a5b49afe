// Bytes handed over and not yet acknowledged, by stream offset, in slabs that are written once and sent by reference.
import { DOUBLE, viewOf } from '../../wire/bytes.js'
import type { Segment } from '../../wire/segment.js'
import { giveSlab, SMALL_SLAB, takeSlab } from './slab-pool.js'

const NOTHING = new Uint8Array(0)

interface Slab {
  /** Offset of its first byte. */
  from: number
  readonly bytes: Uint8Array
  /** Whoever sends may still point at it, though what it holds has been acknowledged. */
  isHeld: boolean
}

/** Never added to. */
const NO_SLABS: Slab[] = []

export class SendBuffer {
  /** Lowest offset still held, and one past the last; the first byte of a stream is 1. */
  start: number = DOUBLE
  end: number = DOUBLE
  /** Bytes that its slabs take. */
  memory = 0
  private readonly capacity: number
  private slabs = NO_SLABS

  constructor(capacity: number) {
    this.start = this.end = 1
    this.capacity = capacity
  }

  /** Bytes held. */
  get length(): number {
    return this.end - this.start
  }

  /** Bytes that write() would take. */
  get room(): number {
    return this.capacity - this.length
  }

  /** Copies as much of `bytes` as there is room for, `most` at most. @returns how much. */
  write(bytes: Uint8Array, most: number = Number.POSITIVE_INFINITY): number {
    const taken = Math.min(bytes.length, this.room, most)
    let done = 0
    while (done < taken) {
      let slab = this.slabs.at(-1)
      if (slab === undefined || this.end === slab.from + slab.bytes.length) slab = this.addSlab(taken - done)
      const at = this.end - slab.from
      const count = Math.min(taken - done, slab.bytes.length - at)
      slab.bytes.set(done === 0 && count === bytes.length ? bytes : viewOf(bytes, done, done + count), at)
      done += count
      this.end += count
    }
    return taken
  }

  /** Points `out`'s payload at the bytes from `from` to `to`, which must be held and straddle two slabs at most. */
  view(from: number, to: number, out: Segment): void {
    const index = this.find(from)
    const slab = this.slabs[index] as Slab
    const limit = slab.from + slab.bytes.length
    out.payload = viewOf(slab.bytes, from - slab.from, Math.min(to, limit) - slab.from)
    if (to <= limit) out.payloadTail = NOTHING
    else out.payloadTail = viewOf((this.slabs[index + 1] as Slab).bytes, 0, to - limit)
  }

  /** Where what view() can show from `from` on ends at the latest. */
  reach(from: number): number {
    const index = this.find(from)
    const last = this.slabs[Math.min(index + 1, this.slabs.length - 1)] as Slab
    return Math.min(last.from + last.bytes.length, this.end)
  }

  /** Lets go of the bytes below `upTo`. */
  release(upTo: number): void {
    if (upTo <= this.start) return
    this.start = Math.min(upTo, this.end)
    if (this.start === this.end) {
      this.clear()
      return
    }
    let drop = 0
    for (const slab of this.slabs) {
      if (slab.from + slab.bytes.length > this.start) break
      this.give(slab)
      drop++
    }
    if (drop > 0) this.slabs.splice(0, drop)
  }

  /** What has been sent by now is pointed at for longer than usual: its memory is nobody else's. */
  hold(): void {
    for (const slab of this.slabs) slab.isHeld = true
  }

  /** Drops everything. */
  clear(): void {
    this.start = this.end
    if (this.slabs.length === 0) return
    for (const slab of this.slabs) this.give(slab)
    this.slabs = NO_SLABS
  }

  private give({ bytes, isHeld }: Slab): void {
    this.memory -= bytes.length
    giveSlab(bytes, isHeld)
  }

  private addSlab(wanted: number): Slab {
    const bytes = takeSlab(this.slabs.length === 0 ? wanted : SMALL_SLAB + 1)
    this.memory += bytes.length
    const slab = { from: this.end, bytes, isHeld: false }
    if (this.slabs === NO_SLABS) this.slabs = [slab]
    else this.slabs.push(slab)
    return slab
  }

  private find(offset: number): number {
    let low = 0
    let high = this.slabs.length - 1
    if (offset >= (this.slabs[high] as Slab).from) return high
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.slabs[middle] as Slab).from <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}
