// SYN cookies (RFC 4987 §3.6): when the queue is full, the SYN is remembered in the numbers of the answer, and rebuilt from its ACK.
import type { Config } from '../core/config.js'
import { Connection } from '../core/connection.js'
import { type LinkSize, NOWHERE } from '../core/surroundings.js'
import { MAX_SHIFT } from '../wire/options.js'
import { Segment, SYN } from '../wire/segment.js'
import type { SequenceNumbers } from './isn.js'
import type { Arrival } from './local-socket.js'

/** A cookie is good for one to two of these, ms. */
const PERIOD = 64_000
/** What may be told of the peer's MSS, in 3 bits: the largest that is not more than it said. */
const SIZES = [536, 1220, 1360, 1400, 1440, 1460, 8960, 65_460] as const
/** In the lowest bits of the timestamp: the window scale, or NO_SCALE, and above it whether SACK is permitted. */
const STAMP_BITS = 5
const NO_SCALE = 15

/** What a cookie stands for. */
export interface RebuiltSyn {
  /** As far as it is known. */
  readonly syn: Segment
  /** What it was answered with. */
  readonly iss: number
  readonly timestampOffset: number
}

export class SynCookies {
  sent = 0
  redeemed = 0
  private readonly numbers: SequenceNumbers
  private readonly out = new Segment()
  private readonly usual = new Segment()
  private usualConfig: Config | null = null
  private usualLink: LinkSize | null = null
  /** Of the last issOf(). */
  private timestampOffset = 0
  /** ms */
  lastSentAt: number = Number.NEGATIVE_INFINITY

  constructor(numbers: SequenceNumbers) {
    this.numbers = numbers
  }

  /** Answers a SYN and keeps nothing of it. @returns false: it cannot be answered. */
  answer(arrival: Arrival, config: Config): boolean {
    const { local, segment, address, udpPort, now } = arrival
    const mss = segment.mss === 0 ? SIZES[0] : segment.mss
    if (local.blocked || mss < SIZES[0]) return false
    let size = SIZES.length - 1
    while ((SIZES[size] as number) > mss) size--
    const { out } = this
    const usual = this.usualAnswer(config, local.link)
    out.sourcePort = segment.destinationPort
    out.destinationPort = segment.sourcePort
    out.flags = usual.flags
    out.seq = this.issOf(arrival, segment.seq, Math.floor(now / PERIOD), size)
    out.ack = (segment.seq + 1) >>> 0
    out.window = usual.window
    out.mss = usual.mss
    // without timestamps there is no room to remember more than the MSS: nothing else may be agreed to
    out.hasTimestamps = usual.hasTimestamps && segment.hasTimestamps
    const scales = out.hasTimestamps && usual.windowScale >= 0 && segment.windowScale >= 0
    out.windowScale = scales ? usual.windowScale : -1
    out.sackPermitted = out.hasTimestamps && usual.sackPermitted && segment.sackPermitted
    out.tsEcr = segment.tsVal
    const tsVal = (Math.floor(now) + this.timestampOffset) >>> 0
    out.tsVal = stamp(tsVal, scales ? Math.min(segment.windowScale, MAX_SHIFT) : NO_SCALE, out.sackPermitted)
    this.sent++
    this.lastSentAt = now
    local.send(out, address, udpPort)
    local.flush()
    return true
  }

  /** What a connection answers to a SYN with all options: made once for those that are alike, for half a million of them may come in a second. */
  private usualAnswer(config: Config, link: LinkSize): Segment {
    if (this.usualConfig !== config || this.usualLink !== link) {
      const syn = new Segment()
      syn.flags = SYN
      syn.windowScale = 0
      syn.sackPermitted = syn.hasTimestamps = true
      Connection.passive(config, 0, 0, syn, 0, { ...NOWHERE, link }).poll(this.usual, 0)
      this.usualConfig = config
      this.usualLink = link
    }
    return this.usual
  }

  /** The SYN that an ACK stands for; null: it acknowledges no cookie. */
  redeem(arrival: Arrival): RebuiltSyn | null {
    const { segment, now } = arrival
    if (now - this.lastSentAt > 2 * PERIOD) return null
    const iss = (segment.ack - 1) >>> 0
    const period = Math.floor(now / PERIOD)
    const age = (period - (iss >>> 27)) & 31
    const size = (iss >>> 24) & 7
    const irs = (segment.seq - 1) >>> 0
    if (age > 1) return null
    if (this.issOf(arrival, irs, period - age, size) !== iss) return null
    this.redeemed++
    const syn = new Segment()
    syn.flags = SYN
    syn.seq = irs
    syn.window = 0xffff
    syn.mss = SIZES[size] as number
    if (segment.hasTimestamps) {
      syn.hasTimestamps = true
      syn.tsVal = segment.tsVal
      const scale = segment.tsEcr & NO_SCALE
      syn.windowScale = scale === NO_SCALE ? -1 : scale
      syn.sackPermitted = ((segment.tsEcr >>> 4) & 1) === 1
    }
    return { syn, iss, timestampOffset: this.timestampOffset }
  }

  /** 5 bits of time, 3 of size, 24 that nobody can guess; and the offset of timestamps that goes with them. */
  private issOf({ local, segment, address, udpPort }: Arrival, irs: number, period: number, size: number): number {
    const { hash } = this.numbers
    hash.begin()
    hash.text(local.address)
    hash.text(address)
    hash.word((local.port << 16) | segment.destinationPort)
    hash.word((udpPort << 16) | segment.sourcePort)
    hash.word(irs)
    hash.word((period << 3) | size)
    hash.finish()
    this.timestampOffset = hash.high
    return (((period & 31) << 27) | (size << 24) | (hash.low & 0xff_ffff)) >>> 0
  }
}

/** `tsVal`, or a little less, with what was agreed to in its lowest bits. */
function stamp(tsVal: number, scale: number, sackPermitted: boolean): number {
  const bits = scale | (sackPermitted ? 16 : 0)
  const low = tsVal & ((1 << STAMP_BITS) - 1)
  return (tsVal - low + bits - (bits > low ? 1 << STAMP_BITS : 0)) >>> 0
}
