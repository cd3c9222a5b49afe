// The persist timer beside progress: it is about a window that is in the way now, and a probe says nothing else (RFC 9293 §3.8.6.1, §3.8.6.2.1).
import { expect, test } from 'vitest'
import { established } from '../support/script.js'

test('MUST-38 (4): a window that stays small is used again and again after 0.1 to 1 s, not at growing intervals', () => {
  const tcp = established({ window: 4000 })
  tcp.send(4000)
  tcp.take()
  tcp.send(4000)
  tcp.inject('. 1 ack 4001 win 100')
  for (let from = 4001; from < 5000; from += 100) {
    const since = tcp.time
    expect(tcp.next() - since).toBeLessThanOrEqual(1000)
    tcp.expect(`. ${from}:${from + 100} ack 1`)
    tcp.at(tcp.time + 10).inject(`. 1 ack ${from + 100} win 100`)
  }
})

test('MUST-20 (§3.8.3): probes that were answered do not count against a window that closes later', () => {
  const tcp = established({ window: 1000, config: { maxRetries: 3 } })
  tcp.send(3000)
  tcp.expect('. 1:1001 ack 1').inject('. 1 ack 1001 win 0')
  tcp.next()
  tcp.expect('. 1000 ack 1').inject('. 1 ack 1001 win 1000').expect('. 1001:2001 ack 1')
  tcp.at(tcp.time + 10).inject('. 1 ack 2001 win 0')
  const since = tcp.time
  expect(tcp.next() - since).toBeLessThanOrEqual(1000)
  tcp.expect('. 2000 ack 1')
})

test('§3.10.7.4, first: a probe is out of the window, so the ACK that waits goes on waiting for a segment of its own', () => {
  const tcp = established({ window: 1000 })
  // beyond the ACKs that leave at once in the beginning
  for (let i = 0; i < 20; i++) {
    tcp.inject(`. ${1 + 1000 * i}:${1001 + 1000 * i} ack 1 win 1000`).take()
    tcp.receive()
  }
  tcp.at(100).take()
  tcp.send(2000)
  tcp.expect('. 1:1001 ack 20001').inject('. 20001 ack 1001 win 0')
  const probedAt = tcp.connection.wakeAt - 1_000_000
  tcp
    .at(probedAt - 20)
    .inject('P. 20001:20011 ack 1001 win 0')
    .silence()
  tcp.at(probedAt).expect('. 1000 ack 20011')
  tcp.at(probedAt + 20).expect('. 1001 ack 20011')
})

test('§3.10.7.4, first: a window update that is due leaves beside the probe', () => {
  const tcp = established({
    window: 1000,
    config: { maxReceiveBuffer: 2000, keepAlive: true, keepAliveInitialDelay: 5000 },
  })
  tcp.inject('. 1:1001 ack 1', 'P. 1001:2001 ack 1').expect('. 1 ack 2001 win 0').at(5000)
  tcp.expect('. 0 ack 2001 win 0')
  tcp.connection.receive()
  tcp.connection.receive()
  tcp.at(80_000).expect('. 1 ack 2001 win 2000', '. 0 ack 2001 win 2000')
})

test('RFC 6429 §4: a peer that answers probes for ever holds nothing once the user is gone', () => {
  const tcp = established({ window: 1000, config: { maxRetries: 12 } })
  tcp.send(5000)
  tcp.expect('. 1:1001 ack 1').call((connection, now) => {
    connection.closeRead(now)
    connection.close()
  })
  tcp.inject('. 1 ack 1001 win 0')
  for (let probes = 0; probes < 12; probes++) {
    tcp.next()
    tcp.expect('. 1000 ack 1').inject('. 1 ack 1001 win 0')
  }
  tcp.next()
  tcp.expect('R. 1001 ack 1')
  expect(tcp.connection.reason).toBe('timed-out')
})

test('RFC 6429 §4: the same with a window that it took back', () => {
  const tcp = established({ window: 1000, config: { maxRetries: 5 } })
  tcp.send(5000)
  tcp.expect('. 1:1001 ack 1').call((connection, now) => {
    connection.closeRead(now)
    connection.close()
  })
  tcp.inject('. 1 ack 1 win 0')
  for (let probes = 0; probes < 5; probes++) {
    tcp.next()
    tcp.expect('. 1:1001 ack 1').inject('. 1 ack 1 win 0')
  }
  tcp.next()
  tcp.expect('R. 1001 ack 1')
  expect(tcp.connection.reason).toBe('timed-out')
})
