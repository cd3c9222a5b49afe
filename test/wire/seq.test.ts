// Sequence arithmetic: RFC 9293 §3.4, RFC 7323 §4.3.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { before as precedes, unwrap, wrap } from '../../lib/wire/seq.js'
import { u32 } from '../support/segments.js'

const offset = fc.integer({ min: 0, max: 2 ** 52 })

describe('wrap', () => {
  it('is the sum modulo 2^32', () => {
    expect(wrap(0xffffffff, 1)).toBe(0)
    expect(wrap(0xfffffff0, 0x20)).toBe(0x10)
    expect(wrap(5, 2 ** 32)).toBe(5)
    expect(wrap(1, 3 * 2 ** 32 + 7)).toBe(8)
    fc.assert(
      fc.property(u32, offset, (initial, at) => {
        expect(wrap(initial, at)).toBe(Number((BigInt(initial) + BigInt(at)) % 2n ** 32n))
      }),
    )
  })
})

describe('unwrap', () => {
  it('finds an offset again from anywhere less than 2^31 away, also beyond 2^32', () => {
    const distance = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(u32, offset, distance, (initial, at, away) => {
        expect(unwrap(wrap(initial, at), initial, at + away)).toBe(at)
      }),
    )
  })

  it('is right at the edges of its reach', () => {
    for (const initial of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      for (const near of [0, 2 ** 31, 2 ** 32, 5 * 2 ** 32 + 17]) {
        expect(unwrap(wrap(initial, near + 2 ** 31 - 1), initial, near)).toBe(near + 2 ** 31 - 1)
        expect(unwrap(wrap(initial, near - 2 ** 31 + 1), initial, near)).toBe(near - 2 ** 31 + 1)
      }
    }
  })

  it('gives offsets before the stream began a negative number', () => {
    expect(unwrap(99, 100, 0)).toBe(-1)
    expect(unwrap(0xffffffff, 0, 3)).toBe(-1)
  })
})

describe('before', () => {
  it('compares across the wrap', () => {
    expect(precedes(0xffffffff, 0)).toBe(true)
    expect(precedes(0, 0xffffffff)).toBe(false)
    expect(precedes(7, 7)).toBe(false)
    expect(precedes(0, 0x7fffffff)).toBe(true)
    expect(precedes(0x7fffffff, 0)).toBe(false)
  })

  it('orders any two numbers that are less than 2^31 apart, and only one way', () => {
    fc.assert(
      fc.property(u32, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (a, distance) => {
        const b = wrap(a, distance)
        expect(precedes(a, b)).toBe(true)
        expect(precedes(b, a)).toBe(false)
      }),
    )
  })
})
