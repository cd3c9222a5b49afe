// Pages whose programs are run as they stand, and print what the pages say: docs/http-and-tls.md, docs/messages.md, docs/migrating-from-net.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../lib/endpoint/limits.js'
import { createServer } from '../../lib/net/server.js'
import { freePort } from '../support/chat-process.js'
import { run } from '../support/npm.js'
import { read, root } from '../support/source-tree.js'

const PRELUDE = "import { CERTIFICATE as cert, KEY as key } from './dist/test/support/certificate.js'\n"

interface Program {
  readonly code: string
  readonly prints: string
}

/** Each program of a page that is followed by what it prints. */
const programsOf = (page: string): Program[] =>
  [...read(page).matchAll(/```js\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g)].map(([, code = '', prints = '']) => ({
    code,
    prints,
  }))

beforeAll(() => {
  if (!existsSync(join(root, 'dist/lib/http/index.js'))) throw new Error('the library is not built: npm run build')
})

describe.each(['docs/http-and-tls.md', 'docs/messages.md'])('%s', (page) => {
  const programs = programsOf(page)

  test('has programs, each with what it prints', () => {
    expect(programs.length).toBeGreaterThan(0)
    expect(read(page).match(/```js\n/g)).toHaveLength(programs.length)
  })

  test.each(programs.map(({ code, prints }, index) => [index + 1, code, prints] as const))(
    'program %i prints what the page says, and ends',
    async (_number, code, prints) => {
      const port = String(await freePort())
      const body = PRELUDE + code.replaceAll(/\b(8080|8443)\b/g, port)
      const { stdout, stderr } = await run(root, process.execPath, ['--input-type=module', '-e', body])
      expect([stdout, stderr]).toEqual([prints, ''])
    },
  )
})

describe('docs/migrating-from-net.md', () => {
  const [server, client] = programsOf('docs/migrating-from-net.md') as [Program, Program]
  const [before, after] = /-(import .*)\n\+(import .*)\n/.exec(read('docs/migrating-from-net.md'))!.slice(1) as [
    string,
    string,
  ]

  test.each([
    ['as it was', before],
    ['moved over by its one line', after],
  ])('both ends, %s', async (_name, line) => {
    const port = String(await freePort())
    const command = ({ code }: Program): string[] => [
      '--input-type=module',
      '-e',
      code.replace(before, line).replaceAll('6380', port),
    ]
    const serving = spawn(process.execPath, command(server), { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    const over = once(serving, 'close')
    expect(String((await once(serving.stdout, 'data'))[0])).toBe(server.prints)
    const { stdout, stderr } = await run(root, process.execPath, command(client))
    expect([stdout, stderr]).toEqual([
      client.prints.replaceAll('\n', '\r\n').replace('closed false\r\n', 'closed false\n'),
      '',
    ])
    serving.kill('SIGTERM')
    expect(await over).toEqual([0, null])
  })
})

test('docs/options.md names every counter of a server, and every limit of a stack', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  const page = read('docs/options.md')
  const names = [...Object.keys(server.getStats() ?? {}), ...Object.keys(DEFAULT_LIMITS)]
  server.close()
  expect(names.length).toBeGreaterThan(40)
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('an idle connection of a keep-alive agent holds no process, over TLS as in the clear', async () => {
  const code = `
    import http from 'node:http'
    import https from 'node:https'
    import { createHttpAgent, createHttpsAgent, serve } from 'tcp-over-udp/http'
    const handler = (request, response) => response.end('answered')
    for (const [upper, module, agent] of [
      [http.createServer(handler), http, createHttpAgent({ keepAlive: true })],
      [https.createServer({ key, cert }, handler), https, createHttpsAgent({ keepAlive: true, ca: cert, servername: 'localhost' })],
    ]) {
      const server = serve(upper).on('connection', (socket) => socket.unref()).listen(0, '127.0.0.1')
      const { port } = server.address()
      module.get({ port, host: '127.0.0.1', agent }, (response) => {
        response.resume().on('end', () => setImmediate(() => {
          console.log(Object.keys(agent.freeSockets).length)
          server.unref()
        }))
      })
    }`
  const {
    stdout,
    stderr,
    code: exit,
  } = await run(root, process.execPath, ['--input-type=module', '-e', PRELUDE + code])
  expect([stdout, stderr, exit]).toEqual(['1\n1\n', '', 0])
})
