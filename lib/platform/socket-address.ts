// Addresses between their text, as dgram reports it, and the sockaddr that system calls take.
import { AF_INET, AF_INET6, type Libc } from './libc.js'

/** Bytes of a sockaddr_in and of a sockaddr_in6. */
const LENGTH_4 = 16
const LENGTH_6 = 28
export const LONGEST: number = LENGTH_6
/** Of the latter, address and scope. */
const ADDRESS_6 = 20
/** Different ones that are remembered, in each direction. */
const MOST_KNOWN = 4_096
const MOST_INDEX = 0xffff_ffff
const LINK_LOCAL = /^fe[89ab]/i

/** Of an address, not of any text: Node's own function tests that, and takes longer. */
export function isIPv6(address: string): boolean {
  return address.includes(':')
}

export class SocketAddresses {
  private readonly libc: Libc
  /** By text: a sockaddr with port 0. */
  private readonly known: Map<string, Uint8Array> = new Map()
  private readonly texts4: Map<number, string> = new Map()
  private readonly texts6: Map<string, string> = new Map()
  /** The IPv6 address that was read last, and its text: a server's datagrams come in rows from one peer. */
  private readonly last6 = new Uint8Array(ADDRESS_6)
  private lastText6 = '::'
  private readonly scratch = Buffer.alloc(128)

  constructor(libc: Libc) {
    this.libc = libc
  }

  /** Writes the sockaddr of `text` and `port`. @returns its length; 0: `text` is no address of this machine's families. */
  put(text: string, port: number, into: Uint8Array): number {
    const address = this.known.get(text) ?? this.learn(text)
    into.set(address)
    into[2] = port >>> 8
    into[3] = port
    return address.length
  }

  /** The text of the sockaddr at `at`. */
  read(bytes: Uint8Array, at: number): string {
    return bytes[at] === AF_INET ? this.read4(bytes, at) : this.read6(bytes, at)
  }

  /** The port of the sockaddr at `at`. */
  portOf(bytes: Uint8Array, at: number): number {
    return ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  }

  private read4(bytes: Uint8Array, at: number): string {
    const [a, b, c, d] = [bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]] as [
      number,
      number,
      number,
      number,
    ]
    const key = (a << 24) | (b << 16) | (c << 8) | d
    let text = this.texts4.get(key)
    if (text === undefined) {
      text = `${a}.${b}.${c}.${d}`
      if (this.texts4.size >= MOST_KNOWN) this.texts4.clear()
      this.texts4.set(key, text)
    }
    return text
  }

  private read6(bytes: Uint8Array, at: number): string {
    const { last6 } = this
    let alike = 0
    while (alike < ADDRESS_6 && last6[alike] === bytes[at + 8 + alike]) alike++
    if (alike === ADDRESS_6) return this.lastText6
    const address = Buffer.from(bytes.buffer, bytes.byteOffset + at + 8, ADDRESS_6)
    const key = address.toString('latin1')
    let text = this.texts6.get(key)
    if (text === undefined) {
      text = this.format(address)
      if (this.texts6.size >= MOST_KNOWN) this.texts6.clear()
      this.texts6.set(key, text)
    }
    last6.set(address)
    this.lastText6 = text
    return text
  }

  private learn(text: string): Uint8Array {
    const address = this.parse(text)
    // the interface of a zone may come, go, and come again with another number
    if (text.includes('%')) return address
    if (this.known.size >= MOST_KNOWN) this.known.clear()
    this.known.set(text, address)
    return address
  }

  private parse(text: string): Uint8Array {
    const { scratch } = this
    const [literal, zone] = text.split('%') as [string, string | undefined]
    const family = isIPv6(text) ? AF_INET6 : AF_INET
    if (this.libc.inetPton(family, literal, scratch) !== 1) return new Uint8Array(0)
    const address = Buffer.alloc(family === AF_INET ? LENGTH_4 : LENGTH_6)
    address.writeUInt16LE(family, 0)
    if (family === AF_INET) {
      scratch.copy(address, 4, 0, 4)
    } else {
      scratch.copy(address, 8, 0, 16)
      if (zone !== undefined) address.writeUInt32LE(this.indexOf(zone), 24)
    }
    return address
  }

  /** 0: there is none, and the kernel will say so. */
  private indexOf(zone: string): number {
    const index = /^\d+$/.test(zone) ? Number(zone) : this.libc.ifNametoindex(zone)
    return index <= MOST_INDEX ? index : 0
  }

  /** `address`: 16 bytes and the scope. */
  private format(address: Buffer): string {
    const { libc, scratch } = this
    const text = libc.inetNtop(AF_INET6, address, scratch, scratch.length) === null ? '' : untilZero(scratch)
    const scope = address.readUInt32LE(16)
    if (scope === 0 || !LINK_LOCAL.test(text)) return text
    return libc.ifIndextoname(scope, scratch) === null ? text : `${text}%${untilZero(scratch)}`
  }
}

function untilZero(bytes: Buffer): string {
  return bytes.toString('latin1', 0, bytes.indexOf(0))
}
