// A TCP segment and its bytes: RFC 9293 §3.1, as FreeBSD carries it in UDP (checksum 0, nothing around it).
import { DOUBLE, put16, put32, u16, u32, viewOf } from './bytes.js'
import { decodeOptions, encodeOptions, optionsLength } from './options.js'

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20

export const HEADER_LENGTH = 20
export const MAX_HEADER_LENGTH = 60
/** Longest UDP payload of IPv4: what one segment may be, header and all. */
export const MAX_DATAGRAM = 65507

const NOTHING = new Uint8Array(0)

/** A TCP segment as on the wire. One instance is refilled by every decode(): keep nothing of it but `payload`, if that is not lent. */
export class Segment {
  /** TCP port of the sender, 0 to 65535. */
  sourcePort = 0
  /** TCP port of the receiver, 0 to 65535. */
  destinationPort = 0
  /** Sequence number, u32. */
  seq: number = DOUBLE
  /** Acknowledgment number, u32; meaningful with ACK set. */
  ack: number = DOUBLE
  /** FIN SYN RST PSH ACK URG as bits 0 to 5; the rest is 0. */
  flags = 0
  /** As sent: u16, not scaled. */
  window = 0
  /** Maximum segment size, bytes; 0: option absent. */
  mss = 0
  /** Window scale shift, 0 to 255 as received; -1: option absent. */
  windowScale = -1
  sackPermitted = false
  hasTimestamps = false
  tsVal: number = DOUBLE
  tsEcr: number = DOUBLE
  /** SACK blocks, 0 to 4. */
  sackCount = 0
  /** Left and right edge of each block, u32. */
  readonly sackEdges: Uint32Array = new Uint32Array(8)
  payload: Uint8Array = NOTHING
  /** What follows `payload`, when bytes to be sent straddle two slabs; decode() leaves it empty. */
  payloadTail: Uint8Array = NOTHING
  /** The memory of `payload` is used for something else once the segment has been dealt with. */
  isLent = false
  /** 0: it is one segment. Else it stands for several, alike but for their numbers, with so many bytes of text each; the last may have less, and has its PSH. */
  cut = 0

  constructor() {
    this.clear()
  }

  /** Back to an empty segment, ports included. */
  clear(): void {
    this.sourcePort = 0
    this.destinationPort = 0
    this.seq = 0
    this.ack = 0
    this.flags = 0
    this.window = 0
    this.clearOptions()
    this.payload = NOTHING
    this.payloadTail = NOTHING
    this.isLent = false
    this.cut = 0
  }

  /** All options absent. */
  clearOptions(): void {
    this.mss = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.hasTimestamps = false
    this.tsVal = 0
    this.tsEcr = 0
    this.sackCount = 0
  }

  /** Bytes of text: SEG.LEN without SYN and FIN. */
  get textLength(): number {
    return this.payload.length + this.payloadTail.length
  }

  /** How many segments it stands for. */
  get count(): number {
    return this.cut === 0 ? 1 : Math.ceil(this.textLength / this.cut)
  }

  /** SEG.LEN: text, SYN and FIN. */
  get length(): number {
    const controls = (this.flags & SYN ? 1 : 0) + (this.flags & FIN ? 1 : 0)
    return this.payload.length + this.payloadTail.length + controls
  }
}

/**
 * Fills `into` from a datagram, which lies in `bytes` from `start` to `end`.
 * @returns false: malformed, to be dropped without an answer; never throws.
 */
export function decode(bytes: Uint8Array, into: Segment, start = 0, end: number = bytes.length): boolean {
  if (end - start < HEADER_LENGTH) return false
  const text = start + ((bytes[start + 12] as number) >> 4) * 4
  if (text < start + HEADER_LENGTH || text > end) return false
  into.sourcePort = u16(bytes, start)
  into.destinationPort = u16(bytes, start + 2)
  into.seq = u32(bytes, start + 4)
  into.ack = u32(bytes, start + 8)
  into.flags = (bytes[start + 13] as number) & 0x3f
  into.window = u16(bytes, start + 14)
  into.clearOptions()
  if (text > start + HEADER_LENGTH) decodeOptions(bytes, start + HEADER_LENGTH, text, into)
  into.payload = text === end ? NOTHING : viewOf(bytes, text, end)
  into.payloadTail = NOTHING
  into.isLent = false
  into.cut = 0
  return true
}

/** Bytes that encode() will write. */
export function headerLength(segment: Segment): number {
  return HEADER_LENGTH + optionsLength(segment)
}

/** Writes header and options, not the payload, to `into` from `at` on (60 bytes at most). @returns header length, 20 to 60. */
export function encode(segment: Segment, into: Uint8Array, at = 0): number {
  put16(into, at, segment.sourcePort)
  put16(into, at + 2, segment.destinationPort)
  put32(into, at + 4, segment.seq)
  put32(into, at + 8, segment.ack)
  const length = encodeOptions(segment, into, at + HEADER_LENGTH) - at
  into[at + 12] = (length >> 2) << 4
  into[at + 13] = segment.flags & 0x3f
  put16(into, at + 14, segment.window)
  put32(into, at + 16, 0) // checksum: UDP's covers it; urgent pointer: never used
  return length
}
