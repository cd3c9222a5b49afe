// Through a balancer of UDP, with the configuration of docs/scaling.md if nginx and its stream module are there, and through a stand-in for it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { connect, type Socket } from 'tcp-over-udp'
import { afterEach, describe, expect, it } from 'vitest'
import { type Balancer, Nginx, startStandIn } from '../support/balancer.js'
import { freePort } from '../support/chat-process.js'
import { Serving } from '../support/serving.js'
import { read } from '../support/source-tree.js'

const HOST = '127.0.0.1'
const BODY = Buffer.alloc(300_000, 'a text that several segments carry ')
const HASH = createHash('sha256').update(BODY).digest('hex')

/** The configuration as it is documented, on ports of this machine. */
function documented(
  port: number,
  backends: readonly number[],
  more: (stream: string) => string = (same) => same,
): string {
  const [, stream = ''] = /```nginx\n([\s\S]*?)```/.exec(read('docs/scaling.md')) ?? []
  const here = stream
    .replace('10.0.0.11:9000', `${HOST}:${backends[0]}`)
    .replace('10.0.0.12:9000', `${HOST}:${backends[1]}`)
    .replace('listen 9000', `listen ${HOST}:${port}`)
  return more(here)
}

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

interface Scene {
  readonly port: number
  readonly backends: readonly [Serving, Serving]
  readonly balancer: Balancer
}

/** Two backends that listen on UDP ports of their own, for the TCP port that clients know. */
async function scene(kind: string, more?: (stream: string) => string): Promise<Scene> {
  const port = await freePort()
  const start = async (): Promise<Serving> => {
    const serving = await Serving.start('process', { host: HOST, port, udpPort: await freePort() })
    running.push({ stop: () => serving.kill() })
    return serving
  }
  const backends = [await start(), await start()] as const
  const ports = backends.map(({ udpPort }) => udpPort)
  const stream = documented(port, ports, more)
  const balancer = kind === 'nginx' ? await Nginx.start(stream, port) : await startStandIn(port, ports)
  if (balancer === null) throw new Error('nginx was here, and is gone')
  running.push(balancer)
  return { port, backends, balancer }
}

/** Connections of which each has been greeted; 'error' is kept. */
async function open(port: number, count: number): Promise<{ socket: Socket; name: string; code: string | null }[]> {
  const opened = Array.from({ length: count }, async () => {
    const socket = connect({ host: HOST, port, allowHalfOpen: true, userTimeout: 4_000 })
    const one = { socket, name: '', code: null as string | null }
    socket.on('error', (error: NodeJS.ErrnoException) => {
      one.code = error.code ?? error.message
    })
    const [greeting] = (await once(socket, 'data')) as [Buffer]
    one.name = `${greeting}`.trim()
    return one
  })
  return await Promise.all(opened)
}

/** What each connection ends with: its hash, or a code. */
async function finish(connections: Awaited<ReturnType<typeof open>>): Promise<string[]> {
  return await Promise.all(
    connections.map(({ socket }) =>
      text(socket.end(BODY)).catch((error: NodeJS.ErrnoException) => error.code ?? error.message),
    ),
  )
}

const port = await freePort()
const nginx = await Nginx.start(documented(port, [port, port]), port)
await nginx?.stop()
const kinds = nginx === null ? ['a stand-in'] : ['a stand-in', 'nginx']

describe.each(kinds)('through %s', (kind) => {
  it('connections with half-close have one backend each, and every byte', async () => {
    const { port, backends } = await scene(kind)
    const connections = await open(port, 32)
    expect(new Set(connections.map(({ name }) => name))).toEqual(new Set(backends.map(({ name }) => name)))
    expect(new Set(await finish(connections))).toEqual(new Set([HASH]))
  })

  it('a backend that drains refuses what is new, and its connections go on', async () => {
    const { port, backends } = await scene(kind)
    const connections = await open(port, 16)
    const { closed } = await backends[0].close()
    const later = await Promise.allSettled(Array.from({ length: 40 }, () => open(port, 1)))
    const refused = later.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []))
    expect(new Set(refused)).toEqual(new Set(['ECONNREFUSED']))
    expect(new Set(await finish(connections))).toEqual(new Set([HASH]))
    await closed
  })

  it('a backend that dies takes its own connections along, and nobody else’s', async () => {
    const { port, backends } = await scene(kind)
    const connections = await open(port, 16)
    await backends[0].kill()
    const ends = await finish(connections)
    for (const [i, { name }] of connections.entries()) {
      if (name === backends[1].name) expect(ends[i]).toBe(HASH)
      else expect(['ECONNRESET', 'ETIMEDOUT']).toContain(ends[i])
    }
  })

  // the stand-in never forgets
  if (kind !== 'nginx') return
  it('connections are reset by a reload, and by a silence that is longer than proxy_timeout', async () => {
    const idle = await scene(kind, (stream) => stream.replace('10m', '1s'))
    const silent = await open(idle.port, 4)
    const { port, balancer } = await scene(kind)
    const connections = await open(port, 4)
    await (balancer as Nginx).reload()
    expect(new Set(await finish(connections))).toEqual(new Set(['ECONNRESET']))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(new Set(await finish(silent))).toEqual(new Set(['ECONNRESET']))
  })
})
