// Where the workers' time goes: the profiles that Node writes of their CPU, drawn by cpupro as pages that need nothing else, and the
// functions that are on top.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { folderOf, installPackages } from './packages.js'
import { table } from './table.js'

/** From dist/bench. */
export const PROFILES: string = fileURLToPath(new URL('../../bench/results/profiles/', import.meta.url))
const ENDING = '.cpuprofile'
/** Functions that are named. */
const SHOWN = 12

/** What Node writes, as far as it is needed here. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  /** µs from each sample to the one before. */
  readonly timeDeltas: readonly number[]
}

interface SelfTime {
  readonly name: string
  readonly ms: number
  /** Of all but waiting. */
  readonly share: number
}

/** The time of each function without those that it calls, the longest first. */
export function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTime[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = url === '' ? '' : ` ${url.replace(/^.*\/(?=[^/]*\/[^/]*$)/, '')}:${lineNumber + 1}`
      return [id, `${functionName || '(anonymous)'}${place}`]
    }),
  )
  const times = new Map<string, number>()
  samples.forEach((id, i) => {
    const name = names.get(id) ?? ''
    times.set(name, (times.get(name) ?? 0) + timeDeltas[i])
  })
  times.delete('(idle)')
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times].sort(([, a], [, b]) => b - a).map(([name, time]) => ({ name, ms: time / 1000, share: time / all }))
}

/** Before a run: those of the last. */
export function forgetProfiles(): void {
  rmSync(PROFILES, { recursive: true, force: true })
  mkdirSync(PROFILES, { recursive: true })
}

/** Prints where the pages are, and who is on top. */
export function drawProfiles(): void {
  installPackages()
  for (const file of readdirSync(PROFILES).filter((name) => name.endsWith(ENDING))) {
    const title = file.slice(0, -ENDING.length)
    const page = join(PROFILES, `${title}.html`)
    const cpupro = join(folderOf('cpupro'), 'bin/cpupro')
    const args = [join(PROFILES, file), '--no-open', '--output-dir', PROFILES, '--filename', `${title}.html`]
    execFileSync(process.execPath, [cpupro, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    const top = selfTimes(JSON.parse(readFileSync(join(PROFILES, file), 'utf8'))).slice(0, SHOWN)
    const rows = top.map(({ name, ms, share }) => [name, ms.toFixed(0), (share * 100).toFixed(1)])
    console.log(`\n${relative(process.cwd(), page)}\n\n${table(['self time', 'ms', '%'], rows)}`)
  }
}
