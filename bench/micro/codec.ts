// The codec: one header in, one header out.
import { ACK, decode, encode, Segment } from '../../lib/wire/segment.js'
import type { Case } from './case.js'

function bulkSegment(): Segment {
  const segment = new Segment()
  Object.assign(segment, { sourcePort: 9000, destinationPort: 40_000, seq: 0x12345678, ack: 0x9abcdef0 })
  Object.assign(segment, { flags: ACK, window: 512, hasTimestamps: true, tsVal: 77, tsEcr: 88 })
  return segment
}

function sackSegment(): Segment {
  const segment = bulkSegment()
  segment.sackCount = 3
  segment.sackEdges.set([1, 2, 3, 4, 5, 6])
  return segment
}

function codecCases(name: string, segment: Segment): Case[] {
  const bytes = new Uint8Array(1_472)
  const into = new Segment()
  encode(segment, bytes)
  return [
    { name: `encode: ${name}`, run: () => encode(segment, bytes) },
    { name: `decode: ${name}`, run: () => decode(bytes, into) },
  ]
}

export const codec: readonly Case[] = [
  ...codecCases('timestamps', bulkSegment()),
  ...codecCases('timestamps and 3 SACK blocks', sackSegment()),
]
