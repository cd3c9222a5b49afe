// Bytes that can be written and checked for next to nothing: a random block, over and over, compared by memcmp.
import { Random } from 'tcp-over-udp/testing'

/** A prime, so that a piece that is lost, doubled or moved shows. */
const PERIOD = 1_048_573
/** Bytes of one write. */
export const CHUNK = 65_536

const block = Buffer.alloc(PERIOD + CHUNK)
new Random(1).fill(block.subarray(0, PERIOD))
block.copy(block, PERIOD, 0, CHUNK)

/** Up to CHUNK bytes of the stream, from `offset`. */
export function pieceAt(offset: number, length: number): Uint8Array {
  const at = offset % PERIOD
  return block.subarray(at, at + length)
}

/** Whether `bytes` are those of the stream from `offset`. */
export function isPieceAt(offset: number, bytes: Buffer): boolean {
  for (let from = 0; from < bytes.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, bytes.length)
    const at = (offset + from) % PERIOD
    if (bytes.compare(block, at, at + to - from, from, to) !== 0) return false
  }
  return true
}
