// Profiles of the workers, drawn by cpupro as pages that need nothing else; the functions that are on top; and what one of what a workload
// counts costs in each place of the code.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { folderOf, installPackages } from './packages.js'
import { EVERYWHERE, type Profile, placeOf, selfTimes } from './profile.js'
import { digits, table } from './table.js'

/** From dist/bench. */
export const PROFILES: string = fileURLToPath(new URL('../../bench/results/profiles/', import.meta.url))
const ENDING = '.cpuprofile'
/** Functions that are named. */
const SHOWN = 12

/** Before a run: those of the last. */
export function forgetProfiles(): void {
  rmSync(PROFILES, { recursive: true, force: true })
  mkdirSync(PROFILES, { recursive: true })
}

/** Prints where the pages are, and who is on top. */
export function drawProfiles(): void {
  installPackages()
  for (const file of readdirSync(PROFILES).filter((name) => name.endsWith(ENDING))) {
    const page = `${file.slice(0, -ENDING.length)}.html`
    const cpupro = join(folderOf('cpupro'), 'bin/cpupro')
    const args = [join(PROFILES, file), '--no-open', '--output-dir', PROFILES, '--filename', page]
    execFileSync(process.execPath, [cpupro, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    const top = selfTimes(readProfile(file)).slice(0, SHOWN)
    const rows = top.map(({ name, ms, share }) => [name, ms.toFixed(0), (share * 100).toFixed(1)])
    console.log(`\n${relative(process.cwd(), join(PROFILES, page))}\n\n${table(['self time', 'ms', '%'], rows)}`)
  }
}

/** What one of what is counted takes of both ends, and the profile that says of what this is made. */
export interface Weighed {
  readonly name: string
  /** Of its profile. */
  readonly title: string
  readonly client: number
  readonly server: number
}

const readProfile = (file: string): Profile => JSON.parse(readFileSync(join(PROFILES, file), 'utf8')) as Profile

/** A row for each end of each of them: its CPU in `unit`, by the places where it goes. */
export function placesOf(unit: string, weighed: readonly Weighed[]): string {
  const ends = (['client', 'server'] as const).flatMap((end) => weighed.map((one) => ({ ...one, end })))
  const rows = ends.map(({ name, title, end, ...costs }) => {
    const profile = readProfile(fileOf(title, end))
    const { kernel, main, sampler } = profile.spent
    const all = profile.spent.all - (sampler ?? 0)
    // of a µs of CPU while it was profiled
    const cost = costs[end] / profile.spent.all
    const ofProgram = main ?? all
    const shares = new Map(selfTimes(profile, placeOf).map(({ name, share }) => [name, share * ofProgram]))
    const parts = [all, kernel, ...EVERYWHERE.map((place) => shares.get(place) ?? 0), all - ofProgram]
    return [`${name} ${end}`, ...parts.map((part) => digits(part * cost))]
  })
  return [
    'Where the CPU of each end goes, while it is profiled. The main thread by self time, by where in the code: what it does in the kernel stands with what is',
    'native and calls it (Node, koffi), and under libuv, which reads for Node. Other threads: V8 compiles and collects in them; the one that takes samples is',
    'left out.',
    '',
    table([unit, 'in all', 'in the kernel', ...EVERYWHERE, 'other threads'], rows),
  ].join('\n')
}

/** Where the profile of an end lies in PROFILES. */
export function fileOf(title: string, end: 'client' | 'server'): string {
  return `${title.replace(/[^\w.-]+/g, '-')}-${end}${ENDING}`
}
