// What a benchmark and its workers say to each other.

export type Command =
  | { kind: 'listen'; peer: string }
  /** `bytes`: to send, then end; absent: until told to stop. */
  | { kind: 'connect'; peer: string; port: number; path?: string; bytes?: number }
  | { kind: 'mark' }
  | { kind: 'stop' }

export type Answer =
  | { kind: 'listening'; port: number }
  | { kind: 'marked'; snapshot: Snapshot }
  | { kind: 'received'; intact: boolean; snapshot: Snapshot }
  | { kind: 'closed'; snapshot: Snapshot }
  | { kind: 'failed'; message: string }

/** Where a worker stands. */
export interface Snapshot {
  /** Sent or received so far. */
  readonly bytes: number
  /** ms, on the worker's own clock. */
  readonly at: number
  /** ms of CPU, user and system, all threads. */
  readonly cpu: number
}
