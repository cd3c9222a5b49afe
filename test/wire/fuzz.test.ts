// The codec with any bytes: what the coverage-guided fuzzer has kept, and segments changed at random. `npm run fuzz:codec` looks for more.
import { expect, it } from 'vitest'
import { Random } from '../../lib/testing/random.js'
import { checkCodec, keptInputs, mangle } from '../support/mangle.js'
import { read } from '../support/source-tree.js'

const kept = keptInputs(read('fuzz/corpus.txt'))

it('what the fuzzer has kept', () => {
  expect(kept.length).toBeGreaterThan(50)
  // some of it is no segment, and most of it is
  expect(kept.filter((bytes) => checkCodec(bytes)).length).toBeGreaterThan(kept.length / 4)
})

it('and a hundred thousand changes of it', () => {
  const random = new Random(1)
  let segments = 0
  for (let i = 0; i < 100_000; i++) {
    const bytes = kept[random.below(kept.length)] as Uint8Array
    if (checkCodec(mangle(bytes, kept[random.below(kept.length)] as Uint8Array, random))) segments++
  }
  expect(segments).toBeGreaterThan(20_000)
})
