// TIME-WAIT: RFC 9293 §3.6.1 and §3.10.7.4, RFC 1337, RFC 6191, against a peer made by hand.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, RST, type Segment, SYN } from '../../lib/wire/segment.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { Acceptance } from '../support/recorder.js'

const MSL = 1000

interface Scene {
  network: Network
  listener: Listener
  peer: HandMade
  acceptance: Acceptance
}

/** The server closes first, so that TIME-WAIT is its own. */
function untilTimeWait(syn: Partial<Segment> = {}, limits = {}, choices = {}): Scene {
  const network = new Network()
  const stack = new Stack(network.host('10.0.0.1').platform, limits)
  const acceptance = new Acceptance()
  const config = createConfig({ msl: MSL, sack: false, windowScaling: false, ...choices })
  const listener = stack.listen({ address: '10.0.0.1', port: 80 }, () => config, acceptance)
  const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: '10.0.0.1', port: 80 })
  closeByServer(network, peer, acceptance, syn)
  return { network, listener, peer, acceptance }
}

function closeByServer(network: Network, peer: HandMade, acceptance: Acceptance, syn: Partial<Segment>): void {
  const stamps = (fields: Partial<Segment> = {}): Partial<Segment> =>
    syn.hasTimestamps ? { hasTimestamps: true, tsVal: (syn.tsVal ?? 0) + 2, ...fields } : fields
  peer.open(syn)
  acceptance.channels.at(-1)?.close()
  network.advance(50)
  const fin = peer.take().at(-1)
  expect(fin && flagsOf(fin.segment)).toBe('F.')
  peer.ack = (peer.ack + 1) >>> 0
  peer.send(FIN | ACK, stamps())
  peer.seq++
  expect(peer.flagsAfter(50)).toEqual(['.'])
}

describe('TIME-WAIT', () => {
  it('the record has the connection’s place, and the owner has heard that it is over', () => {
    const { listener, acceptance } = untilTimeWait()
    expect(listener.getStats()).toMatchObject({ connections: 0, timeWait: 1 })
    expect(acceptance.accepted[0].events.at(-1)).toBe('closed')
    expect(acceptance.channels[0]).toMatchObject({ state: 'TIME-WAIT', reason: null, ended: true })
  })

  it('is over after 2 MSL', () => {
    const { network, listener } = untilTimeWait()
    network.advance(2 * MSL - 200)
    expect(listener.getStats().timeWait).toBe(1)
    network.advance(300)
    expect(listener.getStats().timeWait).toBe(0)
  })

  it('a FIN again is acknowledged, and 2 MSL begin anew', () => {
    const { network, listener, peer } = untilTimeWait()
    network.advance(2 * MSL - 200)
    peer.send(FIN | ACK, { seq: peer.seq - 1 })
    network.advance(50)
    const [again] = peer.take()
    expect(again.segment).toMatchObject({ flags: ACK, ack: peer.seq, seq: peer.ack })
    network.advance(2 * MSL - 200)
    expect(listener.getStats().timeWait).toBe(1)
    network.advance(300)
    expect(listener.getStats().timeWait).toBe(0)
  })

  it('a FIN with its last text again is acknowledged too', () => {
    const { network, peer } = untilTimeWait()
    network.advance(100)
    peer.send(FIN | ACK | PSH, { seq: peer.seq - 4, payload: new Uint8Array(3) })
    expect(peer.flagsAfter(50)).toEqual(['.'])
  })

  it('RFC 1337: a RST changes nothing', () => {
    const { listener, peer } = untilTimeWait()
    peer.send(RST)
    peer.send(RST | ACK)
    expect(peer.flagsAfter(50)).toEqual([])
    expect(listener.getStats().timeWait).toBe(1)
  })

  it('a pure ACK draws silence, what is out of place an ACK, never a RST', () => {
    const { peer } = untilTimeWait()
    peer.send(ACK)
    expect(peer.flagsAfter(50)).toEqual([])
    peer.send(ACK, { seq: peer.seq - 1 })
    expect(peer.flagsAfter(50)).toEqual(['.'])
    peer.send(ACK | PSH, { payload: new Uint8Array(10) })
    expect(peer.flagsAfter(50)).toEqual(['.'])
    peer.send(ACK, { ack: peer.ack + 1000 })
    expect(peer.flagsAfter(50)).toEqual(['.'])
    peer.send(SYN | ACK)
    expect(peer.flagsAfter(50)).toEqual(['.'])
    peer.send(PSH, { payload: new Uint8Array(10) })
    expect(peer.flagsAfter(50)).toEqual([])
  })

  it('answers to what is out of place are limited', () => {
    const { peer } = untilTimeWait({}, { maxTimeWaitAcks: 20 })
    for (let i = 0; i < 400; i++) peer.send(ACK, { seq: peer.seq - 100 })
    const { length } = peer.flagsAfter(50)
    expect(length).toBeLessThanOrEqual(20)
    expect(length).toBeGreaterThanOrEqual(10)
  })

  it('MAY-2: a SYN beyond all that was sent begins a new connection, with an ISS beyond ours', () => {
    const { network, peer, acceptance, listener } = untilTimeWait()
    peer.seq += 1
    const sndNxt = peer.ack
    const answer = peer.open()
    expect((answer.segment.seq - sndNxt) | 0).toBeGreaterThan(0)
    expect(acceptance.accepted).toHaveLength(2)
    expect(listener.getStats()).toMatchObject({ connections: 1, timeWait: 0 })
    network.advance(10 * MSL)
    expect(acceptance.channels[1].state).toBe('ESTABLISHED')
  })

  it('a SYN that is no newer is answered with an ACK', () => {
    const { peer, listener, acceptance } = untilTimeWait()
    peer.send(SYN, { seq: peer.seq })
    peer.send(SYN, { seq: peer.seq - 5000 })
    expect(peer.flagsAfter(50)).toEqual(['.', '.'])
    expect(listener.getStats().timeWait).toBe(1)
    expect(acceptance.accepted).toHaveLength(1)
  })

  it('a SYN in one turn with the FIN that leads there finds it', () => {
    const network = new Network()
    const acceptance = new Acceptance()
    const config = createConfig({ msl: MSL })
    new Stack(network.host('10.0.0.1').platform).listen({ address: '10.0.0.1', port: 80 }, () => config, acceptance)
    const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: '10.0.0.1', port: 80 })
    peer.open()
    acceptance.channels[0].close()
    network.advance(20)
    peer.take()
    peer.ack++
    peer.send(ACK)
    network.advance(20)
    peer.send(ACK | FIN)
    peer.send(SYN, { seq: peer.seq + 100_000 })
    expect(peer.flagsAfter(50)).toEqual(['.', 'S.'])
  })

  it('RFC 6191: a later timestamp begins a new connection, whatever the sequence number', () => {
    const { peer, acceptance } = untilTimeWait({ hasTimestamps: true, tsVal: 5000 })
    peer.seq -= 100_000
    peer.open({ hasTimestamps: true, tsVal: 5003 })
    expect(acceptance.accepted).toHaveLength(2)
  })

  it('RFC 6191: the same timestamp decides nothing, an earlier one forbids', () => {
    const { peer, acceptance } = untilTimeWait({ hasTimestamps: true, tsVal: 5000 })
    peer.send(SYN, { seq: peer.seq - 10, hasTimestamps: true, tsVal: 5002 })
    peer.send(SYN, { seq: peer.seq + 10, hasTimestamps: true, tsVal: 4000 })
    expect(peer.flagsAfter(50)).toEqual(['.', '.'])
    peer.send(SYN, { seq: peer.seq + 10, hasTimestamps: true, tsVal: 5002 })
    expect(peer.flagsAfter(50)).toEqual(['S.'])
    expect(acceptance.accepted).toHaveLength(1)
  })

  it('RFC 6191: timestamps that were not there before tell a new connection, if it is to have them', () => {
    const { peer } = untilTimeWait()
    peer.send(SYN, { seq: peer.seq - 50, hasTimestamps: true, tsVal: 1 })
    expect(peer.flagsAfter(50)).toEqual(['S.'])
  })

  it('RFC 6191: and nothing, if the listener does without them: text of the former connection could not be told from new', () => {
    const { peer } = untilTimeWait({}, {}, { timestamps: false })
    peer.send(SYN, { seq: peer.seq - 50, hasTimestamps: true, tsVal: 1 })
    expect(peer.flagsAfter(50)).toEqual(['.'])
    peer.send(SYN, { seq: peer.seq + 50, hasTimestamps: true, tsVal: 1 })
    expect(peer.flagsAfter(50)).toEqual(['S.'])
  })

  it('a FIN that PAWS finds old restarts nothing', () => {
    const { network, peer, listener } = untilTimeWait({ hasTimestamps: true, tsVal: 5000 })
    network.advance(MSL)
    peer.send(FIN | ACK, { seq: peer.seq - 1, hasTimestamps: true, tsVal: 100 })
    expect(peer.flagsAfter(50)).toEqual(['.'])
    network.advance(MSL)
    expect(listener.getStats().timeWait).toBe(0)
  })

  it('its ACKs carry our clock and the peer’s latest timestamp', () => {
    const { network, peer } = untilTimeWait({ hasTimestamps: true, tsVal: 5000 })
    peer.send(FIN | ACK, { seq: peer.seq - 1, hasTimestamps: true, tsVal: 6000 })
    network.advance(20)
    const [first] = peer.take()
    network.advance(500)
    peer.send(ACK, { hasTimestamps: true, tsVal: 6500 })
    peer.send(FIN | ACK, { seq: peer.seq - 1, hasTimestamps: true, tsVal: 6500 })
    network.advance(20)
    const [second] = peer.take()
    expect(first.segment.hasTimestamps).toBe(true)
    expect(second.segment.tsVal - first.segment.tsVal).toBe(520)
    expect(second.segment.tsEcr).toBe(6500)
  })

  it('a SYN from another UDP port is another peer’s', () => {
    const { network, peer, acceptance } = untilTimeWait()
    const other = new HandMade(network, network.host('10.0.0.9'), 6000, { address: '10.0.0.1', port: 80 }, 5000)
    other.seq = peer.seq - 100_000
    other.open()
    expect(acceptance.accepted).toHaveLength(2)
  })

  it('nobody listens any more: a new SYN is answered with an ACK, never with a RST', () => {
    const { listener, peer } = untilTimeWait()
    listener.close()
    peer.seq += 10
    peer.send(SYN)
    expect(peer.flagsAfter(50)).toEqual(['.'])
  })
})

describe('the bound', () => {
  it('the record that expires first goes', () => {
    const network = new Network()
    const stack = new Stack(network.host('10.0.0.1').platform, { maxTimeWaitRecords: 3 })
    const acceptance = new Acceptance()
    const config = createConfig({ msl: MSL })
    const listener = stack.listen({ address: '10.0.0.1', port: 80 }, () => config, acceptance)
    const peers = [5001, 5002, 5003, 5004].map(
      (port) => new HandMade(network, network.host('10.0.0.9'), port, { address: '10.0.0.1', port: 80 }),
    )
    for (const peer of peers.slice(0, 3)) closeByServer(network, peer, acceptance, {})
    // the first one's FIN comes again: now the second is the oldest
    peers[0].send(FIN | ACK, { seq: peers[0].seq - 1 })
    expect(peers[0].flagsAfter(50)).toEqual(['.'])
    closeByServer(network, peers[3], acceptance, {})
    expect(listener.getStats()).toMatchObject({ timeWait: 3, timeWaitEvicted: 1 })
    const answers = peers.map((peer) => {
      peer.send(FIN | ACK, { seq: peer.seq - 1 })
      return peer.flagsAfter(50)
    })
    expect(answers).toEqual([['.'], ['R'], ['.'], ['.']])
  })
})
