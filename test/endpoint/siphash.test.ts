// SipHash-2-4 against the vectors of its reference implementation: key 00 to 0f, messages 00, 01, 02 and so on.
import { expect, it } from 'vitest'
import { SipHash } from '../../lib/endpoint/siphash.js'

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

it.each([
  [0, '310e0edd47db6f72'],
  [4, 'b7877127e09427cf'],
  [8, '6224939a79f5f593'],
  [12, 'fbe50e86bc8f1e75'],
  [16, 'db9bc2577fcc2a3f'],
  [20, '98eea21af25cd6be'],
])('%d bytes', (length, expected) => {
  const hash = new SipHash(counting(16))
  const view = new DataView(counting(length).buffer)
  hash.begin()
  for (let at = 0; at < length; at += 4) hash.word(view.getUint32(at, true))
  hash.finish()
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(hash.low, 0)
  bytes.writeUInt32LE(hash.high, 4)
  expect(bytes.toString('hex')).toBe(expected)
})

it('a text is not another one with a word moved over', () => {
  const hash = new SipHash(counting(16))
  const of = (...texts: string[]): string => {
    hash.begin()
    for (const text of texts) hash.text(text)
    hash.finish()
    return `${hash.low} ${hash.high}`
  }
  expect(new Set([of('ab', 'c'), of('a', 'bc'), of('abc', ''), of('', 'abc'), of('abc')]).size).toBe(5)
})
