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
  sibling: Tenant | null = null

  constructor(local: LocalSocket, peerAddress: string, remoteUdpPort: number, remotePort: number, localPort: number) {
    this.local = local
    this.peerAddress = peerAddress
    this.remoteUdpPort = remoteUdpPort
    this.remotePort = remotePort
    this.localPort = localPort
  }
}

const claim = fc.record({
  local: fc.nat(2),
  address: fc.constantFrom('10.0.0.8', '10.0.0.9', '::ffff:10.0.0.9'),
  udpPort: fc.constantFrom(1, 2),
  remotePort: fc.constantFrom(1, 2),
  localPort: fc.constantFrom(1, 2),
})

describe('Demux', () => {
  it('finds what a search through a list finds, as tenants come and go', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        fc.array(fc.tuple(fc.boolean(), claim), { maxLength: 100 }),
        (scramble, steps) => {
          const demux = new Demux<Claim>(scramble)
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
              same.find((each) => each.local === socket) ?? same.find((each) => each.local === wildcard) ?? undefined
            const found = demux.find(socket, address, udpPort, remotePort, localPort)
            expect(found).toBe(expected)
            if (adding && found === undefined) {
              const added = new Claim(socket, address, udpPort, remotePort, localPort)
              demux.add(added)
              list.push(added)
            } else if (!adding && found !== undefined) {
              demux.remove(found)
              demux.remove(found)
              list.splice(list.indexOf(found), 1)
            }
            expect(demux.size).toBe(list.length)
          }
        },
      ),
    )
  })

  it('keeps 100,000 peers apart that all use the same ports', () => {
    const demux = new Demux<Claim>()
    const claims = Array.from({ length: 100_000 }, (_, i) => {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
      return new Claim(wildcard, address, 9000, 9000, 9000)
    })
    for (const each of claims) demux.add(each)
    const lost = claims.filter((each) => demux.find(wildcard, each.peerAddress, 9000, 9000, 9000) !== each)
    expect(lost).toEqual([])
    for (const each of claims) demux.remove(each)
    expect(demux.size).toBe(0)
    expect(demux.find(wildcard, '10.0.0.1', 9000, 9000, 9000)).toBeUndefined()
  })

  it('what a peer chooses is scrambled by a secret, one to one, so that nobody can pick ports that meet in one bucket', () => {
    const keys = (scramble: number): number[] => {
      const demux = new Demux<Claim>(scramble) as unknown as { keyOf(udp: number, remote: number, own: number): number }
      return Array.from({ length: 60_000 }, (_, i) => demux.keyOf((i * 7919) & 0xffff, i, 443))
    }
    const [one, other] = [keys(0x1234_5678), keys(0x9abc_def0)]
    expect(new Set(one).size).toBe(one.length)
    expect(one.every((key) => Number.isSafeInteger(key) && key < 2 ** 48 && key % 2 ** 16 === 443)).toBe(true)
    // what lies together for one secret does not for another
    const near = (list: number[]): Set<number> =>
      new Set(list.flatMap((key, i) => (Math.floor(key / 2 ** 16) % 1024 === 0 ? [i] : [])))
    const shared = [...near(one)].filter((i) => near(other).has(i))
    expect(shared.length).toBeLessThan(near(one).size / 10)
  })

  it('tells the three ports apart at their limits', () => {
    const demux = new Demux<Claim>(0xdead_beef)
    const extremes = [0, 1, 65535]
    const claims = extremes.flatMap((a) => extremes.flatMap((b) => extremes.map((c) => [a, b, c] as const)))
    for (const [a, b, c] of claims) demux.add(new Claim(wildcard, '10.0.0.9', a, b, c))
    for (const [a, b, c] of claims) {
      expect(demux.find(wildcard, '10.0.0.9', a, b, c)).toMatchObject({ remoteUdpPort: a, remotePort: b, localPort: c })
    }
  })
})
