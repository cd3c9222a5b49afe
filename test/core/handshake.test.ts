// Opening a connection: RFC 9293 §3.5 with its own examples, §3.10.7.3 (SYN-SENT) and what SYN-RECEIVED takes of §3.10.7.4.
import { describe, expect, test } from 'vitest'
import { active, inState, passive } from '../support/script.js'

/** Figure 7 up to line 5: both SYNs have passed. */
function simultaneous(peer = 'mss 1000'): ReturnType<typeof active> {
  return active().expect('S 0').at(0).inject(`S 0 win 65535 <${peer}>`).expect('S. 0 ack 1')
}

describe('the three-way handshake', () => {
  test('RFC 9293 Figure 6, peer A: SYN, SYN,ACK, ACK, data', () => {
    const tcp = active({ iss: 100, irs: 300 }).expect('S 0')
    expect(tcp.state).toBe('SYN-SENT')
    tcp.at(0).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.happened()).toEqual(['CONNECTED'])
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
  })

  test('RFC 9293 Figure 6, peer B: it takes the SYN, and the ACK makes it ESTABLISHED', () => {
    const tcp = passive({ iss: 300, irs: 100 }).expect('S. 0 ack 1')
    expect(tcp.state).toBe('SYN-RECEIVED')
    tcp.at(0).inject('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.happened()).toEqual(['CONNECTED'])
    tcp.inject('P. 1:11 ack 1').expect('. 1 ack 11')
    expect(tcp.receive()).toBe(10)
  })

  test('§3.10.7.4: text in the segment that completes the handshake is taken', () => {
    const tcp = passive().expect('S. 0 ack 1').at(0).inject('P. 1:101 ack 1').expect('. 1 ack 101')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.receive()).toBe(100)
  })

  test('§3.10.7.4: a FIN in the segment that completes the handshake leads to CLOSE-WAIT', () => {
    const tcp = passive().expect('S. 0 ack 1').at(0).inject('F. 1 ack 1').expect('. 1 ack 2')
    expect(tcp.state).toBe('CLOSE-WAIT')
    expect(tcp.happened()).toEqual(['CONNECTED', 'ENDED'])
  })

  test('§3.10.7.2: text on the SYN is not acknowledged, and taken when it comes again', () => {
    const tcp = passive().expect('S. 0 ack 1').at(0).inject('P. 1:11 ack 1').expect('. 1 ack 11')
    expect(tcp.receive()).toBe(10)
  })
})

describe('simultaneous open', () => {
  test('MUST-10 (§3.5, Figure 7): SYN-SENT, SYN-RECEIVED, ESTABLISHED on both sides', () => {
    const tcp = simultaneous()
    expect(tcp.state).toBe('SYN-RECEIVED')
    tcp.at(100).inject('S. 0 ack 1 <mss 1000>')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.happened()).toEqual(['CONNECTED'])
    tcp.take()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
  })

  test('§3.10.7.3: our SYN,ACK is lost; the peer, whose own has arrived, is told by an ACK of its second one', () => {
    const tcp = simultaneous()
    tcp.at(50).inject('S. 0 ack 1 <mss 1000>')
    tcp.take()
    tcp.at(1000).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('§3.10.7.3: the peer acknowledges with an empty segment, its SYN,ACK was lost', () => {
    const tcp = simultaneous().at(100).inject('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('RFC 7323 §2.2: the window of its SYN,ACK is not scaled', () => {
    const tcp = simultaneous('mss 1000,wscale 7')
    tcp.at(100).inject('S. 0 ack 1 win 3000 <mss 1000,wscale 7>')
    tcp.take()
    expect(tcp.status.sendWindow).toBe(3000)
    tcp.inject('. 1 ack 1 win 3000')
    expect(tcp.status.sendWindow).toBe(3000 * 128)
  })

  test('RFC 6298 §5: its SYN,ACK is repeated after the time-out of the SYN', () => {
    const tcp = simultaneous()
    expect(tcp.next()).toBe(900)
    tcp.expect('S. 0 ack 1')
  })

  test('MUST-11 (§3.10.7.4, second): a RST then means refused, since the OPEN was active', () => {
    const tcp = simultaneous().inject('R 1')
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('refused')
  })

  test('MUST-11 (§3.10.7.4, fourth): a SYN in the window then draws a challenge ACK, since the OPEN was active', () => {
    const tcp = simultaneous().inject('S 5').expect('. 1 ack 1')
    expect(tcp.state).toBe('SYN-RECEIVED')
  })
})

describe('SYN-SENT (§3.10.7.3)', () => {
  test.each([
    ['. 0 ack 0', 'R 0'],
    ['. 0 ack 2', 'R 2'],
    ['S. 0 ack -9', 'R -9'],
    ['S. 0 ack 2', 'R 2'],
  ])('first: an ACK of what was not sent, %s, draws %s and nothing else', (segment, reset) => {
    const tcp = inState('SYN-SENT').inject(segment).expect(reset)
    expect(tcp.state).toBe('SYN-SENT')
  })

  test.each(['R. 0 ack 0', 'R. 0 ack 2'])('first: a RST with such an ACK, %s, is dropped', (segment) => {
    expect(inState('SYN-SENT').inject(segment).state).toBe('SYN-SENT')
  })

  test('second: RST without ACK is dropped', () => {
    expect(inState('SYN-SENT').inject('R 0').state).toBe('SYN-SENT')
  })

  test('second: RST with an acceptable ACK ends the connection: refused', () => {
    const tcp = inState('SYN-SENT').inject('R. 0 ack 1')
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('refused')
    expect(tcp.happened()).toEqual(['CLOSED'])
  })

  test.each(['R. 12345 ack 1', 'R. -1 ack 1'])('second: whatever its sequence number is: %s', (segment) => {
    expect(inState('SYN-SENT').inject(segment).state).toBe('CLOSED')
  })

  test('SHLD-2 (§3.5.3): RST with text is a RST', () => {
    expect(inState('SYN-SENT').inject('R. 0:20 ack 1').state).toBe('CLOSED')
  })

  test('fourth: text and FIN of a SYN,ACK are processed', () => {
    const tcp = inState('SYN-SENT').inject('SFP. 0:0 ack 1 <mss 1000>')
    tcp.take()
    expect(tcp.state).toBe('CLOSE-WAIT')
    expect(tcp.happened()).toEqual(['CONNECTED', 'ENDED'])
  })

  test.each(['. 0 ack 1', 'F 0', 'P 1:11', 'F. 1 ack 1', 'P. 1:11 ack 1'])(
    'fifth: neither SYN nor RST: %s is dropped',
    (segment) => {
      const tcp = inState('SYN-SENT').inject(segment)
      expect(tcp.state).toBe('SYN-SENT')
      expect(tcp.happened()).toEqual([])
    },
  )

  test('Figure 8: an ACK for an old duplicate SYN draws a RST, and the handshake goes on', () => {
    const tcp = active({ iss: 100, irs: 300 }).expect('S 0')
    tcp.at(0).inject('S. 0 ack -9').expect('R -9')
    expect(tcp.state).toBe('SYN-SENT')
    // the listener has begun anew, with another ISS
    tcp.at(50).inject('S. 100 ack 1 <mss 1000>').expect('. 1 ack 101')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('Figure 9: the ACK of a half-open connection draws a RST that ends it, and our SYN is repeated', () => {
    const tcp = active({ iss: 400, irs: 300 }).expect('S 0')
    tcp.at(0).inject('. 0 ack -300').expect('R -300')
    expect(tcp.next()).toBe(900)
    tcp.expect('S 0')
  })
})

describe('SYN-RECEIVED (§3.10.7.4)', () => {
  test('first: the SYN again draws the SYN,ACK again', () => {
    const tcp = inState('SYN-RECEIVED').at(10).inject('S 0 <mss 1000>').expect('S. 0 ack 1')
    expect(tcp.state).toBe('SYN-RECEIVED')
  })

  test('first: what is out of the window draws an ACK', () => {
    inState('SYN-RECEIVED').inject('. 70000 ack 1').expect('. 1 ack 1')
  })

  test('second (Figure 8, line 5; Figure 11, line 4): a RST ends it, and nobody is told that a connection was', () => {
    const tcp = inState('SYN-RECEIVED').inject('R 1')
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.happened()).toEqual(['CLOSED'])
  })

  test('second (RFC 5961 §3): a RST elsewhere in the window draws a challenge ACK, one outside nothing', () => {
    const tcp = inState('SYN-RECEIVED').inject('R 2').expect('. 1 ack 1').inject('R 0').inject('R 70000')
    expect(tcp.state).toBe('SYN-RECEIVED')
  })

  test('MUST-11 (§3.10.7.4, fourth): a SYN in the window ends it, since it came from LISTEN', () => {
    expect(inState('SYN-RECEIVED').inject('S 5').state).toBe('CLOSED')
  })

  test.each([0, 2, -5, 1000])('fifth: ACK %i, of what was not sent, draws a RST with its number', (ack) => {
    const tcp = inState('SYN-RECEIVED').inject(`. 1 ack ${ack}`).expect(`R ${ack}`)
    expect(tcp.state).toBe('SYN-RECEIVED')
  })

  test('fifth: without ACK it is dropped', () => {
    expect(inState('SYN-RECEIVED').inject('P 1:11').inject('F 1').state).toBe('SYN-RECEIVED')
  })

  test('§3.10.2: what is sent waits for ESTABLISHED', () => {
    const tcp = inState('SYN-RECEIVED')
    expect(tcp.send(100)).toBe(100)
    tcp.silence().at(50).inject('. 1 ack 1').expect('P. 1:101 ack 1')
  })
})

describe('a handshake over a bad path', () => {
  test('MUST-22 (§3.8.3), RFC 6298 §2.1, §5.5: a SYN without an answer is repeated after 1, 2, 4 s ...', () => {
    const tcp = inState('SYN-SENT')
    const times: number[] = []
    for (let time = tcp.next(); time !== Number.POSITIVE_INFINITY; time = tcp.next()) {
      tcp.expect('S 0')
      times.push(time)
    }
    expect(times).toEqual([1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000])
  })

  test('MUST-23 (§3.8.3): it gives up after three minutes at the earliest', () => {
    const tcp = inState('SYN-SENT')
    while (tcp.next() < 180_000) tcp.expect('S 0')
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
    const patient = inState('SYN-SENT')
    while (patient.time < 123_000) {
      patient.next()
      patient.expect('S 0')
    }
    expect(patient.at(182_999).state).toBe('SYN-SENT')
    expect(patient.at(183_000).state).toBe('CLOSED')
  })

  test('§3.8.3: a SYN,ACK without an answer is repeated five times, then the half-open connection is gone', () => {
    const tcp = inState('SYN-RECEIVED')
    const times: number[] = []
    for (let time = tcp.next(); time !== Number.POSITIVE_INFINITY; time = tcp.next()) {
      tcp.expect('S. 0 ack 1')
      times.push(time)
    }
    expect(times).toEqual([1000, 3000, 7000, 15_000, 31_000])
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('connectTimeout: the whole time for connecting, whatever is retried within', () => {
    const tcp = inState('SYN-SENT', { config: { connectTimeout: 2500 } })
    tcp.at(1000).expect('S 0')
    expect(tcp.at(2499).state).toBe('SYN-SENT')
    expect(tcp.at(2500).state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('connectTimeout: is over with ESTABLISHED', () => {
    const tcp = inState('SYN-SENT', { config: { connectTimeout: 2500 } })
    tcp.at(1000).expect('S 0').at(2400).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.at(100_000).state).toBe('ESTABLISHED')
  })

  test('maxSynRetries: as many and no more', () => {
    const tcp = inState('SYN-SENT', { config: { maxSynRetries: 1 } })
      .at(1000)
      .expect('S 0')
    expect(tcp.at(2999).state).toBe('SYN-SENT')
    expect(tcp.at(3000).state).toBe('CLOSED')
  })

  test('initialRto: the first wait', () => {
    inState('SYN-SENT', { config: { initialRto: 400 } })
      .at(400)
      .expect('S 0')
      .at(1200)
      .expect('S 0')
  })

  test('MUST-18 (RFC 6298 §3): the answer to a repeated SYN is no RTT sample', () => {
    const tcp = inState('SYN-SENT').at(1000).expect('S 0').at(1100).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.status.srtt).toBe(0)
  })

  test('RFC 6298 §5.7: after a repeated SYN the first data has an RTO of 3 s', () => {
    const tcp = inState('SYN-SENT').at(1000).expect('S 0').at(1100).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    expect(tcp.next()).toBe(4100)
    tcp.expect('P. 1:11 ack 1')
  })

  test('RFC 5681 §3.1: after a repeated SYN the first flight is one segment, and slow start begins there', () => {
    const tcp = inState('SYN-SENT').at(1000).expect('S 0').at(1100).inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    tcp.send(50_000)
    tcp.expect('. 1:1001 ack 1').at(1200)
    tcp.inject('. 1 ack 1001').expect('. 1001:2001 ack 1', '. 2001:3001 ack 1').at(1300)
    tcp.inject('. 1 ack 3001')
    expect(tcp.take()).toHaveLength(4)
  })

  test('the ACK of the handshake is lost: the SYN,ACK again is answered again', () => {
    const tcp = inState('ESTABLISHED').inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('the ACK of the handshake is lost: data does its work', () => {
    const tcp = inState('SYN-RECEIVED').at(10).inject('P. 1:11 ack 1').expect('. 1 ack 11')
    expect(tcp.state).toBe('ESTABLISHED')
  })
})

describe('a peer whose SYN comes again and again', () => {
  /** Has a SYN come every `every` ms for an hour. @returns when the connection was given up, ms; Infinity: it was not. */
  function holds(tcp: ReturnType<typeof passive>, every: number): number {
    for (let at = every; at < 3_600_000; at += every) {
      while (tcp.next(at - tcp.time) <= at && tcp.time < at) tcp.take()
      tcp.take()
      if (tcp.state === 'CLOSED') return at
      tcp.inject('S 0 win 65535 <mss 1000>').take()
    }
    return Number.POSITIVE_INFINITY
  }

  test.each([100, 500, 900, 990])('does not hold what is half open for longer than a minute, every %i ms', (every) => {
    expect(holds(passive().expect('S. 0 ack 1'), every)).toBeLessThan(65_000)
  })

  test('nor a simultaneous open', () => {
    const tcp = active({ config: { connectTimeout: 0 } })
      .expect('S 0')
      .at(0)
    expect(holds(tcp.inject('S 0 win 65535 <mss 1000>').expect('S. 0 ack 1'), 900)).toBeLessThan(200_000)
  })
})
