// Who may import whom (docs/architecture.md §2): every import of lib/ is read, and any that is not allowed fails.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsOf, read, root, sourcesUnder, withoutText } from '../support/source-tree.js'

const files = sourcesUnder('lib')

// Inside core/: what each part sees beside itself. GROUND sees wire/ and itself.
const GROUND = [
  'core/path-memory',
  'core/defences',
  'core/state',
  'core/timers',
  'core/stats',
  'core/trace',
  'core/events',
  'core/config',
  'core/surroundings',
  'wire/',
]
const PARTS = ['core/recovery/', 'core/send/', 'core/receive/', 'core/congestion/', 'core/probe/']
const TCB = ['core/tcb', ...PARTS, ...GROUND]
const SHARED = ['core/transition', 'core/repair', 'core/tail-probe', 'core/text-limit', ...TCB]

// What a stack takes and tells: the door names its types, or no program could.
const TOLD = [
  'endpoint/channel',
  'endpoint/limits',
  'endpoint/listener',
  'endpoint/totals',
  'core/trace',
  'core/congestion/algorithms',
  'core/congestion/controller',
]

// A file's rules are those of the first row that its path begins with; a path or a room ending in `/` stands for all in it.
const ALLOWED: readonly [file: string, sees: readonly string[]][] = [
  ['index', ['net/', 'endpoint/stack', 'platform/platform', ...TOLD]],
  ['core/index', ['core/', 'wire/']],
  ['http/index', ['http/']],
  ['message/index', ['message/']],
  ['testing/index', ['testing/']],
  ['net/default-stack', ['net/', 'endpoint/', 'core/', 'platform/']],
  ['net/', ['net/', 'endpoint/', 'core/', 'platform/platform']],
  ['http/', ['http/', 'net/']],
  ['testing/', ['testing/', 'endpoint/', 'wire/', 'platform/platform']],
  ['message/', ['message/']],
  ['endpoint/', ['endpoint/', 'core/', 'wire/', 'platform/platform']],
  [
    'core/connection',
    ['core/input/', 'core/output', 'core/timeout', 'core/status', 'core/metrics', 'core/new-path', ...SHARED],
  ],
  ['core/input/', ['core/input/', ...SHARED]],
  ['core/output', SHARED],
  ['core/timeout', SHARED],
  ['core/transition', SHARED],
  ['core/repair', SHARED],
  ['core/tail-probe', SHARED],
  ['core/text-limit', SHARED],
  ['core/new-path', TCB],
  ['core/status', SHARED],
  ['core/metrics', SHARED],
  ['core/tcb', ['core/flight-watch', ...TCB]],
  ['core/flight-watch', TCB],
  ['core/recovery/', ['core/recovery/', 'core/send/flight', ...GROUND]],
  ['core/send/', ['core/send/', ...GROUND]],
  ['core/receive/', ['core/receive/', ...GROUND]],
  ['core/congestion/', ['core/congestion/', ...GROUND]],
  ['core/probe/', ['core/probe/', ...GROUND]],
  ['core/config', ['core/congestion/', ...GROUND]], // it resolves a controller's name
  ['core/', GROUND],
  ['wire/', ['wire/']],
  ['platform/platform', []],
  ['platform/', ['platform/']],
]

// What is not ours: Node's modules and the one dependency.
const OUTSIDE: readonly [file: string, sees: RegExp][] = [
  ['index', /^node:net$/], // the utilities that are no transport: isIP, BlockList and their like
  ['core/', /^$/],
  ['wire/', /^$/],
  ['endpoint/', /^node:crypto$/],
  ['net/debug-trace', /^(debug|node:.*)$/],
  ['net/', /^node:/],
  ['http/', /^node:/],
  ['message/', /^node:/],
  ['testing/', /^node:/],
  ['platform/platform', /^$/],
  ['platform/', /^node:/],
]

const nameOf = (path: string): string => path.replace(/^lib\//, '').replace(/\.ts$/, '')
const covers = (pattern: string, name: string): boolean =>
  pattern.endsWith('/') ? name.startsWith(pattern) : name === pattern

function ruleFor<T>(rules: readonly (readonly [string, T])[], name: string): T | undefined {
  return rules.find(([pattern]) => covers(pattern, name))?.[1]
}

describe('floors', () => {
  test('there is something to read', () => {
    expect(files.length).toBeGreaterThan(20)
  })

  test('every file belongs to a floor', () => {
    expect(files.filter((path) => ruleFor(ALLOWED, nameOf(path)) === undefined)).toEqual([])
  })

  test('every import of ours names a file that exists, by its .js name', () => {
    const broken: string[] = []
    for (const path of files) {
      for (const { specifier, target } of importsOf(path)) {
        if (!specifier.startsWith('.')) continue
        if (!specifier.endsWith('.js') || !existsSync(join(root, target))) broken.push(`${path} imports ${specifier}`)
      }
    }
    expect(broken).toEqual([])
  })

  test('imports run down, never up', () => {
    const wrong: string[] = []
    for (const path of files) {
      const allowed = ruleFor(ALLOWED, nameOf(path)) ?? []
      for (const { target } of importsOf(path)) {
        if (target === '' || target === path) continue
        const name = nameOf(target)
        if (!target.startsWith('lib/') || !allowed.some((pattern) => covers(pattern, name))) {
          wrong.push(`${path} imports ${target}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })

  test('within endpoint/, stack stands on endpoint and endpoint on the rest', () => {
    const rank = (name: string): number => ['endpoint/stack', 'endpoint/endpoint'].indexOf(name)
    const wrong: string[] = []
    for (const path of files.filter((file) => file.startsWith('lib/endpoint/'))) {
      const mine = rank(nameOf(path))
      for (const { target } of importsOf(path)) {
        const theirs = rank(nameOf(target))
        if (theirs !== -1 && (mine === -1 || theirs < mine)) wrong.push(`${path} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('of platform/ nobody sees more than the interfaces, but for who makes the one of this machine', () => {
    const inside = (path: string): boolean => path.startsWith('lib/platform/')
    const seen = files
      .filter((path) => !inside(path))
      .flatMap((path) =>
        importsOf(path)
          .filter(({ target }) => inside(target))
          .map(({ target }) => [path, target]),
      )
      .filter(([, target]) => target !== 'lib/platform/platform.ts')
    expect(seen).toEqual([['lib/net/default-stack.ts', 'lib/platform/node.ts']])
  })

  test('from outside comes only what a floor may use', () => {
    const wrong: string[] = []
    for (const path of files) {
      const allowed = ruleFor(OUTSIDE, nameOf(path)) ?? /^$/
      for (const { specifier, target } of importsOf(path)) {
        if (target === '' && !allowed.test(specifier)) wrong.push(`${path} imports ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('no circle', () => {
    const graph = new Map(files.map((path) => [path, importsOf(path).map(({ target }) => target)]))
    const done = new Set<string>()
    const circles: string[] = []
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' > '))
      if (done.has(path) || trail.includes(path)) return
      for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
      done.add(path)
    }
    for (const path of files) walk(path, [])
    expect(circles).toEqual([])
  })
})

describe('core/ and wire/ are arithmetic', () => {
  const MACHINE =
    /\b(?:Buffer|process|console|performance|Date|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|require|crypto)\b|\bMath\s*\.\s*random\b/g

  test.each(files.filter((path) => /^lib\/(core|wire)\//.test(path)))('%s has no machine in it', (path) => {
    const code = withoutText(read(path)).replace(/\.\s*\w+|\w+\s*\??:/g, (word) => (/random/.test(word) ? word : '_'))
    expect(code.match(MACHINE) ?? []).toEqual([])
  })
})
