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

/** The number under which the ports are filed; below 2^48, so exact (decision 007). */
function keyOf(udpPort: number, remotePort: number, localPort: number): number {
  return (udpPort * 2 ** 16 + remotePort) * 2 ** 16 + localPort
}

export class Demux<T extends Tenant> {
  /** One tenant, or, when several peers use the same ports, the first tenant of each peer address. */
  private readonly filed = new Map<number, T | Map<string, T>>()
  private count = 0

  get size(): number {
    return this.count
  }

  find(local: LocalSocket, peerAddress: string, udpPort: number, remotePort: number, localPort: number): T | undefined {
    const filed = this.filed.get(keyOf(udpPort, remotePort, localPort))
    if (filed === undefined) return undefined
    let tenant: T | null | undefined = filed instanceof Map ? filed.get(peerAddress) : filed
    if (tenant === undefined || tenant.peerAddress !== peerAddress) return undefined
    let second: T | undefined
    for (; tenant !== null; tenant = tenant.sibling as T | null) {
      if (tenant.local === local) return tenant
      // its address has got a socket of its own since
      if (tenant.local.wildcard) second = tenant
    }
    return second
  }

  *[Symbol.iterator](): Generator<T> {
    for (const filed of this.filed.values()) {
      for (const first of filed instanceof Map ? filed.values() : [filed]) {
        for (let tenant: T | null = first; tenant !== null; tenant = tenant.sibling as T | null) yield tenant
      }
    }
  }

  add(tenant: T): void {
    this.count++
    tenant.sibling = null
    const key = keyOf(tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    const filed = this.filed.get(key)
    if (filed === undefined) {
      this.filed.set(key, tenant)
      return
    }
    let byAddress: Map<string, T>
    if (filed instanceof Map) {
      byAddress = filed
    } else {
      byAddress = new Map([[filed.peerAddress, filed]])
      this.filed.set(key, byAddress)
    }
    tenant.sibling = byAddress.get(tenant.peerAddress) ?? null
    byAddress.set(tenant.peerAddress, tenant)
  }

  remove(tenant: T): void {
    const key = keyOf(tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    const filed = this.filed.get(key)
    if (filed === tenant) {
      this.filed.delete(key)
      this.count--
      return
    }
    if (!(filed instanceof Map)) return
    const first = filed.get(tenant.peerAddress)
    if (first === tenant) {
      if (tenant.sibling !== null) filed.set(tenant.peerAddress, tenant.sibling as T)
      else filed.delete(tenant.peerAddress)
      if (filed.size === 0) this.filed.delete(key)
      this.count--
      return
    }
    for (let before = first; before !== undefined && before !== null; before = before.sibling as T) {
      if (before.sibling !== tenant) continue
      before.sibling = tenant.sibling
      this.count--
      return
    }
  }
}
