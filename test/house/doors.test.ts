// The doors (docs/architecture.md §1): they only re-export, nothing of ours walks through them, and package.json opens exactly these.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { node } from '../support/npm.js'
import { importsOf, read, root, sourcesUnder, withoutComments } from '../support/source-tree.js'

const DOORS = ['lib/index.ts', 'lib/core/index.ts', 'lib/http/index.ts', 'lib/message/index.ts', 'lib/testing/index.ts']
const REEXPORT = /\bexport\s+(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)\s+from\s+'[^']+'\s*;?/g

describe('doors', () => {
  test.each(DOORS)('%s only re-exports', (door) => {
    expect(existsSync(join(root, door)), `${door} exists`).toBe(true)
    expect(withoutComments(read(door)).replace(REEXPORT, '').trim()).toBe('')
  })

  test('what leaves lib/ has its types written down, not inferred', async () => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await node(root, [
      compiler,
      '-p',
      '.',
      '--noEmit',
      '--isolatedDeclarations',
      '--pretty',
      'false',
    ])
    // TS9038 is about a name, a method's that is a symbol, and not about a type
    expect(stdout.split('\n').filter((line) => /^lib\/.*error TS90(?!38)\d\d:/.test(line))).toEqual([])
  })

  test('there are no others', () => {
    expect(sourcesUnder('lib').filter((path) => path.endsWith('/index.ts'))).toEqual([...DOORS].sort())
  })

  test('package.json opens these and itself, types before code', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> }
    const expected: Record<string, unknown> = { './package.json': './package.json' }
    for (const door of DOORS) {
      const room = door.replace(/^lib\//, '').replace(/\/?index\.ts$/, '')
      expected[room === '' ? '.' : `./${room}`] = {
        types: `./dist/${door.replace(/\.ts$/, '.d.ts')}`,
        default: `./dist/doors/${room || 'index'}.js`,
      }
    }
    expect(exports).toEqual(expected)
    for (const entry of Object.values(exports)) {
      if (typeof entry === 'object') expect(Object.keys(entry as object)).toEqual(['types', 'default'])
    }
  })

  test('no file of lib/ imports one, by path or by name', () => {
    const wrong: string[] = []
    for (const path of sourcesUnder('lib')) {
      for (const { specifier, target } of importsOf(path)) {
        if (DOORS.includes(target) || /^tcp-over-udp(\/|$)/.test(specifier)) wrong.push(`${path} imports ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('tests and benchmarks reach a door by its name, not by its path', () => {
    const wrong: string[] = []
    for (const path of [...sourcesUnder('test'), ...sourcesUnder('bench')]) {
      for (const { specifier, target } of importsOf(path)) {
        if (DOORS.includes(target)) wrong.push(`${path} imports ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('examples import the package by name, as a user would', () => {
    const wrong: string[] = []
    for (const path of sourcesUnder('examples')) {
      for (const { specifier, target } of importsOf(path)) {
        if (target.startsWith('lib/')) wrong.push(`${path} imports ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
