// A peer whose UDP address has changed: nothing moves before the new path has proved itself (decision 024).
import type { Platform } from '../platform/platform.js'
import { Segment } from '../wire/segment.js'
import type { Channel } from './channel.js'
import type { Counts } from './counts.js'
import type { Arrival } from './local-socket.js'

/** Between two probes of one connection, ms. */
const ASK_INTERVAL = 200
/** Connections between the same TCP ports that one stray segment is compared with. */
const MOST_COMPARED = 64

/** Where a connection's peer seems to be now. */
interface Candidate {
  readonly address: string
  readonly udpPort: number
  /** TSval of the probe, to be echoed from there: u32, not 0, which is no echo. */
  readonly token: number
  /** ms */
  askedAt: number
}

/** Refilled for each probe. */
const out = new Segment()
const random = new Uint32Array(1)

function keyOf(remotePort: number, localPort: number): number {
  return remotePort * 2 ** 16 + localPort
}

/** Of one endpoint: its connections that follow their peers. */
export class Paths {
  private readonly platform: Platform
  private readonly counts: Counts
  /** By TCP ports. */
  private readonly followers: Map<number, Set<Channel>> = new Map()
  private readonly candidates: Map<Channel, Candidate> = new Map()

  constructor(platform: Platform, counts: Counts) {
    this.platform = platform
    this.counts = counts
  }

  add(channel: Channel): void {
    const key = keyOf(channel.remotePort, channel.localPort)
    const others = this.followers.get(key)
    if (others === undefined) this.followers.set(key, new Set([channel]))
    else others.add(channel)
  }

  remove(channel: Channel): void {
    const key = keyOf(channel.remotePort, channel.localPort)
    const others = this.followers.get(key)
    others?.delete(channel)
    if (others?.size === 0) this.followers.delete(key)
    this.candidates.delete(channel)
  }

  /** The peer has been heard where it is: it has not moved. */
  heard(channel: Channel, segment: Segment, now: number): void {
    if (this.candidates.has(channel) && channel.connection.mayBePeers(segment, now)) this.candidates.delete(channel)
  }

  /** Anything that follows its peer has these TCP ports: a RST would reach whom it is not meant for. */
  mayConcern({ segment }: Arrival): boolean {
    return this.followers.has(keyOf(segment.sourcePort, segment.destinationPort))
  }

  /** A segment that nobody owns. @returns the connection whose peer is there, proved by this segment's echo; null: none. */
  claim(arrival: Arrival): Channel | null {
    const { segment, now } = arrival
    let compared = 0
    for (const channel of this.followers.get(keyOf(segment.sourcePort, segment.destinationPort)) ?? []) {
      if (++compared > MOST_COMPARED) return null
      if (!channel.connection.mayBePeers(segment, now)) continue
      const candidate = this.candidates.get(channel)
      if (candidate !== undefined && isFrom(candidate, arrival) && candidate.token === segment.tsEcr) {
        this.candidates.delete(channel)
        return channel
      }
      this.ask(channel, candidate, arrival)
      return null
    }
    return null
  }

  private ask(channel: Channel, asked: Candidate | undefined, arrival: Arrival): void {
    const { local, address, udpPort, now } = arrival
    if (local.blocked || (asked !== undefined && now - asked.askedAt < ASK_INTERVAL)) return
    const candidate = asked !== undefined && isFrom(asked, arrival) ? asked : this.candidateAt(address, udpPort)
    candidate.askedAt = now
    this.candidates.set(channel, candidate)
    this.counts.pathProbes++
    channel.connection.fillPathProbe(out, candidate.token, now)
    out.sourcePort = channel.localPort
    out.destinationPort = channel.remotePort
    local.send(out, address, udpPort)
    local.flush()
  }

  private candidateAt(address: string, udpPort: number): Candidate {
    do this.platform.random(new Uint8Array(random.buffer))
    while (random[0] === 0)
    return { address, udpPort, token: random[0] as number, askedAt: 0 }
  }
}

function isFrom(candidate: Candidate, { address, udpPort }: Arrival): boolean {
  return candidate.address === address && candidate.udpPort === udpPort
}
