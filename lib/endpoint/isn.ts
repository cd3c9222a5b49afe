// Initial sequence numbers (RFC 6528 §3) and timestamp offsets (RFC 7323 §5.4): a clock that nobody outside can read off.
import type { Platform } from '../platform/platform.js'
import { SipHash } from './siphash.js'

/** What is secret of a stack: keys, drawn once. */
export class SequenceNumbers {
  private readonly platform: Platform
  /** RFC 6528's F; Linux has SipHash for it, too. */
  private readonly tuples: SipHash
  /** For cookies, which must be cheap. */
  readonly hash: SipHash
  /** For the demux, whose chains nobody may fill on purpose: 32 bits, as a number that V8 has no box for. */
  readonly scramble: number
  /** Numbers that nobody can foresee, 0 <= x < 1. */
  readonly draw: () => number

  constructor(platform: Platform) {
    this.platform = platform
    const keys = new Uint8Array(36)
    platform.random(keys)
    this.tuples = new SipHash(keys.subarray(0, 16))
    this.hash = new SipHash(keys.subarray(16, 32))
    this.scramble = new DataView(keys.buffer).getInt32(32)
    this.draw = drawer(platform)
  }

  /** Of a connection between these ends; `local`: its UDP socket. */
  choose(
    local: { readonly address: string; readonly port: number },
    localPort: number,
    peerAddress: string,
    remoteUdpPort: number,
    remotePort: number,
  ): { iss: number; timestampOffset: number } {
    const { tuples } = this
    tuples.begin()
    tuples.text(local.address)
    tuples.text(peerAddress)
    tuples.word((local.port << 16) | localPort)
    tuples.word((remoteUdpPort << 16) | remotePort)
    tuples.finish()
    const clock = Math.floor(this.platform.now() * 250) // a tick each 4 us (RFC 9293 §3.4.1)
    return { iss: (clock + tuples.low) >>> 0, timestampOffset: tuples.high }
  }
}

/** Numbers that nobody can foresee, 0 <= x < 1, drawn many at a time. */
function drawer(platform: Platform): () => number {
  const bytes = new Uint8Array(256)
  let next = bytes.length
  return () => {
    if (next === bytes.length) {
      platform.random(bytes)
      next = 0
    }
    return (bytes[next++] as number) / 256
  }
}
