// Real UDP over loopback, for minutes: bulk, questions and answers, comers and goers, resets, half-open SYNs and garbage, with loss on the way.
import dgram from 'node:dgram'
import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  defaultStack,
  type NetConnectOpts,
  type Server,
  type Socket,
  Stack,
} from 'tcp-over-udp'
import { ImpairedPlatform } from 'tcp-over-udp/testing'
import { Random } from '../../lib/testing/random.js'
import { Segment, SYN } from '../../lib/wire/segment.js'
import { mangle } from '../support/mangle.js'
import { memoryInUse } from '../support/memory.js'
import { datagramOf } from '../support/segments.js'
import { Progress } from './progress.js'

const HOST = '127.0.0.1'
const PERIOD = 65_521
const STREAM = Buffer.from(new Uint8Array(2 * PERIOD).map((_, i) => (i % PERIOD) ^ ((i % PERIOD) >> 8)))
/** Memory is first looked at after this share of the time. */
const WARM = 0.3
const NOISE = 12 * 2 ** 20

/** A peer whose RST got lost is missed within seconds. */
const SERVER = {
  msl: 500,
  keepAlive: true,
  keepAliveInitialDelay: 5_000,
  keepAliveInterval: 1_000,
  keepAliveCount: 5,
  maxRetries: 8,
  maxRto: 2_000,
}

class RealSoak {
  transfers = 0
  bytes = 0
  resets = 0
  halfOpen = 0
  garbage = 0
  readonly wrong: string[] = []
  private readonly port: number
  private readonly stacks: readonly Stack[]
  private readonly random = new Random(1)
  private running = true

  constructor(port: number) {
    this.port = port
    const lossy = { loss: 0.01, delay: 5, jitter: 2, reorder: 0.01 }
    const path = new ImpairedPlatform(defaultStack().platform, { outgoing: lossy, incoming: lossy })
    this.stacks = [defaultStack(), new Stack(path)]
  }

  /** Everything at once, until stop(). */
  async run(): Promise<void> {
    const bulk = [0, 1].map((stack) => this.again(() => this.transfer(stack, stack === 0 ? 20_000_000 : 1_000_000)))
    const brief = Array.from({ length: 8 }, (_, i) => this.again(() => this.transfer(i % 2, this.random.below(20_000))))
    const idle = Array.from({ length: 20 }, (_, i) => this.stay(i % 2))
    await Promise.all([...bulk, ...brief, ...idle, this.again(() => this.reset()), this.disturb()])
  }

  stop(): void {
    this.running = false
  }

  private async again(body: () => Promise<void>): Promise<void> {
    while (this.running) await body()
  }

  private open(stack: number, options: Partial<NetConnectOpts> = {}): Socket {
    return connect({ host: HOST, port: this.port, stack: this.stacks[stack], msl: 500, ...options })
  }

  /** So many bytes there and back, each of them looked at. */
  private async transfer(stack: number, length: number): Promise<void> {
    const socket = this.open(stack)
    const closed = this.closeOf(socket, 'a transfer')
    let received = 0
    socket.on('data', (bytes: Buffer) => {
      const at = received % PERIOD
      if (!isStream(bytes, at)) this.wrong.push(`something else after ${received} bytes`)
      received += bytes.length
    })
    for (let sent = 0; sent < length && !socket.destroyed; ) {
      const at = sent % PERIOD
      const bytes = STREAM.subarray(at, at + Math.min(length - sent, PERIOD))
      sent += bytes.length
      if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
    }
    socket.end()
    await closed
    if (received !== length) this.wrong.push(`${received} of ${length} bytes`)
    this.transfers++
    this.bytes += received
  }

  /** A connection for all of the time, with a word every now and then. */
  private async stay(stack: number): Promise<void> {
    const socket = this.open(stack, { keepAlive: true, keepAliveInitialDelay: 2_000, natKeepAlive: 1_000 })
    const closed = this.closeOf(socket, 'one that stays')
    socket.resume()
    while (this.running) {
      await sleep(500 + this.random.below(4_000))
      if (socket.destroyed) this.wrong.push('one that stays did not')
      socket.write('still here')
    }
    socket.end()
    await closed
  }

  private closeOf(socket: Socket, who: string): Promise<void> {
    socket.on('error', (error) => this.wrong.push(`${who} (port ${socket.localPort}): ${String(error)}`))
    return new Promise((resolve) => socket.on('close', () => resolve()))
  }

  private async reset(): Promise<void> {
    const socket = this.open(this.random.below(2))
    socket.on('error', () => {})
    socket.write(STREAM.subarray(0, this.random.below(PERIOD)))
    await sleep(this.random.below(60))
    socket.resetAndDestroy()
    this.resets++
  }

  /** SYNs that nobody means, and datagrams that mean nothing. */
  private async disturb(): Promise<void> {
    const socket = dgram.createSocket('udp4')
    const syn = new Segment()
    syn.flags = SYN
    syn.destinationPort = this.port
    syn.mss = 1460
    while (this.running) {
      await sleep(200)
      syn.sourcePort = 1024 + this.random.below(60_000)
      syn.seq = this.random.u32()
      const real = datagramOf(syn)
      socket.send(real, this.port, HOST)
      this.halfOpen++
      for (let i = 0; i < 4; i++, this.garbage++) socket.send(mangle(real, real, this.random), this.port, HOST)
    }
    socket.close()
  }
}

function isStream(bytes: Buffer, at: number): boolean {
  for (let from = 0; from < bytes.length; from += PERIOD) {
    const part = bytes.subarray(from, from + PERIOD)
    if (part.compare(STREAM, at, at + part.length) !== 0) return false
  }
  return true
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function echo(socket: Socket): void {
  socket.on('error', () => {})
  socket.pipe(socket)
}

async function listen(): Promise<Server> {
  const server = createServer(SERVER as never, echo)
  await once(server.listen({ port: 0, host: HOST, backlog: 4096, timeWait: 'release' }), 'listening')
  return server
}

/** @returns what is not as it should be. */
export async function soakInRealTime(minutes: number): Promise<string[]> {
  const server = await listen()
  const soak = new RealSoak((server.address() as AddressInfo).port)
  const seconds = Math.ceil(minutes * 60)
  const progress = new Progress(seconds, 's')
  const began = performance.now()
  const cpu = process.cpuUsage()
  const running = soak.run()
  let before = Number.NaN
  let latest = 0
  for (let second = 1; second <= seconds && soak.wrong.length === 0; second++) {
    await sleep(1_000)
    if (second === Math.ceil(WARM * seconds)) before = await memoryInUse()
    latest = process.memoryUsage().rss
    progress.at(
      second,
      `${soak.transfers} transfers, ${(soak.bytes / 1e6).toFixed(0)} MB, RSS ${(latest / 2 ** 20).toFixed(0)} MiB`,
    )
  }
  const after = await memoryInUse()
  progress.close()
  soak.stop()
  await Promise.race([running, sleep(30_000).then(() => soak.wrong.push('not all of it comes to an end'))])
  const took = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const left = await close(server)
  console.log(
    `${took.toFixed(0)} s: ${soak.transfers} transfers of ${(soak.bytes / 1e9).toFixed(2)} GB there and back, ${soak.resets} resets, ` +
      `${soak.halfOpen} half-open SYNs, ${soak.garbage} garbage datagrams; CPU ${((user + system) / 1e6 / took).toFixed(2)} cores, ` +
      `RSS ${(latest / 2 ** 20).toFixed(0)} MiB, memory ${signed(after - before)} MiB after the first ${(100 * WARM).toFixed(0)} %, ${left} endpoints left`,
  )
  return [
    ...soak.wrong.slice(0, 5),
    ...(after - before > NOISE ? [`memory grew by ${signed(after - before)} MiB`] : []),
    ...(left > 0 ? ['endpoints are left'] : []),
  ]
}

const signed = (bytes: number): string => `${bytes < 0 ? '' : '+'}${(bytes / 2 ** 20).toFixed(1)}`

/** @returns UDP ports that are still bound when all TIME-WAIT is over. */
async function close(server: Server): Promise<number> {
  server.close()
  await once(server, 'close')
  await sleep(3_000)
  return defaultStack().getStats().endpoints
}
