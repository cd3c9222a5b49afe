// LISTEN: RFC 9293 §3.10.7.2, the backlog, close() and who comes after; and segments that nobody owns (§3.10.7.1).
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, RST, SYN } from '../../lib/wire/segment.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn } from '../support/recorder.js'

const config = createConfig()
const SERVER = '10.0.0.1'

function scene(limits = {}, backlog?: number) {
  const network = new Network()
  const host = network.host(SERVER)
  const stack = new Stack(host.platform, limits)
  const acceptance = new Acceptance()
  const listen = (port = 80, udpPort = port) =>
    stack.listen({ address: SERVER, port, udpPort, backlog }, () => config, acceptance)
  const peer = (udpPort: number, port = 80, tcpPort = udpPort) =>
    new HandMade(network, network.host('10.0.0.9'), udpPort, { address: SERVER, udpPort: 80, port }, tcpPort)
  return { network, host, stack, acceptance, listener: listen(), listen, peer }
}

describe('a listener', () => {
  it('tells of a connection once, when the handshake is done', () => {
    const { network, acceptance, listener, peer } = scene()
    const one = peer(5000)
    one.send(SYN, { mss: 1460 })
    network.advance(50)
    expect(acceptance.accepted).toHaveLength(0)
    expect(listener.halfOpen).toBe(1)
    const [answer] = one.take()
    one.seq++
    one.ack = answer.segment.seq + 1
    one.send(ACK)
    one.send(ACK)
    network.advance(50)
    expect(acceptance.accepted).toHaveLength(1)
    expect(listener.halfOpen).toBe(0)
    expect(acceptance.channels[0]).toMatchObject({
      state: 'ESTABLISHED',
      localAddress: SERVER,
      localPort: 80,
      localUdpPort: 80,
      remoteAddress: '10.0.0.9',
      remotePort: 5000,
      remoteUdpPort: 5000,
    })
  })

  it('what comes with the handshake’s end is told after the connection', () => {
    const { network, acceptance, peer } = scene()
    const one = peer(5000)
    one.send(SYN)
    network.advance(50)
    one.seq++
    one.ack = one.take()[0].segment.seq + 1
    one.send(ACK | PSH, { payload: new TextEncoder().encode('early') })
    network.advance(50)
    expect(acceptance.accepted[0].events).toEqual(['readable'])
    expect(acceptance.accepted[0].text).toBe('early')
  })

  it('an ACK is answered with a RST, a RST and anything else with silence', () => {
    const { peer } = scene()
    const one = peer(5000)
    one.send(RST)
    one.send(FIN)
    one.send(PSH, { payload: new Uint8Array(5) })
    expect(one.flagsAfter(50)).toEqual([])
    one.send(ACK, { ack: 4711 })
    one.network.advance(50)
    expect(one.take()[0].segment).toMatchObject({ flags: RST, seq: 4711 })
  })

  it('RST in SYN-RECEIVED: back to LISTEN, and nobody is told', () => {
    const { network, acceptance, listener, peer } = scene()
    const one = peer(5000)
    one.send(SYN)
    network.advance(50)
    one.send(RST, { seq: one.seq + 1 })
    network.advance(50)
    expect(listener.getStats()).toMatchObject({ halfOpen: 0, connections: 0, accepted: 0 })
    expect(acceptance.accepted).toHaveLength(0)
  })

  it('gives up a half-open connection after its SYN,ACKs', () => {
    const { network, listener, peer } = scene()
    const one = peer(5000)
    one.send(SYN)
    const heard = one.flagsAfter(600_000)
    expect(heard.length).toBeLessThanOrEqual(7)
    expect(new Set(heard)).toEqual(new Set(['S.']))
    expect(listener.getStats()).toMatchObject({ halfOpen: 0, connections: 0 })
    expect(network.now).toBeGreaterThan(0)
  })

  it('many connections share its UDP port, and their ports tell them apart', () => {
    const { acceptance, listen, peer, listener } = scene()
    listen(81, 80)
    for (const [udpPort, port] of [
      [5000, 80],
      [5001, 80],
      [5002, 81],
    ]) {
      peer(udpPort, port).open()
    }
    const second = peer(5003, 80, 5000)
    second.open()
    expect(
      acceptance.channels.map(({ remoteUdpPort, remotePort, localPort }) => [remoteUdpPort, remotePort, localPort]),
    ).toEqual([
      [5000, 5000, 80],
      [5001, 5001, 80],
      [5002, 5002, 81],
      [5003, 5000, 80],
    ])
    expect(listener.getStats().sockets).toBe(1)
  })
})

describe('the backlog', () => {
  it('RFC 4987: beyond it SYNs are answered with cookies, and an honest client gets through at once', () => {
    const { network, acceptance, listener, peer } = scene({}, 5)
    const flood = Array.from({ length: 20 }, (_, i) => peer(5000 + i))
    for (const each of flood) each.send(SYN)
    network.advance(50)
    expect(listener.getStats()).toMatchObject({ halfOpen: 5, connections: 5, cookiesSent: 15, synsDropped: 0 })
    const honest = peer(6000)
    honest.open()
    expect(acceptance.channels[0]).toMatchObject({ remotePort: 6000, state: 'ESTABLISHED' })
    honest.take()
    honest.send(ACK | PSH, { payload: new TextEncoder().encode('honest') })
    network.advance(500)
    expect(acceptance.accepted[0].text).toBe('honest')
    expect(listener.getStats()).toMatchObject({ halfOpen: 5, cookiesRedeemed: 1, accepted: 1 })
  })

  it('is honoured to 4096', () => {
    const { network, listener, peer } = scene({}, 5000)
    const flood = peer(5000)
    for (let i = 0; i < 5000; i++) flood.send(SYN, { sourcePort: 1024 + i })
    network.advance(50)
    expect(listener.getStats()).toMatchObject({ halfOpen: 4096, cookiesSent: 904 })
  })

  it('connections of the endpoint are bounded', () => {
    const { network, listener, peer } = scene({ maxEndpointConnections: 10 })
    const flood = peer(5000)
    for (let i = 0; i < 50; i++) flood.send(SYN, { sourcePort: 1024 + i })
    network.advance(50)
    expect(listener.getStats()).toMatchObject({ connections: 10, refusedByLimit: 40, synsDropped: 40 })
  })
})

describe('close()', () => {
  it('established connections go on; new SYNs are answered with RST', () => {
    const { acceptance, listener, peer } = scene()
    const one = peer(5000)
    one.open()
    listener.close()
    listener.close()
    const two = peer(5001)
    two.send(SYN)
    expect(two.flagsAfter(50)).toEqual(['R.'])
    one.send(ACK | PSH, { payload: new TextEncoder().encode('still') })
    expect(one.flagsAfter(500)).toEqual(['.'])
    expect(acceptance.accepted[0].text).toBe('still')
  })

  it('half-open connections are reset: their peers may have been told that they are connected', () => {
    const { network, acceptance, listener, peer } = scene()
    const [one, other] = [peer(5000), peer(5001)]
    other.open()
    one.send(SYN)
    network.advance(50)
    one.ack = one.take()[0].segment.seq + 1
    listener.close()
    expect(one.flagsAfter(50)).toEqual(['R.'])
    one.send(ACK, { seq: one.seq + 1 })
    expect(one.flagsAfter(50)).toEqual(['R'])
    expect(acceptance.accepted).toHaveLength(1)
    expect(listener.halfOpen).toBe(0)
  })

  it('a connection established in that very turn is reset, since nobody will hear of it', () => {
    const { network, acceptance, listener, peer } = scene()
    const one = peer(5000)
    peer(5001).open()
    one.send(SYN)
    network.advance(50)
    one.seq++
    one.ack = one.take()[0].segment.seq + 1
    one.send(ACK)
    // the ACK has arrived, the settling of its turn is still to come
    network.advanceUntil(() => network.capture.at(-1)?.fate === 'delivered', 1000)
    listener.close()
    expect(one.flagsAfter(50)).toEqual(['R.'])
    expect(acceptance.accepted).toHaveLength(1)
  })

  it('the same port can be listened on again in the same tick, and takes over', () => {
    const { acceptance, listener, listen, peer } = scene()
    const one = peer(5000)
    one.open()
    expect(() => listen()).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
    listener.close()
    const second = listen()
    expect(second.udpPort).toBe(80)
    peer(5001).open()
    expect(acceptance.accepted).toHaveLength(2)
    expect(second.getStats()).toMatchObject({ connections: 2, accepted: 1, sockets: 1 })
  })

  it('without connections the UDP port is free at once', () => {
    const { network, host, listener } = scene()
    listener.close()
    network.advance(0)
    expect(host.openSockets).toEqual([])
  })
})

describe('segments that nobody owns', () => {
  it.each([
    ['SYN', SYN, {}, { flags: RST | ACK, seq: 0, ack: 1001 }],
    ['SYN with text', SYN, { payload: new Uint8Array(7) }, { flags: RST | ACK, seq: 0, ack: 1008 }],
    ['FIN with text', FIN, { payload: new Uint8Array(7) }, { flags: RST | ACK, seq: 0, ack: 1008 }],
    ['text', PSH, { payload: new Uint8Array(7) }, { flags: RST | ACK, seq: 0, ack: 1007 }],
    ['ACK', ACK, { ack: 0xffffffff }, { flags: RST, seq: 0xffffffff, ack: 0 }],
    ['SYN,ACK', SYN | ACK, { ack: 77 }, { flags: RST, seq: 77, ack: 0 }],
    ['nothing at all', 0, {}, { flags: RST | ACK, seq: 0, ack: 1000 }],
  ])('§3.10.7.1: %s draws a RST', (_name, flags, fields, expected) => {
    const { peer, network } = scene()
    const one = peer(5000, 99)
    one.send(flags, fields)
    network.advance(50)
    expect(one.take().map(({ segment }) => segment)).toEqual([expect.objectContaining(expected)])
  })

  it('a RST is never answered', () => {
    const { peer, listener } = scene()
    const one = peer(5000, 99)
    one.send(RST)
    one.send(RST | ACK)
    expect(one.flagsAfter(50)).toEqual([])
    expect(listener.getStats()).toMatchObject({ unowned: 2, resetsSent: 0 })
  })

  it('answers are limited', () => {
    const { peer, network, listener } = scene({ maxResets: 30 })
    const one = peer(5000, 99)
    for (let i = 0; i < 500; i++) one.send(SYN)
    const first = one.flagsAfter(50).length
    network.advance(1000)
    for (let i = 0; i < 500; i++) one.send(SYN)
    const second = one.flagsAfter(50).length
    // how many within the limit nobody can foresee
    for (const count of [first, second]) {
      expect(count).toBeLessThanOrEqual(30)
      expect(count).toBeGreaterThanOrEqual(15)
    }
    const resetsSent = first + second
    expect(listener.getStats()).toMatchObject({ unowned: 1000, resetsSent, resetsSuppressed: 1000 - resetsSent })
  })

  it('what is no segment draws nothing', () => {
    const { peer, listener } = scene()
    const one = peer(5000)
    one.raw(new Uint8Array(0))
    one.raw(new Uint8Array(19))
    one.raw(new Uint8Array(20))
    one.raw(new Uint8Array(40).fill(255))
    expect(one.flagsAfter(50)).toEqual([])
    expect(listener.getStats()).toMatchObject({ malformed: 4, datagrams: 4 })
  })

  it('a segment that fits but for its UDP port does not reach the connection', () => {
    const { acceptance, peer } = scene()
    const one = peer(5000)
    one.open()
    const thief = peer(5001, 80, 5000)
    thief.seq = one.seq
    thief.ack = one.ack
    thief.send(ACK | PSH, { payload: new TextEncoder().encode('stolen') })
    thief.send(RST)
    thief.send(FIN | ACK)
    expect(thief.flagsAfter(50)).toEqual(['R', 'R'])
    expect(one.take()).toEqual([])
    expect(acceptance.accepted[0]).toMatchObject({ text: '', events: [] })
    expect(acceptance.channels[0].state).toBe('ESTABLISHED')
  })

  it('answers leave from the UDP port and address that were called', () => {
    const { acceptance, peer } = scene()
    acceptance.react = closeInReturn
    const one = peer(5000)
    const answer = one.open()
    expect(answer).toMatchObject({ address: SERVER, udpPort: 80 })
    expect(flagsOf(answer.segment)).toBe('S.')
    const stray = peer(5002, 99)
    stray.send(SYN)
    stray.network.advance(50)
    expect(stray.take()[0]).toMatchObject({ address: SERVER, udpPort: 80 })
  })
})
