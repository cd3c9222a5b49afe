// Random sequences of calls, the same on node:net and on ours: whatever a program calls, both ends see the same.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closed, type Net, overKernel, overUdp, pair, thrown, turns } from '../support/net-oracle.js'

/** What happens has happened when so many turns of the event loop have brought nothing new. */
const QUIET = 8

/** More of them: `SEQUENCES=5000`. Those that failed again, as the failure names them: `SEQUENCES=1,seed,path`. */
const [runs, seed, path] = (process.env.SEQUENCES ?? '').split(',')
const bounds = (few: number): fc.Parameters<[unknown]> => ({
  numRuns: runs ? Number(runs) : few,
  ...(seed ? { seed: Number(seed) } : {}),
  ...(path ? { path } : {}),
})
/** ms; for `SEQUENCES`, as long as they take. */
const timeout = runs ? 3_600_000 : 30_000

/** A trace of what two ends say, a part for each, since they have no common order. */
class Record {
  readonly lines: string[] = []
  private moved = 0

  say(...words: unknown[]): void {
    this.moved++
    this.lines.push(words.join(' '))
  }

  /** Something has come that is not worth a line. */
  touch(): void {
    this.moved++
  }

  async settle(): Promise<void> {
    for (let quiet = 0, seen = this.moved; quiet < QUIET; quiet++) {
      await turns(1)
      if (this.moved === seen) continue
      seen = this.moved
      quiet = 0
    }
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException)?.code ?? String(error)

// ---- two ends of a connection

interface End {
  readonly name: string
  readonly socket: Socket
  readonly peer: Socket
  readonly record: Record
  /** destroySoon() has been called: whatever is unread when that comes is thrown away. */
  leaves: boolean
}

type Act = (end: End) => unknown

/** docs/net-differences.md, unread-bytes-reset: what a socket throws away is not thrown away in these. */
const allRead = ({ socket }: End): boolean => socket.readableLength === 0
/** docs/net-differences.md, reset-is-heard: whether the kernel's socket hears of a reset depends on whether it reads. */
const peerReads = ({ socket }: End): boolean => !socket.writableEnded
/** When the peer is gone, whether a write or its answer is what fails is the kernel's affair. */
const peerLives = ({ peer }: End): boolean => !peer.destroyed

/** What comes after end() destroys. */
const maySayMore = (end: End): boolean => !end.socket.writableEnded || allRead(end)

const write =
  (length: number): Act =>
  (end) =>
    peerLives(end) &&
    maySayMore(end) &&
    end.socket.write(Buffer.alloc(length, 'x'), (error) => end.record.say(end.name, 'written', length, codeOf(error)))

/** The acts of one turn, on one end. */
const acts: fc.Arbitrary<readonly [name: string, act: Act]> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 600 }).map((n) => [`write ${n}`, write(n)] as const) },
  fc.constantFrom<readonly [string, Act]>(
    ['end()', (end) => end.socket.end(() => end.record.say(end.name, 'ended')) === end.socket],
    ['end(text)', (end) => peerLives(end) && maySayMore(end) && end.socket.end('the end') === end.socket],
    ['pause()', ({ socket }) => socket.pause() === socket],
    ['resume()', ({ socket }) => socket.resume() === socket],
    ['read(7)', ({ socket }) => socket.read(7)?.length],
    ['read()', ({ socket }) => socket.read()?.length],
    ['unshift()', ({ socket, leaves }) => socket.readable && !leaves && socket.unshift(Buffer.from('back'))],
    ['setEncoding()', ({ socket }) => socket.setEncoding('latin1') === socket],
    [
      'cork, write twice, uncork',
      (end) => {
        end.socket.cork()
        write(3)(end)
        write(4)(end)
        end.socket.uncork()
      },
    ],
    ['destroy()', (end) => allRead(end) && end.socket.destroy() === end.socket],
    ['destroy(error)', (end) => allRead(end) && end.socket.destroy(new Error('mine')) === end.socket],
    [
      'destroySoon()',
      (end) => {
        if (!allRead(end)) return
        end.leaves = true
        end.socket.destroySoon()
      },
    ],
    ['setNoDelay()', ({ socket }) => socket.setNoDelay(true) === socket],
    ['setTimeout()', ({ socket }) => socket.setTimeout(60_000) === socket],
    ['once(data)', (end) => end.socket.once('data', (data) => end.record.say(end.name, 'once', data.length > 0)) && 0],
  ),
)

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ on: fc.constantFrom(0, 1), acts: fc.array(acts, { minLength: 1, maxLength: 3 }) }),
  },
  // docs/net-differences.md, reset-after-end: not in one turn with end()
  fc.record({
    on: fc.constantFrom(0, 1),
    acts: fc.constant([
      ['resetAndDestroy()', (end: End) => peerReads(end) && end.socket.resetAndDestroy() === end.socket] as const,
    ]),
  }),
)

const conversation = fc.record({
  halfOpen: fc.tuple(fc.boolean(), fc.boolean()),
  flowing: fc.tuple(fc.boolean(), fc.boolean()),
  steps: fc.array(step, { minLength: 1, maxLength: 9 }),
})
type Conversation = typeof conversation extends fc.Arbitrary<infer T> ? T : never

function stateOf(socket: Socket): string {
  const { readyState, destroyed, readable, writable, readableEnded, writableEnded, writableFinished, closed } = socket
  const flags = { destroyed, readable, writable, readableEnded, writableEnded, writableFinished, closed }
  const set = Object.entries(flags).flatMap(([name, on]) => (on ? [name] : []))
  const counts = [socket.bytesRead, socket.bytesWritten, socket.readableLength, socket.writableLength]
  return [readyState, ...set, socket.pending, socket.isPaused(), codeOf(socket.errored), ...counts].join(' ')
}

function listen({ name, socket, record }: End, flowing: boolean): void {
  for (const event of ['connect', 'end', 'finish', 'drain'] as const) socket.on(event, () => record.say(name, event))
  socket.on('error', (error) => record.say(name, 'error', codeOf(error)))
  socket.on('close', (hadError) => record.say(name, 'close', hadError))
  if (flowing) socket.on('data', () => record.touch())
}

async function converse(net: Net, { halfOpen, flowing, steps }: Conversation): Promise<string[]> {
  const record = new Record()
  const { server, client, served } = await pair(
    net,
    { allowHalfOpen: halfOpen[0], noDelay: true },
    { allowHalfOpen: halfOpen[1], noDelay: true },
  )
  const ends: readonly End[] = [
    { name: 'server', socket: served, peer: client, record, leaves: false },
    { name: 'client', socket: client, peer: served, record, leaves: false },
  ]
  ends.forEach((end, i) => {
    listen(end, flowing[i] as boolean)
  })
  await record.settle()
  for (const { on, acts } of steps) {
    const end = ends[on] as End
    for (const [name, act] of acts) {
      let answer: unknown
      const error = thrown(() => {
        answer = act(end)
      })
      record.say(end.name, name, error === 'nothing' ? answer : codeOf(error))
    }
    await record.settle()
    for (const { name, socket } of ends) record.say(name, stateOf(socket))
  }
  const lines = [...record.lines]
  for (const { socket } of ends) socket.destroy()
  await closed(server)
  return byEnd(lines)
}

/** Within one step the two ends have no common order. */
const byEnd = (lines: readonly string[]): string[] => [
  ...lines.filter((line) => line.startsWith('client')),
  ...lines.filter((line) => line.startsWith('server')),
]

test('on both ends of a connection', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(conversation, async (plan) => {
      expect(await converse(overUdp, plan)).toEqual(await converse(overKernel, plan))
    }),
    bounds(150),
  )
})

// ---- a server

type ServerAct = (server: Server, say: (...words: unknown[]) => void) => unknown

const serverActs = fc.constantFrom<readonly [string, ServerAct]>(
  ['listen(0)', (server, say) => server.listen(0, () => say('called back', server.listening))],
  ['listen({ port: 0 })', (server) => server.listen({ port: 0 })],
  ['listen()', (server) => server.listen()],
  ['close(cb)', (server, say) => server.close((error) => say('closed', codeOf(error)))],
  ['close()', (server) => server.close()],
  ['ref()', (server) => server.ref()],
  ['unref()', (server) => server.unref()],
  ['getConnections()', (server, say) => server.getConnections((error, n) => say('connections', error, n))],
  ['listening', (server) => server.listening],
  ['address()', (server) => (server.address() as AddressInfo | null)?.address],
  ['asyncDispose', (server, say) => void server[Symbol.asyncDispose]().then(() => say('disposed'))],
  ['a signal', (server) => server.listen({ port: 0, signal: AbortSignal.abort() })],
)

const serverLife = fc.array(fc.array(serverActs, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
type ServerLife = typeof serverLife extends fc.Arbitrary<infer T> ? T : never

async function live(net: Net, life: ServerLife): Promise<string[]> {
  const record = new Record()
  const say = record.say.bind(record)
  const server = net.createServer()
  for (const event of ['listening', 'close', 'error']) server.on(event, (error) => say(event, codeOf(error)))
  for (const turn of life) {
    for (const [name, act] of turn) {
      let answer: unknown
      const error = thrown(() => {
        answer = act(server, say)
      })
      say(name, error === 'nothing' ? answer === server || String(answer) : codeOf(error))
    }
    await record.settle()
    say(server.listening, (server.address() as AddressInfo | null)?.family)
  }
  if (server.listening) await closed(server)
  return record.lines
}

test('on a server', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(serverLife, async (life) => {
      expect(await live(overUdp, life)).toEqual(await live(overKernel, life))
    }),
    bounds(200),
  )
})

// ---- a socket before, while and after it connects, in the same turn

type SocketAct = (socket: Socket, port: number, say: (...words: unknown[]) => void) => unknown

// no pause(): what comes to a socket that has not begun to read waits in the kernel, and whether end() is ahead of it is the kernel's affair
const socketActs = fc.constantFrom<readonly [string, SocketAct]>(
  ['write()', (socket, _port, say) => socket.write('w', (error) => say('written', codeOf(error)))],
  ['end()', (socket, _port, say) => socket.end(() => say('ended'))],
  ['end(text)', (socket) => socket.end('text')],
  ['setTimeout()', (socket) => socket.setTimeout(60_000)],
  ['setNoDelay()', (socket) => socket.setNoDelay()],
  ['setKeepAlive()', (socket) => socket.setKeepAlive(true)],
  ['ref()', (socket) => socket.ref()],
  ['unref()', (socket) => socket.unref().ref()],
  ['setEncoding()', (socket) => socket.setEncoding('utf8')],
  ['cork()', (socket) => void socket.cork()],
  ['uncork()', (socket) => void socket.uncork()],
  ['destroy()', (socket) => socket.destroy()],
  ['destroy(error)', (socket) => socket.destroy(new Error('mine'))],
  ['destroySoon()', (socket) => socket.destroySoon()],
)

const dialling = fc.record({
  reachable: fc.boolean(),
  halfOpen: fc.boolean(),
  turns: fc.array(fc.array(socketActs, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
})
type Dialling = typeof dialling extends fc.Arbitrary<infer T> ? T : never

async function dial(net: Net, { reachable, halfOpen, turns: plan }: Dialling): Promise<string[]> {
  const record = new Record()
  const say = record.say.bind(record)
  const server = net.createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end('hello'),
  )
  server.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  if (!reachable) await closed(server)
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: halfOpen, noDelay: true }).resume()
  for (const event of ['connect', 'ready', 'end', 'finish'] as const) socket.on(event, () => say(event))
  socket.on('error', (error) => say('error', codeOf(error)))
  socket.on('close', (hadError) => say('close', hadError))
  for (const turn of plan) {
    for (const [name, act] of turn) {
      const answer = act(socket, port, say)
      say(name, answer === socket || String(answer), socket.readyState, socket.connecting, socket.destroyed)
    }
    await record.settle()
    say(socket.readyState, socket.pending, socket.destroyed, codeOf(socket.errored), socket.bytesRead)
  }
  const lines = [...record.lines]
  socket.destroy()
  if (reachable) await closed(server)
  return lines
}

test('on a socket while it connects', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(dialling, async (plan) => {
      expect(await dial(overUdp, plan)).toEqual(await dial(overKernel, plan))
    }),
    bounds(150),
  )
})
