// Who owns a segment: the demux against a plain list, and with very many peers.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Demux, type Tenant } from '../../lib/endpoint/demux.js'
import { LocalSocket } from '../../lib/endpoint/local-socket.js'
import { Network } from '../../lib/testing/network.js'

const network = new Network()
const host = network.host('10.0.0.1', '10.0.0.2')
const deaf = { onDatagram: () => {}, onQuiet: () => {}, onDrain: () => {}, onError: () => {} }
const bind = (address: string): LocalSocket =>
  new LocalSocket(host.platform, { address, port: 9, reuseAddr: true }, deaf)
const wildcard = bind('0.0.0.0')
const locals = [bind('10.0.0.1'), bind('10.0.0.2'), wildcard]

class Claim implements Tenant {
  readonly local: LocalSocket
  readonly peerAddress: string
  readonly remoteUdpPort: number
  readonly remotePort: number
  readonly localPort: number
  nextInChain: Tenant | null = null

  constructor(local: LocalSocket, peerAddress: string, remoteUdpPort: number, remotePort: number, localPort: number) {
    this.local = local
    this.peerAddress = peerAddress
    this.remoteUdpPort = remoteUdpPort
    this.remotePort = remotePort
    this.localPort = localPort
  }
}

const SECRET = 0x1ee7_c0de

interface Inside {
  table: readonly (Tenant | null)[] | null
  chainOf(address: string, udpPort: number, remotePort: number, localPort: number): number
}

const chainsOf = (demux: Demux): number => (demux as unknown as Inside).table?.length ?? 1

function chainOf(demux: Demux, claims: readonly Claim[]): number[] {
  const inside = demux as unknown as Inside
  return claims.map((each) => inside.chainOf(each.peerAddress, each.remoteUdpPort, each.remotePort, each.localPort))
}

function longestChain(claims: readonly Claim[]): number {
  const lengthFrom = (claim: Tenant): number => {
    let length = 0
    for (let each: Tenant | null = claim; each !== null; each = each.nextInChain) length++
    return length
  }
  return claims.reduce((longest, claim) => Math.max(longest, lengthFrom(claim)), 0)
}

const claim = fc.record({
  local: fc.nat(2),
  address: fc.constantFrom('10.0.0.8', '10.0.0.9', '::ffff:10.0.0.9'),
  udpPort: fc.constantFrom(1, 2, 3, 5, 65535),
  remotePort: fc.constantFrom(1, 2),
  localPort: fc.constantFrom(1, 2),
})

describe('Demux', () => {
  it('finds what a search through a list finds, as tenants come and go', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        fc.array(fc.tuple(fc.boolean(), claim), { maxLength: 300 }),
        (scramble, steps) => {
          const demux = new Demux(scramble)
          const list: Claim[] = []
          for (const [adding, { local, address, udpPort, remotePort, localPort }] of steps) {
            const socket = locals[local] as LocalSocket
            const same = list.filter(
              (each) =>
                each.peerAddress === address &&
                each.remoteUdpPort === udpPort &&
                each.remotePort === remotePort &&
                each.localPort === localPort,
            )
            const expected =
              same.find((each) => each.local === socket) ?? same.find((each) => each.local === wildcard) ?? null
            const found = demux.find(socket, address, udpPort, remotePort, localPort)
            expect(found).toBe(expected)
            if (adding && found === null) {
              const added = new Claim(socket, address, udpPort, remotePort, localPort)
              demux.add(added)
              list.push(added)
            } else if (!adding && found !== null) {
              demux.remove(found)
              demux.remove(found)
              expect(found.nextInChain).toBeNull()
              list.splice(list.indexOf(found as Claim), 1)
            }
            expect(demux.size).toBe(list.length)
          }
          expect(new Set(demux)).toEqual(new Set(list))
        },
      ),
    )
  })

  it('keeps 100,000 peers apart that all use the same ports, and stays as large as it has to be', () => {
    const demux = new Demux(SECRET)
    const claims = Array.from({ length: 100_000 }, (_, i) => {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
      return new Claim(wildcard, address, 9000, 9000, 9000)
    })
    for (const each of claims) demux.add(each)
    expect(demux.size).toBe(100_000)
    const lost = claims.filter((each) => demux.find(wildcard, each.peerAddress, 9000, 9000, 9000) !== each)
    expect(lost).toEqual([])
    expect(longestChain(claims)).toBeLessThan(16)
    for (const each of claims.slice(100)) demux.remove(each)
    expect(new Set(demux)).toEqual(new Set(claims.slice(0, 100)))
    expect(chainsOf(demux)).toBeLessThan(2048)
    for (const each of claims) demux.remove(each)
    expect(demux.size).toBe(0)
    expect(demux.find(wildcard, '10.0.0.1', 9000, 9000, 9000)).toBeNull()
  })

  it('spreads the ports and addresses of one peer, whatever the secret, and otherwise for another', () => {
    const near = (secret: number): Set<number> => {
      const demux = new Demux(secret)
      const claims = Array.from({ length: 60_000 }, (_, i) => {
        return new Claim(wildcard, `2001:db8::${(i % 7).toString(16)}`, (i * 7919) & 0xffff, i, 443)
      })
      for (const each of claims) demux.add(each)
      const chains = chainOf(demux, claims)
      const sizes = new Map<number, number>()
      for (const chain of chains) sizes.set(chain, (sizes.get(chain) ?? 0) + 1)
      expect(Math.max(...sizes.values())).toBeLessThan(24)
      return new Set(chains.flatMap((chain, i) => (chain < 64 ? [i] : [])))
    }
    const [one, other] = [near(0x1234_5678), near(0x9abc_def0 | 0)]
    expect([...one].filter((i) => other.has(i)).length).toBeLessThan(one.size / 5)
  })

  it('tells the three ports apart at their limits', () => {
    const demux = new Demux(0xdead_beef | 0)
    const extremes = [0, 1, 65535]
    const claims = extremes.flatMap((a) => extremes.flatMap((b) => extremes.map((c) => [a, b, c] as const)))
    for (const [a, b, c] of claims) demux.add(new Claim(wildcard, '10.0.0.9', a, b, c))
    for (const [a, b, c] of claims) {
      expect(demux.find(wildcard, '10.0.0.9', a, b, c)).toMatchObject({ remoteUdpPort: a, remotePort: b, localPort: c })
    }
  })
})
