// SYN cookies (RFC 4987 §3.6): what a connection keeps of its SYN, and what nobody can forge.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, PSH, type Segment, SYN } from '../../lib/wire/segment.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'

/** A listener whose queue of one is full. */
function scene(chosen = {}) {
  const network = new Network({ link: { delay: 5 } })
  const acceptance = new Acceptance()
  const config = createConfig(chosen)
  const stack = new Stack(network.host(SERVER).platform)
  const listener = stack.listen({ address: SERVER, port: 80, backlog: 1 }, () => config, acceptance)
  const peer = (udpPort: number): HandMade =>
    new HandMade(network, network.host('10.0.0.9'), udpPort, { address: SERVER, port: 80 })
  const first = peer(4000)
  first.send(SYN)
  first.flagsAfter(50)
  expect(listener.halfOpen).toBe(1)
  return { network, acceptance, listener, peer }
}

describe('a cookie', () => {
  it.each<[string, Partial<Segment>, Partial<Segment>]>([
    ['no option', {}, { windowScale: -1, sackPermitted: false, hasTimestamps: false }],
    [
      'without timestamps only the MSS',
      { mss: 1460, windowScale: 7, sackPermitted: true },
      { windowScale: -1, sackPermitted: false, hasTimestamps: false },
    ],
    [
      'with timestamps window scale and SACK too',
      { mss: 1460, windowScale: 7, sackPermitted: true, hasTimestamps: true, tsVal: 77 },
      { windowScale: 8, sackPermitted: true, hasTimestamps: true, tsEcr: 77 },
    ],
    [
      'or only one of them',
      { mss: 1460, sackPermitted: true, hasTimestamps: true, tsVal: 77 },
      { windowScale: -1, sackPermitted: true, hasTimestamps: true, tsEcr: 77 },
    ],
  ])('agrees to: %s', (_name, offered, agreed) => {
    const { acceptance, listener, peer } = scene()
    const one = peer(5000)
    const answer = one.open({ mss: 0, ...offered })
    expect(answer.segment).toMatchObject(agreed)
    expect(listener.getStats()).toMatchObject({ cookiesSent: 1, cookiesRedeemed: 1, halfOpen: 1 })
    expect(acceptance.channels[0].status()).toMatchObject({
      state: 'ESTABLISHED',
      sendWindowScale: agreed.windowScale === -1 ? 0 : 7,
      timestamps: agreed.hasTimestamps,
      sack: agreed.sackPermitted,
    })
  })

  it.each([
    [0, 536],
    [536, 536],
    [1300, 1220],
    [1446, 1440],
    [1500, 1452],
  ])('remembers of an MSS of %d: %d', (mss, kept) => {
    const { network, acceptance, peer } = scene({ mss: 60_000 })
    const one = peer(5000)
    one.open({ mss })
    one.take()
    acceptance.channels[0].send(new Uint8Array(100_000))
    network.advance(20)
    expect(one.take()[0].segment.payload.length).toBe(kept)
  })

  it('is redeemed by the first text too, when the ACK got lost, and that text arrives', () => {
    const { network, acceptance, peer } = scene()
    const one = peer(5000)
    one.send(SYN)
    network.advance(50)
    one.seq++
    one.ack = one.take()[0].segment.seq + 1
    one.send(ACK | PSH, { payload: new TextEncoder().encode('first') })
    network.advance(50)
    expect(acceptance.accepted[0]).toMatchObject({ text: 'first', events: ['readable'] })
  })

  it('is good for a minute, not for ever, and not without one having been sent', () => {
    const { network, acceptance, peer, listener } = scene({ maxSynAckRetries: 255, maxRto: 1000 })
    const [early, late, never] = [peer(5000), peer(5001), peer(5002)]
    for (const each of [early, late]) {
      each.send(SYN)
      network.advance(20)
      each.seq++
      each.ack = each.take()[0].segment.seq + 1
    }
    network.advance(60_000)
    early.send(ACK)
    never.send(ACK, { ack: late.ack })
    network.advance(70_000)
    late.send(ACK)
    network.advance(50)
    expect(acceptance.channels.map(({ remotePort }) => remotePort)).toEqual([5000])
    expect([never, late].map((each) => each.take().map(({ segment }) => flagsOf(segment)))).toEqual([['R'], ['R']])
    expect(listener.getStats().cookiesRedeemed).toBe(1)
  })

  it('does not work with another sequence number, port or acknowledgment', () => {
    const { network, acceptance, peer } = scene()
    const one = peer(5000)
    one.send(SYN)
    network.advance(50)
    one.seq++
    one.ack = one.take()[0].segment.seq + 1
    one.send(ACK, { seq: one.seq + 1 })
    one.send(ACK, { sourcePort: 5001 })
    for (let i = 1; i < 100; i++) one.send(ACK, { ack: (one.ack + i) >>> 0 })
    expect(new Set(one.flagsAfter(50))).toEqual(new Set(['R']))
    expect(acceptance.accepted).toEqual([])
  })

  it('the first RTO of its connection is a cautious one', () => {
    const { acceptance, peer } = scene()
    peer(5000).open()
    expect(acceptance.channels[0].status().rto).toBeGreaterThanOrEqual(1000)
  })
})

it('a whole stack connects through a flood, and half a megabyte arrives', () => {
  const { network, acceptance, listener, peer } = scene()
  acceptance.react = closeInReturn
  const flood = peer(5000)
  const one = new Recorder()
  const client = new Stack(network.host('10.0.0.7').platform)
  one.channel = client.connect({ address: SERVER, port: 80 }, createConfig(), one)
  for (let i = 0; i < 2000; i++) {
    flood.send(SYN, { sourcePort: 1024 + i, hasTimestamps: true, tsVal: i })
    if (i % 10 === 0) network.advance(1)
  }
  expect(one.events).toEqual(['connected'])
  one.channel.send(new Uint8Array(500_000))
  one.channel.close()
  network.advance(5000)
  expect(acceptance.accepted[0].bytes).toBe(500_000)
  expect(one.channel.status()).toMatchObject({ sack: true, timestamps: true, timeouts: 0 })
  expect(listener.getStats()).toMatchObject({ cookiesSent: 2001, connections: 1 })
})
