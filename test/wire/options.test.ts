// TCP options: RFC 9293 §3.2, RFC 7323 §2.2 and §3.2, RFC 2018 §2 and §3, byte by byte; illegal ones survived.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeOptions, optionsLength } from '../../lib/wire/options.js'
import { ACK, decode, Segment, SYN } from '../../lib/wire/segment.js'
import { anySegment, datagramOf, fieldsOf } from '../support/segments.js'

/** A segment with exactly these option bytes, padded with zeros to a whole word. */
function withOptions(flags: number, options: readonly number[], payload: readonly number[] = []): Segment {
  const words = Math.ceil(options.length / 4)
  const bytes = new Uint8Array(20 + words * 4 + payload.length)
  bytes[12] = (5 + words) << 4
  bytes[13] = flags
  bytes.set(options, 20)
  bytes.set(payload, 20 + words * 4)
  const segment = new Segment()
  expect(decode(bytes, segment)).toBe(true)
  return segment
}

function written(fields: Partial<Segment>, sack: readonly number[] = []): number[] {
  const segment = new Segment()
  Object.assign(segment, fields)
  segment.sackCount = sack.length / 2
  segment.sackEdges.set(sack)
  const into = new Uint8Array(40)
  return [...into.subarray(0, encodeOptions(segment, into, 0))]
}

const MSS_1460 = [2, 4, 0x05, 0xb4]
const WINDOW_SCALE_7 = [3, 3, 7]
const SACK_PERMITTED = [4, 2]
const TIMESTAMPS = [8, 10, 0x01, 0x02, 0x03, 0x04, 0xf0, 0xe0, 0xd0, 0xc0]
const NO_OPTIONS = fieldsOf(new Segment())

describe('options, byte by byte', () => {
  it('RFC 9293 §3.2: maximum segment size', () => {
    expect(withOptions(SYN, MSS_1460).mss).toBe(1460)
    expect(written({ mss: 1460 })).toEqual(MSS_1460)
  })

  it('RFC 7323 §2.2: window scale, after a NOP', () => {
    expect(withOptions(SYN, [1, ...WINDOW_SCALE_7]).windowScale).toBe(7)
    expect(withOptions(SYN, [3, 3, 255]).windowScale).toBe(255)
    expect(written({ windowScale: 0 })).toEqual([1, 3, 3, 0])
  })

  it('RFC 7323 §3.2: timestamps, as Appendix A lays them out', () => {
    const segment = withOptions(ACK, [1, 1, ...TIMESTAMPS])
    expect([segment.hasTimestamps, segment.tsVal, segment.tsEcr]).toEqual([true, 0x01020304, 0xf0e0d0c0])
    expect(written({ hasTimestamps: true, tsVal: 0x01020304, tsEcr: 0xf0e0d0c0 })).toEqual([1, 1, ...TIMESTAMPS])
  })

  it('RFC 2018 §2: SACK-permitted', () => {
    expect(withOptions(SYN, SACK_PERMITTED).sackPermitted).toBe(true)
    expect(written({ sackPermitted: true })).toEqual([1, 1, ...SACK_PERMITTED])
  })

  it('RFC 2018 §3: SACK, one to four blocks', () => {
    const edges = [0x01020304, 0x05060708, 0x7fffffff, 0x80000000, 0xfffffff0, 0x10, 9, 10]
    for (let blocks = 1; blocks <= 4; blocks++) {
      const chosen = edges.slice(0, 2 * blocks)
      const bytes = chosen.flatMap((edge) => [edge >>> 24, (edge >>> 16) & 0xff, (edge >>> 8) & 0xff, edge & 0xff])
      expect(written({}, chosen)).toEqual([1, 1, 5, 2 + 8 * blocks, ...bytes])
      const segment = withOptions(ACK, [1, 1, 5, 2 + 8 * blocks, ...bytes])
      expect(segment.sackCount).toBe(blocks)
      expect([...segment.sackEdges.subarray(0, 2 * blocks)]).toEqual(chosen)
    }
  })

  it('a SYN with all of them: 20 bytes', () => {
    const all = {
      mss: 1460,
      sackPermitted: true,
      hasTimestamps: true,
      tsVal: 0x01020304,
      tsEcr: 0xf0e0d0c0,
      windowScale: 7,
    }
    const bytes = [...MSS_1460, ...SACK_PERMITTED, ...TIMESTAMPS, 1, ...WINDOW_SCALE_7]
    expect(written(all)).toEqual(bytes)
    const segment = withOptions(SYN, bytes)
    expect(segment).toMatchObject(all)
  })

  it('RFC 2018 §3: beside timestamps three SACK blocks fit', () => {
    const bytes = written({ hasTimestamps: true }, [1, 2, 3, 4, 5, 6, 7, 8])
    expect(bytes.length).toBe(40)
    expect(bytes[15]).toBe(2 + 3 * 8)
  })
})

describe('optionsLength', () => {
  it('is what encodeOptions writes: whole words, 40 bytes at most', () => {
    fc.assert(
      fc.property(anySegment, (segment) => {
        const end = encodeOptions(segment, new Uint8Array(60), 20)
        expect(optionsLength(segment)).toBe(end - 20)
        expect(end % 4).toBe(0)
        expect(end).toBeLessThanOrEqual(60)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('options that come in any manner', () => {
  it('MUST-65: MSS, window scale and SACK-permitted count in a SYN only', () => {
    const segment = withOptions(ACK, [...MSS_1460, ...WINDOW_SCALE_7, ...SACK_PERMITTED])
    expect(fieldsOf(segment)).toEqual({ ...NO_OPTIONS, flags: ACK })
  })

  it('MUST-64: an option may begin at any byte, and any number of NOPs may stand between', () => {
    for (let nops = 0; nops <= 3; nops++) {
      const padding = new Array<number>(nops).fill(1)
      const segment = withOptions(SYN, [
        ...padding,
        ...WINDOW_SCALE_7,
        ...padding,
        ...MSS_1460,
        ...padding,
        ...TIMESTAMPS,
      ])
      expect([segment.windowScale, segment.mss, segment.tsVal]).toEqual([7, 1460, 0x01020304])
    }
  })

  it('nothing is read after the end of the list', () => {
    expect(withOptions(SYN, [0, ...MSS_1460]).mss).toBe(0)
  })

  it('MUST-6: every unknown kind is skipped by its length', () => {
    const known = new Set([0, 1, 2, 3, 4, 5, 8])
    for (let kind = 0; kind < 256; kind++) {
      if (known.has(kind)) continue
      for (const length of [2, 3, 5, 19]) {
        const unknown = [kind, length, ...new Array<number>(length - 2).fill(kind)]
        const segment = withOptions(SYN, [...unknown, ...MSS_1460, ...WINDOW_SCALE_7], [1, 2, 3])
        expect([segment.mss, segment.windowScale, segment.payload.length]).toEqual([1460, 7, 3])
      }
    }
  })

  it('MUST-7: an illegal length of any kind harms nothing before it, and no payload', () => {
    const legal = new Map([
      [2, [4]],
      [3, [3]],
      [4, [2]],
      [5, [10, 18, 26, 34]],
      [8, [10]],
    ])
    for (const [kind, lengths] of legal) {
      for (let length = 0; length < 256; length++) {
        if (lengths.includes(length)) continue
        const body = [kind, length, ...new Array<number>(20).fill(1)]
        const segment = withOptions(SYN, [...(kind === 8 ? MSS_1460 : TIMESTAMPS), ...body], [1, 2, 3])
        expect(kind === 8 ? segment.mss : segment.tsVal).toBe(kind === 8 ? 1460 : 0x01020304)
        expect([...segment.payload]).toEqual([1, 2, 3])
        if (kind === 2) expect(segment.mss).toBe(0)
        if (kind === 3) expect(segment.windowScale).toBe(-1)
        if (kind === 4) expect(segment.sackPermitted).toBe(false)
        if (kind === 5) expect(segment.sackCount).toBe(0)
        if (kind === 8) expect(segment.hasTimestamps).toBe(false)
      }
    }
  })

  it('a kind without a length at the very end is passed over', () => {
    expect(withOptions(SYN, [...MSS_1460, 1, 1, 1, 8]).mss).toBe(1460)
  })

  it('any 40 bytes of options leave header and payload as they are', () => {
    const anyOptions = fc.array(fc.oneof(fc.nat(10), fc.nat(255)), { minLength: 40, maxLength: 40 })
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 0, max: 0x3f }), (options, flags) => {
        const segment = withOptions(flags, options, [7, 7])
        expect(segment.flags).toBe(flags)
        expect([...segment.payload]).toEqual([7, 7])
      }),
      { numRuns: 5_000 },
    )
  })

  it('what was read can be written again', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(10), fc.nat(255)), { maxLength: 40 }), (options) => {
        const segment = withOptions(SYN, options)
        const again = new Segment()
        expect(decode(datagramOf(segment), again)).toBe(true)
        again.sackCount = segment.sackCount = Math.min(again.sackCount, segment.sackCount)
        expect(fieldsOf(again)).toEqual(fieldsOf(segment))
      }),
    )
  })
})
