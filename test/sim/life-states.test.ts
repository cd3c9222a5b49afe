// The eleven states of RFC 9293 §3.3.2: every edge of Figure 5 walked by two stacks on the simulated network.
import { describe, expect, test } from 'vitest'
import { FIN, RST, SYN } from '../../lib/wire/segment.js'
import { CLIENT, Couple, NOTHING_LEFT, Party, PORT, SERVER, withFlag } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'

/** Lets TIME-WAIT pass, with the listener closed; nothing may be left then. */
function expectNothingLeft(couple: Couple): void {
  couple.listener?.close()
  couple.network.advance(70_000)
  expect(couple.leftovers).toEqual(NOTHING_LEFT)
}

describe('the states', () => {
  test('CLOSED to SYN-SENT to ESTABLISHED, and LISTEN to SYN-RECEIVED to ESTABLISHED', () => {
    const couple = new Couple().establish()
    expect(couple.client.states).toBe('SYN-SENT ESTABLISHED')
    expect(couple.server.states).toBe('SYN-RECEIVED ESTABLISHED')
  })

  test('LISTEN to CLOSED: close() before anybody came', () => {
    const couple = new Couple().listen()
    couple.listener?.close()
    couple.network.advance(0)
    expect(couple.leftovers).toEqual(NOTHING_LEFT)
  })

  test('SYN-SENT to CLOSED: close() before an answer sends nothing more', () => {
    const couple = new Couple()
    const client = couple.connect()
    couple.network.advance(5)
    client.channel.close()
    couple.network.advance(0)
    expect(client.states).toBe('SYN-SENT CLOSED')
    expect(client.channel.reason).toBe(null)
    expect(couple.sent(CLIENT).length).toBe(1)
    expectNothingLeft(couple)
  })

  test('SYN-SENT to SYN-RECEIVED to ESTABLISHED: a simultaneous open (RFC 9293 Figure 7)', () => {
    const couple = new Couple()
    const client = couple.connect({ localUdpPort: PORT, localPort: PORT })
    const server = new Party()
    const target = { address: CLIENT, port: PORT, localUdpPort: PORT, localPort: PORT }
    server.channel = couple.serverHost.stack.connect(target, couple.serverConfig, server)
    couple.network.advance(100)
    expect([client.states, server.states]).toEqual(Array(2).fill('SYN-SENT SYN-RECEIVED ESTABLISHED'))
    client.send('from the one')
    server.send('from the other')
    couple.network.advance(100)
    expect([client.text, server.text]).toEqual(['from the other', 'from the one'])
    client.channel.close()
    server.channel.close()
    expectNothingLeft(couple)
  })

  test('SYN-RECEIVED to FIN-WAIT-1: close() between SYN,ACK and its ACK', () => {
    const couple = new Couple()
    // both open; the client's SYN,ACK is late, so that the server closes in SYN-RECEIVED
    const client = couple.connect({ localUdpPort: PORT, localPort: PORT })
    const server = new Party()
    const target = { address: CLIENT, port: PORT, localUdpPort: PORT, localPort: PORT }
    server.channel = couple.serverHost.stack.connect(target, couple.serverConfig, server)
    couple.network.advance(11)
    expect(server.state).toBe('SYN-RECEIVED')
    server.channel.close()
    client.closesOnEnd = true
    couple.network.advance(200)
    expect(server.states).toBe('SYN-SENT SYN-RECEIVED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT')
    expect(client.states).toBe('SYN-SENT SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED')
    expectNothingLeft(couple)
  })

  test('SYN-RECEIVED to LISTEN: a RST for a half-open connection leaves the listener where it was', () => {
    const couple = new Couple().listen()
    const peer = new HandMade(couple.network, couple.clientHost, 5000, { address: SERVER, port: PORT })
    peer.send(SYN)
    couple.network.advance(50)
    expect(couple.listener?.halfOpen).toBe(1)
    peer.send(RST, { seq: peer.seq + 1 })
    couple.network.advance(50)
    expect(couple.listener?.halfOpen).toBe(0)
    expect(couple.accepted.length).toBe(0)
    couple.connect()
    couple.network.advance(50)
    expect(couple.accepted.length).toBe(1)
  })

  test('ESTABLISHED to FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT and ESTABLISHED to CLOSE-WAIT, LAST-ACK, CLOSED', () => {
    const couple = new Couple().establish()
    couple.client.channel.close()
    couple.network.advance(50)
    expect([couple.client.state, couple.server.state]).toEqual(['FIN-WAIT-2', 'CLOSE-WAIT'])
    couple.server.channel.close()
    couple.network.advance(50)
    expect(couple.client.states).toBe('SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT')
    expect(couple.server.states).toBe('SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED')
    expectNothingLeft(couple)
  })

  test('FIN-WAIT-1 to TIME-WAIT: FIN with the ACK of our FIN in one segment', () => {
    const couple = new Couple().establish()
    couple.server.closesOnEnd = true
    couple.client.channel.close()
    couple.network.advance(100)
    expect(couple.sent(SERVER, withFlag(FIN)).length).toBe(1)
    // the core walks it in two steps of one instant
    expect(couple.client.at('FIN-WAIT-2')).toBe(couple.client.at('TIME-WAIT'))
    expect(couple.sent(CLIENT, withFlag(FIN)).length).toBe(1)
    expectNothingLeft(couple)
  })

  test('FIN-WAIT-1 to CLOSING to TIME-WAIT, on both sides at once', () => {
    const couple = new Couple().establish()
    couple.network.advance(50)
    couple.client.channel.close()
    couple.server.channel.close()
    couple.network.advance(100)
    expect(couple.client.states).toBe('SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT')
    expect(couple.server.states).toBe('SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT')
    expectNothingLeft(couple)
  })

  test('TIME-WAIT to CLOSED after 2 MSL, and not before', () => {
    const couple = new Couple({ config: { msl: 5_000 } }).establish()
    couple.server.closesOnEnd = true
    couple.client.channel.close()
    couple.network.advanceUntil(() => couple.client.state === 'TIME-WAIT', 1_000)
    couple.network.advance(9_999)
    expect(couple.clientHost.openSockets.length).toBe(1)
    couple.network.advance(2)
    expect(couple.clientHost.openSockets.length).toBe(0)
  })

  test('a FIN in LISTEN is nothing, and in SYN-SENT neither (RFC 9293 §3.10.7.4, eighth)', () => {
    const couple = new Couple().listen()
    const peer = new HandMade(couple.network, couple.clientHost, 5000, { address: SERVER, port: PORT })
    peer.send(FIN)
    couple.network.advance(50)
    expect(peer.heard.length).toBe(0)
    expect(couple.listener?.halfOpen).toBe(0)

    const caller = new Party()
    const target = { address: CLIENT, port: 6000 }
    caller.channel = couple.serverHost.stack.connect(target, couple.serverConfig, caller)
    const to = { address: SERVER, port: caller.channel.localUdpPort }
    const answering = new HandMade(couple.network, couple.clientHost, 6000, to)
    couple.network.advance(20)
    expect(answering.take().map(({ segment }) => segment.flags)).toEqual([SYN])
    answering.send(FIN)
    couple.network.advance(50)
    expect(answering.heard.length).toBe(0)
    expect(caller.states).toBe('SYN-SENT')
  })

  test('abort() goes from every state to CLOSED; the peer hears of it where RFC 9293 §3.10.5 wants a RST', () => {
    const reached: Record<string, [own: string, peer: string]> = {}
    for (const state of ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'LAST-ACK'] as const) {
      const couple = new Couple().listen()
      const client = couple.connect()
      if (state !== 'SYN-SENT') couple.network.advance(50)
      if (state === 'FIN-WAIT-2') {
        client.channel.close()
        couple.network.advance(50)
      } else if (state === 'CLOSE-WAIT' || state === 'LAST-ACK') {
        couple.server.channel.close()
        couple.network.advance(50)
      }
      if (state === 'FIN-WAIT-1' || state === 'LAST-ACK') client.channel.close()
      couple.network.advance(1)
      expect(client.state).toBe(state)
      client.channel.abort()
      couple.network.advance(50)
      const [server] = couple.accepted
      reached[state] = [`${client.state} ${client.channel.reason}`, `${server?.state} ${server?.channel.reason}`]
    }
    expect(reached).toEqual({
      'SYN-SENT': ['CLOSED aborted', 'undefined undefined'],
      ESTABLISHED: ['CLOSED aborted', 'CLOSED reset'],
      'FIN-WAIT-1': ['CLOSED aborted', 'CLOSED reset'],
      'FIN-WAIT-2': ['CLOSED aborted', 'CLOSED reset'],
      'CLOSE-WAIT': ['CLOSED aborted', 'CLOSED reset'],
      'LAST-ACK': ['CLOSED aborted', 'TIME-WAIT null'],
    })
  })
})
