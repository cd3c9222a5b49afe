// Addresses in the spelling that the machine uses: checked against node:net's own.
import { SocketAddress } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, destination, isIPv4Like, isWildcard, mapped, unmapped } from '../../lib/endpoint/address.js'

describe('canonical', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::', '::'],
    ['0::0', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:7f00:1', '::ffff:127.0.0.1'],
    ['::FFFF:10.0.0.1', '::ffff:10.0.0.1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['FE80:0::1%lo', 'fe80::1%lo'],
    ['1::', '1::'],
    ['not:an:address', 'not:an:address'],
    ['1::2::3', '1::2::3'],
    ['::1.2.3', '::1.2.3'],
  ])('%s is %s', (literal, expected) => {
    expect(canonical(literal)).toBe(expected)
  })

  it('agrees with the machine on every address', () => {
    const word = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
    fc.assert(
      fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (words) => {
        const literal = words.map((each) => each.toString(16).toUpperCase()).join(':')
        expect(canonical(literal)).toBe(new SocketAddress({ address: literal, family: 'ipv6' }).address)
      }),
      { numRuns: 500 },
    )
  })
})

it('IPv4 goes into IPv6 clothes and out of them', () => {
  expect(mapped('10.0.0.1')).toBe('::ffff:10.0.0.1')
  expect(mapped('::1')).toBe('::1')
  expect(unmapped('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(unmapped('::1')).toBe('::1')
  expect([isIPv4Like('10.0.0.1'), isIPv4Like('::ffff:10.0.0.1'), isIPv4Like('::1')]).toEqual([true, true, false])
})

it('the unspecified address means this machine', () => {
  expect([destination('0.0.0.0'), destination('::'), destination('10.0.0.1')]).toEqual(['127.0.0.1', '::1', '10.0.0.1'])
  expect([isWildcard('::'), isWildcard('0.0.0.0'), isWildcard('::1')]).toEqual([true, true, false])
})
