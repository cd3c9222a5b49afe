// scripts/run.mjs: it builds once whoever asks, says nothing when there is nothing to do, and then is the command it was given.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { node, type Outcome } from '../support/npm.js'
import { root } from '../support/source-tree.js'

// Stands for tsc in a folder of its own: it takes a while, and writes down that it ran.
const COMPILER = `
const fs = require('fs')
if (fs.readFileSync('lib/index.ts', 'utf8').includes('wrong')) { console.log('lib/index.ts(1,1): wrong'); process.exit(2) }
fs.appendFileSync('builds.txt', 'built\\n')
setTimeout(() => {
  fs.mkdirSync('dist/lib', { recursive: true })
  fs.mkdirSync('dist/examples', { recursive: true })
  for (const name of fs.readdirSync('lib')) fs.writeFileSync('dist/lib/' + name.replace('.ts', '.js'), '')
  fs.copyFileSync('examples/say.ts', 'dist/examples/say.js')
}, 300)
`
const SAY = `process.stdin.setEncoding('utf8').on('data', () => {}).on('end', () => {
  console.log(JSON.stringify(process.argv.slice(2)), process.env.SOME_NUMBER)
  process.exitCode = 3
})
`

let folder = ''
const say = (...args: string[]): Promise<Outcome> => node(folder, ['scripts/run.mjs', ...args])
const builds = async (): Promise<number> => (await readFile(join(folder, 'builds.txt'), 'utf8')).split('\n').length - 1

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tcp-over-udp-run-'))
  for (const name of ['scripts', 'lib', 'examples', 'node_modules/typescript/bin']) {
    await mkdir(join(folder, name), { recursive: true })
  }
  await copyFile(join(root, 'scripts/run.mjs'), join(folder, 'scripts/run.mjs'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'package-lock.json'), '{ "packages": { "": {} } }')
  await writeFile(join(folder, 'node_modules/.package-lock.json'), '{ "packages": {} }')
  await writeFile(join(folder, 'node_modules/typescript/package.json'), '{}')
  await writeFile(join(folder, 'node_modules/typescript/bin/tsc'), COMPILER)
  await writeFile(join(folder, 'lib/index.ts'), '')
  await writeFile(join(folder, 'lib/gone.ts'), '')
  await writeFile(join(folder, 'examples/say.ts'), SAY)
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('run', () => {
  test('passes arguments and the exit code through, and says once what it did', async () => {
    const first = await say('SOME_NUMBER=7', 'dist/examples/say.js', '--name', 'x y')
    expect(first).toMatchObject({ code: 3, stdout: '["--name","x y"] 7\n' })
    expect(first.stderr).toMatch(/^tcp-over-udp: building … done in [\d.]+ s\n$/)
    const second = await say('dist/examples/say.js')
    expect(second).toEqual({ code: 3, stdout: '[] undefined\n', stderr: '' })
    expect(await builds()).toBe(1)
  })

  test('of many started at once one builds, and all run', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, (_, index) => say('dist/examples/say.js', String(index))))
    expect(all.map(({ code, stdout }) => [code, stdout])).toEqual(
      all.map((_, index) => [3, `["${index}"] undefined\n`]),
    )
    expect(await builds()).toBe(1)
    expect((await readdir(folder)).filter((name) => name.startsWith('.run.lock'))).toEqual([])
  })

  test('takes over the lock of a run that was killed', async () => {
    const lock = join(folder, '.run.lock')
    await writeFile(lock, '1@another host')
    await utimes(lock, 1, 1)
    const all = await Promise.all([
      say('dist/examples/say.js'),
      say('dist/examples/say.js'),
      say('dist/examples/say.js'),
    ])
    expect(all.map(({ code }) => code)).toEqual([3, 3, 3])
    expect(await builds()).toBe(1)
  })

  test('builds again when a source has changed or gone, and clears away what was made of it', async () => {
    await say()
    await rm(join(folder, 'lib/gone.ts'))
    expect((await say()).stderr).toContain('building')
    expect(await readdir(join(folder, 'dist/lib'))).toEqual(['index.js'])
    await writeFile(join(folder, 'lib/index.ts'), '// changed')
    expect((await say()).stderr).toContain('building')
    expect(await builds()).toBe(3)
  })

  test('an error of the compiler is shown, nothing is run, and the next run tries again', async () => {
    await writeFile(join(folder, 'lib/index.ts'), 'wrong')
    for (let attempt = 0; attempt < 2; attempt++) {
      const { code, stdout, stderr } = await say('dist/examples/say.js')
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain('lib/index.ts(1,1): wrong')
    }
  })
})
