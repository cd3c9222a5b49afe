// A path that swallows large packets: smaller ones are tried, and later the large ones again (RFC 9293 §3.7.2, RFC 4821, RFC 8899).
import { describe, expect, test } from 'vitest'
import { established, type Script } from '../support/script.js'

/** The third expiry in a row of a full-sized segment has just passed. */
function swallowed(bytes: number): Script {
  const tcp = established({ peer: 'mss 1452' })
  tcp.send(bytes)
  tcp.take()
  tcp.at(300).expect('. 1:1453 ack 1').at(900).expect('. 1:1453 ack 1').at(2100)
  return tcp
}

describe('packets that vanish for being large', () => {
  test('SHLD-6 (§3.7.2): after three expiries in a row the segment leaves in smaller pieces', () => {
    const tcp = swallowed(7000)
    tcp.expect('. 1:1133 ack 1')
    tcp.at(2200).inject('. 1 ack 1133')
    for (const line of tcp.take())
      expect(Number(/:(\d+)/.exec(line)?.[1]) - Number(/(\d+):/.exec(line)?.[1])).toBeLessThanOrEqual(1132)
    expect(tcp.status.sendMss).toBe(1132)
  })

  test('RFC 4821 §7.7: and smaller again, to 536 at the least', () => {
    const tcp = swallowed(7000)
    tcp.expect('. 1:1133 ack 1')
    tcp.next()
    tcp.take()
    tcp.next()
    tcp.take()
    tcp.next()
    tcp.expect('. 1:537 ack 1')
    for (let i = 0; i < 5; i++) {
      tcp.next()
      tcp.expect('. 1:537 ack 1')
    }
  })

  test('what the application wrote need not fill a segment to be too large', () => {
    const tcp = established({ peer: 'mss 1452' })
    tcp.send(1000)
    tcp.expect('P. 1:1001 ack 1')
    for (let i = 0; i < 2; i++) {
      tcp.next()
      tcp.expect('P. 1:1001 ack 1')
    }
    tcp.next()
    tcp.expect('. 1:537 ack 1').inject('. 1 ack 537').expect('P. 537:1001 ack 1')
  })

  test('RFC 8899 §5.1.1: the large size is tried again, once, and comes back when it arrives', () => {
    const tcp = swallowed(7000)
    tcp.expect('. 1:1133 ack 1').at(2200)
    const acknowledgeAll = (): void => {
      while (tcp.connection.hasUnacknowledged) {
        tcp.inject(`. 1 ack ${tcp.sndNxt}`).take()
      }
    }
    acknowledgeAll()
    tcp.at(600_000)
    tcp.send(1452)
    tcp.expect('P. 7001:8453 ack 1').at(600_100).inject('. 1 ack 8453')
    expect(tcp.status.sendMss).toBe(1452)
    tcp.send(2904)
    tcp.expect('. 8453:9905 ack 1').inject('. 1 ack 9905').expect('P. 9905:11357 ack 1')
  })

  test('RFC 8899 §5.1.1: when it does not arrive, the small size stays', () => {
    const tcp = swallowed(7000)
    tcp.expect('. 1:1133 ack 1').at(2200)
    while (tcp.connection.hasUnacknowledged) tcp.inject(`. 1 ack ${tcp.sndNxt}`).take()
    tcp.at(600_000)
    tcp.send(1452)
    tcp.expect('P. 7001:8453 ack 1')
    tcp.next()
    expect(tcp.take()[0]).toMatch(/^\. 7001:8133 /)
    expect(tcp.status.sendMss).toBe(1132)
  })

  test.each([
    ['RFC 3042: a duplicate ACK', '', '. 1 ack 7001'],
    ['RFC 8985: a SACK block', ',sackOK', '. 1 ack 7001 <sack 8001:8133>'],
  ])('%s has the next segments leave as they are: the path is asked when nothing may be lost', (_, options, line) => {
    const tcp = established({ peer: `mss 1452${options}` })
    tcp.send(7000)
    for (tcp.take(); tcp.status.sendMss > 1132; tcp.take()) tcp.next()
    while (tcp.connection.hasUnacknowledged) tcp.inject(`. 1 ack ${tcp.sndNxt}`).take()
    tcp.at(600_000)
    tcp.send(1132)
    tcp.expect('P. 7001:8133 ack 1').at(600_001).inject(line)
    tcp.send(5000)
    expect(tcp.take()[0]).toMatch(/^\. 8133:9265 /)
  })

  test('small segments that are lost say nothing of it', () => {
    const tcp = established({ peer: 'mss 1452' })
    tcp.send(100)
    tcp.take()
    for (let i = 0; i < 6; i++) {
      tcp.next()
      tcp.take()
    }
    expect(tcp.status.sendMss).toBe(1452)
  })
})
