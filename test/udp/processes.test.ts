// Threads, forks and clusters, a process that exits in the middle, and exceptions in the program's own callbacks: over real UDP.
import { expect, it } from 'vitest'
import { startScript } from '../support/run-script.js'

/** Two ends in one process; `server`, `client` and `served` are there. */
const PAIR = `
import { once } from 'node:events'
import { connect, createServer } from 'tcp-over-udp'
const server = createServer()
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address()
const arrived = once(server, 'connection')
const client = connect(port, '127.0.0.1')
const [served] = await arrived
if (client.connecting) await once(client, 'connect')
`

it.each(['', '--no-addons'])(
  'process.exit() in a callback: the code that was asked for, and nothing printed %s',
  async (flag) => {
    const script = `${PAIR}
    served.on('data', () => process.exit(7))
    client.write(new Uint8Array(1_000_000))`
    const { ended } = startScript(script, ...(flag === '' ? [] : [flag]))
    expect(await ended).toEqual({ code: 7, signal: null, stdout: '', stderr: '' })
  },
)

it('an exception in a callback that nobody catches ends the process as it would anywhere', async () => {
  const { ended } = startScript(`${PAIR}
    served.on('data', () => { throw new Error('mine') })
    client.write('x')`)
  const { code, stderr } = await ended
  expect(code).toBe(1)
  expect(stderr).toContain('Error: mine')
})

it('one that is caught costs no other connection anything, nor the bytes of its own', async () => {
  const { ended } = startScript(`${PAIR}
    const caught = []
    process.on('uncaughtException', (error) => caught.push(error.message))
    let mine = 0, others = 0
    served.on('data', (bytes) => { mine += bytes.length; throw new Error('data') })
    server.on('connection', (socket) => {
      socket.on('data', (bytes) => (others += bytes.length)).on('end', () => socket.end())
      throw new Error('connection')
    })
    const other = connect(port, '127.0.0.1')
    const closed = Promise.all([client, other].map((socket) => new Promise((resolve) => socket.on('close', resolve))))
    other.resume()
    other.on('connect', () => { other.end(new Uint8Array(500_000)); throw new Error('connect') })
    client.on('close', () => { throw new Error('close') })
    client.resume()
    client.end(new Uint8Array(500_000))
    served.on('end', () => served.end())
    await closed
    await new Promise((resolve) => server.close(resolve))
    console.log(mine, others, [...new Set(caught)].sort().join(' '))`)
  expect(await ended).toEqual({
    code: 0,
    signal: null,
    stdout: '500000 500000 close connect connection data\n',
    stderr: '',
  })
})

it('a reader that throws as it is resumed out of a full buffer reads on', async () => {
  const { ended } = startScript(`${PAIR}
    process.on('uncaughtException', () => {})
    client.pause()
    let got = 0, thrown = 0
    served.end(new Uint8Array(400_000))
    await once(served, 'finish')
    client.on('data', (bytes) => { got += bytes.length; if (thrown++ === 0) throw new Error('mine') })
    client.resume().end()
    await once(client, 'end')
    console.log(got)
    server.close()`)
  expect(await ended).toMatchObject({ code: 0, stdout: '400000\n' })
})

it('a reader that throws at every chunk costs neither its own writes nor the end of its connection', async () => {
  const { ended } = startScript(`${PAIR}
    process.on('uncaughtException', () => {})
    let done = 0
    served.on('data', () => { throw new Error('mine') })
    client.on('data', () => client.write('x'))
    const one = () => served.write(new Uint8Array(1_000_000), () => { if (++done < 10) one(); else client.resetAndDestroy() })
    one()
    const error = await new Promise((resolve) => served.on('error', resolve))
    if (!served.closed) await once(served, 'close')
    console.log(done, error.code)
    server.close()`)
  expect(await ended).toMatchObject({ code: 0, stdout: '10 ECONNRESET\n' })
})

it('messages are all heard though each of their listeners throws', async () => {
  const { ended } = startScript(`${PAIR.replace('createServer()', 'createServer({ allowHalfOpen: true })')}
    import { MessageStream } from 'tcp-over-udp/message'
    process.on('uncaughtException', () => {})
    const [a, b] = [new MessageStream(client), new MessageStream(served)]
    let heard = 0, right = true
    b.on('message', (message) => { right &&= message.length === 1000 + heard++; throw new Error('mine') })
    for (let i = 0; i < 1000; i++) a.post(new Uint8Array(1000 + i))
    const over = once(b, 'end')
    a.end().catch(() => {})
    await over
    console.log(heard, right)
    process.exit()`)
  expect(await ended).toMatchObject({ code: 0, stdout: '1000 true\n' })
})

it('timers that a test puts in the place of Node’s are not ours, and a zone that cannot be is an error like another', async () => {
  const { ended } = startScript(`${PAIR}
    const { setImmediate, setTimeout } = globalThis
    globalThis.setImmediate = globalThis.setTimeout = () => ({ ref() {}, unref() {} })
    served.pipe(served)
    client.write('hello')
    const [echo] = await once(client, 'data')
    Object.assign(globalThis, { setImmediate, setTimeout })
    client.destroy()
    const codes = []
    for (const host of ['fe80::1%99999999999', 'fe80::1%nope']) {
      const socket = connect({ host, port: 9 })
      codes.push((await new Promise((resolve) => socket.on('error', resolve))).syscall)
    }
    console.log(String(echo), ...codes)
    process.exit()`)
  expect(await ended).toMatchObject({ code: 0, stdout: 'hello connect connect\n' })
})

it('a koffi that is too old to wait for descriptors is left alone', async () => {
  const { ended } = startScript(`
    import Module from 'node:module'
    const load = Module._load
    let asked = 0
    const library = { func: () => () => { throw new Error('called') } }
    const old = { load: () => library, errno: () => 0, address: () => 0n, node: { env: {} } }
    Module._load = (name, ...more) => name === 'koffi' ? (asked++, old) : load(name, ...more)
    const { connect, createServer } = await import('tcp-over-udp')
    const server = createServer((socket) => socket.end('hello'))
    server.listen(0, '127.0.0.1', () => {
      connect(server.address().port, '127.0.0.1').on('data', (text) => { console.log(asked, String(text)); server.close() })
    })`)
  const asked = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch) ? 1 : 0
  expect(await ended).toMatchObject({ code: 0, stdout: `${asked} hello\n` })
})

it('a server in a worker thread; the thread is terminated, and the other side hears of it', async () => {
  const { ended } = startScript(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    import { connect } from 'tcp-over-udp'
    const code = \`
      import { parentPort } from 'node:worker_threads'
      import { createServer } from 'tcp-over-udp'
      const server = createServer((socket) => socket.pipe(socket))
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))\`
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code.replace("'tcp-over-udp'", JSON.stringify(import.meta.resolve('tcp-over-udp'))))))
    const [port] = await once(worker, 'message')
    const client = connect({ port, host: '127.0.0.1', keepAlive: true, keepAliveInitialDelay: 300, keepAliveInterval: 200, keepAliveCount: 3 })
    let bytes = 0
    client.on('data', (data) => (bytes += data.length))
    client.write(new Uint8Array(300_000))
    while (bytes < 300_000) await once(client, 'data')
    await worker.terminate()
    const [error] = await once(client, 'error').catch((error) => [error])
    console.log(bytes, error.code)`)
  expect(await ended).toEqual({ code: 0, signal: null, stdout: '300000 ETIMEDOUT\n', stderr: '' })
})

it('the workers of a cluster: each has its own ports, and one that dies takes nothing of the others', async () => {
  const { ended } = startScript("await import('./dist/test/support/cluster-program.js')", '--no-warnings')
  expect(await ended).toMatchObject({ code: 0, stdout: '2 hello\n' })
})

it('a port that a fork has is in use for its parent, until the fork is killed', async () => {
  const { ended } = startScript(`
    import { once } from 'node:events'
    import { spawn } from 'node:child_process'
    import { createServer } from 'tcp-over-udp'
    const code = "import { createServer } from 'tcp-over-udp'; const s = createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))"
    const child = spawn(process.execPath, ['--input-type=module', '-e', code])
    const port = Number((await once(child.stdout, 'data'))[0])
    const [error] = await once(createServer().listen(port, '127.0.0.1'), 'error')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const server = createServer()
    await once(server.listen(port, '127.0.0.1'), 'listening')
    console.log(error.code)
    server.close()`)
  expect(await ended).toEqual({ code: 0, signal: null, stdout: 'EADDRINUSE\n', stderr: '' })
})
