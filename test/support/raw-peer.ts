// A peer that sends whatever segments it is told to, by hand: a UDP socket of a simulated machine and no TCP behind it.
import type { DatagramHandler, DatagramSocket } from '../../lib/platform/platform.js'
import type { Host } from '../../lib/testing/host.js'
import type { Network } from '../../lib/testing/network.js'
import { ACK, decode, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { datagramOf } from './segments.js'

export interface RawPeerOptions {
  /** UDP port and TCP port. @default 5000 */
  port?: number
  udpPort?: number
  /** Where it sends to: an address, and a TCP and UDP port. */
  to: { address: string; port: number; udpPort?: number }
  /** Its initial sequence number. @default 1000 */
  iss?: number
}

export type Fields = Partial<
  Pick<
    Segment,
    | 'sourcePort'
    | 'destinationPort'
    | 'seq'
    | 'ack'
    | 'flags'
    | 'window'
    | 'mss'
    | 'windowScale'
    | 'sackPermitted'
    | 'hasTimestamps'
    | 'tsVal'
    | 'tsEcr'
    | 'payload'
  >
>

export class RawPeer implements DatagramHandler {
  /** What came, oldest first. */
  readonly received: Segment[] = []
  /** Its next sequence number, u32: that of send() when nothing else is said, and never moved by it. */
  seq: number
  /** What it acknowledges when nothing else is said, u32. */
  ack = 0
  readonly port: number
  private readonly network: Network
  private readonly to: { address: string; port: number; udpPort?: number }
  private readonly socket: DatagramSocket

  constructor(network: Network, host: Host, address: string, options: RawPeerOptions) {
    const { port = 5000, udpPort = port, to, iss = 1000 } = options
    this.network = network
    this.port = port
    this.to = to
    this.seq = iss
    this.socket = host.platform.bind({ address, port: udpPort, recvBufferSize: 2 ** 26 }, this)
  }

  onDatagram(bytes: Uint8Array): void {
    const segment = new Segment()
    if (decode(bytes, segment)) this.received.push(segment)
  }

  onDrain(): void {}

  onError(): void {}

  /** Sends one segment: an ACK with SEQ and ACK as they stand, unless `fields` say otherwise. */
  send(fields: Fields = {}): void {
    const segment = new Segment()
    segment.sourcePort = this.port
    segment.destinationPort = this.to.port
    segment.seq = this.seq
    segment.ack = this.ack
    segment.flags = ACK
    segment.window = 65_535
    Object.assign(segment, fields)
    segment.seq >>>= 0
    this.socket.send([datagramOf(segment)], this.to.address, this.to.udpPort ?? this.to.port)
  }

  /** Connects, without options unless given; afterwards `seq` and `ack` are those of the first byte in each direction. */
  open(syn: Fields = {}, handshakeAck: Fields = {}): void {
    this.send({ flags: SYN, ack: 0, ...syn })
    this.network.advanceUntil(() => this.last !== undefined, 1_000)
    const answer = this.last as Segment
    if (answer.flags !== (SYN | ACK)) throw new Error('no SYN,ACK')
    this.seq = (this.seq + 1) >>> 0
    this.ack = (answer.seq + 1) >>> 0
    this.send(handshakeAck)
    this.network.advance(50)
    this.received.length = 0
  }

  get last(): Segment | undefined {
    return this.received.at(-1)
  }

  /** How many of those that came had RST. */
  get resets(): number {
    return this.received.filter(({ flags }) => flags & RST).length
  }

  close(): void {
    this.socket.close()
  }
}
