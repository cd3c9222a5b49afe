// A UDP socket of Bun's own: that of its node:dgram is bound only later, and this one when the call returns.
import type { DatagramHandler, DatagramSocket, LocalAddress } from './platform.js'
import { isIPv6 } from './socket-address.js'
import { setImmediate } from './time.js'

/** As much of Bun as this needs. */
interface Bun {
  udpSocket(options: object): Promise<UdpSocket>
  /** What a promise has been fulfilled with; the promise itself if it has not. */
  peek(promise: Promise<UdpSocket>): UdpSocket
}

interface UdpSocket {
  readonly address: { address: string; port: number }
  readonly remoteAddress?: { address: string; port: number }
  /** @returns false: there was no room, and `drain` follows. */
  send(bytes: Uint8Array, port?: number, address?: string): boolean
  ref(): void
  unref(): void
  close(): void
}

/** This runtime, if it is Bun. */
export const bun: Bun | undefined = (globalThis as { Bun?: Bun }).Bun

const IPV6_ONLY = 1
const REUSE_ADDRESS = 4
const REUSE_PORT = 8
/** What Linux gives a socket that does not ask, bytes: Bun can neither ask nor tell. */
const BUFFER = 212_992

/** A socket that is bound as it is made. */
export class BunSocket implements DatagramSocket {
  readonly address: string
  readonly port: number
  readonly peerAddress: string | undefined
  readonly fragments = true
  readonly buffer: number = BUFFER
  readonly dropped = undefined
  private readonly socket: UdpSocket
  private readonly handler: DatagramHandler
  private closed = false
  /** There was no room for a datagram. */
  private holding = false
  /** What has come in this turn will be told to have been all. */
  private telling = false

  /** @throws EADDRINUSE, EADDRNOTAVAIL, EACCES */
  constructor(local: LocalAddress, handler: DatagramHandler) {
    this.handler = handler
    this.socket = open(local, {
      data: (_socket: UdpSocket, bytes: Uint8Array, port: number, address: string) => this.take(bytes, address, port),
      drain: () => this.onDrain(),
      error: (error: unknown) => this.onError(error),
    })
    const { address, port } = this.socket.address
    this.address = address
    this.port = port
    this.peerAddress = this.socket.remoteAddress?.address
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    if (this.closed) return true
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
    // what there is no room for is lost, as it would be on the path
    const sent = this.peerAddress === undefined ? this.socket.send(bytes, port, address) : this.socket.send(bytes)
    if (!sent) this.holding = true
    return sent
  }

  flush(): boolean {
    return !this.holding
  }

  ref(): void {
    this.socket.ref()
  }

  unref(): void {
    this.socket.unref()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.socket.close()
  }

  private take(bytes: Uint8Array, address: string, port: number): void {
    if (this.closed) return
    if (!this.telling) {
      this.telling = true
      setImmediate(this.onTurnOver)
    }
    this.handler.onDatagram(bytes, 0, bytes.length, address, port, false)
  }

  private readonly onTurnOver = (): void => {
    this.telling = false
    this.handler.onQuiet()
  }

  private onDrain(): void {
    if (this.closed || !this.holding) return
    this.holding = false
    this.handler.onDrain()
  }

  private onError(error: unknown): void {
    if (this.closed) return
    // Bun does not say which: of a connected socket it is the ICMP error that there is nobody
    const known = error instanceof Error && 'code' in error
    this.handler.onError(known ? error : Object.assign(new Error('recv ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  }
}

function open({ address, port, peer, ipv6Only, reuseAddr, reusePort }: LocalAddress, socket: object): UdpSocket {
  const flags = (ipv6Only ? IPV6_ONLY : 0) | (reuseAddr ? REUSE_ADDRESS : 0) | (reusePort ? REUSE_PORT : 0)
  const connect = peer === undefined ? {} : { connect: { hostname: peer.address, port: peer.port } }
  const { udpSocket, peek } = bun as Bun
  return peek(udpSocket({ hostname: address, port, flags, binaryType: 'buffer', socket, ...connect }))
}

/** The local address from which datagrams to `address` leave; undefined: no route. */
export function bunSourceAddress(address: string, port: number): string | undefined {
  try {
    const any = isIPv6(address) ? '::' : '0.0.0.0'
    const socket = open({ address: any, port: 0, peer: { address, port } }, {})
    socket.close()
    return socket.address.address
  } catch {
    return undefined
  }
}
