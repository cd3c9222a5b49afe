// Segments as fast-check makes them: every combination of options that a segment may carry.
import fc from 'fast-check'
import { encode, MAX_HEADER_LENGTH, PSH, Segment, SYN } from '../../lib/wire/segment.js'

const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
export const u32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffffffff })

const header = fc.record({
  sourcePort: u16,
  destinationPort: u16,
  seq: u32,
  ack: u32,
  flags: fc.integer({ min: 0, max: 0x3f }),
  window: u16,
})

const options = fc.record({
  mss: fc.option(fc.integer({ min: 1, max: 0xffff }), { nil: 0 }),
  windowScale: fc.option(u8, { nil: -1 }),
  sackPermitted: fc.boolean(),
  timestamps: fc.option(fc.tuple(u32, u32), { nil: null }),
  sackEdges: fc.array(fc.tuple(u32, u32), { maxLength: 4 }),
})

/** Any segment that may be sent: MSS, window scale and SACK-permitted stand in a SYN only (RFC 9293 §3.2, RFC 7323 §2.2, RFC 2018 §2). */
export const anySegment: fc.Arbitrary<Segment> = fc
  .tuple(header, options, fc.uint8Array({ maxLength: 100 }))
  .map(([fields, chosen, payload]) => {
    const segment = new Segment()
    Object.assign(segment, fields)
    if (segment.flags & SYN) {
      segment.mss = chosen.mss
      segment.windowScale = chosen.windowScale
      segment.sackPermitted = chosen.sackPermitted
    }
    if (chosen.timestamps !== null) {
      segment.hasTimestamps = true
      segment.tsVal = chosen.timestamps[0]
      segment.tsEcr = chosen.timestamps[1]
    }
    segment.sackCount = chosen.sackEdges.length
    segment.sackEdges.set(chosen.sackEdges.flat())
    segment.payload = payload
    return segment
  })

/** The whole datagram of a segment. */
export function datagramOf(segment: Segment): Uint8Array {
  const bytes = new Uint8Array(MAX_HEADER_LENGTH + segment.textLength)
  const length = encode(segment, bytes)
  bytes.set(segment.payload, length)
  bytes.set(segment.payloadTail, length + segment.payload.length)
  return bytes.subarray(0, length + segment.textLength)
}

/** The segments that one stands for, each with its text as one piece. */
export function partsOf(segment: Segment): Segment[] {
  const text = new Uint8Array(segment.textLength)
  text.set(segment.payload)
  text.set(segment.payloadTail, segment.payload.length)
  const cut = segment.cut || Math.max(text.length, 1)
  const parts: Segment[] = []
  for (let at = 0; at === 0 || at < text.length; at += cut) {
    const isLast = at + cut >= text.length
    const { sackEdges, textLength, length, count, ...fields } = segment
    const part = Object.assign(new Segment(), fields)
    part.sackEdges.set(sackEdges)
    part.seq = (segment.seq + at) >>> 0
    part.flags = isLast ? segment.flags : segment.flags & ~PSH
    part.payload = text.subarray(at, at + cut)
    part.payloadTail = text.subarray(0, 0)
    part.cut = 0
    parts.push(part)
  }
  return parts
}

/** Its fields, to be compared: SACK edges as far as they count, payload and tail as one. */
export function fieldsOf(segment: Segment): Record<string, unknown> {
  const { sackEdges, payload, payloadTail, ...fields } = segment
  return {
    ...fields,
    sackEdges: [...sackEdges.subarray(0, 2 * segment.sackCount)],
    payload: [...payload, ...payloadTail],
  }
}
