// What the README shows, run as it is shown: the examples, its own lines of code, and the chat through npm.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { isInstalled } from '../../examples/servers/daemon.js'
import { MOSQUITTO } from '../../examples/servers/mosquitto.js'
import { POSTGRESQL } from '../../examples/servers/postgresql.js'
import { canReusePort } from '../../lib/platform/dgram-socket.js'
import { loadLibc } from '../../lib/platform/libc.js'
import { freePort } from '../support/chat-process.js'
import { run } from '../support/npm.js'
import { filesUnder, read, root } from '../support/source-tree.js'

beforeAll(() => {
  if (!existsSync(join(root, 'dist/examples/echo.js'))) throw new Error('the examples are not built: npm run build')
})

describe.concurrent('the examples', () => {
  test.each([
    ['echo', 'client: Hello over UDP!'],
    ['messages', '1001 answers to the rest'],
    ['http', '200: GET /again came over UDP'],
    ['https', '200: GET /again came over TLSv1.3 over UDP'],
    ['ssh', 'you are at 127.0.0.1, and you said: hello'],
    ['peer-to-peer', 'bob hears: hello from ann'],
    ['copy', 'and the same arrived'],
    // with a server of Debian's, or a word on where it would come from
    ['postgresql', isInstalled(POSTGRESQL) ? '1² + … + 100² is 338350' : 'apt install postgresql'],
    ['mqtt', isInstalled(MOSQUITTO) ? 'room/cellar/temperature: 12.0' : 'apt install mosquitto'],
  ])('%s says so, and ends', async (name, line) => {
    const { code, stdout, stderr } = await run(root, process.execPath, [join('dist/examples', `${name}.js`)])
    expect(stderr).toBe('')
    expect(stdout).toContain(line)
    expect(code).toBe(0)
  })

  test.each(['bridge', 'cluster', 'copy', 'peer-to-peer', 'websocket-chat'])('%s has a --help', async (name) => {
    const file = join('dist/examples', `${name}.js`)
    const { code, stdout, stderr } = await run(root, process.execPath, [file, '--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`node ${file}`)
    const wrong = await run(root, process.execPath, [file, '--nothing-like-it'])
    expect([wrong.code, wrong.stdout]).toEqual([2, ''])
    expect(wrong.stderr).toMatch(/^Unknown option '--nothing-like-it'.*\nTry --help\.\n$/)
  })

  test.each([
    ['bridge tcp:127.0.0.1:99999 udp:127.0.0.1:1', 2, 'PORT is a whole number from 0 to 65535'],
    ['bridge udp:127.0.0.1:0 tcp:127.0.0.1:x', 2, 'PORT is a whole number from 0 to 65535'],
    ['bridge udp:192.0.2.1:0 tcp:127.0.0.1:1', 1, 'listen EADDRNOTAVAIL'],
    ['cluster --workers 1.5', 2, '--workers is a whole number from 1 to 1000'],
    ['copy send no/such/file 127.0.0.1', 1, 'ENOENT: no such file'],
    ['copy send package.json 127.0.0.1 --port 9', 1, 'connect ECONNREFUSED 127.0.0.1:9'],
    ['copy receive . --port abc', 2, '--port is a whole number from 1 to 65535'],
    ['peer-to-peer 9501 127.0.0.1:x', 2, 'THERE is a whole number from 1 to 65535'],
    ['websocket-chat --port abc', 2, '--port is a whole number from 0 to 65535'],
  ])('%s ends in a line, not in a stack', async (line, code, message) => {
    const [name, ...args] = line.split(' ')
    const ended = await run(root, process.execPath, [join('dist/examples', `${name}.js`), ...args])
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toContain(message)
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(code)
  })

  test('each is in the index, with a line of its own', () => {
    const index = read('examples/README.md')
    for (const path of filesUnder('examples')) {
      const [, name] = /^examples\/([^/]+)\.ts$/.exec(path) ?? []
      if (name !== undefined) expect(index).toContain(`(${name}.ts)`)
    }
  })
})

test('cluster shares a port out among processes and drains them, where the machine can', async () => {
  const options = ['--workers', '2', '--rate', '20', '--seconds', '1']
  const { code, stdout, stderr } = await run(root, process.execPath, ['dist/examples/cluster.js', ...options])
  if (process.platform !== 'linux' || !(canReusePort() || loadLibc() !== null)) {
    expect([stderr.includes('ENOTSUP'), code]).toEqual([true, 1])
    return
  }
  expect(stderr).toBe('')
  const [, ...rows] = stdout.split('\n').slice(0, 4)
  expect(rows.map((row) => Number(row.trim().split(/\s+/)[1]))).toEqual([expect.any(Number), expect.any(Number), 32])
  expect(rows[2]).toContain('100 %')
  expect(stdout).toContain('draining: a new connection gets ECONNREFUSED')
  expect(stdout).toContain('drained: 32 of 32 connections went on to their end, with every byte')
  expect(code).toBe(0)
})

describe('the README', () => {
  const samples = [...read('README.md').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code as string)
  test.each([
    ['an echo', 0, 'hello'],
    ['a message and its receipt', 1, 'a text, or a Uint8Array'],
    ['a network that does not exist', 2, 'an hour in a second'],
  ])('%s, as pasted', async (_name, index, prints) => {
    const sample = samples[index] as string
    const { code, stdout, stderr } = await run(root, process.execPath, ['--input-type=module', '-e', sample])
    expect([stdout, stderr, code]).toEqual([`${prints}\n`, '', 0])
  })

  test('npm run chat: opens a room by pipe, and leaves when the input ends', async () => {
    const child = spawn('npm', ['run', 'chat', '--silent', '--', '--name', 'ann', '--port', String(await freePort())], {
      cwd: root,
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('* here:')) child.stdin.end('a line for nobody\n')
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(output).toMatch(/\* opened the room at 127\.0\.0\.1:\d+\n\* here: ann \(host\) \(you\)\n/)
    expect(output).toContain('* you have left')
    expect(code).toBe(0)
  })
})
