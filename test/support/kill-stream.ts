// What the two processes of a kill have in common: the bytes, and how soon they notice that the other is gone.

const PERIOD = 65_521
const STREAM = new Uint8Array(PERIOD * 3).map((_, i) => (i % PERIOD) ^ ((i % PERIOD) >> 8))

export interface Victim {
  readonly sends: boolean
  readonly total: number
  /** To connect to; 0: it listens. */
  readonly port: number
}

/** A peer that is gone is noticed within seconds. */
export const TIMES = {
  keepAlive: true,
  keepAliveInitialDelay: 500,
  keepAliveInterval: 300,
  keepAliveCount: 4,
  maxRetries: 5,
  maxRto: 500,
  initialRto: 300,
  connectTimeout: 3_000,
  msl: 100,
}

export const streamAt = (from: number, length: number): Uint8Array =>
  STREAM.subarray(from % PERIOD, (from % PERIOD) + length)

export function isStreamAt(bytes: Uint8Array, from: number): boolean {
  for (let at = 0; at < bytes.length; at += PERIOD) {
    const part = bytes.subarray(at, at + PERIOD)
    if (Buffer.compare(part, streamAt(from + at, part.length)) !== 0) return false
  }
  return true
}
