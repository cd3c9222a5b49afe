// When an ACK is due and when it cannot wait for the rest of what came: with any sizes, windows and turns (decision 021).
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AckPolicy } from '../../lib/core/receive/ack-policy.js'

const FULL = 1000
const DELAY = 40

/** Past the quick ACKs of the beginning, with `FULL` known for a full segment. */
function settled(): AckPolicy {
  const policy = new AckPolicy()
  for (let i = 0; i < 20; i++) {
    policy.onText(FULL, 0, false, 1e6, i)
    if (policy.now) policy.onAckSent()
  }
  policy.now = true
  policy.onAckSent()
  return policy
}

/** `count` segments of `length` in one turn. @returns after how many of them an ACK could not wait. */
function urgentAfter(policy: AckPolicy, count: number, length: number, window: number, counts: boolean): number[] {
  const after: number[] = []
  for (let i = 1; i <= count; i++) {
    policy.onText(length, 0, false, window, 100)
    if (!policy.isUrgent(window, counts)) continue
    after.push(i)
    policy.onAckSent()
  }
  return after
}

describe('in one turn', () => {
  test('every second full segment cannot wait, where the sender counts them', () => {
    expect(urgentAfter(settled(), 10, FULL, 1e6, true)).toEqual([2, 4, 6, 8, 10])
  })

  test('every sixteenth, where it does not', () => {
    expect(urgentAfter(settled(), 40, FULL, 1e6, false)).toEqual([16, 32])
  })

  test('what makes a quarter of the window, where that is less', () => {
    expect(urgentAfter(settled(), 12, FULL, 16_000, false)).toEqual([4, 8, 12])
    expect(urgentAfter(settled(), 3, FULL, 4_000, false)).toEqual([1, 2, 3])
  })

  test('RFC 5681 §4.2: the second segment above a hole, and the second that fills a part of it', () => {
    const policy = settled()
    policy.onDuplicate()
    expect(policy.isUrgent(1e6, true)).toBe(false)
    policy.onDuplicate()
    expect(policy.isUrgent(1e6, true)).toBe(true)
    policy.onAckSent()
    policy.onAckSent()
    policy.onGapFilled(FULL)
    expect(policy.isUrgent(1e6, true)).toBe(false)
    policy.onGapFilled(FULL)
    expect(policy.isUrgent(1e6, true)).toBe(true)
  })

  test('nothing is urgent that is not due', () => {
    const policy = settled()
    expect(policy.onText(FULL, 0, true, 1e6, 100)).toBe(100 + DELAY)
    expect([policy.now, policy.isUrgent(1e6, true)]).toEqual([false, false])
  })
})

describe('segments of any length, in turns of any size', () => {
  test('no more than 16 of them, two full ones at the end of a turn, or a quarter of the window, wait', () => {
    const turn = fc.array(fc.integer({ min: 1, max: 3 * FULL }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(
        fc.array(turn, { maxLength: 20 }),
        fc.integer({ min: FULL, max: 200_000 }),
        fc.boolean(),
        (turns, window, counts) => {
          const policy = settled()
          let segments = 0
          let bytes = 0
          let largest = FULL
          let now = 100
          const acknowledge = (): void => {
            policy.onAckSent()
            segments = bytes = 0
          }
          for (const lengths of turns) {
            for (const length of lengths) {
              largest = Math.max(largest, length)
              segments++
              bytes += length
              policy.onText(length, 0, false, window, now)
              if (policy.isUrgent(window, counts)) acknowledge()
              expect(segments).toBeLessThan(16)
              expect(bytes).toBeLessThan(window / 4)
              if (counts) expect(bytes).toBeLessThan(2 * largest)
            }
            if (policy.now) acknowledge()
            expect(bytes).toBeLessThan(2 * largest)
            now += 1
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('segments that come as one', () => {
  interface Train {
    readonly length: number
    readonly count: number
    readonly last: number
    readonly pushed: boolean
    readonly after: number
  }
  const train: fc.Arbitrary<Train> = fc.record({
    length: fc.oneof(fc.constant(FULL), fc.integer({ min: 1, max: 3 * FULL })),
    count: fc.integer({ min: 1, max: 40 }),
    last: fc.double({ min: 0.01, max: 1, noNaN: true }),
    pushed: fc.boolean(),
    after: fc.constantFrom(0, 0, 1, 20, 150, 2000),
  })

  /** @returns after how many segments each ACK left, and when one was due. */
  function acknowledged(trains: readonly Train[], window: number, counts: boolean, asOne: boolean): number[] {
    const policy = new AckPolicy()
    const told: number[] = []
    let [now, arrived] = [0, 0]
    for (const { length, count, last, pushed, after } of trains) {
      now += after
      for (let left = count; left > 0; ) {
        const together = asOne ? Math.min(left, Math.max(1, policy.mostTogether(length, window, counts))) : 1
        left -= together
        arrived += together
        const ending = left === 0 ? Math.ceil(length * last) : length
        const bytes = (together - 1) * length + ending
        const due = policy.onText(bytes, together > 1 ? length : 0, left === 0 && pushed, window, now)
        if (policy.isUrgent(window, counts)) {
          told.push(arrived)
          policy.onAckSent()
        } else if (left === 0) told.push(due)
      }
      if (!policy.now) continue
      told.push(-arrived, policy.peerSegment)
      policy.onAckSent()
    }
    return told
  }

  test('are acknowledged as they would be one by one', () => {
    const windows = fc.integer({ min: 1, max: 200_000 })
    fc.assert(
      fc.property(fc.array(train, { maxLength: 30 }), windows, fc.boolean(), (trains, window, counts) => {
        expect(acknowledged(trains, window, counts, true)).toEqual(acknowledged(trains, window, counts, false))
      }),
      { numRuns: 500 },
    )
  })

  test('two where they are counted, sixteen where they are not, and what makes a quarter of the window', () => {
    expect(settled().mostTogether(FULL, 1e6, true)).toBe(2)
    expect(settled().mostTogether(FULL, 1e6, false)).toBe(16)
    expect(settled().mostTogether(FULL, 16_000, false)).toBe(4)
    expect(settled().mostTogether(FULL - 100, 1e6, true)).toBe(2)
  })
})
