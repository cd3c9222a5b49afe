// What the kernel has put together (UDP_GRO) stays together: segments that follow one another become one, as a kernel's TCP has it.
import { u32, viewOf } from './bytes.js'
import { ACK, HEADER_LENGTH, PSH, type Segment } from './segment.js'

/**
 * `segment` was decoded from the first of datagrams of `part` bytes, one behind the other in `bytes` from `first` to `end`; the last may
 * be shorter. It takes in those behind it that differ from it in nothing but their numbers, each of which follows on the one before, up
 * to a PSH; `most` in all. Their text is moved together. @returns where the first datagram begins that is not in it.
 */
export function joinFollowing(
  segment: Segment,
  bytes: Uint8Array,
  first: number,
  part: number,
  end: number,
  most: number,
): number {
  const header = part - segment.payload.length
  const text = first + header
  let at = first + part
  let to = at
  let count = 1
  if (segment.flags !== ACK || header >= part) return at
  while (count < most && at + header < end) {
    const next = Math.min(at + part, end)
    const flags = (bytes[at + 13] as number) & 0x3f
    if ((flags | PSH) !== (ACK | PSH) || u32(bytes, at + 4) !== (segment.seq + to - text) >>> 0) break
    if (!isAlike(bytes, first, at, header)) break
    bytes.copyWithin(to, at + header, next)
    to += next - at - header
    at = next
    count++
    if (flags & PSH) {
      segment.flags = flags
      break
    }
  }
  if (count === 1) return at
  segment.payload = viewOf(bytes, text, to)
  segment.cut = part - header
  return at
}

/** Ports, acknowledgment, length of the header, window and options are the same. */
function isAlike(bytes: Uint8Array, first: number, at: number, header: number): boolean {
  for (let i = HEADER_LENGTH; i < header; i++) if (bytes[at + i] !== bytes[first + i]) return false
  return (
    u32(bytes, at) === u32(bytes, first) &&
    u32(bytes, at + 8) === u32(bytes, first + 8) &&
    bytes[at + 12] === bytes[first + 12] &&
    bytes[at + 14] === bytes[first + 14] &&
    bytes[at + 15] === bytes[first + 15]
  )
}
