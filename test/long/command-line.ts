// The arguments of a long command: whole numbers by name, and --help.
import { parseArgs } from 'node:util'

export interface Choice {
  readonly meaning: string
  /** undefined: it need not be given. */
  readonly default?: number | undefined
  /** It takes no number. */
  readonly flag?: boolean
}

/** What was chosen; flags are 1 or 0. Ends the process after --help, or with 2 if something cannot be understood. */
export function choose<T extends string>(
  title: string,
  command: string,
  choices: Record<T, Choice>,
): Record<T, number> {
  const entries = Object.entries(choices) as [T, Choice][]
  try {
    const options = Object.fromEntries(entries.map(([name, { flag }]) => [name, { type: flag ? 'boolean' : 'string' }]))
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } as never })
    if ((values as { help?: boolean }).help) {
      const lines = entries.map(([name, choice]) => {
        const usual = choice.default === undefined ? '' : ` (${choice.default})`
        return `  ${`--${name}${choice.flag ? '' : ' N'}`.padEnd(18)}${choice.meaning}${usual}`
      })
      console.log([title, '', `  npm run ${command} -- [option]...`, '', ...lines].join('\n'))
      process.exit(0)
    }
    return Object.fromEntries(entries.map(([name, choice]) => [name, chosenOf(name, choice, values)])) as Record<
      T,
      number
    >
  } catch (error) {
    console.error(`${(error as Error).message}\nnpm run ${command} -- --help`)
    process.exit(2)
  }
}

function chosenOf(name: string, choice: Choice, values: Record<string, unknown>): number {
  const given = values[name]
  if (choice.flag) return given ? 1 : 0
  if (given === undefined) return choice.default ?? Number.NaN
  const value = Number(given)
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} takes a number, not '${String(given)}'`)
  return value
}
