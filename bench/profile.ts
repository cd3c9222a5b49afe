// What a profile says: the time of each function, and of each place in the code.
import type { Spent } from './profiler.js'

/** What Node writes, as far as it is needed here, and what the process has spent meanwhile. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  /** µs from each sample to the one before. */
  readonly timeDeltas: readonly number[]
  readonly spent: Spent
}

type CallFrame = Profile['nodes'][number]['callFrame']

/** What calls of the kernel are samples of: a profile does not look into what is native. */
const NATIVE = 'native, kernel'
const RUNTIME = 'V8, libuv'
/** By what the URL of a function is. */
const PLACES: readonly (readonly [place: string, url: RegExp])[] = [
  ['node:dgram', /^node:(dgram|internal\/dgram)/],
  ['rest of Node', /^node:/],
  ['lib/platform', /^(?!.*node_modules).*\/lib\/platform\/|node_modules\/koffi\//],
  ['lib/endpoint', /^(?!.*node_modules).*\/lib\/endpoint\//],
  ['lib/core', /^(?!.*node_modules).*\/lib\/core\//],
  ['lib/wire', /^(?!.*node_modules).*\/lib\/wire\//],
  ['rest of lib', /^(?!.*node_modules).*\/(lib|doors)\//],
  ['workload', /./],
]
/** What has a name in a profile, and no place in the code; others of these are functions that are native. */
const PLACELESS: Readonly<Record<string, string>> = {
  '(garbage collector)': 'collector',
  '(program)': RUNTIME,
  '(root)': RUNTIME,
}
/** In the order in which they are shown. */
export const EVERYWHERE: readonly string[] = [
  NATIVE,
  RUNTIME,
  ...PLACES.map(([place]) => place),
  PLACELESS['(garbage collector)'] as string,
]

export function placeOf({ functionName, url }: CallFrame): string {
  if (url === '') return PLACELESS[functionName] ?? NATIVE
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
export function selfTimes(
  { nodes, samples, timeDeltas }: Omit<Profile, 'spent'>,
  nameOf: (frame: CallFrame) => string = functionOf,
): SelfTime[] {
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
