// Many connections into one server, beside a single one: what they carry together, and how evenly.
import { EVERYBODY, KERNEL, OURS } from '../peers/by-name.js'
import { jain } from '../table.js'
import { CARRIED, type Carried, carry, costsOf } from './bulk.js'
import { comparison, profilingOf } from './comparison.js'

const CONNECTIONS = 200

export interface FanIn extends Carried {
  /** Mbit/s of one connection, in the same round. */
  readonly single: number
  /** Jain's index of the connections' shares. */
  readonly evenness: number
}

export const fanin = comparison<FanIn>({
  name: 'fanin',
  summary: `${CONNECTIONS} connections into one server, beside a single one`,
  quick: [KERNEL, OURS],
  full: [...EVERYBODY, `${OURS}:plain`],
  costs: costsOf('fanin'),
  columns: [
    ...CARRIED.slice(0, 3),
    { head: 'one connection', figure: ({ single }) => single },
    { head: '× one', figure: ({ rate, single }) => rate / single, spread: true },
    { head: 'Jain', figure: ({ evenness }) => evenness, spread: true },
  ],
  describe: ({ seconds, warmUp }) => [
    `${CONNECTIONS} connections from one process into another, each as fast as it goes, every byte checked: ${seconds} s after ${warmUp} s of warm-up; before it, in`,
    'the same round, one connection alone. Jain: 1 is even, 0.005 is all for one.',
  ],
  async measure(peer, settings) {
    const alone = await carry(peer, 1, settings, profilingOf(settings, 'fanin-one', peer))
    const all = await carry(peer, CONNECTIONS, settings, profilingOf(settings, 'fanin', peer))
    return { ...all.carried, single: alone.carried.rate, evenness: jain(all.shares) }
  },
})
