// Interleaved measurements: every peer once in a round, so that what the machine does meanwhile touches all alike.
// Several at a time where the machine has room for them, each over a link of its own.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { needsPackages } from './links/peers.js'
import { checkMachine } from './links/tools.js'

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
  progress(line: string): void
  /** Takes each result as it came. */
  record(entry: object): void
}

/** @throws Error that says what is missing of machine or packages. */
export function prepare(peers: readonly string[]): void {
  checkMachine()
  if (!peers.some(needsPackages)) return
  const folder = fileURLToPath(new URL('../../bench/', import.meta.url))
  if (existsSync(`${folder}node_modules/udx-native`)) return
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function timeLeft(began: number, done: number, all: number): string {
  if (done === 0) return ''
  const seconds = ((performance.now() - began) / 1000 / done) * (all - done)
  return `, about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`
}

/** A peer that fails in one round has a failure in its series; the others go on. */
export async function rounds<T extends object>(options: Rounds<T>): Promise<Map<string, Series<T>>> {
  const { label, names, seeds, lanes, measure, progress, record } = options
  const all = new Map<string, Series<T>>(names.map((name) => [name, { values: [], failures: [] }]))
  const began = performance.now()
  const count = seeds * names.length
  let started = 0
  let done = 0
  const lane = async (): Promise<void> => {
    while (started < count) {
      const at = started++
      const seed = Math.floor(at / names.length) + 1
      // each round begins with another
      const name = names[(at + seed - 1) % names.length]
      progress(`${label}: ${name}, round ${seed} of ${seeds}${timeLeft(began, done, count)}`)
      try {
        const value = await measure(name, seed)
        all.get(name)?.values.push({ seed, value })
        record({ label, name, seed, ...value })
      } catch (error) {
        const { message } = error as Error
        all.get(name)?.failures.push(message)
        record({ label, name, seed, failure: message })
      }
      done++
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
