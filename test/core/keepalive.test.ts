// Keep-alive: RFC 9293 §3.8.4.
import { describe, expect, test } from 'vitest'
import { established, inState, type Script } from '../support/script.js'

const HOUR = 3_600_000
const PROBE = '. 0 ack 1'

function watched(config = {}): Script {
  return established({
    config: { keepAlive: true, keepAliveInitialDelay: 10_000, keepAliveInterval: 1000, keepAliveCount: 4, ...config },
  })
}

describe('keep-alive', () => {
  test('MUST-25 (§3.8.4): is off unless asked for', () => {
    expect(established().next(365 * 24 * HOUR)).toBe(Number.POSITIVE_INFINITY)
  })

  test('MUST-28 (§3.8.4): two hours of silence by default', () => {
    const tcp = established({ config: { keepAlive: true } })
    expect(tcp.next()).toBe(2 * HOUR)
    tcp.expect(PROBE)
  })

  test('MUST-24 (§3.8.4): can be switched on and off for each connection, at any time', () => {
    const tcp = established()
      .at(500)
      .call((connection, now) => connection.setKeepAlive(true, 1000, now))
    expect(tcp.next()).toBe(1000)
    tcp
      .expect(PROBE)
      .inject('. 1 ack 1')
      .call((connection, now) => connection.setKeepAlive(false, 0, now))
    expect(tcp.next(24 * HOUR)).toBe(Number.POSITIVE_INFINITY)
  })

  test('MUST-24 (§3.8.4): switched on before the connection is there', () => {
    const tcp = inState('SYN-SENT').call((connection, now) => connection.setKeepAlive(true, 5000, now))
    tcp.at(100).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.next()).toBe(5100)
    tcp.expect(PROBE)
  })

  test("MUST-27 (§3.8.4): the silence is the user's to choose; switched on late, what has passed counts", () => {
    const tcp = established()
      .at(60_000)
      .call((connection, now) => connection.setKeepAlive(true, 1000, now))
    expect(tcp.next(1000)).toBeLessThanOrEqual(61_000)
    tcp.expect(PROBE).inject('. 1 ack 1')
    expect(tcp.next() - tcp.time).toBeLessThanOrEqual(1000)
    tcp.take()
  })

  test('SHLD-12 (§3.8.4): a probe has SEQ = SND.NXT-1 and no text', () => {
    const tcp = watched()
    tcp.send(10)
    tcp.take()
    tcp.inject('. 1 ack 11').at(10_000).expect('. 10 ack 1')
  })

  test('MUST-26 (§3.8.4): not while text is unacknowledged: its own timer finds a dead peer', () => {
    const tcp = watched({ keepAliveInitialDelay: 1000, maxRto: 60_000 })
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    for (let i = 0; i < 10; i++) {
      tcp.next()
      tcp.expect('P. 1:11 ack 1')
    }
    expect(tcp.status.keepAliveProbes).toBe(0)
  })

  test('MUST-26 (§3.8.4): anything from the peer starts the silence anew', () => {
    const tcp = watched().at(9000).inject('. 1 ack 1')
    tcp.at(18_000).inject('P. 1:11 ack 1').expect('. 1 ack 11')
    expect(tcp.next()).toBe(28_000)
    tcp.expect('. 0 ack 11')
  })

  test('MUST-29 (§3.8.4): one probe without an answer is no dead connection', () => {
    const tcp = watched().at(10_000).expect(PROBE).at(11_000).expect(PROBE).at(12_000).expect(PROBE)
    tcp.at(12_500).inject('. 1 ack 1')
    expect(tcp.next()).toBe(22_500)
    tcp.expect(PROBE)
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('keepAliveInterval, keepAliveCount: so many without an answer, then it has timed out', () => {
    const tcp = watched()
    for (const time of [10_000, 11_000, 12_000, 13_000]) tcp.at(time).expect(PROBE)
    expect(tcp.at(13_999).state).toBe('ESTABLISHED')
    expect(tcp.at(14_000).state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
    expect(tcp.happened()).toEqual(['CLOSED'])
  })

  test('a peer that has forgotten the connection answers with a RST', () => {
    const tcp = watched().at(10_000).expect(PROBE).inject('R 1')
    expect(tcp.connection.reason).toBe('reset')
  })

  test('a closed window is probed as such, not by keep-alive', () => {
    const tcp = established({
      window: 100,
      config: { keepAlive: true, keepAliveInitialDelay: 100, keepAliveInterval: 100 },
    })
    tcp.send(200)
    tcp.expect('. 1:101 ack 1').inject('. 1 ack 101 win 0')
    for (let i = 0; i < 20; i++) {
      tcp.next()
      tcp.expect('. 100 ack 1').inject('. 1 ack 101 win 0')
    }
    expect(tcp.status.keepAliveProbes).toBe(0)
  })

  test.each(['CLOSE-WAIT', 'FIN-WAIT-2'] as const)('%s: a half-closed connection is watched too', (state) => {
    const tcp = inState(state, { config: { keepAlive: true, keepAliveInitialDelay: 1000, keepAliveCount: 1 } })
    expect(tcp.next()).toBe(1000)
    tcp.take()
    expect(tcp.next(100_000)).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test("the peer's probes are answered, with and without an octet", () => {
    const tcp = established().inject('. 0 ack 1').expect('. 1 ack 1')
    tcp.inject('P. 1:11 ack 1').take()
    tcp.receive()
    tcp.at(10_000).inject('. 10 ack 1').expect('. 1 ack 11').at(20_000).inject('. 10:11 ack 1').expect('. 1 ack 11')
    expect(tcp.receive()).toBe(0)
  })
})
