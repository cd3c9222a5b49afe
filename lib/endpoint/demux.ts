// Whose segment is this: by three ports and the peer's address, in a table of chains; the same cost for 10 and for 100,000.
// No Map, where connections come and go: of V8's the tables that were left behind point at those that followed, and once one of them is
// old, all of these, and whoever was in them, stay until the whole heap is marked (decision 028).
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
  /** The demux's: the next of its chain. */
  nextInChain: Tenant | null
}

/** So many are in one chain: no table is made for the only one of a client, and nothing is computed. */
const FEW = 16
/** Chains of the smallest table; each is twice as long as the one before. */
const LEAST = 2 * FEW
/** A table gets shorter when so many of its chains would be empty for each tenant. */
const SPARSE = 8

export class Demux {
  /** All, as long as there has not been need of a table. */
  private few: Tenant | null = null
  /** Chains; a power of two of them. */
  private table: (Tenant | null)[] | null = null
  private count = 0
  /** Odd. */
  private readonly factor: number

  /** `secret`: 32 bits, without which nobody can pick ports and addresses that share a chain. */
  constructor(secret: number) {
    this.factor = secret | 1
  }

  get size(): number {
    return this.count
  }

  /** The one that lives on `local`, which is no branch, or on a wildcard whose address has got that socket of its own since. */
  find(local: LocalSocket, peerAddress: string, udpPort: number, remotePort: number, localPort: number): Tenant | null {
    let second: Tenant | null = null
    for (
      let tenant = this.first(this.chainOf(peerAddress, udpPort, remotePort, localPort));
      tenant !== null;
      tenant = tenant.nextInChain
    ) {
      if (tenant.remotePort !== remotePort || tenant.remoteUdpPort !== udpPort || tenant.localPort !== localPort)
        continue
      if (tenant.peerAddress !== peerAddress) continue
      if (tenant.local.home === local) return tenant
      if (tenant.local.wildcard) second = tenant
    }
    return second
  }

  *[Symbol.iterator](): Generator<Tenant> {
    for (const first of this.table ?? [this.few]) {
      for (let tenant = first; tenant !== null; tenant = tenant.nextInChain) yield tenant
    }
  }

  add(tenant: Tenant): void {
    this.count++
    if (this.table === null ? this.count > FEW : this.count > this.table.length) {
      this.resize(this.table === null ? LEAST : 2 * this.table.length)
    }
    this.file(tenant)
  }

  remove(tenant: Tenant): void {
    const chain = this.chainOf(tenant.peerAddress, tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    let before: Tenant | null = null
    for (let each = this.first(chain); each !== tenant; each = each.nextInChain) {
      if (each === null) return
      before = each
    }
    if (before === null) this.setFirst(chain, tenant.nextInChain)
    else before.nextInChain = tenant.nextInChain
    tenant.nextInChain = null
    this.count--
    const { table } = this
    if (table !== null && table.length > LEAST && this.count * SPARSE < table.length) this.resize(table.length / 2)
  }

  private file(tenant: Tenant): void {
    const chain = this.chainOf(tenant.peerAddress, tenant.remoteUdpPort, tenant.remotePort, tenant.localPort)
    tenant.nextInChain = this.first(chain)
    this.setFirst(chain, tenant)
  }

  private resize(length: number): void {
    const all = [...this]
    this.few = null
    this.table = new Array<null>(length).fill(null)
    for (const tenant of all) this.file(tenant)
  }

  private first(chain: number): Tenant | null {
    return this.table === null ? this.few : (this.table[chain] as Tenant | null)
  }

  private setFirst(chain: number, tenant: Tenant | null): void {
    if (this.table === null) this.few = tenant
    else this.table[chain] = tenant
  }

  /** The upper bits of a product depend on all that went into it. */
  private chainOf(peerAddress: string, udpPort: number, remotePort: number, localPort: number): number {
    const { table, factor } = this
    if (table === null) return 0
    let hash = Math.imul(udpPort ^ factor, factor)
    hash = Math.imul(remotePort ^ hash, factor)
    hash = Math.imul(localPort ^ hash, factor)
    for (let i = 0; i < peerAddress.length; i++) hash = Math.imul(peerAddress.charCodeAt(i) ^ hash, factor)
    return hash >>> (Math.clz32(table.length) + 1)
  }
}
