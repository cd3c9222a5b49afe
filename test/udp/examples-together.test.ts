// The examples that are servers or need another process: they run, are used as their users would, and are ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { run } from '../support/npm.js'
import { read, root } from '../support/source-tree.js'

const host = '127.0.0.1'
const running: { child: ChildProcess; over: Promise<unknown> }[] = []
afterEach(async () => {
  for (const { child, over } of running.splice(0)) {
    child.kill()
    await over
  }
})

/** Starts an example. @returns what it has said once that matches `line` */
async function start(name: string, args: readonly string[], line: RegExp): Promise<RegExpExecArray> {
  const child = spawn(process.execPath, [`dist/examples/${name}.js`, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push({ child, over: once(child, 'exit') })
  let said = ''
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += chunk
    const found = line.exec(said)
    if (found !== null) return found
  }
  throw new Error(`${name} ended, and said only: ${said}`)
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('copy: from one process to another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'copy-'))
  const port = ['--port', String(await freePort())]
  await start('copy', ['receive', folder, ...port], /at port/)
  const { stdout, code } = await run(root, process.execPath, [
    'dist/examples/copy.js',
    'send',
    'LICENSE',
    host,
    ...port,
  ])
  expect([stdout, code]).toEqual([`LICENSE: ${read('LICENSE').length} bytes sent, and the same arrived\n`, 0])
  expect(readFileSync(join(folder, 'LICENSE'), 'utf8')).toBe(read('LICENSE'))
  rmSync(folder, { recursive: true })
})

test('peer-to-peer: two processes, each of them first for a while', async () => {
  const [one, other] = [await freePort(), await freePort()]
  const first = start('peer-to-peer', [String(one), `${host}:${other}`], /hears: (.*)\n/)
  const second = start('peer-to-peer', [String(other), `${host}:${one}`], /hears: (.*)\n/)
  expect((await first)[1]).toBe(`hello from port ${other}`)
  expect((await second)[1]).toBe(`hello from port ${one}`)
})

test('bridge: in over TCP, across over UDP, out over TCP, half-closed on the way', async () => {
  const echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, host)
  await once(echo, 'listening')
  const [entry, between] = [await freePort(), await freePort()]
  const { port } = echo.address() as AddressInfo
  await start('bridge', [`udp:${host}:${between}`, `tcp:${host}:${port}`], /listening/)
  await start('bridge', [`tcp:${host}:${entry}`, `udp:${host}:${between}`], /listening/)
  const socket = net.connect(entry, host)
  socket.end('there and back'.repeat(10_000))
  expect(await text(socket)).toBe('there and back'.repeat(10_000))
  echo.close()
})

test('websocket-chat: the page, and two who hear each other', async () => {
  const [, url = ''] = await start('websocket-chat', ['--port', '0'], /(http:\S+)/)
  expect(await (await fetch(url)).text()).toContain('<title>A chat over UDP</title>')
  const enter = async (): Promise<WebSocket> => {
    const ws = new WebSocket(url.replace('http', 'ws'))
    await once(ws, 'open')
    return ws
  }
  const [ann, bob] = await Promise.all([enter(), enter()])
  const hear = Promise.all([once(ann, 'message'), once(bob, 'message')])
  ann.send('good evening')
  for (const [line] of await hear) expect(String(line)).toBe('good evening')
  ann.terminate()
  bob.terminate()
})
