// Sequence numbers: 32 bits on the wire, offsets that do not wrap inside (RFC 9293 §3.4).

/** The wire number of `offset` in a stream that began at `initial` (both may be any integer below 2^53). */
export function wrap(initial: number, offset: number): number {
  return (initial + offset) >>> 0
}

/** The offset nearest to `near` whose wire number is `wire`: right as long as it is less than 2^31 away. */
export function unwrap(wire: number, initial: number, near: number): number {
  return near + ((wire - ((initial + near) >>> 0)) | 0)
}

/** Whether `a` comes before `b`, 2^31 away at most: wire numbers, timestamps (RFC 7323 §4.3), offsets; each whole, or as int32. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}
