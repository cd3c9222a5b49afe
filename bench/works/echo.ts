// 64 bytes there and back, one after the other on each connection; and connections that are used once and then stay. Counted: trips.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Task } from '../messages.js'
import { isPieceAt, pieceAt } from '../pattern.js'
import { ABREAST, connector, listen, opened, type Tally, type Work, within } from './work.js'

/** Bytes of a trip. */
const SIZE = 64
const MESSAGE = pieceAt(0, SIZE)
/** What is asked of a connection that is used once. */
const BYTE = Buffer.of(1)
/** ms for the answer. */
const PATIENCE = 8_000
/** ms after which no more are opened: some peers take seconds for a hundred. */
const OPENING = 30_000
/** Idle connections that may fail before no more are opened. */
const FAILURES = 30

// one function for all connections: what is weighed is a connection, not its listeners
function answer(this: Duplex, chunk: Buffer): void {
  this.write(chunk)
}

function end(this: Duplex): void {
  this.end()
}

/** A server that answers with what it is sent. */
export function serveEcho(task: Task, tally: Tally, onError: (error: Error) => void): Promise<number> {
  return listen(task, tally, (stream) => {
    stream.on('error', onError)
    stream.on('data', answer)
    stream.on('end', end)
  })
}

function goThereAndBack(stream: Duplex, tally: Tally): void {
  let here = 0
  let left = 0
  const go = (): void => {
    left = performance.now()
    stream.write(MESSAGE)
  }
  stream.on('data', (chunk: Buffer) => {
    tally.intact &&= isPieceAt(here, chunk)
    here += chunk.length
    if (here < SIZE) return
    tally.times.push(performance.now() - left)
    tally.count++
    here = 0
    if (tally.resting === null) go()
    else tally.resting.push(go)
  })
  go()
}

/** Makes a connection and uses it once. @returns whether it could. */
async function use(connect: () => Promise<Duplex>, tally: Tally): Promise<boolean> {
  try {
    const stream = await within(PATIENCE, connect())
    stream.on('error', tally.fail)
    const answered = once(stream, 'data')
    stream.write(BYTE)
    await within(PATIENCE, answered)
    return true
  } catch {
    tally.failed++
    return false
  }
}

/** @returns how many of `count` are there and stay. */
async function open(task: Task, port: number, count: number, tally: Tally): Promise<number> {
  const connect = connector(task, port)
  const over = performance.now() + OPENING
  let done = 0
  for (let asked = 0; asked < count && performance.now() < over && tally.failed < FAILURES; asked += ABREAST) {
    const some = Math.min(ABREAST, count - asked)
    const used = await Promise.all(Array.from({ length: some }, () => use(connect, tally)))
    done += used.filter(Boolean).length
  }
  return done
}

export const echo: Work = {
  serve: (task, tally) => serveEcho(task, tally, tally.fail),
  open,
  async drive(task, port, tally) {
    const { idle = 0, connections } = task
    const there = await open(task, port, idle, tally)
    if (there < idle) throw new Error(`of ${idle} connections ${there} were opened in ${OPENING / 1000} s`)
    for (const stream of await opened(connections, connector(task, port))) {
      stream.on('error', tally.fail)
      goThereAndBack(stream, tally)
    }
  },
}
