// A server in a process or a thread of its own: it greets with its name, and answers the end with the hash of what it got.
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parentPort, threadId, Worker, workerData } from 'node:worker_threads'
import { createServer, type ListenOptions } from 'tcp-over-udp'
import { root } from './source-tree.js'

const PROGRAM = join(root, 'dist/test/support/serving.js')

interface Ports {
  readonly port: number
  readonly udpPort: number
}

/** What it tells: its ports, an error's code, or that it listens no more and all of its connections are over. */
type News = Ports | { code: string } | 'closing' | 'closed'

export class Serving {
  /** As it greets. */
  readonly name: string
  readonly port: number
  readonly udpPort: number
  private readonly vessel: ChildProcess | Worker

  private constructor(vessel: ChildProcess | Worker, { port, udpPort }: Ports) {
    this.vessel = vessel
    this.udpPort = udpPort
    this.name = vessel instanceof Worker ? `thread ${vessel.threadId}` : `process ${vessel.pid}`
    this.port = port
  }

  /** @throws what listen() has as its error. */
  static async start(where: 'process' | 'thread', options: ListenOptions): Promise<Serving> {
    if (!existsSync(PROGRAM)) throw new Error('the tests are not built: npm run build')
    const execArgv: string[] = []
    const vessel =
      where === 'thread'
        ? new Worker(PROGRAM, { workerData: options, execArgv })
        : fork(PROGRAM, [JSON.stringify(options)], { execArgv })
    const [news] = (await once(vessel, 'message')) as [Ports | { code: string }]
    if ('code' in news) throw Object.assign(new Error(news.code), news)
    return new Serving(vessel, news)
  }

  /** @returns when it refuses new connections, with what follows when all others are over. */
  async close(): Promise<{ closed: Promise<void> }> {
    const heard: News[] = []
    const closed = new Promise<void>((resolve) => {
      this.vessel.on('message', (news: News) => {
        heard.push(news)
        if (news === 'closed') resolve()
      })
    })
    if (this.vessel instanceof Worker) this.vessel.postMessage('close')
    else this.vessel.send('close')
    while (!heard.includes('closing')) await once(this.vessel, 'message')
    return { closed }
  }

  /** Gone, without a word to its peers. */
  async kill(): Promise<void> {
    if (this.vessel instanceof Worker) {
      await this.vessel.terminate()
    } else if (this.vessel.exitCode === null && this.vessel.signalCode === null) {
      const exits = once(this.vessel, 'exit')
      this.vessel.kill('SIGKILL')
      await exits
    }
  }
}

function serve(options: ListenOptions, name: string, tell: (news: News) => void): () => void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256')
    socket.on('error', () => {})
    socket.write(`${name} `)
    socket.on('data', (bytes) => hash.update(bytes))
    socket.on('end', () => socket.end(hash.digest('hex')))
  })
  server.on('listening', () => {
    const { port } = server.address() as AddressInfo
    tell({ port, udpPort: server.udpPort as number })
  })
  server.on('error', (error) => tell({ code: (error as NodeJS.ErrnoException).code ?? error.message }))
  server.on('close', () => tell('closed'))
  server.listen(options)
  return () => {
    server.close()
    tell('closing')
  }
}

if (parentPort !== null && workerData !== undefined && import.meta.url.endsWith('.js')) {
  const port = parentPort
  port.on(
    'message',
    serve(workerData as ListenOptions, `thread ${threadId}`, (news) => port.postMessage(news)),
  )
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const close = serve(JSON.parse(process.argv[2] as string), `process ${process.pid}`, (news) => process.send?.(news))
  process.on('message', close)
}
