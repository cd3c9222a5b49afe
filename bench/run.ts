// `npm run bench`: runs the workloads that are asked for, prints their tables and writes RESULTS.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { LINK_HELP, LINK_OPTIONS, linkSettings } from './links/settings.js'
import { ackpath } from './links/workloads/ackpath.js'
import { fairness } from './links/workloads/fairness.js'
import { file } from './links/workloads/file.js'
import { links } from './links/workloads/links.js'
import { outage } from './links/workloads/outage.js'
import { reorder } from './links/workloads/reorder.js'
import { targets } from './links/workloads/targets.js'
import { writeResult } from './results.js'
import { bulk } from './workloads/bulk.js'
import { lossy } from './workloads/lossy.js'
import { micro } from './workloads/micro.js'
import type { Settings, Workload } from './workloads/workload.js'

const workloads: readonly Workload[] = [bulk, lossy, micro, links, file, outage, reorder, fairness, ackpath, targets]
const DEFAULTS: readonly Workload[] = [bulk, lossy]

const HELP = `Usage: npm run bench -- [option]... [workload]...

Workloads (without any: ${DEFAULTS.map(({ name }) => name).join(' and ')}):
${workloads.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}

Options:
  --repetitions N  of each measurement, of which the median counts (5)
  --seconds N      that a measurement of bulk lasts (2)
  --megabytes N    that a transfer through a bad path carries (100)
  --json FILE      write every single result, as it came, to FILE
  --dry            print only: leave bench/RESULTS.md as it is
  --help           this text

${LINK_HELP}`

const OPTIONS = {
  repetitions: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  megabytes: { type: 'string', default: '100' },
  ...LINK_OPTIONS,
  json: { type: 'string' },
  dry: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** What belongs to the command that a section names: which links it is about stands there anyway. */
const FLAGS = [
  'repetitions',
  'seconds',
  'megabytes',
  'seeds',
  'lanes',
  'secs',
  'peers',
  'pairs',
  'sizes',
  'runs',
] as const

const defaultOf = (name: (typeof FLAGS)[number]): string | undefined => {
  const option = OPTIONS[name]
  return 'default' in option ? option.default : undefined
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`)
  return value
}

function chosen(names: readonly string[]): readonly Workload[] {
  if (names.length === 0) return DEFAULTS
  return names.map((name) => {
    const workload = workloads.find((one) => one.name === name)
    if (workload === undefined) throw new Error(`no workload is called ${name}; see --help`)
    return workload
  })
}

/** On a terminal one line that changes, else a line now and then. */
function reporter(): (line: string) => void {
  const { stderr } = process
  let last = 0
  return (line) => {
    if (stderr.isTTY) stderr.write(`\r\x1b[K${line}`)
    else if (line !== '' && performance.now() - last > 10_000) {
      last = performance.now()
      stderr.write(`${line}\n`)
    }
  }
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  if (values.help) {
    console.log(HELP)
    return
  }
  const results: object[] = []
  if (values.json !== undefined) mkdirSync(dirname(values.json), { recursive: true })
  const settings: Settings = {
    repetitions: Math.ceil(positive('repetitions', values.repetitions)),
    seconds: positive('seconds', values.seconds),
    megabytes: positive('megabytes', values.megabytes),
    links: linkSettings(values),
    progress: reporter(),
    record: (entry) => {
      results.push(entry)
      if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`)
    },
  }
  const flags = FLAGS.filter((name) => values[name] !== undefined && values[name] !== defaultOf(name))
    .map((name) => ` --${name} ${values[name]}`)
    .join('')
  const jobs = chosen(positionals).map((workload) => ({ workload, parts: workload.parts?.(settings) ?? [''] }))
  for (const { workload, parts } of jobs) {
    const show = (part: string, text: string): void => {
      const title = part === '' ? workload.name : `${workload.name}: ${part}`
      const command = `npm run bench --${flags} ${workload.name}${parts.includes(part) && part !== '' ? ` --profile ${part}` : ''}`
      settings.progress('')
      console.log(`\n${title}\n\n${text}`)
      if (!values.dry) writeResult(title, command, text)
    }
    for (const part of parts) show(part, await workload.run(settings, part))
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`\nbench: ${error.message}`)
  process.exitCode = 1
})
