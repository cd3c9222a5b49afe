// One UDP socket of an endpoint: where a segment becomes a datagram.

import type { LinkSize } from '../core/surroundings.js'
import type { DatagramHandler, DatagramSocket, LocalAddress, Platform, Row } from '../platform/platform.js'
import { viewOf } from '../wire/bytes.js'
import { encode, HEADER_LENGTH, headerLength, MAX_HEADER_LENGTH, PSH, type Segment } from '../wire/segment.js'
import { isIPv4Like, isLoopback, isWildcard } from './address.js'
import { loneRoom, ReceiveRoom, type Receiver } from './receive-room.js'

/** Who takes what the sockets hear: the endpoint. */
export interface DatagramSink {
  onDatagram(
    local: LocalSocket,
    bytes: Uint8Array,
    start: number,
    end: number,
    address: string,
    udpPort: number,
    isLent: boolean,
    row: Row | null,
  ): void
  onQuiet(): void
  onDrain(local: LocalSocket): void
  onError(local: LocalSocket, error: Error): void
}

type Peer = NonNullable<LocalAddress['peer']>

/** A segment and where it came from. */
export interface Arrival {
  local: LocalSocket
  segment: Segment
  address: string
  udpPort: number
  now: number
}

export class LocalSocket implements DatagramHandler {
  readonly address: string
  readonly port: number
  /** Datagrams to any address of the machine that has no socket of its own. */
  readonly wildcard: boolean
  /** Any number of connections may hear through it: it is not a client's own. */
  readonly hearsMany: boolean
  /** One of its peers can have a socket of its own here. */
  readonly canBranch: boolean
  /** The only peer that a client's socket has ever heard, as the machine writes it. */
  readonly peerAddress: string | null
  /** What its packets may be. */
  readonly link: LinkSize
  /** What its buffer holds of each connection. */
  readonly room: ReceiveRoom
  /** Bytes of buffer that were asked for. */
  readonly askedBuffer: number
  /** Whose address it shares, as a branch: a socket for one of its peers; else itself. */
  readonly home: LocalSocket
  /** When a connection was heard through it last, whole ms; 0: since then the machine has said that nobody is there. */
  heardAt = 0
  /** A queue has formed in front of the kernel: nothing may be sent before it has drained. */
  blocked = false
  private readonly branchPeer: Peer | null
  private readonly socket: DatagramSocket
  private readonly sink: DatagramSink

  /** `home`: it hears one of the peers of that one, and stands for it. @throws the machine's bind error. */
  constructor(platform: Platform, local: LocalAddress, sink: DatagramSink, home?: LocalSocket) {
    this.sink = sink
    this.home = home ?? this
    this.askedBuffer = local.recvBufferSize ?? Number.POSITIVE_INFINITY
    this.socket = home === undefined ? platform.bind(local, this) : home.branch(local, this)
    this.address = this.socket.address
    this.port = this.socket.port
    this.wildcard = isWildcard(this.socket.address)
    this.branchPeer = home === undefined ? null : (local.peer as Peer)
    this.hearsMany = local.peer === undefined || home !== undefined
    const isBranchable = local.peer === undefined && !this.wildcard && !local.reusePort
    this.canBranch = isBranchable && this.socket.branch !== undefined
    this.room = this.hearsMany ? new ReceiveRoom(this.socket.buffer) : loneRoom(this.socket.buffer)
    this.peerAddress = home === undefined ? (this.socket.peerAddress ?? local.peer?.address ?? null) : null
    const mtu = this.wildcard ? undefined : platform.mtuOf(this.address)
    this.link = linkSize(this.address, mtu ?? UNKNOWN_MTU, this.socket.fragments)
  }

  /** Bytes that may wait to be read. */
  get buffer(): number {
    return this.socket.buffer
  }

  /** Datagrams that came and found no room; undefined: the machine does not say. */
  get dropped(): number | undefined {
    return this.socket.dropped
  }

  /** Text has come for `receiver`, who shares it with the others. */
  noteText(receiver: Receiver, now: number): void {
    if (!this.hearsMany) return
    this.room.note(receiver, now)
    if (this.home !== this) this.home.room.noteApart(this.room, now)
  }

  onDatagram(bytes: Uint8Array, start: number, end: number, address: string, port: number, isLent: boolean): void {
    this.sink.onDatagram(this, bytes, start, end, address, port, isLent, null)
  }

  onRow(row: Row, address: string, port: number): void {
    const start = row.at
    row.at = Math.min(start + row.part, row.end)
    this.sink.onDatagram(this, row.bytes, start, row.at, address, port, true, row)
  }

  onQuiet(): void {
    this.sink.onQuiet()
  }

  onDrain(): void {
    this.blocked = false
    this.sink.onDrain(this)
  }

  onError(error: Error): void {
    this.sink.onError(this, error)
  }

  /** The ports are filled in already; of what stands for several, number and text are not what they were afterwards. */
  send(segment: Segment, address: string, udpPort: number): void {
    if (segment.cut === 0) this.sendOne(segment, address, udpPort)
    else this.sendEach(segment, address, udpPort)
  }

  private sendEach(segment: Segment, address: string, udpPort: number): void {
    const { payload, payloadTail, cut, flags } = segment
    const { buffer, byteOffset, length: inPayload } = payload
    const length = inPayload + payloadTail.length
    segment.flags = flags & ~PSH
    segment.payloadTail = EMPTY
    for (let at = 0; at < length; at += cut) {
      const to = Math.min(at + cut, length)
      if (to <= inPayload) segment.payload = new Uint8Array(buffer, byteOffset + at, to - at)
      else if (at >= inPayload) segment.payload = viewOf(payloadTail, at - inPayload, to - inPayload)
      else {
        segment.payload = viewOf(payload, at, inPayload)
        segment.payloadTail = viewOf(payloadTail, 0, to - inPayload)
      }
      if (to === length) segment.flags = flags
      this.sendOne(segment, address, udpPort)
      segment.payloadTail = EMPTY
      segment.seq = (segment.seq + cut) >>> 0
    }
  }

  private sendOne(segment: Segment, address: string, udpPort: number): void {
    if (this.socket.reserve === undefined || !this.load(segment, address, udpPort)) {
      this.sendParts(segment, address, udpPort)
    }
  }

  /** Writes it to where datagrams leave together. @returns false: it has to go by itself. */
  private load(segment: Segment, address: string, udpPort: number): boolean {
    const { payload, payloadTail } = segment
    const socket = this.socket as Required<DatagramSocket>
    const header = headerLength(segment)
    const length = header + payload.length + payloadTail.length
    const at = socket.reserve(length, address, udpPort)
    if (at < 0) return false
    const { cargo } = socket
    encode(segment, cargo, at)
    if (payload.length > 0) cargo.set(payload, at + header)
    if (payloadTail.length > 0) cargo.set(payloadTail, at + header + payload.length)
    return true
  }

  private sendParts(segment: Segment, address: string, udpPort: number): void {
    const header = scratch.fill(segment)
    let parts: Uint8Array[]
    if (segment.payload.length === 0) {
      parts = scratch.one
    } else if (segment.payloadTail.length === 0) {
      parts = scratch.two
      parts[1] = segment.payload
    } else {
      parts = scratch.three
      parts[1] = segment.payload
      parts[2] = segment.payloadTail
    }
    parts[0] = header
    if (this.socket.send(parts, address, udpPort)) {
      // an idle connection's socket must not keep a slab alive
      if (parts.length > 1) parts[1] = EMPTY
      if (parts.length > 2) parts[2] = EMPTY
      return
    }
    // the queue still points at the header
    this.blocked = true
    scratch = new HeaderScratch()
  }

  flush(): void {
    if (!this.socket.flush()) this.blocked = true
  }

  /** Whether connections with this peer may speak through it: a branch first hears, for a moment, what others send to its home. */
  isFor(address: string, udpPort: number): boolean {
    const { branchPeer } = this
    return branchPeer === null || (branchPeer.address === address && branchPeer.port === udpPort)
  }

  private branch({ peer, recvBufferSize = 0 }: LocalAddress, handler: DatagramHandler): DatagramSocket {
    return (this.socket as Required<DatagramSocket>).branch(peer as Peer, handler, recvBufferSize)
  }

  ref(): void {
    this.socket.ref()
  }

  unref(): void {
    this.socket.unref()
  }

  close(): void {
    this.socket.close()
  }
}

const EMPTY = new Uint8Array(0)

const UNKNOWN_MTU = 1500
/** Paths that a connection may count on beyond its own link: Ethernet's, if somebody fragments what is too long after all, else IPv6's. */
const FRAGMENTED_MTU = 1500
const SAFE_MTU = 1280
const MOST = 65_535
/** On a narrower link (RFC 791 allows 68) headers and options leave no room for text: what is longer than that does not leave then, or in fragments. */
const LEAST = 128

function linkSize(address: string, mtu: number, fragments: boolean): LinkSize {
  const headers = isIPv4Like(address) ? 20 + 8 + HEADER_LENGTH : 40 + 8 + HEADER_LENGTH
  const safe = fragments || isLoopback(address) ? FRAGMENTED_MTU : SAFE_MTU
  const most = Math.max(Math.min(mtu, MOST), LEAST)
  const link = { largest: most - headers, safe: Math.min(most, safe) - headers }
  // most sockets are alike
  if (link.largest !== lastLink.largest || link.safe !== lastLink.safe) lastLink = link
  return lastLink
}

let lastLink: LinkSize = { largest: 0, safe: 0 }

// Room for one header, with a view of each length that it may have and the lists that a send takes.
class HeaderScratch {
  readonly one: Uint8Array[] = [EMPTY]
  readonly two: Uint8Array[] = [EMPTY, EMPTY]
  readonly three: Uint8Array[] = [EMPTY, EMPTY, EMPTY]
  private readonly bytes = new Uint8Array(MAX_HEADER_LENGTH)
  private readonly views: (Uint8Array | undefined)[] = new Array<undefined>(MAX_HEADER_LENGTH / 4 + 1).fill(undefined)

  fill(segment: Segment): Uint8Array {
    const length = encode(segment, this.bytes)
    let view = this.views[length >> 2]
    if (view === undefined) {
      view = this.bytes.subarray(0, length)
      this.views[length >> 2] = view
    }
    return view
  }
}

/** Of all sockets: what is sent has been read when the call returns, or the queue has it. */
let scratch: HeaderScratch = new HeaderScratch()
