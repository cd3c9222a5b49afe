// One transfer between this process and another that is killed in the middle of it (kill -9), and what this one may say then.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type AddressInfo, connect, createServer, defaultStack, type Socket, Stack } from 'tcp-over-udp'
import { ImpairedPlatform } from 'tcp-over-udp/testing'
import type { Random } from '../../lib/testing/random.js'
import { ACK, type Segment, SYN } from '../../lib/wire/segment.js'
import { must } from './fuzz.js'
import { isStreamAt, streamAt, TIMES, type Victim } from './kill-stream.js'
import { recording } from './recording-platform.js'
import { root } from './source-tree.js'

const HOST = '127.0.0.1'
/** ms in which the survivor must have come to an end. */
const PATIENCE = 30_000
const TRUE_ERRORS = ['ETIMEDOUT', 'ECONNRESET', 'ECONNREFUSED', 'EPIPE']

export interface Round {
  /** What the survivor does. */
  readonly survivor: 'sender' | 'receiver'
  readonly role: 'client' | 'server'
  readonly total: number
  /** The victim is killed some time after it has begun to connect, or after both ends have met. */
  readonly from: 'start' | 'meeting'
  /** ms after that. */
  readonly killAfter: number
}

export interface Outcome {
  /** 'end', or the error's code; 'never met': the victim died before the handshake. */
  readonly how: string
  readonly bytes: number
}

export function anyRound(random: Random): Round {
  return {
    survivor: random.chance(0.5) ? 'sender' : 'receiver',
    role: random.chance(0.5) ? 'client' : 'server',
    total: 100_000 + random.below(150_000_000),
    from: random.chance(0.2) ? 'start' : 'meeting',
    killAfter: random.below(600),
  }
}

/** What passed on the wire, as the sender's side saw it. */
class Capture {
  /** Bytes of text that the peer has acknowledged. */
  acknowledged = 0
  private iss = -1

  onSent({ flags, seq }: Segment): void {
    if (flags & SYN) this.iss = seq
  }

  onReceived({ flags, ack }: Segment): void {
    if (this.iss < 0 || (flags & ACK) === 0) return
    this.acknowledged = Math.max(this.acknowledged, ((ack - this.iss - 1) >>> 0) & 0x7fff_ffff)
  }
}

/** @throws Error that says what was not true. */
export async function runKillRound(round: Round, seed: number): Promise<Outcome> {
  const capture = new Capture()
  const lossy = { loss: 0.01, delay: 2, jitter: 1 }
  const path = new ImpairedPlatform(defaultStack().platform, { seed, outgoing: lossy, incoming: lossy })
  const stack = new Stack(recording(path, capture))
  const server = createServer({ stack, ...TIMES } as never)
  let child: ChildProcess | null = null
  const kill = (): void => void setTimeout(() => child?.kill('SIGKILL'), round.killAfter)
  try {
    if (round.role === 'server') {
      const met = event(server, 'connection') as Promise<[Socket]>
      await event(server.listen(0, HOST), 'listening')
      const { port } = server.address() as AddressInfo
      child = start({ sends: round.survivor === 'receiver', total: round.total, port })
      await event(child.stdout as NodeJS.ReadableStream, 'data')
      if (round.from === 'start') kill()
      else void met.then(kill)
      const gone = event(child, 'exit')
      // a connection whose handshake was done before the kill may be told of after it
      const first = await Promise.race([met, gone.then(() => sleep(1_000)).then(() => null)])
      return first === null ? { how: 'never met', bytes: 0 } : await follow(first[0], round, capture)
    }
    child = start({ sends: round.survivor === 'receiver', total: round.total, port: 0 })
    const [line] = (await event(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    const socket = connect({ host: HOST, port: Number(line), stack, ...TIMES })
    if (round.from === 'start') kill()
    else socket.once('connect', kill)
    return await follow(socket, round, capture)
  } finally {
    child?.kill('SIGKILL')
    if (server.listening) server.close()
  }
}

/** Unlike once() of node:events it does not care for errors, which are an end like others here. */
function event(emitter: NodeJS.EventEmitter, name: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(name, (...args: unknown[]) => resolve(args)))
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function start(victim: Victim): ChildProcess {
  const args = [join(root, 'dist/test/long/kill-victim.js'), JSON.stringify(victim)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function follow(socket: Socket, { survivor, total }: Round, capture: Capture): Promise<Outcome> {
  let received = 0
  let confirmed = 0
  let how = 'nothing'
  socket.on('error', (error: Error & { code?: string }) => {
    how = error.code ?? String(error)
  })
  socket.on('end', () => {
    how = 'end'
  })
  socket.on('data', (bytes: Buffer) => {
    must(survivor === 'receiver' && isStreamAt(bytes, received), `what came after ${received} bytes was never sent`)
    received += bytes.length
  })
  const closed = event(socket, 'close')
  if (survivor === 'sender') void pour(socket, total, closed, (bytes) => (confirmed = Math.max(confirmed, bytes)))
  const timeout = sleep(PATIENCE).then(() => 'late' as const)
  must(
    (await Promise.race([closed, timeout])) !== 'late',
    `after ${PATIENCE} ms it is still ${socket.readyState}: ${how}`,
  )
  const acked = Math.max(confirmed, socket.getInfo()?.bytesAcked ?? 0)
  must(acked <= capture.acknowledged, `${acked} bytes are said to be acknowledged, ${capture.acknowledged} were`)
  if (how === 'end') {
    must(survivor === 'sender' || received === total, `a clean end after ${received} of ${total} bytes`)
    must(
      survivor === 'receiver' || capture.acknowledged >= total,
      `a clean end with ${capture.acknowledged} acknowledged`,
    )
  } else must(TRUE_ERRORS.includes(how), `it ended by ${how}`)
  return { how, bytes: survivor === 'receiver' ? received : acked }
}

async function pour(
  socket: Socket,
  total: number,
  closed: Promise<unknown>,
  confirm: (bytes: number) => void,
): Promise<void> {
  for (let sent = 0; sent < total && !socket.destroyed; ) {
    const bytes = streamAt(sent, Math.min(16_384, total - sent))
    sent += bytes.length
    const target = sent
    const hasRoom = socket.write(bytes)
    socket.acknowledged().then(
      () => confirm(target),
      () => {},
    )
    if (hasRoom) continue
    await Promise.race([event(socket, 'drain'), closed])
  }
  if (!socket.destroyed) socket.end()
}
