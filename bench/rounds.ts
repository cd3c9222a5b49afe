// Interleaved measurements: every peer once in a round, so that what the machine does meanwhile touches all alike.
// Several at a time where the machine has room for them, each over a link of its own.
import type { Progress } from './progress.js'

/** What became of one peer. */
export interface Series<T> {
  readonly values: { readonly seed: number; readonly value: T }[]
  readonly failures: string[]
}

export interface Rounds<T> {
  /** For the progress line. */
  readonly label: string
  readonly names: readonly string[]
  readonly seeds: number
  /** Measurements at the same time. */
  readonly lanes: number
  measure(name: string, seed: number): Promise<T>
  readonly progress: Progress
  /** Takes each result as it came. */
  record(entry: object): void
}

/** A peer that fails in one round has a failure in its series; the others go on. */
export async function rounds<T extends object>(options: Rounds<T>): Promise<Map<string, Series<T>>> {
  const { label, names, seeds, lanes, measure, progress, record } = options
  const all = new Map<string, Series<T>>(names.map((name) => [name, { values: [], failures: [] }]))
  const count = seeds * names.length
  let started = 0
  const lane = async (): Promise<void> => {
    while (started < count) {
      const at = started++
      const seed = Math.floor(at / names.length) + 1
      // each round begins with another
      const name = names[(at + seed - 1) % names.length]
      progress.show(`${label}: ${name}, round ${seed} of ${seeds}`)
      try {
        const value = await measure(name, seed)
        all.get(name)?.values.push({ seed, value })
        record({ label, name, seed, ...value })
      } catch (error) {
        const { message } = error as Error
        all.get(name)?.failures.push(message)
        record({ label, name, seed, failure: message })
      }
      progress.step()
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane))
  return all
}

/** One figure of all rounds. */
export function figures<T>(series: Series<T> | undefined, figure: (value: T) => number): number[] {
  return (series?.values ?? []).map(({ value }) => figure(value)).filter((value) => !Number.isNaN(value))
}

export function failuresOf({ failures }: Series<unknown>): string {
  return failures.length === 0 ? '' : `${failures.length}: ${failures[0].slice(0, 60)}`
}
