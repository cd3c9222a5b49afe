// A NAT on the simulated network: what one machine sends to it leaves for another from a port of its own, which it may forget.
import type { DatagramSocket } from '../../lib/platform/platform.js'
import type { Host } from '../../lib/testing/host.js'

/** Datagrams to `address`:`port` go on to the machine behind it, and its answers come back. */
export class Nat {
  readonly address: string
  /** Mappings that were made. */
  mappings = 0
  private readonly host: Host
  private readonly beyond: { address: string; port: number }
  private readonly inside: DatagramSocket
  private outside: DatagramSocket | null = null
  private caller: { address: string; port: number } | null = null
  private expiry: ReturnType<Host['platform']['alarm']>
  private readonly lifetime: number

  /** `lifetime`: ms without a datagram from inside after which a mapping is gone. */
  constructor(host: Host, port: number, beyond: { address: string; port: number }, lifetime: number = Infinity) {
    this.host = host
    this.address = host.addresses[0]
    this.beyond = beyond
    this.lifetime = lifetime
    this.expiry = host.platform.alarm(() => this.forget())
    this.inside = host.platform.bind(
      { address: this.address, port },
      handler((bytes, address, from) => {
        this.caller = { address, port: from }
        this.outward(bytes)
      }),
    )
  }

  /** The mapping goes; the next datagram from inside makes another, of another port (and address, if there is one). */
  forget(): void {
    this.outside?.close()
    this.outside = null
  }

  get outsidePort(): number {
    return this.outside?.port ?? 0
  }

  private outward(bytes: Uint8Array): void {
    this.expiry.set(this.lifetime === Infinity ? Infinity : this.host.platform.now() + this.lifetime)
    if (this.outside === null) {
      this.mappings++
      const answer = handler((reply) => {
        if (this.caller !== null) this.inside.send([reply], this.caller.address, this.caller.port)
      })
      const address = this.host.addresses[this.mappings % 2 === 0 ? 1 : 0]
      this.outside = this.host.platform.bind({ address, port: 0 }, answer)
    }
    this.outside.send([bytes], this.beyond.address, this.beyond.port)
  }
}

function handler(take: (bytes: Uint8Array, address: string, port: number) => void) {
  return {
    onDatagram: (bytes: Uint8Array, start: number, end: number, address: string, port: number): void =>
      take(new Uint8Array(bytes.subarray(start, end)), address, port),
    onQuiet: (): void => {},
    onDrain: (): void => {},
    onError: (): void => {},
  }
}
