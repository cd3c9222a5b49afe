// Forged, broken and random datagrams at whole connections: nothing throws or hangs or grows, and a bystander feels nothing. `npm run fuzz` does more.
import { describe, it } from 'vitest'
import { FOUND_FUZZ_SEEDS } from '../support/found-fuzz-seeds.js'
import { runFuzzCase } from '../support/fuzz-run.js'

/** Cases of 500 datagrams. */
const CASES = 50

describe('seeds that once failed', () => {
  it.each(FOUND_FUZZ_SEEDS)('%i: %s', (seed) => {
    runFuzzCase(seed)
  })
})

it(`${CASES} other seeds`, { timeout: 60_000 }, () => {
  for (let seed = 1; seed <= CASES; seed++) {
    try {
      runFuzzCase(seed)
    } catch (error) {
      throw new Error(`npm run fuzz -- --seed ${seed}`, { cause: error })
    }
  }
})
