// The TCP options: RFC 9293 §3.2, RFC 7323 (window scale, timestamps), RFC 2018 and 2883 (SACK).
import { put16, put32, u16, u32 } from './bytes.js'

const END = 0
const NOP = 1
const MSS = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
const TIMESTAMPS = 8

const SYN_FLAG = 0x02

/** RFC 7323 §2.3: a larger shift is taken for this one. */
export const MAX_SHIFT = 14
/** RFC 9293 MUST-15: no option means this. */
export const DEFAULT_MSS = 536

/** The fields of a segment that options are read into and written from. */
export interface Options {
  readonly flags: number
  mss: number
  windowScale: number
  sackPermitted: boolean
  hasTimestamps: boolean
  tsVal: number
  tsEcr: number
  sackCount: number
  readonly sackEdges: Uint32Array
}

/** Reads the options between `at` and `end`: unknown kinds are skipped, an illegal length ends the reading (MUST-6, MUST-7). */
export function decodeOptions(bytes: Uint8Array, at: number, end: number, into: Options): void {
  const syn = (into.flags & SYN_FLAG) !== 0
  while (at < end) {
    const kind = bytes[at] as number
    if (kind === END) return
    if (kind === NOP) {
      at++
      continue
    }
    if (at + 1 >= end) return
    const length = bytes[at + 1] as number
    if (length < 2 || at + length > end) return
    switch (kind) {
      case TIMESTAMPS:
        if (length === 10) {
          into.hasTimestamps = true
          into.tsVal = u32(bytes, at + 2)
          into.tsEcr = u32(bytes, at + 6)
        }
        break
      case SACK:
        if (length > 2 && (length - 2) % 8 === 0) readSack(bytes, at + 2, (length - 2) / 8, into)
        break
      case MSS:
        if (syn && length === 4) into.mss = u16(bytes, at + 2)
        break
      case WINDOW_SCALE:
        if (syn && length === 3) into.windowScale = bytes[at + 2] as number
        break
      case SACK_PERMITTED:
        if (syn && length === 2) into.sackPermitted = true
        break
    }
    at += length
  }
}

function readSack(bytes: Uint8Array, at: number, blocks: number, into: Options): void {
  into.sackCount = Math.min(blocks, 4)
  for (let i = 0; i < into.sackCount * 2; i++) into.sackEdges[i] = u32(bytes, at + i * 4)
}

/** Writes the options that `segment` has, padded to 4 bytes; SACK takes the blocks that still fit. @returns where they end. */
export function encodeOptions(segment: Options, into: Uint8Array, start: number): number {
  let at = start
  if (segment.mss > 0) {
    into[at++] = MSS
    into[at++] = 4
    at = put16(into, at, segment.mss)
  }
  if (segment.sackPermitted && segment.hasTimestamps) {
    into[at++] = SACK_PERMITTED
    into[at++] = 2
  } else if (segment.sackPermitted) {
    into[at++] = NOP
    into[at++] = NOP
    into[at++] = SACK_PERMITTED
    into[at++] = 2
  } else if (segment.hasTimestamps) {
    into[at++] = NOP
    into[at++] = NOP
  }
  if (segment.hasTimestamps) {
    into[at++] = TIMESTAMPS
    into[at++] = 10
    at = put32(into, at, segment.tsVal)
    at = put32(into, at, segment.tsEcr)
  }
  if (segment.windowScale >= 0) {
    into[at++] = NOP
    into[at++] = WINDOW_SCALE
    into[at++] = 3
    into[at++] = segment.windowScale
  }
  const blocks = Math.min(segment.sackCount, sackRoom(start + 40 - at))
  if (blocks > 0) {
    into[at++] = NOP
    into[at++] = NOP
    into[at++] = SACK
    into[at++] = 2 + blocks * 8
    for (let i = 0; i < blocks * 2; i++) at = put32(into, at, segment.sackEdges[i] as number)
  }
  return at
}

/** Bytes that encodeOptions() will write for `segment`: what an MSS must be lowered by (RFC 6691). */
export function optionsLength(segment: Options): number {
  let length = segment.mss > 0 ? 4 : 0
  if (segment.hasTimestamps) length += 12
  else if (segment.sackPermitted) length += 4
  if (segment.windowScale >= 0) length += 4
  const blocks = Math.min(segment.sackCount, sackRoom(40 - length))
  return length + (blocks > 0 ? 4 + blocks * 8 : 0)
}

function sackRoom(bytes: number): number {
  return Math.max(0, (bytes - 4) >> 3)
}
