// What a stack will hold and answer at most; every row has a peer that tries.

/** Bounds of one stack. All are positive integers. */
export interface StackLimits {
  /** Connections of one endpoint, half-open ones included; beyond it a SYN is dropped. @default 131072 */
  readonly maxEndpointConnections: number
  /** TIME-WAIT records of one endpoint; beyond it the one that expires first goes. @default 16384 */
  readonly maxTimeWaitRecords: number
  /**
   * UDP sockets of clients that stay open for TIME-WAIT only, in the whole stack; beyond it the oldest closes early.
   * Never more than a quarter of the descriptor limit. @default 1024
   */
  readonly maxTimeWaitSockets: number
  /** Remote hosts whose round trip and slow-start threshold are remembered; beyond it the one used longest ago goes. @default 1024 */
  readonly maxRememberedHosts: number
  /** RSTs per second and endpoint for segments that nobody owns; beyond it silence. @default 1000 */
  readonly maxResets: number
  /** ACKs per second and endpoint for old or stray segments in TIME-WAIT (a repeated FIN is always answered). @default 100 */
  readonly maxTimeWaitAcks: number
}

export const DEFAULT_LIMITS: StackLimits = Object.freeze({
  maxEndpointConnections: 131_072,
  maxTimeWaitRecords: 16_384,
  maxTimeWaitSockets: 1024,
  maxRememberedHosts: 1024,
  maxResets: 1000,
  maxTimeWaitAcks: 100,
})
