// Bytes in order that the user has not taken yet: chunks as they came, by reference.
import { joinSmall } from './reassembly.js'

const SHRINK_AFTER = 64

export class ReceiveBuffer {
  /** Bytes held. */
  length = 0
  private chunks: Uint8Array[] = []
  private head = 0

  get chunkCount(): number {
    return this.chunks.length - this.head
  }

  push(bytes: Uint8Array): void {
    this.chunks.push(bytes)
    this.length += bytes.length
  }

  /** The next chunk; null: empty. */
  take(): Uint8Array | null {
    if (this.head === this.chunks.length) return null
    const chunk = this.chunks[this.head] as Uint8Array
    this.length -= chunk.length
    this.head++
    if (this.head === this.chunks.length) {
      this.chunks.length = 0
      this.head = 0
    } else if (this.head >= SHRINK_AFTER && this.head * 2 >= this.chunks.length) {
      this.chunks.splice(0, this.head)
      this.head = 0
    }
    return chunk
  }

  compact(): void {
    this.chunks = joinSmall(this.chunks.slice(this.head))
    this.head = 0
  }

  clear(): void {
    this.chunks = []
    this.head = 0
    this.length = 0
  }
}
