// What a benchmark over loopback and the two processes that work for it say to each other.

export type WorkName = 'stream' | 'echo' | 'brief' | 'framed' | 'datagrams'

/** What a client and a server do together. */
export interface Task {
  readonly work: WorkName
  readonly peer: string
  /** That work at the same time. */
  readonly connections: number
  /** Others beside them, each used once; of echo. @default 0 */
  readonly idle?: number
  /** That a connection sends before it ends; absent: it does not end. */
  readonly bytes?: number
  /** One of links/paths.ts; absent: loopback as it is. */
  readonly path?: string
}

export type Command =
  | { kind: 'serve'; task: Task }
  | { kind: 'drive'; task: Task; port: number }
  /** So many more connections, each used once. */
  | { kind: 'open'; count: number }
  /** Trips begin no more, or again. */
  | { kind: 'rest' }
  | { kind: 'go' }
  | { kind: 'mark'; how: Marking }

/** How a process stands: from now on, in sum since then, or after collecting garbage. Only a sum takes time to make. */
export type Marking = 'fresh' | 'summed up' | 'weighed'

export type Answer =
  | { kind: 'listening'; port: number }
  | { kind: 'begun'; mark: Mark }
  | { kind: 'opened'; open: number }
  | { kind: 'marked'; mark: Mark }
  /** A connection's other end has ended. */
  | { kind: 'ended'; mark: Mark }
  | { kind: 'failed'; message: string }

/** Where a process stands. */
export interface Mark {
  /** ms, on its own clock. */
  readonly at: number
  /** ms of CPU, user and system, all threads. */
  readonly cpu: number
  /** Bytes, trips, connections or messages so far: what the work counts. */
  readonly count: number
  /** Of `count`, each connection's. */
  readonly shares: readonly number[]
  /** All that came was what was to come. */
  readonly intact: boolean
  /** Connections that came to nothing. */
  readonly failed: number
  /** ms that one took, since the last fresh mark; null of none. */
  readonly p50: number | null
  readonly p99: number | null
  /** Datagrams that have come to the server; null: nobody tells. */
  readonly datagrams: number | null
  /** Bytes of memory, after garbage was collected; 0: it was not asked for. */
  readonly memory: number
}
