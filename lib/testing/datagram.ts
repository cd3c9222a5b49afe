// One datagram on its way, and what became of it: what links judge and captures keep.
import { decode, Segment } from '../wire/segment.js'
import { segmentText } from '../wire/segment-text.js'

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
    const content = segment === null ? `not a segment, ${this.bytes.length} bytes` : withPorts(segment)
    const fate = this.fate === 'delivered' ? `-> ${this.arrivedAt.toFixed(3)}` : `(${this.fate})`
    return `${start} ${content} ${fate}${this.duplicate ? ' again' : ''}`
  }
}

function withPorts(segment: Segment): string {
  return `${segment.sourcePort} > ${segment.destinationPort} ${segmentText(segment)}`
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
