// Ends at awkward moments: CLOSE, ABORT and closing the reading side while something else is under way (RFC 9293 §3.10.4, §3.10.5).
import { describe, expect, test } from 'vitest'
import { active, inState } from '../support/script.js'

describe('CLOSE in SYN-RECEIVED', () => {
  test('the user still hears of the connection, once', () => {
    const tcp = inState('SYN-RECEIVED').close()
    expect(tcp.happened()).toEqual([])
    tcp.inject('. 1 ack 1').expect('F. 1 ack 1')
    expect(tcp.happened()).toEqual(['CONNECTED'])
  })

  test('connectTimeout is over with the handshake: the peer may stream on for as long as it likes', () => {
    const tcp = active({ config: { connectTimeout: 5000 } })
    tcp.expect('S 0').at(0).inject('S 0 <mss 1000>').expect('S. 0 ack 1').close()
    expect(tcp.state).toBe('FIN-WAIT-1')
    tcp.inject('. 1 ack 1').expect('F. 1 ack 1').inject('. 1 ack 2')
    expect(tcp.next(60_000)).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.state).toBe('FIN-WAIT-2')
  })

  test('keep-alive watches it like any other', () => {
    const tcp = inState('SYN-RECEIVED', { config: { keepAlive: true, keepAliveInitialDelay: 3000 } }).close()
    tcp.inject('. 1 ack 1').expect('F. 1 ack 1').inject('. 1 ack 2')
    expect(tcp.next(60_000)).toBe(3000)
    tcp.expect('. 1 ack 1')
  })
})

describe('ABORT with a FIN that has not left', () => {
  test('LAST-ACK: the peer, which waits for the rest, gets a RST', () => {
    const tcp = inState('ESTABLISHED', { window: 1000 }).inject('F. 1 ack 1 win 1000').expect('. 1 ack 2')
    tcp.send(3000)
    tcp.expect('. 1:1001 ack 2').close().abort().expect('R. 1001 ack 2')
    expect(tcp.state).toBe('CLOSED')
  })

  test('LAST-ACK, all of it under way: likewise, since it may never arrive', () => {
    const tcp = inState('ESTABLISHED', { window: 1000 }).inject('F. 1 ack 1 win 1000').expect('. 1 ack 2')
    tcp.send(100)
    tcp.expect('P. 1:101 ack 2').close().expect('F. 101 ack 2').abort().expect('R. 102 ack 2')
    expect(tcp.state).toBe('CLOSED')
  })

  test('CLOSING: likewise', () => {
    const tcp = inState('ESTABLISHED', { window: 1000 })
    tcp.send(3000)
    tcp.expect('. 1:1001 ack 1').close().inject('F. 1 ack 1 win 1000').expect('. 1001 ack 2')
    expect(tcp.state).toBe('CLOSING')
    tcp.abort().expect('R. 1001 ack 2')
  })
})

describe('TIME-WAIT', () => {
  test('ABORT is no second end, and no other one', () => {
    const tcp = inState('TIME-WAIT').abort()
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.happened()).toEqual([])
    expect(tcp.connection.reason).toBe(null)
  })

  test('closing the reading side throws away what is unread, and neither the last ACK nor the wait', () => {
    const tcp = inState('FIN-WAIT-2')
    tcp.inject('P. 1:11 ack 2').expect('. 2 ack 11').inject('F. 11 ack 2').expect('. 2 ack 12').closeRead()
    expect(tcp.state).toBe('TIME-WAIT')
    expect(tcp.connection.readable).toBe(0)
    expect(tcp.connection.reason).toBe(null)
  })

  test('keep-alive has nothing to watch', () => {
    const tcp = inState('TIME-WAIT').call((connection, now) => connection.setKeepAlive(true, 1000, now))
    expect(tcp.connection.wakeAt).toBe(Number.POSITIVE_INFINITY)
  })
})
