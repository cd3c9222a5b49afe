// What a connection is given of the place where it lives, beside its configuration.
import { Defences } from './defences.js'
import type { PathMemory } from './path-memory.js'
import type { Trace } from './trace.js'

/** What the link that a connection leaves by carries: payload plus options of a segment, bytes. */
export interface LinkSize {
  /** What one packet of it holds. */
  readonly largest: number
  /** What may be relied on beyond it: where a connection begins. */
  readonly safe: number
}

/** What of the socket's own buffer is one connection's. */
export interface Room {
  /** As things are, for segments of this length. */
  bytesFor(segment: number): number
}

/** What all connections of an endpoint may hold together: first less is asked for, then less is taken. */
export interface Budget {
  /** Most of it is used: windows stay small, and little may be queued. */
  readonly isTight: boolean
  /** All of it is used: text that can come again is not kept. */
  readonly isSpent: boolean
}

/** The half-open connections that a new one waits among. */
export interface Queue {
  /** So many that most must be made up: a SYN,ACK leaves once, and again only when the SYN comes again. */
  readonly isCrowded: boolean
}

export interface Surroundings {
  /** An observer. */
  readonly trace: Trace | null
  /** What an earlier connection on the same path left. */
  readonly memory: PathMemory | null
  readonly link: LinkSize
  readonly room: Room
  readonly budget: Budget
  readonly queue: Queue
  /** Where drops and doubts are counted. */
  readonly defences: Defences
  /** There is no network between the two ends: what is on its way waits in the receiver's socket. */
  readonly isLocal: boolean
  /** Memory for what is received, which is the user's then; what it holds is overwritten. */
  allocate(length: number): Uint8Array
}

/** Nobody waits. */
export const NO_QUEUE: Queue = Object.freeze({ isCrowded: false })

/** Nobody looks, nothing is known of the path, the link takes whatever the MSS is chosen to be, and there is room for it. */
export const NOWHERE: Surroundings = Object.freeze({
  trace: null,
  memory: null,
  link: Object.freeze({ largest: 65_495, safe: 65_495 }),
  room: Object.freeze({ bytesFor: () => Number.POSITIVE_INFINITY }),
  budget: Object.freeze({ isTight: false, isSpent: false }),
  queue: NO_QUEUE,
  defences: new Defences(),
  isLocal: false,
  allocate: (length: number): Uint8Array => new Uint8Array(length),
})
