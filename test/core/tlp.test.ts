// Tail loss probes: RFC 8985 §7 on the wire, and the first worked example of §3.
import { describe, expect, test } from 'vitest'
import { active, established, type Script } from '../support/script.js'

const RTT = 100
const PEER = 'mss 1000,sackOK'

/** Four segments have left at 0; the first round trip took 100 ms. */
function four(peer = PEER): Script {
  const tcp = established({ peer, config: { noDelay: true } })
  tcp.send(4000)
  tcp.expect('. 1:1001 ack 1', '. 1001:2001 ack 1', '. 2001:3001 ack 1', 'P. 3001:4001 ack 1')
  return tcp
}

describe('RFC 8985 §7.2: when', () => {
  test('after two smoothed round trips without an ACK', () => {
    const tcp = four()
    const at = tcp.next()
    expect(at).toBeGreaterThanOrEqual(2 * RTT)
    expect(at).toBeLessThan(2 * RTT + 5)
    tcp.expect('P. 3001:4001 ack 1')
    expect(tcp.status).toMatchObject({ tailProbes: 1, timeouts: 0 })
  })

  test('a lone segment waits for a delayed ACK too', () => {
    const tcp = established({ peer: PEER, config: { minRto: 1000 } })
    tcp.send(500)
    tcp.expect('P. 1:501 ack 1')
    expect(tcp.next()).toBe(2 * RTT + 200 + 2)
    tcp.expect('P. 1:501 ack 1')
    expect(tcp.status).toMatchObject({ tailProbes: 1, timeouts: 0 })
  })

  test('then the RTO gives the probe its round trip', () => {
    const tcp = four()
    const probed = tcp.next()
    tcp.take()
    expect(tcp.next()).toBe(probed + tcp.status.rto / 2 ** tcp.status.backOffs)
    tcp.expect('. 1:1001 ack 1')
    expect(tcp.status.timeouts).toBe(1)
  })

  test('not before there is an RTT sample', () => {
    const tcp = active({ peer: PEER, rtt: 0 })
    tcp.take()
    // the SYN is sent twice: its ACK is no sample
    tcp.at(1000).take()
    tcp.at(1100).inject(`S. 0 ack 1 win 65535 <${PEER}>`).take()
    expect(tcp.status.srtt).toBe(0)
    tcp.send(4000)
    tcp.take()
    tcp.next()
    tcp.take()
    expect(tcp.status).toMatchObject({ tailProbes: 0, timeouts: 1 })
  })

  test('not without SACK', () => {
    const tcp = four('mss 1000')
    tcp.next()
    tcp.expect('. 1:1001 ack 1')
    expect(tcp.status).toMatchObject({ tailProbes: 0, timeouts: 1 })
  })

  test('not with anything in the scoreboard: RACK has its own timer', () => {
    const tcp = four()
    tcp.at(RTT).inject('. 1 ack 1 <sack 1001:2001>')
    tcp.next()
    tcp.expect('. 1:1001 ack 1')
    expect(tcp.status).toMatchObject({ tailProbes: 0, recoveries: 1, timeouts: 0 })
  })
})

describe('RFC 8985 §7.3: what', () => {
  test('new text if there is some', () => {
    const tcp = established({ peer: PEER })
    tcp.send(12_000)
    expect(tcp.take()).toHaveLength(10)
    tcp.next()
    tcp.expect('. 10001:11001 ack 1')
    expect(tcp.status).toMatchObject({ tailProbes: 1, segmentsRetransmitted: 0 })
  })

  test('else the last segment again, once', () => {
    const tcp = four()
    tcp.next()
    tcp.expect('P. 3001:4001 ack 1')
    tcp.next()
    tcp.take()
    expect(tcp.status.tailProbes).toBe(1)
  })
})

describe('RFC 8985 §7.4.2: what the ACK says', () => {
  function probed(): Script {
    const tcp = four()
    tcp.next()
    tcp.take()
    return tcp
  }

  test('a D-SACK: both arrived, nothing was lost', () => {
    const tcp = probed()
    const { cwnd } = tcp.status
    tcp.inject('. 1 ack 4001').inject('. 1 ack 4001 <sack 3001:4001>')
    expect(tcp.status).toMatchObject({ ssthresh: Number.POSITIVE_INFINITY, dsacks: 1 })
    expect(tcp.status.cwnd).toBeGreaterThanOrEqual(cwnd)
  })

  test('up to the probe, and then a plain duplicate: the same', () => {
    const tcp = probed().inject('. 1 ack 4001').inject('. 1 ack 4001')
    tcp.send(1000)
    tcp.take()
    tcp.inject('. 1 ack 5001')
    expect(tcp.status.ssthresh).toBe(Number.POSITIVE_INFINITY)
  })

  test('beyond the probe without a word of a duplicate: it repaired a loss, and the window answers for it', () => {
    const tcp = probed().inject('. 1 ack 4001')
    expect(tcp.status.ssthresh).toBe(Number.POSITIVE_INFINITY)
    tcp.send(1000)
    tcp.take()
    tcp.inject('. 1 ack 5001')
    expect(tcp.status.ssthresh).toBe(2000)
  })

  test('RFC 8985 §3: the tail is lost, the probe draws a SACK, RACK finds the rest by it, and no RTO is needed', () => {
    const tcp = four()
    tcp.at(RTT).inject('. 1 ack 1001')
    const at = tcp.next()
    expect(at).toBeGreaterThanOrEqual(RTT + 2 * RTT)
    tcp.expect('P. 3001:4001 ack 1')
    tcp.at(at + RTT).inject('. 1 ack 1001 <sack 3001:4001>')
    // one segment arrived, so one leaves (RFC 9937)
    tcp.expect('. 1001:2001 ack 1')
    expect(tcp.status).toMatchObject({ recoveries: 1, lost: 1000 })
    tcp.at(at + 2 * RTT).inject('. 1 ack 2001 <sack 3001:4001>')
    tcp.expect('. 2001:3001 ack 1')
    tcp.at(at + 3 * RTT).inject('. 1 ack 4001')
    expect(tcp.status).toMatchObject({ timeouts: 0, unacknowledged: 0, recoveries: 1, segmentsRetransmitted: 3 })
  })
})
