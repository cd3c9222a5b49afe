// What an endpoint counts, and what there is to tell of it.
import type { DefenceCounts } from '../core/defences.js'

/** What endpoints with the same limits have counted: one alone, or all those of clients together. */
export class Counts {
  /** Records that went early, to make room. */
  timeWaitEvicted = 0
  datagrams = 0
  /** Datagrams that were no segments. */
  malformed = 0
  /** Segments for nobody. */
  unowned = 0
  resetsSent = 0
  /** Segments for nobody that were not answered: too many, or no way out. */
  resetsSuppressed = 0
  /** SYNs dropped because the endpoint holds as many connections as it may. */
  refusedByLimit = 0
  /** And because their address holds as many, or there is no memory left for buffers. */
  refusedPerAddress = 0
  refusedByMemory = 0
  /** Segments that say to come from where they went to: dropped. */
  selfAddressed = 0
  /** Questions to addresses from which a peer seemed to speak, and peers that were followed there (`followPeer`). */
  pathProbes = 0
  pathsFollowed = 0
  /** Failed sends and ICMP errors. */
  socketErrors = 0
}

/** Counted since the endpoint was bound, or as it is now. */
export interface EndpointStats extends OwnStats, Readonly<Counts>, DefenceCounts {
  /** Bytes that the buffers of its connections take. */
  readonly bufferMemory: number
  /** Connections without an owner that were ended to make room. */
  readonly orphansEnded: number
}

/** What is one endpoint's alone, as it is now. */
export interface OwnStats {
  /** UDP sockets: one, and beside a wildcard one for each address. */
  readonly sockets: number
  readonly connections: number
  readonly timeWait: number
  /** Bytes that the machine grants each socket for what waits to be read, its own overhead among them: see `recvBufferSize`. */
  readonly receiveBuffer: number
  /** Datagrams that came and found no room there: lost, as in the network. undefined: the machine does not say. */
  readonly dropped: number | undefined
}
