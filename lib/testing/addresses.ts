// IP literals as the simulated machines compare them: one spelling each, IPv4 never in IPv6's clothes.
import { isIP, isIPv4, SocketAddress } from 'node:net'

export type Family = 4 | 6

const MAPPED = '::ffff:'

const known = new Map<string, string>()
const MAX_KNOWN = 10_000

/** The one spelling of an IP literal; '::ffff:10.0.0.1' becomes '10.0.0.1'. @throws TypeError */
export function canonical(address: string): string {
  let spelling = known.get(address)
  if (spelling === undefined) {
    spelling = spell(address)
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(address, spelling)
  }
  return spelling
}

function spell(address: string): string {
  if (isIPv4(address)) return address
  if (isIP(address) === 0) throw new TypeError(`${address} is not an IP address`)
  const spelled = new SocketAddress({ address, family: 'ipv6' }).address
  return spelled.startsWith(MAPPED) && isIPv4(spelled.slice(MAPPED.length)) ? spelled.slice(MAPPED.length) : spelled
}

/** Of a canonical address. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

/** As an IPv6 socket shows a canonical address. */
export function mapped(address: string): string {
  return familyOf(address) === 4 ? MAPPED + address : address
}

export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
