// The main path on Bun and Deno, beside the Node that runs this: `npm run test:runtimes -- --help`.
import { join } from 'node:path'
import process from 'node:process'
import { choose } from '../dist/test/long/command-line.js'
import { bunBinary, denoBinary, fetchAll, root, run, table, versionOf } from './runtimes.mjs'

/** What is known not to work, in the words of docs/runtimes.md. */
const KNOWN = { Bun: ['https'], Deno: ['refused'] }

const program = join(root, 'dist/test/support/main-path.js')
choose(
  'The main path on Bun and Deno, fetched from npm into .runtimes/, beside the Node that runs this.',
  'test:runtimes',
  {},
)
const [bun, deno] = await fetchAll([bunBinary, denoBinary])
const runtimes = [
  ['Node', process.execPath, [program]],
  ['Bun', bun, [program]],
  ['Deno', deno, ['run', '--allow-all', '--no-lock', program]],
]

const steps = new Map()
const head = ['step']
let surprises = 0
for (const [index, [name, binary, args]] of runtimes.entries()) {
  head.push(`${name} ${await versionOf(binary)}`)
  const { output } = await run(binary, args, { limit: 300_000 })
  for (const [, step, outcome] of output.matchAll(/^([a-z -]+): (.*)$/gm)) {
    const row = steps.get(step) ?? [step]
    row[index + 1] = outcome
    steps.set(step, row)
    const expected = !KNOWN[name]?.includes(step)
    if ((outcome === 'works') === expected) continue
    surprises++
    console.log(`${name}: ${step}: ${outcome}${expected ? '' : ', which docs/runtimes.md says it does not'}`)
  }
}
const rows = [...steps.values()].map((row) => head.map((_, column) => row[column] ?? 'not reached'))
console.log(table([head, ...rows]))
const unreached = rows.some((row) => row.includes('not reached'))
process.exitCode = surprises > 0 || unreached || rows.length === 0 ? 1 : 0
