// What an ACK costs the sender, an honest one and those that are to cost much: `npm run attack:sack -- --help`.
import { type Attack, HONEST, HOSTILE, Victim } from '../support/sack-attack.js'
import { choose } from './command-line.js'

/** One honest ACK may be outdone by so much. */
const MOST = 20
const BATCH = 100
/** The least of so many runs is what it costs: other load makes it more. */
const RUNS = 3

const { acks } = choose(
  'ACKs of every kind against a sender with 32,768 segments in flight: CPU time for each, what leaves because of it among it.',
  'attack:sack',
  { acks: { meaning: 'how many of each kind', default: 20_000, least: BATCH } },
)

/** µs for each ACK. */
function costOf(attack: Attack): number {
  return Math.min(...Array.from({ length: RUNS }, () => costOnce(attack)))
}

function costOnce(attack: Attack): number {
  const victim = new Victim()
  let spent = 0
  for (let i = 0; i < acks; ) {
    const before = process.cpuUsage()
    for (const end = Math.min(i + BATCH, acks); i < end; i++) {
      attack(victim, i)
      victim.step()
    }
    const { user, system } = process.cpuUsage(before)
    spent += user + system
    // what was acknowledged is replaced
    victim.fill()
  }
  return spent / acks
}

let honest = 0
let worst = 0
for (const [name, attack] of Object.entries({ ...HONEST, ...HOSTILE })) {
  const cost = costOf(attack)
  honest = honest || cost
  worst = Math.max(worst, cost)
  console.log(
    `${name.padEnd(60)}${cost.toFixed(1).padStart(8)} µs${(cost / honest).toFixed(1).padStart(8)} times an honest one`,
  )
}
console.log(`${(worst / honest).toFixed(1)} times at most: ${worst / honest <= MOST ? 'within' : 'BEYOND'} ${MOST}`)
process.exit(worst / honest <= MOST ? 0 : 1)
