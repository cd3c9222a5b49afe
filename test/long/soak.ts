// Long lives: a week in virtual time, or as many minutes of the real one as asked, with a verdict. `npm run soak -- --help`.
import { choose } from './command-line.js'
import { soakInRealTime } from './soak-real.js'
import { soakInVirtualTime } from './soak-virtual.js'

const choices = choose(
  'Connections that live long, and many that do not: nothing may leak, drift or be lost.',
  'soak',
  {
    minutes: { meaning: 'of real time, over loopback', default: 5 },
    virtual: { meaning: 'in virtual time instead: days, connections, gigabytes', flag: true },
    days: { meaning: 'of virtual time', default: 7 },
    connections: { meaning: 'that stay, in virtual time', default: 10_000 },
    gigabytes: { meaning: 'of one connection, in virtual time: its sequence numbers go round every 4.3', default: 14 },
  },
)

const verdict = choices.virtual ? await soakInVirtualTime(choices) : await soakInRealTime(choices.minutes)
console.log(verdict.length === 0 ? 'PASSED' : `FAILED: ${verdict.join('; ')}`)
process.exit(verdict.length === 0 ? 0 : 1)
