// Where connections come and go: who has left is freed by V8's small collections, not only once it marks its whole heap (decision 028).
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { Demux, type Tenant } from '../../lib/endpoint/demux.js'
import type { LocalSocket } from '../../lib/endpoint/local-socket.js'
import { type Place, Roster } from '../../lib/endpoint/roster.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void

/** About as large as a connection. */
const BYTES = 4_000
/** At the same time. */
const ABREAST = 24
/** Between two collections, and collections. */
const MANY = 200
const ROUNDS = 20

class Member implements Tenant {
  readonly local = { wildcard: true } as LocalSocket
  readonly peerAddress = '10.0.0.9'
  readonly remoteUdpPort: number
  readonly remotePort = 9
  readonly localPort = 9
  readonly bulk: number[] = new Array<number>(BYTES / 8).fill(0)
  nextInChain: Tenant | null = null
  place: Place<Member> | null = null

  constructor(remoteUdpPort: number) {
    this.remoteUdpPort = remoteUdpPort
  }
}

/** @returns which part of the memory of all who came and went is still there. */
function kept(enter: (member: Member) => void, leave: (member: Member) => void): number {
  const inside: (Member | null)[] = new Array(ABREAST).fill(null)
  let at = 0
  const pass = (): void => {
    for (let i = 0; i < MANY; i++) {
      const oldest = inside[at]
      if (oldest) leave(oldest)
      const member = new Member(1024 + i)
      enter(member)
      inside[at] = member
      at = (at + 1) % ABREAST
    }
  }
  pass()
  // who is in now is old from here on
  collect()
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < ROUNDS; round++) {
    pass()
    collect({ type: 'minor' })
  }
  return (process.memoryUsage().heapUsed - before) / (ROUNDS * MANY * BYTES)
}

it('a Demux keeps nobody who has left', () => {
  const demux = new Demux(0x1ee7_c0de)
  expect(
    kept(
      (member) => demux.add(member),
      (member) => demux.remove(member),
    ),
  ).toBeLessThan(0.2)
})

it('a Roster keeps nobody who has left', () => {
  const roster = new Roster<Member>()
  const leave = (member: Member): void => {
    member.place = roster.leave(member.place)
  }
  const enter = (member: Member): void => {
    member.place = roster.enter(member)
  }
  expect(kept(enter, leave)).toBeLessThan(0.2)
})
