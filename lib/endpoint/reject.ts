// RST to segments that nobody owns (RFC 9293 §3.10.7.1), at a limited rate.
import { ACK, RST, Segment } from '../wire/segment.js'
import type { Counts } from './counts.js'
import type { LocalSocket } from './local-socket.js'
import { type Draw, TokenBucket } from './token-bucket.js'

/** Refilled for each answer. */
const out = new Segment()

export class Rejecter {
  private readonly counts: Counts
  private readonly bucket: TokenBucket

  constructor(perSecond: number, draw: Draw, counts: Counts) {
    this.counts = counts
    this.bucket = new TokenBucket(perSecond, draw)
  }

  /** Answers `segment`, unless it is a RST itself. */
  reject(local: LocalSocket, segment: Segment, address: string, udpPort: number, now: number): void {
    if (segment.flags & RST) return
    if (local.blocked || !this.bucket.take(now)) {
      this.counts.resetsSuppressed++
      return
    }
    out.sourcePort = segment.destinationPort
    out.destinationPort = segment.sourcePort
    if (segment.flags & ACK) {
      out.flags = RST
      out.seq = segment.ack
      out.ack = 0
    } else {
      out.flags = RST | ACK
      out.seq = 0
      out.ack = (segment.seq + segment.length) >>> 0
    }
    this.counts.resetsSent++
    local.send(out, address, udpPort)
    local.flush()
  }
}
