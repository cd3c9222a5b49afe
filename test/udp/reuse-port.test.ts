// Processes and threads that share a UDP port, on this machine's kernel; what happens when one stops is in test/endpoint/reuse-port.test.ts.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect, createServer } from 'tcp-over-udp'
import { afterEach, describe, expect, it } from 'vitest'
import { canReusePort } from '../../lib/platform/dgram-socket.js'
import { loadLibc } from '../../lib/platform/libc.js'
import { run } from '../support/npm.js'
import { Serving } from '../support/serving.js'
import { root } from '../support/source-tree.js'

const HOST = '127.0.0.1'
const BODY = Buffer.alloc(100_000, 'a text for all of them ')
const HASH = createHash('sha256').update(BODY).digest('hex')
const running: Serving[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.kill()))
})

async function start(where: 'process' | 'thread', port: number): Promise<Serving> {
  const serving = await Serving.start(where, { host: HOST, port, reusePort: true })
  running.push(serving)
  return serving
}

/** The name of who served it, or the code of what went wrong. */
async function exchange(port: number): Promise<string> {
  const socket = connect({ host: HOST, port, allowHalfOpen: true })
  try {
    const [name, number, hash] = (await text(socket.end(BODY))).split(' ')
    return hash === HASH ? `${name} ${number}` : 'wrong'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

const exchanges = (port: number, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => exchange(port)))

describe.each(['process', 'thread'] as const)('each a %s', (where) => {
  it('share the connections, refuse new ones while they drain, and lose none', async () => {
    if (!canReusePort() && loadLibc() === null) {
      await expect(start(where, 0)).rejects.toMatchObject({ code: 'ENOTSUP' })
      return
    }
    const one = await start(where, 0)
    const two = await start(where, one.port)
    expect(new Set(await exchanges(one.port, 32))).toEqual(new Set([one.name, two.name]))

    const open = Array.from({ length: 16 }, () => connect({ host: HOST, port: one.port, allowHalfOpen: true }))
    await Promise.all(open.map((socket) => once(socket, 'readable')))
    const { closed } = await one.close()
    expect(new Set(await exchanges(one.port, 32))).toEqual(new Set(['ECONNREFUSED', two.name]))
    const answers = await Promise.all(open.map((socket) => text(socket.end(BODY))))
    await closed
    expect(new Set(answers)).toEqual(new Set([`${one.name} ${HASH}`, `${two.name} ${HASH}`]))
  })
})

describe('listen({ reusePort })', () => {
  it('twice in one process, as in node:net', async () => {
    if (!canReusePort() && loadLibc() === null) return
    const counts = [0, 0]
    const servers = counts.map((_, i) =>
      createServer((socket) => {
        counts[i]++
        socket.resume()
      }),
    )
    let port = 0
    for (const server of servers) {
      server.listen({ port, reusePort: true })
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
    }
    const clients = Array.from({ length: 32 }, () => connect(port, HOST))
    await Promise.all(clients.map((client) => once(client.resume().end(), 'close')))
    expect(counts[0] + counts[1]).toBe(32)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    const other = createServer().listen({ port })
    const [error] = await once(other, 'error')
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port })
    await Promise.all(servers.map((server) => once(server.close(), 'close')))
  })

  it('is an error like any other where Node and the machine cannot', async () => {
    const hidesKoffi = `
      import Module from 'node:module'
      const load = Module._load
      Module._load = (id, ...rest) => { if (id === 'koffi') throw new Error('not installed'); return load(id, ...rest) }`
    const script = `
      import { createServer } from ${JSON.stringify(join(root, 'dist/lib/index.js'))}
      const server = createServer()
      server.on('listening', () => process.exit())
      server.on('error', ({ message, code, syscall, cause }) => {
        console.log(message, code, syscall, server.listening)
        console.log(cause.message)
      })
      server.listen({ port: 0, host: '127.0.0.1', reusePort: true })`
    const preload = `data:text/javascript,${encodeURIComponent(hidesKoffi)}`
    const options = ['--import', preload, '--input-type=module', '-e', script]
    const { stdout, stderr } = await run(root, process.execPath, options)
    expect(stderr).toBe('')
    const why = 'bind ENOTSUP: reusePort needs Node.js 22.12, 23.1 or later, or koffi on Linux'
    const what = 'listen ENOTSUP: operation not supported on socket 127.0.0.1 ENOTSUP listen false'
    expect(stdout).toBe(canReusePort() ? '' : `${what}\n${why}\n`)
  })

  it.each([
    ['20.20.2', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['23.0.0', false],
    ['23.1.0', true],
    ['24.0.0', true],
  ])('dgram of Node %s: %s', (version, can) => {
    expect(canReusePort(version)).toBe(can)
  })
})
