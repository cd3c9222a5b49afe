// A peer made by hand in the simulated network: a UDP socket, and segments field by field.
import type { DatagramSocket } from '../../lib/platform/platform.js'
import type { Host } from '../../lib/testing/host.js'
import type { Network } from '../../lib/testing/network.js'
import { ACK, decode, FIN, PSH, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { datagramOf } from './segments.js'

export interface Heard {
  readonly segment: Segment
  /** Where it came from. */
  readonly address: string
  readonly udpPort: number
  readonly at: number
}

const LETTERS: readonly [number, string][] = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [ACK, '.'],
]

/** 'S.' for SYN,ACK, and so on. */
export function flagsOf({ flags }: Segment): string {
  return LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('')
}

export class HandMade {
  readonly network: Network
  readonly socket: DatagramSocket
  /** All that it has heard and not taken. */
  heard: Heard[] = []
  /** The next number to send, and the next expected. */
  seq = 1000
  ack = 0
  window = 65535
  /** Where it sends to, and its own TCP port. */
  target: { address: string; udpPort: number; port: number }
  readonly port: number

  constructor(
    network: Network,
    host: Host,
    udpPort: number,
    target: { address: string; udpPort?: number; port: number },
    port: number = udpPort,
  ) {
    this.network = network
    this.port = port
    this.target = { udpPort: target.port, ...target }
    const onDatagram = (bytes: Uint8Array, start: number, end: number, address: string, from: number): void => {
      const segment = new Segment()
      if (!decode(bytes, segment, start, end)) throw new Error('what came is no segment')
      this.heard.push({ segment, address, udpPort: from, at: network.now })
    }
    const address = target.address.includes(':') ? '::' : '0.0.0.0'
    const quiet = { onDatagram, onQuiet: () => {}, onDrain: () => {}, onError: () => {} }
    this.socket = host.platform.bind({ address, port: udpPort }, quiet)
  }

  /** Sends one segment with SND.NXT and RCV.NXT unless `fields` says otherwise; moves neither. */
  send(flags: number, fields: Partial<Segment> = {}): void {
    const segment = new Segment()
    segment.sourcePort = this.port
    segment.destinationPort = this.target.port
    segment.seq = this.seq >>> 0
    segment.ack = flags & ACK ? this.ack >>> 0 : 0
    segment.flags = flags
    segment.window = this.window
    Object.assign(segment, fields)
    this.raw(datagramOf(segment))
  }

  raw(bytes: Uint8Array): void {
    this.socket.send([bytes], this.target.address, this.target.udpPort)
    this.socket.flush()
  }

  /** What has come since the last take(). */
  take(): Heard[] {
    const { heard } = this
    this.heard = []
    return heard
  }

  /** The same as letters, after `ms`. */
  flagsAfter(ms: number): string[] {
    this.network.advance(ms)
    return this.take().map(({ segment }) => flagsOf(segment))
  }

  /** SYN, SYN,ACK, ACK. @returns the SYN,ACK. */
  open(fields: Partial<Segment> = {}): Heard {
    this.send(SYN, { mss: 1460, ...fields })
    this.seq++
    this.network.advance(50)
    const [answer] = this.take()
    if (answer === undefined || flagsOf(answer.segment) !== 'S.') throw new Error('no SYN,ACK')
    this.ack = (answer.segment.seq + 1) >>> 0
    this.send(ACK, timestampsFor(fields, answer.segment))
    this.network.advance(50)
    return answer
  }
}

/** An ACK's timestamps, if the SYN had them. */
function timestampsFor(syn: Partial<Segment>, answer: Segment): Partial<Segment> {
  if (!syn.hasTimestamps) return {}
  return { hasTimestamps: true, tsVal: (syn.tsVal ?? 0) + 1, tsEcr: answer.tsVal }
}
