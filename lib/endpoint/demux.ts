// Whose segment is this: by one number made of three ports, then by address; the same cost for 10 and for 100,000.
import type { LocalSocket } from './local-socket.js'

/** What can own a pair of addresses and ports. */
export interface Tenant {
  /** The UDP socket it hears and speaks through. */
  readonly local: LocalSocket
  /** As that socket spells it. */
  readonly peerAddress: string
  readonly remoteUdpPort: number
  readonly remotePort: number
  readonly localPort: number
  /** The demux's: the next with the same key and peer address, on another socket of the endpoint. */
  sibling: Tenant | null
}

export class Demux<T extends Tenant> {
  /** The only one, as the socket of a client has it: no table is made for it. */
  private only: T | null = null
  /** One tenant, or, when several peers use the same ports, the first tenant of each peer address. */
  private filed: Map<number, T | Map<string, T>> | null = null
  private count = 0
  private readonly scramble: number

  /** `scramble`: a secret of 32 bits. */
  constructor(scramble = 0) {
    this.scramble = scramble
  }

  get size(): number {
    return this.count
  }

  find(local: LocalSocket, peerAddress: string, udpPort: number, remotePort: number, localPort: number): T | undefined {
    if (this.filed !== null) {
      const filed = this.filed.get(this.keyOf(udpPort, remotePort, localPort))
      if (filed === undefined) return undefined
      return among(filed instanceof Map ? filed.get(peerAddress) : filed, local, peerAddress)
    }
    const { only } = this
    if (only === null || only.localPort !== localPort || only.remotePort !== remotePort) return undefined
    return only.remoteUdpPort === udpPort ? among(only, local, peerAddress) : undefined
  }

  *[Symbol.iterator](): Generator<T> {
    if (this.only !== null) yield this.only
    if (this.filed === null) return
    for (const filed of this.filed.values()) {
      for (const first of filed instanceof Map ? filed.values() : [filed]) {
        for (let tenant: T | null = first; tenant !== null; tenant = tenant.sibling as T | null) yield tenant
      }
    }
  }

  add(tenant: T): void {
    tenant.sibling = null
    if (this.count++ === 0 && this.filed === null) {
      this.only = tenant
      return
    }
    this.filed ??= new Map()
    if (this.only !== null) this.file(this.filed, this.only)
    this.only = null
    this.file(this.filed, tenant)
  }

  remove(tenant: T): void {
    if (this.only === tenant) {
      this.only = null
      this.count--
    } else if (this.filed !== null && this.unfile(this.filed, tenant)) this.count--
  }

  /**
   * The number under which the ports are filed; below 2^48, so exact (decision 007). What the peer chooses is scrambled, one to one: V8's
   * hash of a number is known to all, and ports that share a bucket of the table could be picked.
   */
  private keyOf(udpPort: number, remotePort: number, localPort: number): number {
    const chosen = Math.imul((udpPort * 2 ** 16 + remotePort) ^ this.scramble, this.scramble | 1) >>> 0
    return chosen * 2 ** 16 + localPort
  }

  private file(all: Map<number, T | Map<string, T>>, tenant: T): void {
    const key = this.keyOf(tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    const filed = all.get(key)
    if (filed === undefined) {
      all.set(key, tenant)
      return
    }
    let byAddress: Map<string, T>
    if (filed instanceof Map) {
      byAddress = filed
    } else {
      byAddress = new Map([[filed.peerAddress, filed]])
      all.set(key, byAddress)
    }
    tenant.sibling = byAddress.get(tenant.peerAddress) ?? null
    byAddress.set(tenant.peerAddress, tenant)
  }

  /** @returns false: it was not there. */
  private unfile(all: Map<number, T | Map<string, T>>, tenant: T): boolean {
    const key = this.keyOf(tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    const filed = all.get(key)
    if (filed === tenant) return all.delete(key)
    if (!(filed instanceof Map)) return false
    const first = filed.get(tenant.peerAddress)
    if (first === tenant) {
      if (tenant.sibling !== null) filed.set(tenant.peerAddress, tenant.sibling as T)
      else filed.delete(tenant.peerAddress)
      if (filed.size === 0) all.delete(key)
      return true
    }
    for (let before = first; before !== undefined && before !== null; before = before.sibling as T) {
      if (before.sibling !== tenant) continue
      before.sibling = tenant.sibling
      return true
    }
    return false
  }
}

/** The one of a chain of siblings that lives on `local`, which is no branch, or whose address has got that socket of its own since. */
function among<T extends Tenant>(first: T | undefined, local: LocalSocket, peerAddress: string): T | undefined {
  if (first === undefined || first.peerAddress !== peerAddress) return undefined
  let second: T | undefined
  for (let tenant: T | null = first; tenant !== null; tenant = tenant.sibling as T | null) {
    if (tenant.local.home === local) return tenant
    if (tenant.local.wildcard) second = tenant
  }
  return second
}
