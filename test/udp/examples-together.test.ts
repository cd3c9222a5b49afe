// The examples that are servers or need another process: they run, are used as their users would, and are ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'
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

/** Of UDP: that is where these meet. */
async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** Where it leads; '': it is gone. */
function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
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

test('copy: names that lead elsewhere, files that are there, senders that break off, and a disk that is full', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'copy-'))
  const inner = join(folder, 'inner')
  mkdirSync(inner)
  writeFileSync(join(inner, 'there'), 'as it was')
  const port = await freePort()
  // no file can have more than 32 KiB: a write beyond that fails, as on a full disk
  const receiver = `ulimit -f 64; exec "${process.execPath}" dist/examples/copy.js receive "${inner}" --port ${port}`
  const child = spawn('/bin/sh', ['-c', receiver], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  running.push({ child, over: once(child, 'exit') })
  await once(child.stdout, 'data')
  let refusals = 0
  child.stderr.setEncoding('utf8').on('data', (text: string) => (refusals += text.split('\n').length - 1))
  const send = async (name: string | Buffer, bytes: number, breaksOff = false): Promise<unknown> => {
    const messages = new MessageStream(connect({ port, host, allowHalfOpen: true }))
    const over = new Promise<unknown>((resolve) => messages.on('close', () => resolve('gone')))
    messages.on('error', () => {})
    messages.post(name)
    for (let sent = 0; sent < bytes; sent += 8192) messages.post(Buffer.alloc(Math.min(8192, bytes - sent), 'x'))
    if (!breaksOff) messages.post(createHash('sha256').update('x'.repeat(bytes)).digest('hex'))
    // as an orderly end, which is what a destroy() is where all has been read
    void messages.end()
    return (await Promise.race([over, messages.receive().catch(() => over)])) ?? 'gone'
  }
  const bad = ['..', '', '../..', 'x'.repeat(300), 'a\0b', 'there', Buffer.from('no name')]
  for (const name of bad) expect([name, await send(name, 5)]).toEqual([name, 'gone'])
  expect(await send('full', 100_000)).toBe('gone')
  for (let i = 0; i < 20; i++) await send('part', 5, true)
  await expect.poll(() => refusals).toBe(bad.length + 21)
  expect(await send('../../evil', 5)).toMatch(/^[0-9a-f]{64}$/)
  expect(await send('part', 30_000)).toMatch(/^[0-9a-f]{64}$/)
  await expect.poll(() => readdirSync(inner).sort()).toEqual(['evil', 'part', 'there'])
  expect(readdirSync(folder)).toEqual(['inner'])
  expect(readFileSync(join(inner, 'there'), 'utf8')).toBe('as it was')
  if (process.platform === 'linux') {
    const files = (): string[] => readdirSync(`/proc/${child.pid}/fd`).map((fd) => link(`/proc/${child.pid}/fd/${fd}`))
    await expect.poll(() => files().filter((path) => path.startsWith(folder))).toEqual([])
  }
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
  // who breaks the rules of WebSockets is alone in that
  const eve = await enter()
  ;(eve as unknown as { _socket: net.Socket })._socket.write(Buffer.from([0xff, 0xff, 0, 0, 0, 0]))
  await once(eve, 'close')
  bob.send('good night')
  expect(String((await once(ann, 'message'))[0])).toBe('good night')
  ann.terminate()
  bob.terminate()
})

test('websocket-chat: pages of others stay outside, unless they are asked in', async () => {
  const [, url = ''] = await start(
    'websocket-chat',
    ['--port', '0', '--origin', 'https://friend.example'],
    /(http:\S+)/,
  )
  const come = (origin: string | undefined): Promise<unknown> => {
    const ws = new WebSocket(url.replace('http', 'ws'), origin === undefined ? {} : { origin })
    const opens = once(ws, 'open').then(() => 'in')
    return opens.catch((error: Error) => error.message).finally(() => ws.terminate())
  }
  const { host: ours } = new URL(url)
  const out = 'Unexpected server response: 403'
  for (const origin of [undefined, `http://${ours}`, 'https://friend.example']) expect(await come(origin)).toBe('in')
  const others = [
    'http://evil.example',
    `https://${ours}`,
    `http://${ours}.evil.example`,
    'null',
    'http://friend.example',
  ]
  for (const origin of others) expect([origin, await come(origin)]).toEqual([origin, out])
})
