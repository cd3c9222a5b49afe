// Segments that are joined say what each of them said, whatever lies in the row; nothing is read or written outside of it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinFollowing } from '../../lib/wire/join.js'
import { ACK, decode, FIN, PSH, RST, Segment, SYN, URG } from '../../lib/wire/segment.js'
import { anySegment, datagramOf, fieldsOf, partsOf, u32 } from '../support/segments.js'

/** What stands before and behind a row in the same memory. */
const MARGIN = 70
const GUARD = 0xa5

interface Row {
  readonly bytes: Uint8Array
  readonly first: number
  readonly end: number
  readonly part: number
}

function rowOf(datagrams: readonly Uint8Array[]): Row {
  const text = Buffer.concat(datagrams)
  const bytes = new Uint8Array(new ArrayBuffer(text.length + 3 * MARGIN), MARGIN).fill(GUARD)
  bytes.set(text, MARGIN)
  return { bytes, first: MARGIN, end: MARGIN + text.length, part: datagrams[0].length }
}

/** What each datagram of `row` says by itself; null: it is malformed. */
function alone({ bytes, first, end, part }: Row): (Record<string, unknown> | null)[] {
  const said: (Record<string, unknown> | null)[] = []
  for (let at = first; at < end; at += part) {
    const segment = new Segment()
    said.push(decode(bytes.slice(), segment, at, Math.min(at + part, end)) ? fieldsOf(segment) : null)
  }
  return said
}

/** Reads `row` as an endpoint does. @returns what it says, and how many datagrams came together each time. */
function joined({ bytes, first, end, part }: Row, most: number) {
  const said: (Record<string, unknown> | null)[] = []
  const counts: number[] = []
  for (let at = first; at < end; ) {
    const segment = new Segment()
    const next = Math.min(at + part, end)
    if (!decode(bytes, segment, at, next)) {
      said.push(null)
      at = next
      continue
    }
    const behind = next < end ? joinFollowing(segment, bytes, at, part, end, most) : next
    expect(segment.count).toBe(Math.ceil((behind - at) / part))
    expect(behind).toBeLessThanOrEqual(end)
    const { payload } = segment
    const from = payload.byteOffset - bytes.byteOffset
    if (payload.length > 0) expect([from >= at + 20, from + payload.length <= behind]).toEqual([true, true])
    counts.push(segment.count)
    said.push(...partsOf(segment).map(fieldsOf))
    at = behind
  }
  return { said, counts }
}

/** Joined, it says what it said, and what lies around it is as it was. */
function check(row: Row, most: number): number[] {
  const before = alone(row)
  const { said, counts } = joined(row, most)
  expect(said).toEqual(before)
  const { bytes, first, end } = row
  const around = [...bytes.subarray(0, first), ...bytes.subarray(end)]
  expect(around.every((byte) => byte === GUARD)).toBe(true)
  return counts
}

interface Train {
  readonly header: Segment
  readonly cut: number
  readonly text: Uint8Array
  readonly flags: number
}

/** Full segments with what `header` has, and the last with what is left of `text`, and `flags`. */
function datagramsOf({ header, cut, text, flags }: Train): Uint8Array[] {
  const { seq } = header
  const datagrams: Uint8Array[] = []
  for (let at = 0; at < text.length; at += cut) {
    header.seq = (seq + at) >>> 0
    header.payload = text.subarray(at, at + cut)
    header.flags = at + cut < text.length ? ACK : flags
    datagrams.push(datagramOf(header))
  }
  header.seq = seq
  return datagrams
}

const nearWrap = fc.oneof(u32, fc.integer({ min: 0xffff_ff00, max: 0xffff_ffff }))

const anyTrain: fc.Arbitrary<Train> = fc
  .record({
    header: anySegment.filter(({ flags }) => (flags & SYN) === 0),
    seq: nearWrap,
    cut: fc.integer({ min: 1, max: 60 }),
    text: fc.uint8Array({ minLength: 1, maxLength: 600, size: 'max' }),
    flags: fc.constantFrom(ACK, ACK | PSH),
  })
  .map(({ seq, ...train }) => {
    train.header.seq = seq
    return train
  })

/** Two segments of ten bytes of text, and the options that most have. */
function two(): { header: Segment; datagrams: Uint8Array[] } {
  const header = new Segment()
  Object.assign(header, { sourcePort: 1000, destinationPort: 2000, seq: 5000, ack: 7000, window: 100 })
  Object.assign(header, { hasTimestamps: true, tsVal: 3, tsEcr: 2, sackCount: 1 })
  header.sackEdges.set([7100, 7200])
  const text = Uint8Array.from({ length: 20 }, (_, i) => i)
  return { header, datagrams: datagramsOf({ header, cut: 10, text, flags: ACK }) }
}

describe('what continues each other', () => {
  it('is one segment with the text of all, the flags of the last, and what they have in common', () => {
    fc.assert(
      fc.property(anyTrain, (train) => {
        const row = rowOf(datagramsOf(train))
        const [count] = check(row, Infinity)
        expect(count).toBe(Math.ceil(train.text.length / train.cut))
      }),
    )
  })

  it('says how long each of them was, and where it ends', () => {
    const { bytes, first, end, part } = rowOf(two().datagrams)
    const segment = new Segment()
    decode(bytes, segment, first, first + part)
    expect(joinFollowing(segment, bytes, first, part, end, 16)).toBe(end)
    expect([segment.cut, segment.count, segment.textLength, segment.seq]).toEqual([10, 2, 20, 5000])
  })

  it.each([
    [0, [1, 1, 1, 1, 1]],
    [1, [1, 1, 1, 1, 1]],
    [2, [2, 2, 1]],
    [4, [4, 1]],
    [5, [5]],
    [Infinity, [5]],
    [-3, [1, 1, 1, 1, 1]],
    [Number.NaN, [1, 1, 1, 1, 1]],
  ])('at most %f at a time', (most, counts) => {
    const { header } = two()
    const datagrams = datagramsOf({ header, cut: 10, text: new Uint8Array(45), flags: ACK | PSH })
    expect(check(rowOf(datagrams), most)).toEqual(counts)
  })
})

describe('what does not', () => {
  /** One bit of the second segment is another. */
  function changed(at: number, bit: number): number[] {
    const { datagrams } = two()
    datagrams[1][at] ^= bit
    return check(rowOf(datagrams), 16)
  }

  const { datagrams } = two()
  const header = datagrams[0].length - 10
  const meaningless = [16, 17, 18, 19]
  const bytes = Array.from({ length: header }, (_, at) => at).filter((at) => at !== 13 && !meaningless.includes(at))

  it.each(bytes)('has another byte %i of ports, numbers, window or options', (at) => {
    for (let bit = 1; bit < 256; bit <<= 1) expect(changed(at, bit)).not.toContain(2)
  })

  it.each(meaningless)('but byte %i is the checksum’s or the urgent pointer’s, and not looked at', (at) => {
    expect(changed(at, 1)).toEqual([2])
  })

  it.each([
    ['FIN', FIN],
    ['SYN', SYN],
    ['RST', RST],
    ['URG', URG],
    ['no ACK', ACK],
  ])('has %s', (_, bit) => {
    expect(changed(13, bit)).toEqual([1, 1])
  })

  it('but flags that mean nothing here make no difference, and PSH is the last', () => {
    expect([changed(13, 0x40), changed(13, 0x80), changed(13, PSH)]).toEqual([[2], [2], [2]])
  })

  it.each([
    ['FIN', ACK | FIN],
    ['SYN', ACK | SYN],
    ['RST', ACK | RST],
    ['PSH', ACK | PSH],
    ['URG', ACK | URG],
    ['no ACK', 0],
  ])('comes behind one with %s', (_, flags) => {
    const made = two().datagrams
    made[0][13] = flags
    expect(check(rowOf(made), 16)).toEqual([1, 1])
  })

  it('comes behind a PSH in the middle', () => {
    const made = datagramsOf({ header: two().header, cut: 5, text: new Uint8Array(25), flags: ACK })
    made[2][13] |= PSH
    expect(check(rowOf(made), 16)).toEqual([3, 2])
  })

  it.each([-20, -10, -1, 1, 10, 2 ** 31])('has a number that is off by %i', (by) => {
    const made = two()
    made.header.seq = (5010 + by) >>> 0
    made.header.payload = new Uint8Array(10)
    made.header.flags = ACK
    expect(check(rowOf([made.datagrams[0], datagramOf(made.header)]), 16)).toEqual([1, 1])
  })

  it('has a header and no text, or not even a header; nor does what follows a header alone', () => {
    const made = two().datagrams
    for (let length = 1; length <= header; length++) {
      const counts = check(rowOf([made[0], made[1].slice(0, length)]), 16)
      expect(counts[0]).toBe(1)
    }
    const empty = made.map((datagram) => datagram.slice(0, header))
    expect(check(rowOf(empty), 16)).toEqual([1, 1])
    expect(check(rowOf([made[0], made[1].slice(0, header + 1)]), 16)).toEqual([2])
  })

  it('comes when the number has wrapped, and is no hole: 2^32 is 0', () => {
    const made = two()
    for (const seq of [0xffff_fff6, 0xffff_fff5, 0xffff_fffb, 0xffff_ffff]) {
      made.header.seq = seq
      const train = { header: made.header, cut: 10, text: new Uint8Array(30), flags: ACK }
      expect(check(rowOf(datagramsOf(train)), 16)).toEqual([3])
    }
  })
})

describe('whatever bytes there are', () => {
  const most = fc.oneof(fc.integer({ min: -1, max: 20 }), fc.constantFrom(Infinity, Number.NaN))

  it('of trains that somebody has tampered with', () => {
    const flaw = fc.record({ at: fc.nat(2000), xor: fc.integer({ min: 1, max: 255 }) })
    fc.assert(
      fc.property(fc.array(anyTrain, { minLength: 1, maxLength: 3 }), fc.array(flaw), most, (trains, flaws, most) => {
        const row = rowOf(trains.flatMap(datagramsOf))
        for (const { at, xor } of flaws) row.bytes[row.first + (at % (row.end - row.first))] ^= xor
        check(row, most)
      }),
      { numRuns: 300 },
    )
  })

  it('of no train at all', () => {
    const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 400, size: 'max' })
    fc.assert(
      fc.property(anyBytes, fc.integer({ min: 1, max: 100 }), most, (bytes, part, most) => {
        check({ ...rowOf([bytes]), part }, most)
      }),
    )
  })
})
