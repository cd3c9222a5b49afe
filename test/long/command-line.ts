// The arguments of a long command: whole numbers by name, words where it takes some, and --help.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ParseArgsConfig, parseArgs } from 'node:util'

export interface Choice {
  readonly meaning: string
  /** undefined: it need not be given. */
  readonly default?: number | undefined
  /** It takes no number. */
  readonly flag?: boolean
  /** @default 1 */
  readonly least?: number
}

interface Arguments {
  readonly values: Readonly<Record<string, unknown>>
  readonly positionals: readonly string[]
}

/** What `read` makes of the arguments. Ends the process after --help, or with 2 if something cannot be understood. */
export function understand<T>(
  command: string,
  help: string,
  { options, ...config }: ParseArgsConfig,
  read: (given: Arguments) => T,
): T {
  try {
    const given = parseArgs({ ...config, options: { ...options, help: { type: 'boolean', short: 'h' } } })
    if (!given.values.help) return read(given)
    console.log(help)
    process.exit(0)
  } catch (error) {
    console.error(`${(error as Error).message}\nnpm run ${command} -- --help`)
    process.exit(2)
  }
}

/** What was chosen; flags are 1 or 0. Ends the process as understand() does. */
export function choose<T extends string>(
  title: string,
  command: string,
  choices: Record<T, Choice>,
): Record<T, number> {
  const entries = Object.entries(choices) as [T, Choice][]
  const lines = entries.map(([name, choice]) => {
    const usual = choice.default === undefined ? '' : ` (${choice.default})`
    return `  ${`--${name}${choice.flag ? '' : ' N'}`.padEnd(18)}${choice.meaning}${usual}`
  })
  const help = [title, '', `  npm run ${command}${lines.length > 0 ? ' -- [option]...' : ''}`, '', ...lines].join('\n')
  const options = Object.fromEntries(
    entries.map(([name, { flag }]) => [name, { type: flag ? ('boolean' as const) : ('string' as const) }]),
  )
  return understand(
    command,
    help,
    { options },
    ({ values }) =>
      Object.fromEntries(entries.map(([name, choice]) => [name, chosenOf(name, choice, values[name])])) as Record<
        T,
        number
      >,
  )
}

function chosenOf(name: string, choice: Choice, given: unknown): number {
  if (choice.flag) return given ? 1 : 0
  if (given === undefined) return choice.default ?? Number.NaN
  const { least = 1 } = choice
  const value = given === '' ? Number.NaN : Number(given)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} takes a whole number from ${least} on, not '${given}'`)
}

/** @throws Error for a word that no test in `folder` has in its path */
export function checkFiles(folder: string, words: readonly string[]): void {
  const names = readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
  const tests = names.filter((name) => name.endsWith('.test.ts')).map((name) => join(folder, name))
  const wrong = words.find((word) => !tests.some((path) => path.includes(word)))
  if (wrong !== undefined) throw new Error(`no test in ${folder} has '${wrong}' in its path`)
}
