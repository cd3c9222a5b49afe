// SYN cookies (RFC 4987 §3.6): when the queue is full, the SYN is remembered in the numbers of the answer, and rebuilt from its ACK.
import type { Config } from '../core/config.js'
import { Connection } from '../core/connection.js'
import { NOWHERE } from '../core/surroundings.js'
import { Segment, SYN } from '../wire/segment.js'
import { type SequenceNumbers, tupleOf } from './isn.js'
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
}

export class SynCookies {
  sent = 0
  redeemed = 0
  private readonly numbers: SequenceNumbers
  private readonly offered = new Segment()
  private readonly out = new Segment()
  /** ms */
  lastSentAt = Number.NEGATIVE_INFINITY

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
    const iss = this.cookie(arrival, segment.seq, Math.floor(now / PERIOD), size)

    // without timestamps there is no room to remember more than the MSS: nothing else may be agreed to
    const stamps = config.timestamps && segment.hasTimestamps
    const { offered, out } = this
    offered.flags = SYN
    offered.seq = segment.seq
    offered.window = segment.window
    offered.mss = SIZES[size] as number
    offered.hasTimestamps = stamps
    offered.tsVal = segment.tsVal
    offered.windowScale = stamps ? segment.windowScale : -1
    offered.sackPermitted = stamps && segment.sackPermitted
    const { timestampOffset } = this.numbers.choose(tupleOfArrival(arrival))
    const brief = Connection.passive(config, iss, timestampOffset, offered, now, { ...NOWHERE, link: local.link })
    if (!brief.poll(out, now)) return false
    if (stamps) out.tsVal = stamp(out.tsVal, offered)
    out.sourcePort = segment.destinationPort
    out.destinationPort = segment.sourcePort
    this.sent++
    this.lastSentAt = now
    local.send(out, address, udpPort)
    local.flush()
    return true
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
    if (age > 1 || this.cookie(arrival, irs, period - age, size) !== iss) return null
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
    return { syn, iss }
  }

  /** 5 bits of time, 3 of size, 24 that nobody can guess. */
  private cookie(arrival: Arrival, irs: number, period: number, size: number): number {
    const proof = this.numbers.prove(`${tupleOfArrival(arrival)} ${irs} ${period} ${size}`)
    return (((period & 31) << 27) | (size << 24) | (proof & 0xff_ffff)) >>> 0
  }
}

function tupleOfArrival({ local, segment, address, udpPort }: Arrival): string {
  return tupleOf(local, segment.destinationPort, address, udpPort, segment.sourcePort)
}

/** `tsVal`, or a little less, with what was agreed to in its lowest bits. */
function stamp(tsVal: number, syn: Segment): number {
  const scale = syn.windowScale < 0 ? NO_SCALE : Math.min(syn.windowScale, 14)
  const bits = scale | (syn.sackPermitted ? 16 : 0)
  const low = tsVal & ((1 << STAMP_BITS) - 1)
  return (tsVal - low + bits - (bits > low ? 1 << STAMP_BITS : 0)) >>> 0
}
