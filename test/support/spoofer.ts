// Datagrams with made-up senders: they arrive at a stack's sockets as if they had come from wherever they say.
import type { DatagramHandler, LocalAddress, Platform } from '../../lib/platform/platform.js'

export class Spoofer {
  /** Give this to the stack that is to be attacked. */
  readonly platform: Platform
  private readonly handlers: Map<number, DatagramHandler> = new Map()

  constructor(platform: Platform) {
    const bind = (local: LocalAddress, handler: DatagramHandler) => {
      const socket = platform.bind(local, handler)
      this.handlers.set(socket.port, handler)
      return socket
    }
    this.platform = Object.create(platform, { bind: { value: bind } })
  }

  /** A datagram for UDP port `to` that says to be from there. */
  arrive(to: number, bytes: Uint8Array, address: string, port: number): void {
    this.handlers.get(to)?.onDatagram(bytes, 0, bytes.length, address, port, false)
  }

  /** What has arrived has been read. */
  quiet(to: number): void {
    this.handlers.get(to)?.onQuiet()
  }

  /** The machine tells of an ICMP error. */
  error(to: number, error: Error): void {
    this.handlers.get(to)?.onError(error)
  }
}
