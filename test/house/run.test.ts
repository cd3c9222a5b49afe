// scripts/run.mjs: it builds once whoever asks, says nothing when there is nothing to do, and then is the command it was given.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { node, type Outcome } from '../support/npm.js'
import { root } from '../support/source-tree.js'

// Stands for tsc in a folder of its own: it takes a while, writes half of each file at first, and notes down that it ran.
const COMPILER = `
const fs = require('fs')
if (fs.readFileSync('lib/index.ts', 'utf8').includes('wrong')) { console.log('lib/index.ts(1,1): wrong'); process.exit(2) }
fs.appendFileSync(__dirname + '/../../../builds.txt', 'built\\n')
const write = (part) => {
  for (const folder of ['lib', 'examples']) {
    fs.mkdirSync('dist/' + folder, { recursive: true })
    for (const name of fs.readdirSync(folder)) {
      const text = fs.readFileSync(folder + '/' + name, 'utf8')
      fs.writeFileSync('dist/' + folder + '/' + name.replace('.ts', '.js'), text.slice(0, text.length * part))
    }
  }
}
write(0.5)
setTimeout(write, 300, 1)
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
  await writeFile(join(folder, 'scripts/doors.mjs'), '')
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

  test('says what it is for, and what it does not know, and does nothing else', async () => {
    expect(await say('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('npm run build installs') })
    expect(await builds().catch(() => 0)).toBe(0)
    expect(await say('--nothing')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^there is no .*\n$/m) })
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

  test('builds again when a source has changed or gone, and nothing else, and clears away what was made of it', async () => {
    await say()
    await rm(join(folder, 'lib/gone.ts'))
    expect((await say()).stderr).toContain('building')
    expect(await readdir(join(folder, 'dist/lib'))).toEqual(['index.js'])
    await writeFile(join(folder, 'lib/index.ts'), '// changed')
    expect((await say()).stderr).toContain('building')
    expect(await builds()).toBe(3)
    await mkdir(join(folder, 'examples/node_modules'))
    await writeFile(join(folder, 'lib/notes.txt'), '')
    expect((await say()).stderr).toBe('')
  })

  test('a program that runs meanwhile finds every file whole, as it was or as it is', async () => {
    // imports another file again and again, as a program does that imports lazily, until that is new; and says what it has found
    const WATCH = `import { writeFileSync } from 'node:fs'
      const found = new Set()
      for (let i = 0; !found.has('new'); i++) {
        found.add((await import('./part.js?' + i).catch((error) => error)).default ?? 'nothing')
        if (i === 0) writeFileSync('begun', '')
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      console.log([...found].join())`
    const part = (name: string): string => `${'// long\n'.repeat(1000)}export default '${name}'\n`
    await writeFile(join(folder, 'examples/watch.ts'), WATCH)
    await writeFile(join(folder, 'examples/part.ts'), part('old'))
    await say()
    const before = await stat(join(folder, 'dist/examples/say.js'))
    const watching = say('dist/examples/watch.js')
    await expect.poll(() => readdir(folder)).toContain('begun')
    await writeFile(join(folder, 'examples/part.ts'), part('new'))
    expect((await say()).stderr).toContain('building')
    expect((await watching).stdout).toBe('old,new\n')
    // what has not changed is not touched
    expect((await stat(join(folder, 'dist/examples/say.js'))).ino).toBe(before.ino)
    expect(await readdir(folder)).not.toContain('.build')
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
