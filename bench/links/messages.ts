// What a benchmark over links and the processes at its ends say to each other. Times in ms, on the clock of process.hrtime().

export type Command =
  | { kind: 'listen'; peer: string; address: string; port: number }
  /** Sends until told to stop. */
  | { kind: 'send'; peer: string; address: string; port: number }
  /** Sends so many bytes on a connection of their own and waits until the other end has read them. */
  | { kind: 'file'; peer: string; address: string; port: number; bytes: number }
  | { kind: 'mark' }
  | { kind: 'samples' }

export type Answer =
  | { kind: 'listening' }
  | { kind: 'connected'; mark: Mark }
  /** The first byte is here. */
  | { kind: 'first'; mark: Mark }
  | { kind: 'marked'; mark: Mark }
  | { kind: 'sampled'; samples: readonly Sample[] }
  | { kind: 'filed'; ms: number }
  | { kind: 'failed'; message: string }

/** Where a process stands. */
export interface Mark {
  readonly at: number
  /** Received so far, or handed to the stream. */
  readonly bytes: number
  /** Of CPU, user and system, all threads. */
  readonly cpu: number
  /** All that came was what was sent. */
  readonly intact: boolean
  /** Of the connection that sends; null: unknown. */
  readonly segments: { readonly sent: number; readonly retransmitted: number } | null
}

/** Bytes received by then. */
export type Sample = readonly [at: number, bytes: number]
