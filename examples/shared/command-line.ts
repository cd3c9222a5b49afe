// What the examples that take arguments have in common: numbers, and an end in one line when something is wrong.

/** A mistake on the command line, in words for whoever made it. */
export class UsageError extends Error {}

/** @throws UsageError for what is no such number */
export function number(name: string, text: string, min: number, max: number, whole: boolean): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw new UsageError(`${name} is a ${whole ? 'whole ' : ''}number from ${min} to ${max}, not '${text}'`)
}

/** From now on, what nobody caught ends the process with 2 for a mistake on the command line, else with 1; a stack is for mistakes of ours. */
export function endInOneLine(): void {
  process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
    if (error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS')) {
      console.error(`${error.message}\nTry --help.`)
      process.exit(2)
    }
    // what comes from outside has a code
    console.error(error.code === undefined ? error : error.message)
    process.exit(1)
  })
}
