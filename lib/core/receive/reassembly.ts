// Text that came before what precedes it: ranges of chunks by offset, and the SACK blocks that tell of them.

const MAX_RANGES = 1024

interface Range {
  from: number
  to: number
  chunks: Uint8Array[]
  /** Grows with each arrival: RFC 2018 §4 wants the latest first. */
  touched: number
}

/** Never added to. */
const NO_RANGES: Range[] = []

export class Reassembly {
  /** Chunks held: each costs memory beyond its bytes. */
  chunkCount = 0
  /** Bytes held. */
  bytes = 0
  /** What of the bytes inserted last was held already, the first such part (RFC 2883 §4). */
  heldFrom = 0
  heldTo = 0
  private ranges = NO_RANGES
  private clock = 0

  get isEmpty(): boolean {
    return this.ranges.length === 0
  }

  /** The lowest offset held; Infinity: nothing is. */
  get start(): number {
    return this.ranges[0]?.from ?? Number.POSITIVE_INFINITY
  }

  /** One past the highest offset held; 0: nothing is. */
  get end(): number {
    const last = this.ranges.at(-1)
    return last === undefined ? 0 : last.to
  }

  /** Keeps what of `bytes`, which begin at offset `from`, is not held yet: of two versions the first stays. @returns bytes kept. */
  insert(from: number, bytes: Uint8Array): number {
    const to = from + bytes.length
    let kept = 0
    let at = from
    const touched = ++this.clock
    this.heldFrom = this.heldTo = 0
    while (at < to) {
      const index = this.findFrom(at)
      const next = this.ranges[index]
      if (next !== undefined && next.from <= at) {
        next.touched = touched
        if (this.heldTo === 0) {
          this.heldFrom = at
          this.heldTo = Math.min(to, next.to)
        }
        at = next.to
        continue
      }
      const until = next === undefined ? to : Math.min(to, next.from)
      this.place(index, at, until, cut(bytes, at - from, until - from), touched)
      kept += until - at
      at = until
    }
    if (this.ranges.length > MAX_RANGES) this.dropFurthest()
    return kept
  }

  /**
   * Takes out the first range, if it begins at or before `next`; what lies below `next` was received already and is cut off.
   * @returns its chunks, which may be none; null: it begins above `next`. What came in order may reach over several ranges.
   */
  takeFrom(next: number): readonly Uint8Array[] | null {
    const range = this.ranges[0]
    if (range === undefined || range.from > next) return null
    this.ranges.shift()
    this.forget(range)
    let skip = next - range.from
    const { chunks } = range
    while (skip > 0 && chunks.length > 0) {
      const chunk = chunks[0] as Uint8Array
      if (chunk.length > skip) {
        chunks[0] = cut(chunk, skip, chunk.length)
        skip = 0
      } else {
        chunks.shift()
        skip -= chunk.length
      }
    }
    return chunks
  }

  /** Fills pairs of offsets, the range touched last first (RFC 2018 §4). @returns how many pairs. */
  blocks(edges: Float64Array, from: number, limit: number): number {
    let count = 0
    let below = Number.POSITIVE_INFINITY
    while (from + count < limit) {
      let latest: Range | null = null
      for (const range of this.ranges) {
        if (range.touched < below && (latest === null || range.touched > latest.touched)) latest = range
      }
      if (latest === null) break
      edges[2 * (from + count)] = latest.from
      edges[2 * (from + count) + 1] = latest.to
      below = latest.touched
      count++
    }
    return count
  }

  /** Copies runs of small chunks together, so that memory follows the bytes. */
  compact(): void {
    for (const range of this.ranges) {
      const before = range.chunks.length
      range.chunks = joinSmall(range.chunks)
      this.chunkCount -= before - range.chunks.length
    }
  }

  clear(): void {
    this.ranges = NO_RANGES
    this.chunkCount = 0
    this.bytes = 0
  }

  // Puts a piece that fits between ranges[index - 1] and ranges[index].
  private place(index: number, from: number, to: number, piece: Uint8Array, touched: number): void {
    this.chunkCount++
    this.bytes += to - from
    const before = this.ranges[index - 1]
    const after = this.ranges[index]
    if (before !== undefined && before.to === from) {
      before.chunks.push(piece)
      before.to = to
      before.touched = touched
      if (after === undefined || after.from !== to) return
      for (const chunk of after.chunks) before.chunks.push(chunk)
      before.to = after.to
      this.ranges.splice(index, 1)
    } else if (after !== undefined && after.from === to) {
      after.chunks.unshift(piece)
      after.from = from
      after.touched = touched
    } else {
      if (this.ranges === NO_RANGES) this.ranges = []
      this.ranges.splice(index, 0, { from, to, chunks: [piece], touched })
    }
  }

  /** Index of the first range that ends above `offset`. */
  private findFrom(offset: number): number {
    let low = 0
    let high = this.ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.ranges[middle] as Range).to <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  private dropFurthest(): void {
    this.forget(this.ranges.pop() as Range)
  }

  private forget(range: Range): void {
    this.chunkCount -= range.chunks.length
    this.bytes -= range.to - range.from
  }
}

/** Part of `bytes`: by reference, unless it would hold on to more than twice its length. */
export function cut(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (from === 0 && to === bytes.length) return bytes
  const part = bytes.subarray(from, to)
  return 2 * part.length < bytes.buffer.byteLength ? copied(part) : part
}

/** In memory of its own: Node's Buffers have a slice() that copies nothing. */
export function copied(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

const SMALL = 2048
const JOINED = 65_536

/** The same bytes in fewer chunks: runs of chunks below 2 KiB become chunks of up to 64 KiB. */
export function joinSmall(chunks: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = []
  for (let i = 0; i < chunks.length; ) {
    let end = i
    let length = 0
    while (end < chunks.length && (chunks[end] as Uint8Array).length < SMALL && length < JOINED) {
      length += (chunks[end++] as Uint8Array).length
    }
    if (end - i < 2) {
      joined.push(chunks[i++] as Uint8Array)
      continue
    }
    const run = new Uint8Array(length)
    for (let at = 0; i < end; i++) {
      const chunk = chunks[i] as Uint8Array
      run.set(chunk, at)
      at += chunk.length
    }
    joined.push(run)
  }
  return joined
}
