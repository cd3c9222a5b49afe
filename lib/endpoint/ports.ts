// Ephemeral TCP ports where the UDP port does not give one: random, so that they cannot be guessed (RFC 6056 §3.3.1).
import type { Platform } from '../platform/platform.js'

const FIRST = 1024 // RFC 6056 §3.2: as many as possible
const COUNT = 65536 - FIRST

/** A free port, or undefined when all are taken. */
export function choosePort(platform: Platform, isTaken: (port: number) => boolean): number | undefined {
  const draw = new Uint8Array(4)
  platform.random(draw)
  const start = new DataView(draw.buffer).getUint32(0) % COUNT
  for (let i = 0; i < COUNT; i++) {
    const port = FIRST + ((start + i) % COUNT)
    if (!isTaken(port)) return port
  }
  return undefined
}
