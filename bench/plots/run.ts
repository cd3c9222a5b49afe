// `npm run plot`: one transfer through a simulated path, or an event log of any other, drawn as time-sequence, window, RTT and rate plots.
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { congestionControls, findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { ackPaths, profiles, reordering } from '../links/profiles.js'
import { type ChartOptions, draw } from './chart.js'
import { Series } from './series.js'
import { linksOf, simulate } from './simulation.js'

const paths = { ...profiles, ...reordering, ...ackPaths }

const HELP = `Usage: npm run plot -- [option]...

Simulates a transfer in virtual time and draws it. The same options give the same picture.

  --profile NAME      the path (broadband):
${Object.entries(paths)
  .map(([name, { summary }]) => `                        ${name.padEnd(14)} ${summary}`)
  .join('\n')}
  --link JSON         options of the way there, over the profile's: '{"rate":2e7,"loss":0.02,"outages":[[3000,6000]]}'
  --back JSON         options of the way back, likewise (as --link, but for loss, burst, lose and outages, which stay the profile's)
  --congestion NAME   ${congestionControls.join(', ')} (bbr)
  --seed N            all that is random follows from it (1)
  --secs N            virtual time (10)
  --bytes N           to send, then close (as much as there is time for)
  --from S, --to S    draw this part only
  --out FILE          .svg or .html (plot.svg)
  --log FILE          also keep the event log
  --read FILE         draw this event log instead of simulating
  --all DOCUMENT      make all pictures whose commands stand in a document
  --help              this text`

const OPTIONS = {
  profile: { type: 'string', default: 'broadband' },
  link: { type: 'string', default: '{}' },
  back: { type: 'string', default: '{}' },
  congestion: { type: 'string', default: 'bbr' },
  seed: { type: 'string', default: '1' },
  secs: { type: 'string', default: '10' },
  bytes: { type: 'string', default: 'Infinity' },
  from: { type: 'string', default: '0' },
  to: { type: 'string', default: 'Infinity' },
  out: { type: 'string', default: 'plot.svg' },
  log: { type: 'string', default: '' },
  read: { type: 'string', default: '' },
  all: { type: 'string', default: '' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = { readonly [K in Exclude<keyof typeof OPTIONS, 'help'>]: string }

/** How one direction treats a single datagram or moment: not to be given to the other direction unasked. */
const OWN: readonly (keyof LinkOptions)[] = ['loss', 'burst', 'lose', 'outages']

function number(values: Values, name: keyof Values, least = 0): number {
  const value = Number(values[name])
  if (values[name] === '' || !(value >= least))
    throw new Error(`--${name} takes a number of at least ${least}, not ${values[name]}`)
  return value
}

/** What can be seen to be wrong before anything is simulated. */
function check({ out, log }: Values, from: number, to: number): void {
  if (from >= to) throw new Error(`--from ${from} is not before --to ${to}`)
  if (!/\.(svg|html)$/.test(out)) throw new Error(`--out takes a name that ends in .svg or .html, not ${out}`)
  for (const file of [out, log]) {
    if (!existsSync(dirname(file))) throw new Error(`there is no folder ${dirname(file)} to write to`)
  }
}

function linkOptions(values: Values, name: 'link' | 'back'): Partial<LinkOptions> {
  try {
    const parsed: unknown = JSON.parse(values[name])
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {} // said below
  throw new Error(`--${name} takes a JSON object of link options, not ${values[name]}`)
}

interface Drawn {
  readonly series: Series
  readonly chart: Pick<ChartOptions, 'title' | 'notes' | 'path'>
}

async function readLog(file: string): Promise<Drawn> {
  const series = new Series()
  for await (const line of createInterface({ input: createReadStream(file) })) series.take(line)
  return { series, chart: { title: series.title, notes: [`${series.lost.length} ranges deemed lost`], path: {} } }
}

function simulated(values: Values): Drawn {
  const profile = paths[values.profile as keyof typeof paths]
  const congestion = findCongestionControl(values.congestion)
  if (profile === undefined) throw new Error(`no profile is called ${values.profile}; see --help`)
  if (congestion === undefined) throw new Error(`no congestion control is called ${values.congestion}; see --help`)
  const given = linkOptions(values, 'link')
  const shared = Object.fromEntries(Object.entries(given).filter(([key]) => !OWN.includes(key as keyof LinkOptions)))
  const [up, down] = linksOf(profile)
  const there = { ...up, ...given }
  const back = { ...down, ...shared, ...linkOptions(values, 'back') }
  const { link, seed } = values
  const title = `${congestion.name} on ${values.profile}${link === '{}' ? '' : ` with ${link}`}, seed ${seed}`
  const series = new Series()
  const records: string[] = []
  const { status, received, took } = simulate({
    congestion,
    seed: number(values, 'seed'),
    seconds: number(values, 'secs', 0.001),
    bytes: number(values, 'bytes', 1),
    there,
    back,
    title,
    write: (record) => {
      series.take(record)
      if (values.log !== '') records.push(record)
    },
  })
  if (values.log !== '') writeFileSync(values.log, records.join(''))

  const mbits = received > 0 ? (received * 8) / 1e6 / took : 0
  const { rate = Infinity, delay = 0, jitter = 0 } = there
  const isRated = rate < Infinity
  const roundTrip = delay + jitter / 2 + (back.delay ?? 0) + (back.jitter ?? 0) / 2
  const share = isRated ? `, ${((mbits * 1e8) / rate).toFixed(1)} % of the link` : ''
  const repeated = ((100 * status.bytesRetransmitted) / Math.max(1, status.bytesSent)).toFixed(2)
  const notes = [
    profile.summary,
    `${(received / 1e6).toFixed(1)} MB in ${took.toFixed(2)} s: ${mbits.toFixed(1)} Mbit/s${share}; ${repeated} % sent again`,
    `${status.recoveries} recoveries, ${status.timeouts} time-outs, ${status.undos} undone, ${status.tailProbes} tail probes`,
  ]
  return { series, chart: { title, notes, path: isRated ? { rate: rate / 1e6, bdp: (rate / 8000) * roundTrip } : {} } }
}

function page(title: string, svg: string): string {
  const head = `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${title.replace(/[&<]/g, '')}</title>\n`
  return `${head}<style>body { margin: 1em; background: white } svg { width: 100%; height: auto }</style>\n${svg}</html>\n`
}

/** The arguments of each `npm run plot --` that begins a line; single quotes keep words together, as in a shell. */
function commandsIn(document: string): string[][] {
  const commands = readFileSync(document, 'utf8').matchAll(/^npm run plot -- (.*)$/gm)
  return [...commands].map(([, line = '']) =>
    [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  )
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: OPTIONS })
  if (values.help) {
    console.log(HELP)
    return
  }
  if (values.all !== '') {
    for (const command of commandsIn(values.all)) await main(command)
    return
  }
  const from = number(values, 'from')
  const last = number(values, 'to')
  check(values, from, last)
  const { series, chart } = values.read === '' ? simulated(values) : await readLog(values.read)
  const to = Math.min(last, Math.max(series.end, from + 0.001))
  const svg = await draw(series, { ...chart, from, to })
  writeFileSync(values.out, values.out.endsWith('.html') ? page(chart.title, svg) : svg)
  console.log([chart.title, ...chart.notes, values.out].join('\n'))
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`plot: ${error.message}`)
  process.exitCode = 1
})
