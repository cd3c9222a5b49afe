// Numbers in network byte order, by index, and views: the fastest ways that V8 has for a header of a few bytes and for what follows it.

/** What a field begins with, before its first value, if it may leave V8's small integers: code that uses one that does later is compiled anew. */
export const DOUBLE = 0.5

export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

export function u32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  return ((high << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}

/** @returns where the next one goes. */
export function put16(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 8
  into[at + 1] = value
  return at + 2
}

/** @returns where the next one goes. */
export function put32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24
  into[at + 1] = value >>> 16
  into[at + 2] = value >>> 8
  into[at + 3] = value
  return at + 4
}

/** As subarray(), which takes half as long again to ask what it is to make. */
export function viewOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
}
