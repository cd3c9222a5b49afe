// The process's warnings.
import { on } from 'node:events'

/** The next one of this name: others, of what ran before, may come first. */
export async function warningOf(name: string): Promise<Error> {
  for await (const [warning] of on(process, 'warning')) if (warning.name === name) return warning
  throw new Error('the process warns no more')
}
