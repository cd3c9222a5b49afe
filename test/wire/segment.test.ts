// The segment codec: RFC 9293 §3.1, byte by byte and by property.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACK, decode, encode, FIN, MAX_DATAGRAM, PSH, RST, Segment, SYN, URG } from '../../lib/wire/segment.js'
import { anySegment, datagramOf, fieldsOf } from '../support/segments.js'

/** A used Segment: whatever decode() leaves standing shows. */
function used(): Segment {
  const segment = new Segment()
  Object.assign(segment, { sourcePort: 1, destinationPort: 2, seq: 3, ack: 4, flags: 0x3f, window: 5, mss: 6 })
  Object.assign(segment, { windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: 8, tsEcr: 9, sackCount: 4 })
  segment.sackEdges.fill(10)
  segment.payload = segment.payloadTail = Uint8Array.of(11)
  return segment
}

describe('the header, byte by byte', () => {
  // biome-ignore format: one field of RFC 9293 Figure 1 a line
  const bytes = Uint8Array.of(
    0x23, 0x28,             // source port 9000
    0xc0, 0x01,             // destination port 49153
    0x01, 0x02, 0x03, 0x04, // sequence number
    0xfe, 0xdc, 0xba, 0x98, // acknowledgment number
    0x50,                   // data offset 5, reserved 0
    0x18,                   // PSH, ACK
    0xab, 0xcd,             // window
    0x00, 0x00,             // checksum
    0x00, 0x00,             // urgent pointer
    0x68, 0x69,             // "hi"
  )

  it('is read', () => {
    const segment = used()
    expect(decode(bytes, segment)).toBe(true)
    expect(fieldsOf(segment)).toEqual({
      sourcePort: 9000,
      destinationPort: 49153,
      seq: 0x01020304,
      ack: 0xfedcba98,
      flags: PSH | ACK,
      window: 0xabcd,
      mss: 0,
      windowScale: -1,
      sackPermitted: false,
      hasTimestamps: false,
      tsVal: 0,
      tsEcr: 0,
      sackCount: 0,
      sackEdges: [],
      isLent: false,
      cut: 0,
      payload: [0x68, 0x69],
    })
    expect(segment.payload.buffer).toBe(bytes.buffer)
  })

  it('is written', () => {
    const segment = new Segment()
    decode(bytes, segment)
    expect([...datagramOf(segment)]).toEqual([...bytes])
  })

  it.each([
    [FIN, 0x01],
    [SYN, 0x02],
    [RST, 0x04],
    [PSH, 0x08],
    [ACK, 0x10],
    [URG, 0x20],
  ])('has control bit %i at its place', (flag, bit) => {
    const segment = new Segment()
    segment.flags = flag
    expect(datagramOf(segment)[13]).toBe(bit)
  })
})

describe('decode', () => {
  it('gives back what encode wrote, for every combination of options', () => {
    fc.assert(
      fc.property(anySegment, (segment) => {
        const again = used()
        expect(decode(datagramOf(segment), again)).toBe(true)
        // SACK takes the blocks that fit in 40 bytes of options
        segment.sackCount = Math.min(segment.sackCount, again.sackCount)
        expect(fieldsOf(again)).toEqual(fieldsOf(segment))
      }),
      { numRuns: 2_000 },
    )
  })

  it('ignores checksum, urgent pointer, reserved bits, ECE and CWR', () => {
    fc.assert(
      fc.property(
        anySegment,
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.nat(15),
        fc.nat(3),
        (sent, noise, reserved, ecn) => {
          const clean = datagramOf(sent)
          const noisy = clean.slice()
          noisy.set(noise, 16)
          noisy[12] |= reserved
          noisy[13] |= ecn << 6
          const [expected, seen] = [new Segment(), used()]
          decode(clean, expected)
          expect(decode(noisy, seen)).toBe(true)
          expect(fieldsOf(seen)).toEqual(fieldsOf(expected))
        },
      ),
    )
  })

  it('refuses what is shorter than a header', () => {
    for (let length = 0; length < 20; length++)
      expect(decode(new Uint8Array(length).fill(0x50), new Segment())).toBe(false)
  })

  it('refuses a data offset below 5 or past the end, and takes all others', () => {
    for (let length = 20; length <= 64; length++) {
      for (let offset = 0; offset < 16; offset++) {
        const bytes = new Uint8Array(length)
        bytes[12] = offset << 4
        const segment = used()
        const legal = offset >= 5 && offset * 4 <= length
        expect(decode(bytes, segment)).toBe(legal)
        if (legal) expect(segment.payload.length).toBe(length - offset * 4)
      }
    }
  })

  it('never throws, whatever the bytes, and leaves every field in its range', () => {
    const likely = fc
      .tuple(fc.uint8Array({ minLength: 20, maxLength: 80 }), fc.integer({ min: 5, max: 15 }))
      .map(([bytes, offset]) => {
        bytes[12] = offset << 4
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), likely), (bytes) => {
        const segment = used()
        if (!decode(bytes, segment)) return
        expect(segment.flags).toBe(segment.flags & 0x3f)
        expect(segment.sackCount).toBeGreaterThanOrEqual(0)
        expect(segment.sackCount).toBeLessThanOrEqual(4)
        expect(segment.windowScale).toBeGreaterThanOrEqual(-1)
        expect(segment.windowScale).toBeLessThanOrEqual(255)
        expect(segment.mss).toBeLessThanOrEqual(0xffff)
        for (const wide of [segment.seq, segment.ack, segment.tsVal, segment.tsEcr]) expect(wide).toBe(wide >>> 0)
      }),
      { numRuns: 5_000 },
    )
  })

  it('reads a datagram that lies somewhere in a larger buffer', () => {
    fc.assert(
      fc.property(anySegment, fc.nat(40), (segment, at) => {
        const alone = datagramOf(segment)
        const buffer = new Uint8Array(alone.length + 80).fill(0xff)
        buffer.set(alone, at)
        const [expected, seen] = [new Segment(), new Segment()]
        decode(alone, expected)
        decode(buffer.subarray(at, at + alone.length), seen)
        expect(fieldsOf(seen)).toEqual(fieldsOf(expected))
      }),
    )
  })
})

describe('encode', () => {
  it('writes a header of 20 to 60 bytes, a multiple of 4, that stands in the data offset, checksum 0', () => {
    fc.assert(
      fc.property(anySegment, (segment) => {
        const into = new Uint8Array(64).fill(0xee)
        const length = encode(segment, into)
        expect(length).toBeGreaterThanOrEqual(20)
        expect(length).toBeLessThanOrEqual(60)
        expect(length % 4).toBe(0)
        expect(into[12]).toBe((length / 4) << 4)
        expect([...into.subarray(16, 20)]).toEqual([0, 0, 0, 0])
        expect(into.subarray(length).every((byte) => byte === 0xee)).toBe(true)
      }),
    )
  })

  it('never sets a reserved bit, ECE or CWR', () => {
    const segment = new Segment()
    segment.flags = 0xff
    const into = new Uint8Array(60)
    encode(segment, into)
    expect(into[12] & 0x0f).toBe(0)
    expect(into[13]).toBe(0x3f)
  })
})

describe('a Segment', () => {
  it('counts SYN and FIN, and text in two parts, in its length (SEG.LEN)', () => {
    const segment = new Segment()
    segment.payload = new Uint8Array(3)
    segment.payloadTail = new Uint8Array(4)
    expect([segment.textLength, segment.length]).toEqual([7, 7])
    segment.flags = SYN | ACK
    expect([segment.textLength, segment.length]).toEqual([7, 8])
    segment.flags = SYN | FIN
    expect(segment.length).toBe(9)
  })

  it('is empty after clear()', () => {
    const segment = used()
    segment.clear()
    expect(fieldsOf(segment)).toEqual(fieldsOf(new Segment()))
  })

  it('fits a UDP datagram over IPv4', () => {
    expect(MAX_DATAGRAM).toBe(65535 - 20 - 8)
  })
})
