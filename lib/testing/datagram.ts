// One datagram on its way, and what became of it: what links judge and captures keep.
import { ACK, decode, FIN, PSH, RST, Segment, SYN, URG } from '../wire/segment.js'

/**
 * `'on its way'` until it is decided; then `'delivered'`, or why not. Of the link: `'lost'` (at random, in a burst, or by `lose`), `'corrupt'`,
 * `'too long'` (mtu), `'queue full'`, `'outage'`. Of the machine called: `'no host'` (nobody has that address), `'host down'`,
 * `'no socket'` (nothing bound there), `'buffer full'` (its process does not read).
 */
export type Fate =
  | 'on its way'
  | 'delivered'
  | 'lost'
  | 'corrupt'
  | 'too long'
  | 'queue full'
  | 'outage'
  | 'no host'
  | 'host down'
  | 'no socket'
  | 'buffer full'

export class Datagram {
  /** When it was sent, ms. */
  readonly at: number
  /** UDP payload. */
  readonly bytes: Uint8Array
  readonly from: string
  readonly fromPort: number
  readonly to: string
  readonly toPort: number
  fate: Fate = 'on its way'
  /** When it was delivered, ms; NaN: not (yet). */
  arrivedAt: number = NaN
  /** A second copy that the link made. */
  readonly duplicate: boolean
  private decoded: Segment | null | undefined

  constructor(
    at: number,
    bytes: Uint8Array,
    from: string,
    fromPort: number,
    to: string,
    toPort: number,
    duplicate = false,
  ) {
    this.at = at
    this.bytes = bytes
    this.from = from
    this.fromPort = fromPort
    this.to = to
    this.toPort = toPort
    this.duplicate = duplicate
  }

  /** What it carries, as sent, in a Segment of its own; null: nothing that is a segment. */
  get segment(): Segment | null {
    if (this.decoded === undefined) {
      const segment = new Segment()
      this.decoded = decode(this.bytes, segment) ? segment : null
    }
    return this.decoded
  }

  /** Bytes of the IP packet: 28 (IPv4) or 48 (IPv6) more than the payload. */
  get packetLength(): number {
    return this.bytes.length + (this.to.includes(':') ? 48 : 28)
  }

  /** One line, in tcpdump's manner. */
  toString(): string {
    const { segment } = this
    const start = `${this.at.toFixed(3).padStart(12)}  ${this.from}.${this.fromPort} > ${this.to}.${this.toPort}:`
    const content = segment === null ? `not a segment, ${this.bytes.length} bytes` : describe(segment)
    const fate = this.fate === 'delivered' ? `-> ${this.arrivedAt.toFixed(3)}` : `(${this.fate})`
    return `${start} ${content} ${fate}${this.duplicate ? ' again' : ''}`
  }
}

const LETTERS: readonly [number, string][] = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [URG, 'U'],
  [ACK, '.'],
]

function describe(segment: Segment): string {
  const { flags, seq, payload } = segment
  const letters = LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none'
  const parts = [`${segment.sourcePort} > ${segment.destinationPort}`, `[${letters}]`]
  parts.push(payload.length > 0 ? `seq ${seq}:${(seq + payload.length) >>> 0}` : `seq ${seq}`)
  if (flags & ACK) parts.push(`ack ${segment.ack}`)
  parts.push(`win ${segment.window}`)
  if (segment.mss > 0) parts.push(`mss ${segment.mss}`)
  if (segment.windowScale >= 0) parts.push(`wscale ${segment.windowScale}`)
  if (segment.sackPermitted) parts.push('sackOK')
  if (segment.hasTimestamps) parts.push(`TS ${segment.tsVal}/${segment.tsEcr}`)
  for (let i = 0; i < segment.sackCount; i++) {
    parts.push(`sack ${segment.sackEdges[2 * i]}:${segment.sackEdges[2 * i + 1]}`)
  }
  parts.push(`length ${payload.length}`)
  return parts.join(' ')
}

/** One copy of all `parts`. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
