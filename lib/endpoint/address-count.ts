// How many connections each remote host has, where that is limited: by IPv4 address, or by IPv6 /64, which is one subscriber's.
import { isIPv6, unmapped } from './address.js'

export class AddressCount {
  private readonly limit: number
  private readonly counts: Map<string, number> = new Map()

  /** `limit`: connections of one host; Infinity: nothing is counted. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** The host has as many as it may. */
  isFull(address: string): boolean {
    return this.limit !== Number.POSITIVE_INFINITY && (this.counts.get(hostOf(address)) ?? 0) >= this.limit
  }

  /** @returns false: it may not have one more. */
  add(address: string): boolean {
    if (this.limit === Number.POSITIVE_INFINITY) return true
    const host = hostOf(address)
    const count = this.counts.get(host) ?? 0
    if (count >= this.limit) return false
    this.counts.set(host, count + 1)
    return true
  }

  remove(address: string): void {
    if (this.limit === Number.POSITIVE_INFINITY) return
    const host = hostOf(address)
    const count = this.counts.get(host) ?? 0
    if (count > 1) this.counts.set(host, count - 1)
    else this.counts.delete(host)
  }
}

/** An IPv4 address, or the first four groups of an IPv6 one. */
export function hostOf(address: string): string {
  const bare = unmapped(address)
  if (!isIPv6(bare)) return bare
  const [head = '', tail] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).join(':')
}
