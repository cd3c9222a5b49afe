// The parts of a connection beside models that are too simple to be wrong: reassembly and a bitmap, scoreboard and a list, send buffer and an array.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Reassembly } from '../../lib/core/receive/reassembly.js'
import { ReceiveBuffer } from '../../lib/core/receive/receive-buffer.js'
import type { Flight } from '../../lib/core/send/flight.js'
import { Scoreboard } from '../../lib/core/send/scoreboard.js'
import { SendBuffer } from '../../lib/core/send/send-buffer.js'
import { NOWHERE } from '../../lib/core/surroundings.js'
import { Segment } from '../../lib/wire/segment.js'
import { bytesAt } from '../support/script.js'

describe('reassembly', () => {
  const arrival = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 60 }))

  test('holds what a bitmap says, and gives it in order', () => {
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 60, size: 'max' }), fc.nat(4), (arrivals, compactEvery) => {
        const reassembly = new Reassembly()
        const held = new Set<number>()
        let next = 1
        let count = 0
        for (const [from, length] of arrivals) {
          const start = Math.max(from, next)
          const end = from + length
          if (start >= end) continue
          if (start > next) {
            const fresh = Array.from({ length: end - start }, (_, i) => start + i).filter((at) => !held.has(at))
            expect(reassembly.insert(start, bytesAt(start, end))).toBe(fresh.length)
            for (const at of fresh) held.add(at)
          } else {
            // in order: everything that is connected to it follows
            for (let at = start; at < end; at++) held.delete(at)
            next = end
            for (let chunks = reassembly.takeFrom(next); chunks !== null; chunks = reassembly.takeFrom(next)) {
              for (const chunk of chunks) {
                expect([...chunk]).toEqual([...bytesAt(next, next + chunk.length)])
                for (let at = next; at < next + chunk.length; at++) held.delete(at)
                next += chunk.length
              }
            }
            for (const at of held) expect(at).toBeGreaterThan(next)
          }
          expect(reassembly.bytes).toBe(held.size)
          expect(reassembly.isEmpty).toBe(held.size === 0)
          if (++count % (compactEvery + 1) === 0) reassembly.compact()
          checkBlocks(reassembly, held)
        }
      }),
      { numRuns: 300 },
    )
  })

  /** All blocks together are the bitmap; none touches another. */
  function checkBlocks(reassembly: Reassembly, held: ReadonlySet<number>): void {
    const edges = new Float64Array(200)
    const count = reassembly.blocks(edges, 0, 100)
    const seen = new Set<number>()
    for (let i = 0; i < count; i++) {
      const [left, right] = [edges[2 * i] as number, edges[2 * i + 1] as number]
      expect(held.has(left - 1) || held.has(right)).toBe(false)
      for (let at = left; at < right; at++) seen.add(at)
    }
    expect(seen).toEqual(held)
  }

  test('RFC 2018 §4: the block that the latest segment is part of comes first', () => {
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 1, maxLength: 30 }), (arrivals) => {
        const reassembly = new Reassembly()
        for (const [from, length] of arrivals) {
          reassembly.insert(from + 1, bytesAt(from + 1, from + 1 + length))
          const edges = new Float64Array(2)
          expect(reassembly.blocks(edges, 0, 1)).toBe(1)
          expect(edges[0]).toBeLessThanOrEqual(from + 1)
          expect(edges[1]).toBeGreaterThanOrEqual(from + 1 + length)
        }
      }),
    )
  })

  test('more than 1,024 ranges: the furthest goes, the nearest stay', () => {
    const reassembly = new Reassembly()
    for (let i = 0; i < 100_000; i++) reassembly.insert(2 + i * 2, bytesAt(0, 1))
    expect(reassembly.bytes).toBe(1024)
    expect(reassembly.chunkCount).toBe(1024)
    expect(reassembly.end).toBe(2 + 2 * 1023 + 1)
    expect(reassembly.takeFrom(2)).toHaveLength(1)
  })

  test('backwards too: what comes nearer replaces what is further', () => {
    const reassembly = new Reassembly()
    for (let i = 5000; i > 0; i--) reassembly.insert(i * 2, bytesAt(0, 1))
    expect(reassembly.bytes).toBe(1024)
    expect(reassembly.end).toBe(2 + 2 * 1023 + 1)
    expect(reassembly.takeFrom(2)).toHaveLength(1)
  })
})

describe('the receive buffer', () => {
  test('gives what it was given, compacted or not', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.nat(20_000) },
      { weight: 2, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('compact' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const buffer = new ReceiveBuffer(NOWHERE.allocate)
        let [written, read] = [0, 0]
        for (const step of steps) {
          if (step === 'compact') buffer.compact()
          else if (step === 'take') {
            const chunk = buffer.take()
            if (chunk === null) expect(written).toBe(read)
            else {
              expect(Buffer.compare(chunk, bytesAt(read, read + chunk.length))).toBe(0)
              read += chunk.length
            }
          } else if (step > 0) {
            buffer.push(bytesAt(written, written + step), step % 2 === 0)
            written += step
          }
          expect(buffer.length).toBe(written - read)
        }
      }),
    )
  })

  test('compacted, small chunks cost no more than their bytes', () => {
    const buffer = new ReceiveBuffer(NOWHERE.allocate)
    for (let i = 0; i < 200_000; i++) buffer.push(bytesAt(i, i + 1), false)
    buffer.compact()
    expect(buffer.chunkCount).toBeLessThanOrEqual(8)
    expect(buffer.length).toBe(200_000)
  })

  test('texts that come together are one chunk, and what is lent is copied', () => {
    const buffer = new ReceiveBuffer(NOWHERE.allocate)
    const memory = new Uint8Array(1000)
    const burst = (): Uint8Array[] => {
      for (let i = 0; i < 40; i++) buffer.push(memory.fill(i), true)
      const chunks: Uint8Array[] = []
      for (let chunk = buffer.take(); chunk !== null; chunk = buffer.take()) chunks.push(chunk)
      return chunks
    }
    expect(burst().length).toBeLessThan(10)
    // by then it knows how much is likely to come
    const [chunk, ...others] = burst()
    expect(others).toEqual([])
    expect([...chunk]).toEqual(Array.from({ length: 40_000 }, (_, i) => Math.floor(i / 1000)))
    expect(chunk.buffer.byteLength).toBe(40_000)
  })

  test('a long text is kept as it is, unless it is lent', () => {
    const [buffer, memory] = [new ReceiveBuffer(NOWHERE.allocate), new Uint8Array(20_000)]
    buffer.push(memory, false)
    buffer.push(memory, true)
    expect(buffer.take()).toBe(memory)
    expect(buffer.take()).toEqual(memory)
    expect(buffer.take()).toBe(null)
    expect(buffer.length).toBe(0)
  })
})

describe('the send buffer', () => {
  test('is an array: what is written can be seen until it is released', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), n: fc.nat(100_000) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('view' as const), n: fc.nat(65_535) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), n: fc.nat(100_000) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('small' as const), n: fc.nat(50) }) },
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.constantFrom(1, 1000, 70_000, 400_000),
        (steps, capacity) => {
          const buffer = new SendBuffer(capacity)
          const out = new Segment()
          let [start, end] = [1, 1]
          for (const { kind, n } of steps) {
            if (kind === 'write' || kind === 'small') {
              const taken = buffer.write(bytesAt(end, end + n))
              expect(taken).toBe(Math.min(n, capacity - (end - start)))
              end += taken
            } else if (kind === 'release') {
              start = Math.min(start + n, end)
              buffer.release(start)
            } else if (end > start) {
              const from = start + (n % (end - start))
              const to = Math.min(end, from + n + 1, from + 65_535)
              buffer.view(from, to, out)
              expect(out.textLength).toBe(to - from)
              expect(Buffer.compare(Buffer.concat([out.payload, out.payloadTail]), bytesAt(from, to))).toBe(0)
            }
            expect([buffer.start, buffer.end, buffer.length, buffer.room]).toEqual([
              start,
              end,
              end - start,
              capacity - (end - start),
            ])
          }
        },
      ),
    )
  })

  test('owns nothing when nothing is unacknowledged', () => {
    const buffer = new SendBuffer(10 * 2 ** 20)
    buffer.write(bytesAt(0, 2 ** 20))
    buffer.release(1 + 2 ** 20)
    expect(Reflect.get(buffer, 'slabs')).toEqual([])
  })

  test('what is acknowledged leaves its memory to the next, unless somebody still points at it', () => {
    const memoryOf = (hold: boolean): ArrayBufferLike => {
      const [buffer, out] = [new SendBuffer(2 ** 20), new Segment()]
      buffer.write(bytesAt(0, 60_000))
      buffer.view(5, 6, out)
      if (hold) buffer.hold()
      buffer.release(60_001)
      return out.payload.buffer
    }
    const [first, second] = [memoryOf(false), memoryOf(true)]
    const third = memoryOf(false)
    expect(second).toBe(first)
    expect(third).not.toBe(second)
  })
})

interface Model {
  from: number
  to: number
  sacked: boolean
  lost: boolean
}

/** What of the naive list lies below `upTo` goes; a flight that straddles it is cut. */
function cut(model: Model[], at: number): Model[] {
  return model.flatMap((flight) =>
    flight.from < at && at < flight.to
      ? [
          { ...flight, to: at },
          { ...flight, from: at },
        ]
      : [flight],
  )
}

describe('the scoreboard', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('add' as const),
        a: fc.integer({ min: 1, max: 40 }),
        b: fc.constant(0),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('ack' as const), a: fc.nat(60), b: fc.constant(0) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('sack' as const), a: fc.nat(200), b: fc.integer({ min: 1, max: 60 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), a: fc.nat(20), b: fc.constant(0) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('resend' as const),
        a: fc.integer({ min: 1, max: 40 }),
        b: fc.constant(0),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose all' as const), a: fc.nat(1), b: fc.constant(0) }) },
  )

  test('counts what a naive list counts', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const delivered: number[] = []
        const scoreboard = new Scoreboard({
          onDelivered: (flight: Flight) => void delivered.push(flight.from),
          onSent: () => {},
          onLost: () => {},
          onTooLong: () => {},
          onFound: () => {},
        })
        let model: Model[] = []
        let [una, nxt, now] = [0, 0, 0]
        const sum = (which: (flight: Model) => boolean): number =>
          model.filter(which).reduce((total, { from, to }) => total + to - from, 0)
        for (const { kind, a, b } of steps) {
          now++
          delivered.length = 0
          if (kind === 'add') {
            scoreboard.add(nxt, nxt + a, now)
            model.push({ from: nxt, to: nxt + a, sacked: false, lost: false })
            nxt += a
          } else if (kind === 'ack') {
            const upTo = Math.min(una + a, nxt)
            model = cut(model, upTo)
            const fresh = sum(({ to, sacked }) => to <= upTo && !sacked)
            model = model.filter(({ to }) => to > upTo)
            expect(scoreboard.acknowledge(upTo, now)).toBe(fresh)
            una = Math.max(una, upTo)
          } else if (kind === 'sack') {
            const left = una + a
            const right = Math.min(left + b, nxt)
            if (left >= right) continue
            model = cut(cut(model, left), right)
            const inside = ({ from, to, sacked }: Model): boolean => from >= left && to <= right && !sacked
            const fresh = sum(inside)
            for (const flight of model.filter(inside)) Object.assign(flight, { sacked: true, lost: false })
            expect(scoreboard.sack(Float64Array.of(left, right), 1, now)).toBe(fresh)
          } else if (kind === 'lose') {
            let flight = scoreboard.oldest
            for (let i = 0; i < a && flight?.later; i++) flight = flight.later
            if (flight === null) continue
            const { from, to } = flight
            scoreboard.markLost(flight)
            for (const one of model) if (one.from >= from && one.to <= to && !one.sacked) one.lost = true
          } else if (kind === 'lose all') {
            if (a === 1) for (const one of model) one.sacked = false
            for (const one of model) if (!one.sacked) one.lost = true
            scoreboard.markAllLost(a === 1)
          } else {
            const lost = scoreboard.nextLost(a)
            const [first] = model.filter((flight) => flight.lost)
            if (first === undefined) expect(lost).toBe(null)
            else {
              if (lost === null) throw new Error('the list has lost flights, the scoreboard none')
              expect(lost.from).toBe(first.from)
              expect(lost.length).toBeLessThanOrEqual(a)
              scoreboard.resent(lost, now)
              model = cut(model, lost.to)
              for (const one of model) if (one.from >= lost.from && one.to <= lost.to) one.lost = false
            }
          }
          expect({
            inFlight: scoreboard.inFlight,
            sacked: scoreboard.sackedBytes,
            lost: scoreboard.lostBytes,
            first: scoreboard.first?.from ?? null,
          }).toEqual({
            inFlight: sum(({ sacked, lost }) => !sacked && !lost),
            sacked: sum(({ sacked }) => sacked),
            lost: sum(({ lost }) => lost),
            first: model[0]?.from ?? null,
          })
          checkOrder(scoreboard)
        }
      }),
      { numRuns: 500 },
    )
  })

  /** The chain from oldest to newest holds what is in the network and nothing else, by time of sending. */
  function checkOrder(scoreboard: Scoreboard): void {
    let bytes = 0
    let before = Number.NEGATIVE_INFINITY
    for (let flight = scoreboard.oldest; flight !== null; flight = flight.later) {
      expect(flight.inPipe).toBe(true)
      expect(flight.sentAt).toBeGreaterThanOrEqual(before)
      before = flight.sentAt
      bytes += flight.length
    }
    expect(bytes).toBe(scoreboard.inFlight)
  }
})
