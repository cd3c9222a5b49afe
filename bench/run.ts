// `npm run bench`: runs the workloads that are asked for, prints their tables and writes RESULTS.md.
import { parseArgs } from 'node:util'
import { writeResult } from './results.js'
import { bulk } from './workloads/bulk.js'
import { lossy } from './workloads/lossy.js'
import { micro } from './workloads/micro.js'
import type { Settings, Workload } from './workloads/workload.js'

const workloads: readonly Workload[] = [bulk, lossy, micro]
const DEFAULTS: readonly Workload[] = [bulk, lossy]

const HELP = `Usage: npm run bench -- [option]... [workload]...

Workloads (without any: ${DEFAULTS.map(({ name }) => name).join(' and ')}):
${workloads.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

Options:
  --repetitions N  of each measurement, of which the median counts (5)
  --seconds N      that a measurement of bulk lasts (2)
  --megabytes N    that a transfer through a bad path carries (100)
  --dry            print only: leave bench/RESULTS.md as it is
  --help           this text`

const OPTIONS = {
  repetitions: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  megabytes: { type: 'string', default: '100' },
  dry: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

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
  const settings: Settings = {
    repetitions: Math.ceil(positive('repetitions', values.repetitions)),
    seconds: positive('seconds', values.seconds),
    megabytes: positive('megabytes', values.megabytes),
    progress: reporter(),
  }
  const changed = (['repetitions', 'seconds', 'megabytes'] as const).filter(
    (name) => values[name] !== OPTIONS[name].default,
  )
  const flags = changed.map((name) => ` --${name} ${values[name]}`).join('')
  for (const workload of chosen(positionals)) {
    const text = await workload.run(settings)
    settings.progress('')
    console.log(`\n${workload.name}\n\n${text}`)
    if (!values.dry) writeResult(workload.name, `npm run bench --${flags} ${workload.name}`, text)
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`\nbench: ${error.message}`)
  process.exitCode = 1
})
