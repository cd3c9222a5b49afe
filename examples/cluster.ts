// One UDP port, several processes: how they share it, and how they stop together. `node dist/examples/cluster.js`, or with `--help`.
import cluster, { type Worker } from 'node:cluster'
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { connect, createServer, type Socket } from 'tcp-over-udp'
import { endInOneLine, number } from './shared/command-line.js'

const USAGE = `node dist/examples/cluster.js [--workers N] [--connections N] [--rate MBIT] [--seconds N]

Servers in so many processes (as many as there are cores) take SHA-256 of what the connections of this one (32) send at a fixed rate
(200 Mbit/s together) for a time (5 s), in packets of 1,500 bytes. Then all of them drain, and leave together.
`
const HOST = '127.0.0.1'
const TICK = 10 // ms between writes
const WARM_UP = 1 // s, in which the code is compiled
const WIDTHS = [6, 11, 6, 6, 5]

/** What a worker tells of itself. */
interface Report {
  state: 'listening' | 'draining' | 'drained'
  port: number
  connections: number
  bytes: number
  /** Seconds. */
  cpu: number
}

endInOneLine()
if (cluster.isWorker) serve(cluster.worker as Worker)
else await run()

function serve(worker: Worker): void {
  const report: Report = { state: 'listening', port: 0, connections: 0, bytes: 0, cpu: 0 }
  const server = createServer({ allowHalfOpen: true, mtu: 1500 }, (socket) => {
    const hash = createHash('sha256')
    report.connections++
    socket.on('error', (error) => console.error(error))
    socket.on('data', (bytes) => {
      hash.update(bytes)
      report.bytes += bytes.length
    })
    socket.on('end', () => socket.end(hash.digest('hex')))
  })
  const tell = (more: Partial<Report> = {}): void => {
    Object.assign(report, more, { cpu: cpuSeconds() })
    worker.send(report)
  }
  server.on('listening', () => tell({ port: (server.address() as AddressInfo).port }))
  server.on('error', (error) => {
    console.error(`${error.message}\n${(error as { cause?: Error }).cause?.message ?? ''}`)
    process.exit(1)
  })
  server.on('close', () => tell({ state: 'drained' }))
  worker.on('message', (order: 'report' | 'drain') => {
    if (order === 'report') return tell()
    // what is new gets a RST from now on; what is open goes on, and its end is the server's 'close'
    server.close()
    tell({ state: 'draining' })
  })
  server.listen({ host: HOST, port: Number(process.env.PORT), reusePort: true })
}

async function run(): Promise<void> {
  const { workers: count, connections, rate, seconds } = readOptions()
  // the first takes any port, the others join it: all of them before the first connection, which a newcomer might take away
  const workers: Worker[] = []
  let port = 0
  for (let i = 0; i < count; i++) {
    const worker = cluster.fork({ PORT: String(port) })
    // they stand together: one that leaves alone breaks connections of the others
    worker.on('exit', (code) => process.exit(code || undefined))
    ;({ port } = await told(worker, 'listening'))
    workers.push(worker)
  }

  const options = { host: HOST, port, allowHalfOpen: true, mtu: 1500 }
  const sockets = Array.from({ length: connections }, () => connect(options))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const hash = createHash('sha256')
  const bytesPerSecond = (rate * 125_000) / connections
  await sendAtRate(sockets, bytesPerSecond, WARM_UP, hash)
  const [before, own, from] = [await reports(workers), cpuSeconds(), performance.now()]
  await sendAtRate(sockets, bytesPerSecond, seconds, hash)
  const took = (performance.now() - from) / 1000
  console.log(table(before, await reports(workers), took))
  console.log(`client: ${(cpuSeconds() - own).toFixed(2)} s of CPU; cores: ${availableParallelism()}`)

  const over = workers.map((worker) => told(worker, 'drained'))
  const draining = workers.map((worker) => told(worker, 'draining'))
  for (const worker of workers) worker.send('drain')
  await Promise.all(draining)
  const [refusal] = await once(connect(options), 'error')
  console.log(`draining: a new connection gets ${(refusal as NodeJS.ErrnoException).code}`)
  const answers = await Promise.all(sockets.map((socket) => text(socket.end())))
  await Promise.all(over)
  const digest = hash.digest('hex')
  const right = answers.filter((answer) => answer === digest).length
  console.log(`drained: ${right} of ${connections} connections went on to their end, with every byte`)
  for (const worker of workers) worker.removeAllListeners('exit').disconnect()
}

/** Sends the same to all. */
async function sendAtRate(
  sockets: readonly Socket[],
  bytesPerSecond: number,
  seconds: number,
  hash: Hash,
): Promise<void> {
  const chunk = randomBytes(Math.ceil((bytesPerSecond * TICK) / 1000))
  const start = performance.now()
  for (let sent = 0; sent < (seconds * 1000) / TICK; sent++) {
    // late ticks are made up for
    await sleep(Math.max(0, start + sent * TICK - performance.now()))
    hash.update(chunk)
    for (const socket of sockets) socket.write(chunk)
  }
  await Promise.all(sockets.map((socket) => socket.acknowledged()))
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** What a worker tells next in that state. */
function told(worker: Worker, state: Report['state']): Promise<Report> {
  return new Promise((resolve) => {
    worker.on('message', function hear(report: Report) {
      if (report.state !== state) return
      worker.off('message', hear)
      resolve(report)
    })
  })
}

function reports(workers: readonly Worker[]): Promise<Report[]> {
  const answers = workers.map((worker) => told(worker, 'listening'))
  for (const worker of workers) worker.send('report')
  return Promise.all(answers)
}

/** What each did in between, and all. */
function table(before: readonly Report[], after: readonly Report[], seconds: number): string {
  const rows = after.map(({ connections, bytes, cpu }, i) => {
    const { bytes: bytesBefore, cpu: cpuBefore } = before[i] as Report
    return [connections, ((bytes - bytesBefore) * 8) / seconds / 1e6, cpu - cpuBefore] as const
  })
  const [connections, rate, cpu] = [0, 1, 2].map((column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0))
  const all = [connections, rate, cpu] as [number, number, number]
  const lines = [...rows, all].map(([count, mbits, spent], i) => {
    const name = i < rows.length ? String(i + 1) : 'all'
    const share = `${Math.round((100 * spent) / all[2])} %`
    return [name, String(count), mbits.toFixed(0), spent.toFixed(2), share]
  })
  return [['worker', 'connections', 'Mbit/s', 'CPU s', 'share'], ...lines]
    .map((cells) => cells.map((cell, i) => cell.padStart(WIDTHS[i] as number)).join('  '))
    .join('\n')
}

function readOptions(): { workers: number; connections: number; rate: number; seconds: number } {
  const type = 'string'
  const options = { workers: { type }, connections: { type }, rate: { type }, seconds: { type } } as const
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit()
  }
  const { workers = `${availableParallelism()}`, connections = '32', rate = '200', seconds = '5' } = values
  return {
    workers: number('--workers', workers, 1, 1000, true),
    connections: number('--connections', connections, 1, 10_000, true),
    rate: number('--rate', rate, 1, 100_000, false),
    seconds: number('--seconds', seconds, 0.1, 3600, false),
  }
}
