// TIME-WAIT as small records (RFC 9293 §3.6.1): a FIN again is answered and starts 2 MSL anew; a RST changes nothing (RFC 1337).
import type { Config } from '../core/config.js'
import type { TimeWaitSeed } from '../core/connection.js'
import { ACK, FIN, RST, Segment, SYN } from '../wire/segment.js'
import { before } from '../wire/seq.js'
import type { Counts } from './counts.js'
import { Deadlines, type Sleeper } from './deadlines.js'
import type { Demux, Tenant } from './demux.js'
import type { LocalSocket } from './local-socket.js'
import { type Draw, TokenBucket } from './token-bucket.js'

/** Refilled for each answer. */
const out = new Segment()

/** What is left of a connection. */
export class TimeWaitRecord implements Tenant, Sleeper {
  local: LocalSocket
  readonly peerAddress: string
  readonly remoteUdpPort: number
  readonly remotePort: number
  readonly localPort: number
  nextInChain: Tenant | null = null
  slot = -1
  expiresAt: number
  readonly sndNxt: number
  readonly rcvNxt: number
  readonly timestamps: boolean
  tsRecent: number
  readonly window: number
  readonly timestampOffset: number
  readonly msl: number
  /** How often the SYN of what took its place had gone unanswered when it left again for this. */
  answeredAfter = -1

  constructor(of: Tenant, seed: TimeWaitSeed, now: number) {
    this.local = of.local
    this.peerAddress = of.peerAddress
    this.remoteUdpPort = of.remoteUdpPort
    this.remotePort = of.remotePort
    this.localPort = of.localPort
    this.expiresAt = now + 2 * seed.msl
    this.sndNxt = seed.sndNxt
    this.rcvNxt = seed.rcvNxt
    this.timestamps = seed.timestamps
    this.tsRecent = seed.tsRecent
    this.window = seed.window
    this.timestampOffset = seed.timestampOffset
    this.msl = seed.msl
  }

  /** Whether `syn` begins a new connection in place of this one, `timestamps`: which has them if it offers them (RFC 6191 §2, RFC 9293 MAY-2). */
  admits(syn: Segment, timestamps: boolean): boolean {
    const later = before(this.rcvNxt, syn.seq)
    if (!timestamps || !syn.hasTimestamps) return later
    if (!this.timestamps) return true
    return before(this.tsRecent, syn.tsVal) || (syn.tsVal === this.tsRecent && later)
  }

  /** Whether we may connect between the same ports: text of this connection is told from new by timestamps alone (RFC 7323 §5, RFC 6191 §1). */
  makesWayFor({ timestamps }: Config): boolean {
    return this.timestamps && timestamps
  }

  /** Whether the peer says by `segment` that it is in this connection still, all of which has come: our last ACK has not arrived. */
  isSpokenOf({ flags, seq, ack, length }: Segment): boolean {
    return (flags & (SYN | RST | ACK)) === ACK && ack === this.sndNxt && !before(this.rcvNxt, seq + length)
  }

  /** The last ACK again. */
  acknowledge(now: number): void {
    if (this.local.blocked) return
    out.sourcePort = this.localPort
    out.destinationPort = this.remotePort
    out.flags = ACK
    out.seq = this.sndNxt
    out.ack = this.rcvNxt
    out.window = this.window
    out.hasTimestamps = this.timestamps
    if (this.timestamps) {
      out.tsVal = (Math.floor(now) + this.timestampOffset) >>> 0
      out.tsEcr = this.tsRecent
    }
    this.local.send(out, this.peerAddress, this.remoteUdpPort)
    this.local.flush()
  }

  /** An initial sequence number for what comes after: `chosen`, or one beyond all that this connection has sent. */
  issBeyond(chosen: number): number {
    return before(this.sndNxt, chosen) ? chosen : (this.sndNxt + 2 ** 16 + 1) >>> 0
  }
}

/** The records of one endpoint: at most `limit`, in order of expiry. */
export class TimeWait {
  private readonly counts: Counts
  private readonly demux: Demux
  private readonly deadlines: Deadlines<TimeWaitRecord> = new Deadlines()
  private readonly limit: number
  private readonly acks: TokenBucket

  constructor(demux: Demux, limit: number, acksPerSecond: number, draw: Draw, counts: Counts) {
    this.counts = counts
    this.demux = demux
    this.limit = limit
    this.acks = new TokenBucket(acksPerSecond, draw)
  }

  get size(): number {
    return this.deadlines.size
  }

  /** When expire() is due, ms. */
  get next(): number {
    return this.deadlines.next
  }

  add(record: TimeWaitRecord): void {
    if (this.deadlines.size >= this.limit) this.evict()
    this.demux.add(record)
    this.deadlines.schedule(record, record.expiresAt)
  }

  remove(record: TimeWaitRecord): void {
    this.deadlines.remove(record)
    this.demux.remove(record)
  }

  clear(): void {
    while (this.deadlines.first !== undefined) this.remove(this.deadlines.first)
  }

  expire(now: number): void {
    for (;;) {
      const record = this.deadlines.takeDue(now)
      if (record === undefined) return
      if (record.expiresAt > now) this.deadlines.schedule(record, record.expiresAt)
      else this.demux.remove(record)
    }
  }

  /** A segment for `record` that does not begin a new connection (RFC 9293 §3.10.7.4, TIME-WAIT). */
  segmentArrives(record: TimeWaitRecord, segment: Segment, now: number): void {
    const { flags } = segment
    if (flags & RST) return // RFC 1337 §3, fix (1)
    if ((flags & (ACK | SYN)) === 0) return
    const old = record.timestamps && segment.hasTimestamps && before(segment.tsVal, record.tsRecent) // PAWS
    const end = (segment.seq + segment.length) >>> 0
    if (flags & FIN && end === record.rcvNxt && !old) {
      record.expiresAt = now + 2 * record.msl
      record.acknowledge(now)
      return
    }
    const expected = segment.length === 0 && segment.seq === record.rcvNxt && !before(record.sndNxt, segment.ack)
    if (expected && !old) {
      if (record.timestamps && segment.hasTimestamps) record.tsRecent = segment.tsVal
    } else if (this.acks.take(now)) {
      record.acknowledge(now)
    }
  }

  private evict(): void {
    let { first } = this.deadlines
    while (first !== undefined && first.expiresAt > this.deadlines.next) {
      // its FIN has come again since it was filed
      this.deadlines.remove(first)
      this.deadlines.schedule(first, first.expiresAt)
      first = this.deadlines.first
    }
    if (first === undefined) return
    this.counts.timeWaitEvicted++
    this.remove(first)
  }
}
