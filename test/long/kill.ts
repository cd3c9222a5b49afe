// Two hundred transfers whose other end is killed (kill -9) at a random moment: `npm run test:kill -- --help`.
import { Random } from '../../lib/testing/random.js'
import { anyRound, runKillRound } from '../support/kill-round.js'
import { choose } from './command-line.js'
import { Progress } from './progress.js'

const { rounds, together, seed } = choose(
  'Transfers between two processes, one of which is killed at a random moment: what the other says then must be true.',
  'test:kill',
  {
    rounds: { meaning: 'how many', default: 200 },
    together: { meaning: 'at the same time', default: 6 },
    seed: { meaning: 'of roles, lengths and moments', default: 1, least: 0 },
  },
)

const random = new Random(seed)
const progress = new Progress(rounds, 'rounds')
const outcomes: Map<string, number> = new Map()
const failures: string[] = []
let begun = 0
let done = 0
let bytes = 0

async function work(): Promise<void> {
  while (begun < rounds) {
    const number = ++begun
    const round = anyRound(random)
    try {
      const { how, bytes: moved } = await runKillRound(round, number)
      const kind = `${round.survivor} ${round.role}: ${how}`
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
      bytes += moved
    } catch (error) {
      failures.push(`${JSON.stringify(round)}: ${(error as Error).message}`)
    }
    progress.at(++done)
  }
}

await Promise.all(Array.from({ length: together }, work))
progress.close()
for (const [kind, count] of [...outcomes].sort()) console.log(`${String(count).padStart(4)}  survivor ${kind}`)
for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(
  `${rounds} kills, ${(bytes / 1e6).toFixed(1)} MB delivered or acknowledged before them: ${failures.length} untrue ends`,
)
process.exit(failures.length === 0 ? 0 : 1)
