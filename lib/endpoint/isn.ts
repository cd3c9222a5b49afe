// Initial sequence numbers (RFC 6528 §3) and timestamp offsets (RFC 7323 §5.4): a clock that nobody outside can read off.
import { createHash } from 'node:crypto'
import type { Platform } from '../platform/platform.js'
import type { LocalSocket } from './local-socket.js'

/** What is secret of a stack: one key, drawn once. */
export class SequenceNumbers {
  private readonly platform: Platform
  private readonly key = new Uint8Array(32)

  constructor(platform: Platform) {
    this.platform = platform
    platform.random(this.key)
  }

  /** `tuple`: see tupleOf(). */
  choose(tuple: string): { iss: number; timestampOffset: number } {
    const digest = createHash('sha256').update(this.key).update(tuple).digest()
    const clock = Math.floor(this.platform.now() * 250) // a tick each 4 us (RFC 9293 §3.4.1)
    return { iss: (clock + digest.readUInt32LE(0)) >>> 0, timestampOffset: digest.readUInt32LE(4) }
  }

  /** A number for `text` that only this stack can know, u32. */
  prove(text: string): number {
    return createHash('sha256').update('cookie').update(this.key).update(text).digest().readUInt32LE(0)
  }
}

/** Both ends of a connection, in one unambiguous spelling. */
export function tupleOf(
  local: LocalSocket,
  localPort: number,
  peerAddress: string,
  remoteUdpPort: number,
  remotePort: number,
): string {
  return `${local.address} ${local.port} ${localPort} ${peerAddress} ${remoteUdpPort} ${remotePort}`
}
