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
/** What is told of each end, in this order: where in the code its time goes. */
const PLACES: readonly (readonly [place: string, url: RegExp])[] = [
  ['lib/platform and the kernel', /dist\/lib\/platform\/|node_modules\/|^node:(dgram|internal\/dgram)/],
  ['lib/endpoint', /dist\/lib\/endpoint\//],
  ['lib/core', /dist\/lib\/core\//],
  ['lib/wire', /dist\/lib\/wire\//],
  ['lib/net, lib/message', /dist\/lib\//],
  ["Node's streams, events, timers", /^node:/],
  ['the workload', /./],
]
/** What a profile calls what has no place in the code; other names are of native functions, the kernel's behind them. */
const PLACELESS: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'V8 and libuv',
  '(root)': 'V8 and libuv',
}

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

type CallFrame = Profile['nodes'][number]['callFrame']

function placeIn({ functionName, url }: CallFrame): string {
  if (url === '') return PLACELESS[functionName] ?? (PLACES[0] as readonly [string, RegExp])[0]
  return (PLACES.find(([, pattern]) => pattern.test(url)) as readonly [string, RegExp])[0]
}

function functionOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url === '' ? '' : ` ${url.replace(/^.*\/(?=[^/]*\/[^/]*$)/, '')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${place}`
}

interface SelfTime {
  readonly name: string
  readonly ms: number
  /** Of all but waiting. */
  readonly share: number
}

/** The time of each function, or of whatever `nameOf` makes of these, without those that it calls, the longest first. */
export function selfTimes({ nodes, samples, timeDeltas }: Profile, nameOf = functionOf): SelfTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  let all = 0
  samples.forEach((id, i) => {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') return
    const name = nameOf(frame)
    times.set(name, (times.get(name) ?? 0) + timeDeltas[i])
    all += timeDeltas[i]
  })
  return [...times].sort(([, a], [, b]) => b - a).map(([name, time]) => ({ name, ms: time / 1000, share: time / all }))
}

/** Before a run: those of the last. */
export function forgetProfiles(): void {
  rmSync(PROFILES, { recursive: true, force: true })
  mkdirSync(PROFILES, { recursive: true })
}

/** Prints where the pages are, and who is on top. @returns the places of all of them, in a table. */
export function drawProfiles(): string {
  installPackages()
  const all = new Map<string, Map<string, number>>()
  for (const file of readdirSync(PROFILES).filter((name) => name.endsWith(ENDING))) {
    const title = file.slice(0, -ENDING.length)
    const page = join(PROFILES, `${title}.html`)
    const cpupro = join(folderOf('cpupro'), 'bin/cpupro')
    const args = [join(PROFILES, file), '--no-open', '--output-dir', PROFILES, '--filename', `${title}.html`]
    execFileSync(process.execPath, [cpupro, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    const profile = JSON.parse(readFileSync(join(PROFILES, file), 'utf8')) as Profile
    all.set(title, new Map(selfTimes(profile, placeIn).map(({ name, share }) => [name, share])))
    const top = selfTimes(profile).slice(0, SHOWN)
    const rows = top.map(({ name, ms, share }) => [name, ms.toFixed(0), (share * 100).toFixed(1)])
    console.log(`\n${relative(process.cwd(), page)}\n\n${table(['self time', 'ms', '%'], rows)}`)
  }
  return summaryOf(all)
}

function summaryOf(all: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const places = [...PLACES.map(([place]) => place), ...new Set(Object.values(PLACELESS))]
  const rows = places.map((place) => [
    place,
    ...[...all.values()].map((shares) => ((shares.get(place) ?? 0) * 100).toFixed(1)),
  ])
  return [
    'Where the time of each worker goes that it does not wait, in %: self time, by where in the code. What the kernel does stands with who calls it;',
    'the start of the process and what V8 compiles on the way are in it.',
    '',
    table(['%', ...all.keys()], rows),
  ].join('\n')
}
