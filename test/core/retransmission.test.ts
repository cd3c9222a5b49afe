// The retransmission timer (RFC 6298), Karn's algorithm, and when to give up (RFC 9293 §3.8.1, §3.8.3).
import { describe, expect, test } from 'vitest'
import { Rtt } from '../../lib/core/recovery/rtt.js'
import { established, inState, type Script } from '../support/script.js'

/** Times at which something leaves, until nothing does any more. */
function schedule(tcp: Script): number[] {
  const times: number[] = []
  for (let time = tcp.next(); time !== Number.POSITIVE_INFINITY; time = tcp.next()) {
    times.push(Math.round(time))
    tcp.take()
  }
  return times
}

describe('the estimator', () => {
  test('RFC 6298 §2.1: 1 s before the first sample', () => {
    expect(new Rtt(1000, 200, 60_000).rto).toBe(1000)
  })

  test('RFC 6298 §2.2: the first sample', () => {
    const rtt = new Rtt(1000, 0, 60_000)
    rtt.sample(100)
    expect([rtt.srtt, rtt.rttvar, rtt.rto]).toEqual([100, 50, 100 + 4 * 50])
  })

  test('RFC 6298 §2.3: those after it: RTTVAR first, from the old SRTT', () => {
    const rtt = new Rtt(1000, 0, 60_000)
    rtt.sample(100)
    rtt.sample(180)
    const rttvar = 0.75 * 50 + 0.25 * 80
    expect([rtt.srtt, rtt.rttvar, rtt.rto]).toEqual([110, rttvar, 110 + 4 * rttvar])
  })

  test('minRto, RFC 6298 §2.5 maxRto: the bounds hold with and without back-off', () => {
    const rtt = new Rtt(1000, 200, 5000)
    for (let i = 0; i < 200; i++) rtt.sample(1)
    expect(rtt.rto).toBeGreaterThanOrEqual(200)
    expect(rtt.rto).toBeLessThan(202)
    for (let i = 0; i < 100; i++) rtt.backOff()
    expect(rtt.rto).toBe(5000)
    rtt.sample(60_000)
    expect(rtt.rto).toBe(5000)
  })

  test('RFC 6298 §5.5, §5.7: back-off doubles, and lasts until a sample', () => {
    const rtt = new Rtt(1000, 200, 60_000)
    rtt.backOff()
    rtt.backOff()
    expect(rtt.rto).toBe(4000)
    rtt.sample(100)
    expect(rtt.rto).toBe(300)
  })
})

describe('the timer', () => {
  test('RFC 6298 §5.1: runs from the first segment of a flight', () => {
    const tcp = established()
    tcp.send(1000)
    tcp.take()
    tcp.at(250)
    tcp.send(1000)
    tcp.take()
    expect(tcp.next()).toBe(300)
    tcp.expect('. 1:1001 ack 1')
  })

  test('RFC 6298 §5.2: is off when all is acknowledged', () => {
    const tcp = established()
    tcp.send(1000)
    tcp.take()
    tcp.at(50).inject('. 1 ack 1001')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('RFC 6298 §5.3: starts anew with each ACK of new data', () => {
    const tcp = established()
    tcp.send(2000)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1001')
    const { rto } = tcp.status
    expect(tcp.next()).toBeCloseTo(100 + rto, 6)
    tcp.expect('P. 1001:2001 ack 1')
  })

  test('RFC 6298 §5.3: and not with one of nothing new', () => {
    const tcp = established()
    tcp.send(2000)
    tcp.take()
    tcp.at(200).inject('. 1 ack 1')
    expect(tcp.next()).toBe(300)
    tcp.take()
  })

  test('MUST-19 (RFC 6298 §5.4 to §5.6): the earliest segment, and twice as long each time', () => {
    const tcp = established()
    tcp.call((connection) => connection.setNoDelay(true))
    for (let i = 0; i < 3; i++) {
      tcp.send(100)
      tcp.take()
    }
    tcp.take()
    for (const time of [300, 900, 2100, 4500, 9300, 18_900, 38_100, 76_500]) {
      expect(tcp.next()).toBe(time)
      expect(tcp.take()[0]).toMatch(/^\. 1:101 /)
    }
    // RFC 6298 §2.5, §5.5: the bound of 60 s
    expect(tcp.next()).toBe(136_500)
    tcp.take()
  })

  test('RFC 5681 §3.1: after an expiry one segment until the next ACK, then slow start over what was lost', () => {
    const tcp = established()
    tcp.send(10_000)
    tcp.take()
    tcp.at(300).expect('. 1:1001 ack 1').at(350)
    tcp.inject('. 1 ack 1001').expect('. 1001:2001 ack 1', '. 2001:3001 ack 1').at(400)
    tcp.inject('. 1 ack 3001')
    expect(tcp.take()).toHaveLength(4)
  })

  test('RFC 5681 §3.1: what arrived meanwhile is not sent again', () => {
    const tcp = established()
    tcp.send(3000)
    tcp.take()
    tcp.at(300).expect('. 1:1001 ack 1').at(350).inject('. 1 ack 3001')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('maxRto: the longest interval', () => {
    const tcp = established({ config: { maxRto: 1000, maxRetries: 6 } })
    tcp.send(10)
    tcp.take()
    expect(schedule(tcp)).toEqual([300, 900, 1900, 2900, 3900, 4900])
  })

  test('minRto: the shortest, on a fast path', () => {
    const tcp = established({ rtt: 0, config: { minRto: 50 } })
    tcp.send(10)
    tcp.take()
    const [first] = schedule(tcp)
    expect(first).toBe(50)
  })
})

describe("Karn's algorithm", () => {
  test('MUST-18 (RFC 6298 §3): the ACK of a repeated segment is no sample', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    tcp.at(310).inject('. 1 ack 11')
    expect(tcp.status.srtt).toBe(100)
  })

  test('MUST-18 (RFC 6298 §5.7): the back-off stays for what is sent next, until there is a sample', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    tcp.at(310).inject('. 1 ack 11')
    tcp.send(10)
    tcp.take()
    expect(tcp.next()).toBe(310 + 600)
    tcp.take()
    tcp.at(920).inject('. 1 ack 21')
    tcp.send(10)
    tcp.take()
    tcp.at(1020).inject('. 1 ack 31')
    expect(tcp.status.rto).toBe(300)
  })
})

describe('giving up', () => {
  test('MUST-20 (§3.8.3): after R2 retransmissions of the same segment; SHLD-11: that takes 100 s and more', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    const times = schedule(tcp)
    expect(times).toHaveLength(15)
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
    expect(tcp.happened()).toEqual(['CLOSED'])
    expect(times.at(-1)).toBeGreaterThan(100_000)
    expect(times.slice(0, 8)).toEqual([300, 900, 2100, 4500, 9300, 18_900, 38_100, 76_500])
  })

  test("MUST-21 (§3.8.3): R2 is the user's: maxRetries", () => {
    const tcp = established({ config: { maxRetries: 3 } })
    tcp.send(10)
    tcp.take()
    expect(schedule(tcp)).toEqual([300, 900, 2100])
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('the last time-out is waited for too', () => {
    const tcp = established({ config: { maxRetries: 1 } })
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    expect(tcp.at(899).state).toBe('ESTABLISHED')
    expect(tcp.at(900).state).toBe('CLOSED')
  })

  test('progress starts the count anew', () => {
    const tcp = established({ config: { maxRetries: 3 } })
    tcp.send(4000)
    tcp.take()
    for (let end = 1001; end <= 3001; end += 1000) {
      for (let i = 0; i < 2; i++) {
        tcp.next()
        tcp.take()
      }
      tcp.inject(`. 1 ack ${end}`).take()
    }
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('an ACK that brings nothing new is no progress', () => {
    const tcp = established({ config: { maxRetries: 3 } })
    tcp.send(10)
    tcp.take()
    for (let i = 0; i < 3; i++) {
      tcp.next()
      tcp.take()
      tcp.inject('. 1 ack 1')
    }
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.state).toBe('CLOSED')
  })

  test('userTimeout (§3.10.8): as long without progress, whatever R2 says', () => {
    const tcp = established({ config: { userTimeout: 5000 } })
    tcp.at(1000)
    tcp.send(2000)
    tcp.take()
    tcp.at(1500 - 500 + 300).take()
    tcp.at(1600).inject('. 1 ack 1001').take()
    while (tcp.next(6600 - tcp.time - 1) !== Number.POSITIVE_INFINITY) tcp.take()
    expect(tcp.at(6599).state).toBe('ESTABLISHED')
    expect(tcp.at(6600).state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('userTimeout (§3.10.8): does not run while nothing waits for an ACK', () => {
    const tcp = established({ config: { userTimeout: 5000 } })
    tcp.send(10)
    tcp.take()
    tcp.at(100).inject('. 1 ack 11')
    expect(tcp.at(1_000_000).state).toBe('ESTABLISHED')
  })

  test('userTimeout (§3.10.8): also for a FIN', () => {
    const tcp = inState('FIN-WAIT-1', { config: { userTimeout: 500 } })
    tcp.at(300).take()
    expect(tcp.at(500).state).toBe('CLOSED')
  })

  test('userTimeout (§3.10.8): of a FIN that both sides have sent nobody has to hear', () => {
    const tcp = inState('LAST-ACK', { config: { userTimeout: 500 } })
    tcp.at(300).take()
    expect(tcp.at(500).state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe(null)
  })

  test('userTimeout (§3.9.1): also for a window that stays closed, though each probe is answered', () => {
    const tcp = established({ config: { userTimeout: 5000 } })
    tcp.send(1000)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1001 win 0')
    tcp.at(1000)
    tcp.send(1000)
    while (tcp.next(6000 - tcp.time - 1) !== Number.POSITIVE_INFINITY) {
      tcp.take()
      tcp.inject('. 1 ack 1001 win 0')
    }
    expect(tcp.at(5999).state).toBe('ESTABLISHED')
    expect(tcp.at(6000).state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
  })
})
