// The persist timer beside progress: it is about a window that is in the way now (RFC 9293 §3.8.6.1, §3.8.6.2.1).
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
