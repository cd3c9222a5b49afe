// The user's calls in each state: RFC 9293 §3.10.1 to §3.10.6.
import { describe, expect, test } from 'vitest'
import type { State } from '../../lib/core/state.js'
import { established, inState } from '../support/script.js'

const CLOSING: readonly State[] = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT']
const OPEN: readonly State[] = ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', ...CLOSING]

describe('OPEN (§3.10.1)', () => {
  test.each([...OPEN, 'CLOSED'] as const)('%s: error, connection already exists', (state) => {
    const tcp = inState(state)
    expect(() => tcp.call((connection, now) => connection.open(now))).toThrow(/once/)
    expect(tcp.state).toBe(state)
  })
})

describe('SEND (§3.10.2)', () => {
  test.each(['CLOSED', ...CLOSING] as const)('%s: takes nothing', (state) => {
    const tcp = inState(state)
    expect(tcp.send(10)).toBe(0)
    tcp.silence()
  })

  test('SYN-SENT: is queued, and leaves with the ACK of the SYN,ACK', () => {
    const tcp = inState('SYN-SENT')
    expect(tcp.send(10)).toBe(10)
    tcp.silence().inject('S. 0 ack 1 <mss 1000>').expect('P. 1:11 ack 1')
  })

  test('SYN-RECEIVED: is queued until ESTABLISHED', () => {
    const tcp = inState('SYN-RECEIVED')
    expect(tcp.send(10)).toBe(10)
    tcp.silence().inject('. 1 ack 1').expect('P. 1:11 ack 1')
  })

  test('ESTABLISHED: is cut into segments that carry the acknowledgment', () => {
    const tcp = established()
    tcp.send(2500)
    tcp.expect('. 1:1001 ack 1', '. 1001:2001 ack 1', 'P. 2001:2501 ack 1')
  })

  test('CLOSE-WAIT: likewise, for as long as the user likes', () => {
    const tcp = inState('CLOSE-WAIT').at(86_400_000)
    tcp.send(10)
    tcp.expect('P. 1:11 ack 2').inject('. 2 ack 11')
    expect(tcp.state).toBe('CLOSE-WAIT')
  })

  test('insufficient resources: takes what fits, and tells when there is room again', () => {
    const tcp = established({ config: { sendBuffer: 2000 } })
    expect(tcp.send(1500)).toBe(1500)
    tcp.expect('. 1:1001 ack 1', 'P. 1001:1501 ack 1')
    expect(tcp.send(1500)).toBe(500)
    tcp.take()
    expect(tcp.send(1)).toBe(0)
    expect(tcp.happened()).toEqual([])
    tcp.inject('. 1 ack 1001')
    tcp.take()
    expect(tcp.happened()).toEqual(['WRITABLE', 'ACKED'])
  })

  test('after CLOSE nothing is taken, whatever is still queued', () => {
    const tcp = established({ window: 100 })
    tcp.send(200)
    tcp.take()
    tcp.close()
    expect(tcp.state).toBe('FIN-WAIT-1')
    expect(tcp.send(10)).toBe(0)
  })
})

describe('RECEIVE (§3.10.3)', () => {
  test.each(OPEN)('%s: nothing there, nothing given', (state) => {
    expect(inState(state).connection.receive()).toBe(null)
  })

  test.each(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'] as const)('%s: what came is given in order', (state) => {
    const tcp = inState(state)
    tcp.inject(`. 101:201 ack ${tcp.sndNxt}`).take()
    expect(tcp.receive()).toBe(0)
    tcp.inject(`P. 1:101 ack ${tcp.sndNxt}`).take()
    expect(tcp.happened()).toContain('READABLE')
    expect(tcp.connection.readable).toBe(200)
    expect(tcp.receive()).toBe(200)
  })

  test('CLOSE-WAIT: what came before the FIN is still given, then nothing', () => {
    const tcp = established().inject('FP. 1:101 ack 1').expect('. 1 ack 102')
    expect(tcp.happened()).toEqual(['READABLE', 'ENDED'])
    expect(tcp.connection.ended).toBe(true)
    expect(tcp.receive()).toBe(100)
    expect(tcp.receive()).toBe(0)
  })

  test.each([['R 101'], ['R. 101 ack 1']])('CLOSED by %s: what was acknowledged before stays readable', (reset) => {
    const tcp = established().inject('P. 1:101 ack 1').expect('. 1 ack 101').inject(reset)
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.receive()).toBe(100)
  })
})

describe('CLOSE (§3.10.4)', () => {
  test('SYN-SENT: the connection is gone, and nothing leaves', () => {
    const tcp = inState('SYN-SENT').close()
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.happened()).toEqual(['CLOSED'])
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('SYN-RECEIVED without SENDs: FIN-WAIT-1 at once, the FIN as soon as the SYN is acknowledged', () => {
    const tcp = inState('SYN-RECEIVED').close()
    expect(tcp.state).toBe('FIN-WAIT-1')
    tcp.at(50).inject('. 1 ack 1').expect('F. 1 ack 1').inject('. 1 ack 2')
    expect(tcp.state).toBe('FIN-WAIT-2')
  })

  test('SYN-RECEIVED with SENDs: waits for ESTABLISHED, then text and FIN', () => {
    const tcp = inState('SYN-RECEIVED')
    tcp.send(10)
    tcp.close()
    expect(tcp.state).toBe('SYN-RECEIVED')
    tcp.inject('. 1 ack 1').expect('FP. 1:11 ack 1')
    expect(tcp.state).toBe('FIN-WAIT-1')
  })

  test('ESTABLISHED: FIN-WAIT-1 in any case, the FIN after all that was sent', () => {
    const tcp = established({ window: 1500 })
    tcp.send(2500)
    tcp.expect('. 1:1001 ack 1').close()
    expect(tcp.state).toBe('FIN-WAIT-1')
    tcp.at(100).inject('. 1 ack 1001 win 1500').expect('. 1001:2001 ack 1', 'P. 2001:2501 ack 1')
    tcp.at(200).inject('. 1 ack 2501 win 1500').expect('F. 2501 ack 1')
  })

  test.each(CLOSING)('%s: no second FIN', (state) => {
    const tcp = inState(state).close()
    expect(tcp.state).toBe(state)
    tcp.silence()
  })

  test('CLOSE-WAIT: LAST-ACK, the FIN after all that was sent', () => {
    const tcp = inState('CLOSE-WAIT')
    tcp.send(1500)
    tcp.expect('. 1:1001 ack 2', 'P. 1001:1501 ack 2').close().expect('F. 1501 ack 2')
    expect(tcp.state).toBe('LAST-ACK')
    expect(tcp.inject('. 2 ack 1502').state).toBe('CLOSED')
  })

  test('CLOSED: nothing', () => {
    expect(inState('CLOSED').close().happened()).toEqual([])
  })
})

describe('ABORT (§3.10.5)', () => {
  test.each(['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'] as const)(
    '%s: <SEQ=SND.NXT><CTL=RST>, and CLOSED',
    (state) => {
      const tcp = inState(state).abort()
      tcp.expect(`R. ${tcp.sndNxt} ack ${tcp.rcvNxt}`)
      expect(tcp.state).toBe('CLOSED')
      expect(tcp.connection.reason).toBe('aborted')
      expect(tcp.happened()).toEqual(['CLOSED'])
    },
  )

  test.each(['SYN-SENT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const)('%s: CLOSED without a word', (state) => {
    const tcp = inState(state).abort().silence()
    expect(tcp.state).toBe('CLOSED')
  })

  test('all that is queued or waits to be repeated is flushed', () => {
    const tcp = established()
    tcp.send(30_000)
    expect(tcp.take()).toHaveLength(10)
    tcp.inject('P. 1:11 ack 1').take()
    tcp.abort().expect('R. 10001 ack 11')
    expect(tcp.connection.unacknowledged).toBe(0)
    expect(tcp.connection.readable).toBe(0)
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('CLOSED: nothing, not even a second time', () => {
    const tcp = established().abort().expect('R. 1 ack 1')
    tcp.happened()
    expect(tcp.abort().silence().happened()).toEqual([])
  })
})

describe('STATUS (§3.10.6)', () => {
  test.each(['CLOSED', ...OPEN] as const)('%s: says so', (state) => {
    expect(inState(state).status.state).toBe(state)
  })

  test('says how much waits, in both directions', () => {
    const tcp = established({ window: 1000 })
    tcp.send(3000)
    tcp.expect('. 1:1001 ack 1').inject('P. 1:301 ack 1 win 1000').take()
    const { unacknowledged, notSent, readable, inFlight, sendWindow, srtt, rto } = tcp.status
    expect({ unacknowledged, notSent, readable, inFlight }).toEqual({
      unacknowledged: 3000,
      notSent: 2000,
      readable: 300,
      inFlight: 1000,
    })
    expect({ sendWindow, srtt, rto }).toEqual({ sendWindow: 1000, srtt: 100, rto: 300 })
    tcp.take()
  })
})

describe('closing the reading side (RFC 1122 §4.2.2.13)', () => {
  test('SHLD-3 (§3.6.1): with text unread it is an abort', () => {
    const tcp = established().inject('P. 1:11 ack 1').expect('. 1 ack 11').closeRead().expect('R. 1 ack 11')
    expect(tcp.connection.reason).toBe('aborted')
  })

  test.each(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'] as const)(
    'SHLD-3 (§3.6.1): %s: text after it draws a RST',
    (state) => {
      const tcp = inState(state).closeRead()
      tcp.silence().inject(`P. 1:11 ack ${tcp.sndNxt}`).expect(`R. ${tcp.sndNxt} ack 1`)
      expect(tcp.state).toBe('CLOSED')
      expect(tcp.connection.reason).toBe('aborted')
    },
  )

  test('what was there before and comes again draws no RST', () => {
    const tcp = established().inject('P. 1:11 ack 1').expect('. 1 ack 11')
    tcp.receive()
    tcp.closeRead().inject('P. 1:11 ack 1').expect('. 1 ack 11')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('a FIN without text is no loss', () => {
    expect(established().closeRead().inject('F. 1 ack 1').expect('. 1 ack 2').state).toBe('CLOSE-WAIT')
  })

  test('it does not close the sending side', () => {
    const tcp = established().closeRead()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test.each(['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT', 'CLOSED', 'SYN-SENT', 'SYN-RECEIVED'] as const)(
    '%s: changes nothing when nothing is unread',
    (state) => {
      expect(inState(state).closeRead().silence().state).toBe(state)
    },
  )
})
