// What can be said on the command line of the benchmarks, and the settings made of it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { PROFILES } from './flame-graphs.js'
import { LINK_HELP, LINK_OPTIONS, linkSettings } from './links/settings.js'
import { EVERYBODY } from './peers/by-name.js'
import { Progress } from './progress.js'
import { groups } from './workloads/by-name.js'
import type { Settings } from './workloads/workload.js'

/** How much is measured over loopback, unless it is said otherwise. */
const DEPTHS = {
  quick: { repetitions: 2, warmUp: 1, seconds: 0.5, connections: 1_000 },
  full: { repetitions: 5, warmUp: 4, seconds: 2, connections: 10_000 },
  profiled: { repetitions: 3, warmUp: 4, seconds: 3, connections: 1_000 },
} as const

const workloadHelp = Object.entries(groups)
  .map(([title, some]) =>
    [`${title}:`, ...some.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`)].join('\n'),
  )
  .join('\n')

export const HELP: string = `Usage: npm run bench -- [option]... [workload]...

Without a workload: a quick table of what goes over loopback, printed and not kept. With --full: all of it, with all peers, and micro,
for three quarters of an hour; that is kept in bench/RESULTS.md. What goes over links is kept as well.

${workloadHelp}

Options:
  --full           all peers, ${DEPTHS.full.repetitions} repetitions of ${DEPTHS.full.seconds} s, ${DEPTHS.full.connections} idle connections
  --repetitions N  of each measurement over loopback, of which the median counts (${DEPTHS.quick.repetitions})
  --seconds N      that one of these lasts (${DEPTHS.quick.seconds})
  --warm-up N      seconds before it (${DEPTHS.quick.warmUp}; full: ${DEPTHS.full.warmUp})
  --connections N  that are idle, in idle and busy (${DEPTHS.quick.connections})
  --peers NAME,..  over loopback, of ${EVERYBODY.join(', ')},
                   tcp-over-udp:OPTIONS, skeleton:MSS
  --prof           a workload over loopback with its workers' CPU profiled: flame graphs, and a table of where it goes
  --megabytes N    that a transfer through a bad path carries (100)
  --json FILE      write every single result, as it came, to FILE
  --from FILE,..   that --json has written: what goals and targets are made from
  --dry            print only: leave bench/RESULTS.md as it is
  --help           this text

${LINK_HELP}`

export const OPTIONS = {
  full: { type: 'boolean', default: false },
  repetitions: { type: 'string' },
  seconds: { type: 'string' },
  'warm-up': { type: 'string' },
  connections: { type: 'string' },
  prof: { type: 'boolean', default: false },
  megabytes: { type: 'string', default: '100' },
  ...LINK_OPTIONS,
  json: { type: 'string' },
  from: { type: 'string' },
  dry: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** What belongs to the command that a section names: which links it is about stands there anyway. */
const FLAGS = [
  'full',
  'prof',
  'repetitions',
  'seconds',
  'warm-up',
  'connections',
  'megabytes',
  'seeds',
  'lanes',
  'secs',
  'peers',
  'pairs',
  'sizes',
  'runs',
] as const

export interface CommandLine {
  readonly names: readonly string[]
  readonly help: boolean
  /** Print only. */
  readonly dry: boolean
  readonly settings: Settings
  /** Of all options, those that belong to the command of a section. */
  readonly flags: readonly string[]
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`)
  return value
}

/** @throws Error for what cannot be understood. */
export function commandLine(args: string[]): CommandLine {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const { full, prof, json, from, peers } = values
  const depth = prof ? DEPTHS.profiled : full ? DEPTHS.full : DEPTHS.quick
  const results: object[] = []
  if (json !== undefined) mkdirSync(dirname(json), { recursive: true })
  const settings: Settings = {
    full,
    repetitions: Math.ceil(positive('repetitions', values.repetitions, depth.repetitions)),
    seconds: positive('seconds', values.seconds, depth.seconds),
    warmUp: positive('warm-up', values['warm-up'], depth.warmUp),
    connections: Math.ceil(positive('connections', values.connections, depth.connections)),
    megabytes: positive('megabytes', values.megabytes, 0),
    peers: peers?.split(','),
    profileFolder: prof ? PROFILES : undefined,
    from: from?.split(','),
    links: linkSettings(values),
    results,
    progress: new Progress(),
    record: (entry) => {
      results.push(entry)
      if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`)
    },
  }
  const flags = FLAGS.flatMap((name) => {
    const value = values[name]
    const option = OPTIONS[name]
    if (value === undefined || ('default' in option && value === option.default)) return []
    return value === true ? [`--${name}`] : [`--${name}`, `${value}`]
  })
  return { names: positionals, help: values.help, dry: values.dry, settings, flags }
}
