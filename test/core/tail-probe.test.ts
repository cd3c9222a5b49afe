// When a silent tail is probed (RFC 8985 §7.2), and when the peer may simply take its time.
import { describe, expect, test } from 'vitest'
import { established } from '../support/script.js'

const PEER = 'mss 1000,sackOK'

describe('a tail loss probe', () => {
  test('RFC 8985 §7.2: two round trips after the last of two full segments', () => {
    const tcp = established({ rtt: 20, peer: PEER })
    tcp.send(2000)
    tcp.take()
    const probedAt = tcp.next()
    tcp.expect('P. 1001:2001 ack 1')
    expect(probedAt).toBeGreaterThanOrEqual(40)
    expect(probedAt).toBeLessThan(50)
  })

  test('SHLD-19: two small segments may be acknowledged late, and are not probed before that', () => {
    const tcp = established({ rtt: 20, peer: PEER, config: { noDelay: true } })
    tcp.send(300)
    tcp.take()
    tcp.send(300)
    tcp.take()
    expect(tcp.next()).toBeGreaterThanOrEqual(200)
    tcp.take()
  })

  test('RFC 6298 §5.5: is no expiry of its own: a lone segment is sent again after the RTO, then twice, four times as long', () => {
    const tcp = established({ rtt: 20, peer: PEER, config: { maxRetries: 4 } })
    tcp.send(100)
    tcp.expect('P. 1:101 ack 1')
    const times = [0]
    for (let i = 0; i < 4; i++) {
      times.push(tcp.next())
      tcp.expect('P. 1:101 ack 1')
    }
    const [first = 0, ...gaps] = times.slice(1).map((time, i) => time - (times[i] as number))
    expect(first).toBeCloseTo(tcp.status.rto / 2 ** 4)
    for (const [i, gap] of gaps.entries()) expect(gap).toBeCloseTo(first * 2 ** (i + 1))
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.connection.reason).toBe('timed-out')
  })
})
