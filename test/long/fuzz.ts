// The fuzzer over whole connections and the codec, for as long as asked: `npm run fuzz -- --help`.

import { CASE_SEGMENTS, runFuzzCase } from '../support/fuzz-run.js'
import { memoryInUse } from '../support/memory.js'
import { choose } from './command-line.js'
import { Progress } from './progress.js'

/** What a run may hold more at its end than after its first cases. */
const GROWTH = 8 * 2 ** 20
/** Cases after which everything that is made once has been made. */
const WARM = 200

const { segments, first, seed } = choose(
  'Forged, broken and random datagrams at whole connections in virtual time. Every case follows from its seed.',
  'fuzz',
  {
    segments: { meaning: 'how many datagrams to forge', default: 1_000_000 },
    first: { meaning: 'the first seed; at random if it is not given', least: 0 },
    seed: { meaning: 'run the case of this seed alone, and say what passed', least: 0 },
  },
)

if (!Number.isNaN(seed)) {
  runFuzzCase(seed, true)
  console.log(`seed ${seed}: nothing failed`)
} else {
  await runAll(Number.isNaN(first) ? Math.floor(Math.random() * 2 ** 31) : first, Math.ceil(segments / CASE_SEGMENTS))
}

async function runAll(from: number, cases: number): Promise<void> {
  const progress = new Progress(cases * CASE_SEGMENTS, 'datagrams')
  const began = performance.now()
  let before = 0
  let slowest = 0
  for (let i = 0; i < cases; i++) {
    if (i === WARM) before = await memoryInUse()
    const started = performance.now()
    try {
      runFuzzCase(from + i)
    } catch (error) {
      progress.close()
      console.error(error)
      console.error(`\nFAILED after ${i * CASE_SEGMENTS} datagrams; again: npm run fuzz -- --seed ${from + i}`)
      process.exit(1)
    }
    slowest = Math.max(slowest, performance.now() - started)
    progress.at((i + 1) * CASE_SEGMENTS)
  }
  const grown = cases > WARM ? (await memoryInUse()) - before : 0
  progress.close()
  const seconds = (performance.now() - began) / 1000
  const fits = grown < GROWTH
  console.log(
    `${cases * CASE_SEGMENTS} datagrams in ${cases} cases from seed ${from}, ${seconds.toFixed(0)} s: no exception, no hang` +
      ` (the slowest case took ${slowest.toFixed(0)} ms), memory ${(grown / 1024).toFixed(0)} KiB ${fits ? 'more, within noise' : 'MORE'}`,
  )
  process.exit(fits ? 0 : 1)
}
