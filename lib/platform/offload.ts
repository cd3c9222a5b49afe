// What all sockets that the C library serves share: one of them sends, or is read, at a time.
import { isMainThread } from 'node:worker_threads'
import { Descriptors } from './descriptors.js'
import { Inbox } from './inbox.js'
import { type Libc, loadLibc } from './libc.js'
import { Neighbours } from './neighbours.js'
import { Readiness } from './readiness.js'
import { SocketAddresses } from './socket-address.js'
import { Train } from './train.js'

/** Whose train waits to leave. */
export interface Loader {
  flush(): boolean
}

export interface Offload {
  readonly libc: Libc
  readonly addresses: SocketAddresses
  readonly descriptors: Descriptors
  readonly neighbours: Neighbours
  readonly readiness: Readiness
  readonly train: Train
  readonly inbox: Inbox
  loader: Loader | null
  /** Where its train goes. */
  toAddress: string
  toPort: number
}

let offload: Offload | null | undefined

/** Bun and Deno load koffi too, and lack the part of libuv that waits for a descriptor: the process ends, or nothing is ever read. */
const isNode = process.versions.bun === undefined && process.versions.deno === undefined

/**
 * null: this machine has none, or koffi is not installed; in another runtime than Node; and in a worker thread, which may be terminated at any time: its event loop
 * would then call into what is gone, and that ends the process.
 */
export function loadOffload(): Offload | null {
  if (offload === undefined) {
    const libc = isMainThread && isNode ? loadLibc() : null
    offload = libc === null ? null : createOffload(libc)
  }
  return offload
}

/** All that its sockets share, over this C library. */
export function createOffload(libc: Libc): Offload {
  const addresses = new SocketAddresses(libc)
  const descriptors = new Descriptors(libc, addresses)
  return {
    libc,
    addresses,
    descriptors,
    neighbours: new Neighbours(descriptors),
    readiness: new Readiness(libc),
    train: new Train(libc),
    inbox: new Inbox(libc, addresses),
    loader: null,
    toAddress: '',
    toPort: 0,
  }
}
