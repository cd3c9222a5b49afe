// Bytes in order that the user has not taken yet: short texts copied together as they come, long ones by reference (decision 018).
import { joinSmall } from './reassembly.js'

/** A shorter text costs more as a chunk of its own than as a copy. */
const GATHERED_BELOW = 8_192
/** What is gathered makes chunks of so many bytes at most. */
const LARGEST = 65_536
const SHRINK_AFTER = 64

/** Never added to. */
const NO_CHUNKS: Uint8Array[] = []

export class ReceiveBuffer {
  /** Bytes held. */
  length = 0
  /** Chunks that nothing more is added to. */
  private chunks = NO_CHUNKS
  private head = 0
  /** What is gathered, in `filled` bytes of it. */
  private tail: Uint8Array | null = null
  private filled = 0
  /** Bytes gathered since all was taken last, and in the time before: as much is likely to come again. */
  private burst = 0
  private lastBurst = 0
  private readonly allocate: (length: number) => Uint8Array

  /** `allocate`: memory for what is gathered. */
  constructor(allocate: (length: number) => Uint8Array) {
    this.allocate = allocate
  }

  /** Bytes that it takes. */
  get memory(): number {
    return this.tail === null ? this.length : this.length + this.tail.length - this.filled
  }

  get chunkCount(): number {
    return this.chunks.length - this.head + (this.tail === null ? 0 : 1)
  }

  /** `isLent`: the memory is not to be kept. */
  push(bytes: Uint8Array, isLent: boolean): void {
    this.length += bytes.length
    if (bytes.length >= GATHERED_BELOW && !isLent) {
      this.seal()
      this.add(bytes)
    } else if (bytes.length > 0) this.gather(bytes)
  }

  /** The next chunk; null: empty. */
  take(): Uint8Array | null {
    const chunk = this.head < this.chunks.length ? this.shift() : this.takeTail()
    if (chunk === null) return null
    this.length -= chunk.length
    if (this.length === 0) {
      this.lastBurst = this.burst
      this.burst = 0
    }
    return chunk
  }

  compact(): void {
    this.chunks = joinSmall(this.chunks.slice(this.head))
    this.head = 0
  }

  clear(): void {
    this.chunks = NO_CHUNKS
    this.head = 0
    this.tail = null
    this.length = 0
  }

  private add(chunk: Uint8Array): void {
    if (this.chunks === NO_CHUNKS) this.chunks = [chunk]
    else this.chunks.push(chunk)
  }

  private gather(bytes: Uint8Array): void {
    const tail = this.tail ?? this.open(bytes.length)
    const room = tail.length - this.filled
    if (bytes.length <= room) {
      tail.set(bytes, this.filled)
      this.filled += bytes.length
      this.burst += bytes.length
      return
    }
    tail.set(bytes.subarray(0, room), this.filled)
    this.burst += room
    this.filled = tail.length
    this.seal()
    this.gather(bytes.subarray(room))
  }

  private open(needed: number): Uint8Array {
    // as much as came last time, and once that was too little, twice as much as has come by now
    const likely = this.burst === 0 ? this.lastBurst : 2 * this.burst
    this.tail = this.allocate(Math.max(needed, Math.min(likely, LARGEST)))
    this.filled = 0
    return this.tail
  }

  /** Nothing more is added to what is gathered. */
  private seal(): void {
    const chunk = this.takeTail()
    if (chunk !== null) this.add(chunk)
  }

  private takeTail(): Uint8Array | null {
    const { tail, filled } = this
    this.tail = null
    return tail === null || filled === tail.length ? tail : tail.subarray(0, filled)
  }

  private shift(): Uint8Array {
    const chunk = this.chunks[this.head++] as Uint8Array
    if (this.head === this.chunks.length) {
      this.chunks = NO_CHUNKS
      this.head = 0
    } else if (this.head >= SHRINK_AFTER && this.head * 2 >= this.chunks.length) {
      this.chunks.splice(0, this.head)
      this.head = 0
    }
    return chunk
  }
}
