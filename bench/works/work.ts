// What the two processes of a benchmark do: a server's part and a client's, and what both count.
import type { Duplex } from 'node:stream'
import type { Task } from '../messages.js'
import { peerNamed } from '../peers/by-name.js'
import type { Peer } from '../peers/peer.js'

export interface Work {
  /** @returns the port, once it listens. */
  serve(task: Task, tally: Tally): Promise<number>
  /** Settles when all connections are there and the work has begun; it goes on by itself. */
  drive(task: Task, port: number, tally: Tally): Promise<void>
  /** Opens connections that stay idle. @returns how many it could. */
  open?(task: Task, port: number, count: number, tally: Tally): Promise<number>
}

/** What a process has done so far. */
export class Tally {
  /** Bytes, trips, connections or messages, beside those in `parts`. */
  count = 0
  intact = true
  failed = 0
  /** Of single connections: a counter of its own is all that a chunk costs. */
  readonly parts: Part[] = []
  /** ms that each took, since the last fresh mark. */
  times: number[] = []
  datagrams: (() => number) | undefined
  /** While it rests, what would go on: it does so when that is over. */
  resting: (() => void)[] | null = null
  readonly fail: (error: Error) => void
  /** A connection's other end has ended. */
  readonly ended: () => void

  constructor(fail: (error: Error) => void, ended: () => void) {
    this.fail = fail
    this.ended = ended
  }

  part(): Part {
    const part = { done: 0 }
    this.parts.push(part)
    return part
  }
}

export interface Part {
  done: number
}

export const ADDRESS = '127.0.0.1'
/** Connections that are made at the same time. */
export const ABREAST = 10

export async function listen(task: Task, tally: Tally, onConnection: (stream: Duplex) => void): Promise<number> {
  const peer = peerNamed(task.peer)
  if (peer.datagrams !== undefined) tally.datagrams = () => peer.datagrams?.() ?? 0
  return await peer.listen(ADDRESS, 0, onConnection)
}

/** Makes `count` connections by `connect`, some at a time. */
export async function opened(count: number, connect: () => Promise<Duplex>): Promise<Duplex[]> {
  const streams: Duplex[] = []
  while (streams.length < count) {
    const some = Math.min(ABREAST, count - streams.length)
    streams.push(...(await Promise.all(Array.from({ length: some }, connect))))
  }
  return streams
}

/** How a task's client connects. */
export function connector({ peer, path }: Task, port: number): () => Promise<Duplex> {
  const named: Peer = peerNamed(peer)
  return () => named.connect(ADDRESS, port, path)
}

/** @throws Error when it takes more than `ms`. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  // a bare timer: the error that an AbortController makes to clear one takes longer than a connection
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`not within ${ms / 1000} s`)), ms)
    work.then(done, fail).finally(() => clearTimeout(late))
  })
}
