// UDP descriptors that the C library opens: bound, connected and asked for their names in a few calls.
import {
  AF_INET,
  AF_INET6,
  Arena,
  IP_MTU_DISCOVER,
  IPV6_MTU_DISCOVER,
  IPV6_V6ONLY,
  type Libc,
  loadLibc,
  type Option,
  type Piece,
  PMTUDISC_PROBE,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_DGRAM,
  systemError,
} from './libc.js'
import type { LocalAddress } from './platform.js'
import { isIPv6, LONGEST, SocketAddresses } from './socket-address.js'

/** An address and a port of a descriptor. */
export interface Name {
  readonly address: string
  readonly port: number
}

/** Of what SO_MEMINFO tells, and where in it: datagrams that found no room. */
const COUNTERS = 36
const DROPS = 32

export class Descriptors {
  private readonly libc: Libc
  private readonly addresses: SocketAddresses
  private readonly name: Piece
  private readonly length: Piece
  private readonly value: Piece
  private readonly counters: Piece

  constructor(libc: Libc, addresses: SocketAddresses) {
    this.libc = libc
    this.addresses = addresses
    const arena = new Arena(libc, 64 + LONGEST + COUNTERS)
    this.name = arena.take(LONGEST)
    this.length = arena.take(4)
    this.value = arena.take(4)
    this.counters = arena.take(COUNTERS)
  }

  /** One that is bound. `probes`: it sends nothing in fragments. @throws the machine's error, as dgram would emit it. */
  open(local: LocalAddress, probes = true): number {
    const { address, port } = local
    const { libc } = this
    const isV6 = isIPv6(address)
    const fd = libc.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0)
    if (fd < 0) throw systemError(libc, 'bind', address, port)
    if (isV6) this.set(fd, IPV6_V6ONLY, local.ipv6Only ? 1 : 0)
    if (isV6 && probes) this.set(fd, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    // a dual-stack socket sends IPv4 as well
    if (probes && !(isV6 && local.ipv6Only)) this.set(fd, IP_MTU_DISCOVER, PMTUDISC_PROBE)
    if (local.reuseAddr) this.set(fd, SO_REUSEADDR, 1)
    if (local.reusePort) this.set(fd, SO_REUSEPORT, 1)
    // the kernel grants as much of it as it may
    if (local.recvBufferSize) this.set(fd, SO_RCVBUF, local.recvBufferSize)
    if (libc.bind(fd, this.name.bytes, this.addresses.put(address, port, this.name.bytes)) === 0) return fd
    const error = systemError(libc, 'bind', address, port)
    libc.close(fd)
    throw error
  }

  /** Only this peer is heard from now on. @returns false: there is no way to it; see errno. */
  connect(fd: number, { address, port }: Name): boolean {
    return this.libc.connect(fd, this.name.bytes, this.addresses.put(address, port, this.name.bytes)) === 0
  }

  /** What it is bound to. */
  local(fd: number): Name {
    this.length.view.setUint32(0, LONGEST, true)
    this.libc.getsockname(fd, this.name.bytes, this.length.bytes)
    return this.read()
  }

  /** What it is connected to, after `asked`: IPv4 has one spelling, and the wildcard alone stands for another address. */
  peerAddress(fd: number, asked: string): string {
    if (!isIPv6(asked) && asked !== '0.0.0.0') return asked
    this.length.view.setUint32(0, LONGEST, true)
    this.libc.getpeername(fd, this.name.bytes, this.length.bytes)
    return this.read().address
  }

  set(fd: number, [level, name]: Option, value: number): void {
    this.value.view.setInt32(0, value, true)
    this.libc.setsockopt(fd, level, name, this.value.bytes, 4)
  }

  get(fd: number, [level, name]: Option): number {
    this.length.view.setUint32(0, 4, true)
    this.libc.getsockopt(fd, level, name, this.value.bytes, this.length.bytes)
    return this.value.view.getInt32(0, true)
  }

  /** Datagrams that came for it and found no room; undefined: this kernel does not say. */
  dropped(fd: number): number | undefined {
    const { counters, length } = this
    length.view.setUint32(0, COUNTERS, true)
    const [level, name] = SO_MEMINFO
    const failed = this.libc.getsockopt(fd, level, name, counters.bytes, length.bytes) < 0
    return failed || length.view.getUint32(0, true) < COUNTERS ? undefined : counters.view.getUint32(DROPS, true)
  }

  close(fd: number): void {
    this.libc.close(fd)
  }

  private read(): Name {
    const { bytes } = this.name
    return { address: this.addresses.read(bytes, 0), port: this.addresses.portOf(bytes, 0) }
  }
}

let plain: Descriptors | null | undefined

/** A bound descriptor with SO_REUSEPORT for a dgram that does not know it; null: the C library is out of reach. @throws as open(). */
export function openReusing(local: LocalAddress): number | null {
  if (plain === undefined) {
    const libc = loadLibc()
    plain = libc === null ? null : new Descriptors(libc, new SocketAddresses(libc))
  }
  return plain?.open(local, false) ?? null
}
