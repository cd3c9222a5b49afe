// What a stack will hold and answer at most; every row has a peer that tries.

/** Bounds of one stack: integers from 1 on, or Infinity for none. */
export interface StackLimits {
  /** Connections of one endpoint, half-open ones included; beyond it a SYN is dropped. @default 131072 */
  readonly maxEndpointConnections: number
  /** Established connections of one remote address (IPv6: of one /64) on an endpoint; beyond it a SYN is dropped. @default Infinity */
  readonly maxConnectionsPerAddress: number
  /**
   * Bytes that the buffers of all connections of an endpoint take together. From three quarters on windows close and send() takes
   * little; beyond it text that can come again is dropped, and SYNs are, and the oldest connection without an owner goes. The sockets
   * that connect() makes share one. @default 512 MiB
   */
  readonly maxBufferMemory: number
  /** TIME-WAIT records of one endpoint; beyond it the one that expires first goes. @default 16384 */
  readonly maxTimeWaitRecords: number
  /**
   * UDP sockets of clients that stay open for TIME-WAIT only, in the whole stack; beyond it the oldest closes early, and from 256 on,
   * or as many as this, the next connection to the same peer takes it over.
   * Never more than a quarter of the descriptor limit. @default 1024
   */
  readonly maxTimeWaitSockets: number
  /** Remote hosts whose round trip and slow-start threshold are remembered; beyond it the one used longest ago goes. @default 1024 */
  readonly maxRememberedHosts: number
  /** RSTs per second and endpoint for segments that nobody owns, at most, and half as many at least; beyond it silence. @default 1000 */
  readonly maxResets: number
  /** ACKs per second and endpoint for old or stray segments in TIME-WAIT (a repeated FIN is always answered). @default 100 */
  readonly maxTimeWaitAcks: number
}

export const DEFAULT_LIMITS: StackLimits = Object.freeze({
  maxEndpointConnections: 131_072,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  maxBufferMemory: 512 * 2 ** 20,
  maxTimeWaitRecords: 16_384,
  maxTimeWaitSockets: 1024,
  maxRememberedHosts: 1024,
  maxResets: 1000,
  maxTimeWaitAcks: 100,
})

/** The defaults with `chosen` over them. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE: there is none of that name; ERR_OUT_OF_RANGE */
export function resolveLimits(chosen: Partial<StackLimits>): StackLimits {
  if (typeof chosen !== 'object' || chosen === null) {
    throw coded(new TypeError('The "limits" argument must be of type object.'), 'ERR_INVALID_ARG_TYPE')
  }
  const limits: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const [name, limit] of Object.entries(chosen)) {
    if (!Object.hasOwn(limits, name)) {
      throw coded(new TypeError(`The property 'limits.${name}' is no limit of a stack.`), 'ERR_INVALID_ARG_VALUE')
    }
    if (limit === undefined) continue
    if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit > 0)) {
      const message = `The value of "limits.${name}" is out of range. It must be an integer >= 1, or Infinity. Received ${limit}`
      throw coded(new RangeError(message), 'ERR_OUT_OF_RANGE')
    }
    limits[name] = limit
  }
  return Object.freeze(limits) as unknown as StackLimits
}

/** With Node's code for a wrong argument. */
export function coded(error: Error, code: string): Error {
  return Object.assign(error, { code })
}
