// F-RTO's steps (RFC 5682 §2.1 for any peer, §3.1 with SACK), each branch of them, and what an undo gives back (RFC 4015).
import { describe, expect, test } from 'vitest'
import { established, type Script } from '../support/script.js'

const INFINITY = Number.POSITIVE_INFINITY
const SACK = 'mss 1000,sackOK'

/** Eight segments have left, and the RTO has expired: the first has left again. `more`: segments that still wait. */
function expired(peer: string, more: number): Script {
  const tcp = established({ peer })
  tcp.send(8000)
  expect(tcp.take()).toHaveLength(8)
  while (tcp.status.timeouts === 0) {
    tcp.next()
    tcp.take()
  }
  // beyond what the window lets out for the probe, so that all of them wait
  if (more > 0) tcp.send(more * 1000)
  tcp.take()
  return tcp
}

function texts(tcp: Script): string[] {
  return tcp.take().map((line) => / (\S+) ack/.exec(line)?.[1] ?? '')
}

describe('RFC 5682 §2.1, a peer without SACK', () => {
  const peer = 'mss 1000'

  test('steps 1, 2b, 3b: two new segments for the first ACK, and the second proves the time-out spurious', () => {
    const tcp = expired(peer, 8)
    expect(texts(tcp.at(310).inject('. 1 ack 1001'))).toEqual(['8001:9001', '9001:10001'])
    tcp.at(320).inject('. 1 ack 2001').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY, lost: 0, segmentsRetransmitted: 1 })
  })

  test('step 2a: a duplicate: conventional recovery', () => {
    const tcp = expired(peer, 8)
    expect(texts(tcp.at(310).inject('. 1 ack 1'))).toEqual(['1001:2001'])
    expect(texts(tcp.at(400).inject('. 1 ack 1001'))[0]).toBe('2001:3001')
    tcp.at(500).inject('. 1 ack 8001').take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })

  test('step 2a: an ACK of all that was out proves nothing', () => {
    const tcp = expired(peer, 8)
    tcp.at(400).inject('. 1 ack 8001').take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })

  test('step 2a: an ACK of a part of what was repeated proves nothing, and nothing that comes after it', () => {
    const tcp = expired(peer, 8)
    tcp.at(310).inject('. 1 ack 501').take()
    tcp.at(320).inject('. 1 ack 5001').take()
    tcp.at(330).inject('. 1 ack 6001').take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })

  test('step 2b: no new text to send: slow start, and what the next ACK uncovers may have waited for the repetition', () => {
    const tcp = expired(peer, 0)
    // the first and the third were lost
    expect(texts(tcp.at(400).inject('. 1 ack 2001')).slice(0, 2)).toEqual(['2001:3001', '3001:4001'])
    tcp.at(500).inject('. 1 ack 8001')
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000, unacknowledged: 0 })
  })

  test('step 3a: a duplicate after the new segments: three segments at most, and the repetitions go on', () => {
    const tcp = expired(peer, 8)
    tcp.at(400).inject('. 1 ack 1001').take()
    expect(texts(tcp.at(500).inject('. 1 ack 1001'))[0]).toBe('1001:2001')
    expect(tcp.status.cwnd).toBeLessThanOrEqual(3000)
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })

  test('text of the peer with an ACK that was heard before is no duplicate, and decides nothing', () => {
    const tcp = expired(peer, 8)
    tcp.at(305).inject('. 1:101 ack 1').take()
    tcp.at(310).inject('. 101 ack 1001').take()
    tcp.at(315).inject('. 101:201 ack 1001').take()
    tcp.at(320).inject('. 201 ack 2001').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY, lost: 0, segmentsRetransmitted: 1 })
  })

  test('step 3b: then three duplicates are a loss again', () => {
    const tcp = expired(peer, 8)
    tcp.at(310).inject('. 1 ack 1001').take()
    tcp.at(320).inject('. 1 ack 2001').take()
    for (let i = 0; i < 2; i++)
      tcp
        .at(330 + i)
        .inject('. 1 ack 2001')
        .take()
    expect(texts(tcp.at(332).inject('. 1 ack 2001'))[0]).toBe('2001:3001')
    expect(tcp.status.recoveries).toBe(1)
  })

  test('step 1: a second expiry for the same segment asks again', () => {
    const tcp = expired(peer, 8)
    while (tcp.status.timeouts < 2) {
      tcp.next()
      tcp.take()
    }
    tcp.inject('. 1 ack 1001').take()
    tcp.inject('. 1 ack 2001').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY })
  })

  test('step 1: an expiry within a repair does not', () => {
    const tcp = expired(peer, 8)
    tcp.at(400).inject('. 1 ack 1001').take()
    tcp.at(500).inject('. 1 ack 1001').take()
    tcp.at(600).inject('. 1 ack 2001').take()
    while (tcp.status.timeouts < 2) {
      tcp.next()
      tcp.take()
    }
    const { ssthresh } = tcp.status
    tcp.inject('. 1 ack 3001').take()
    tcp.inject('. 1 ack 6001').take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh })
  })
})

describe('RFC 5682 §3.1, a peer with SACK', () => {
  test('step 3b: after the ACK of the repetition a SACK of what left before the time-out', () => {
    const tcp = expired(SACK, 8)
    tcp.at(tcp.time + 10).inject('. 1 ack 1001')
    tcp.take()
    tcp
      .at(tcp.time + 10)
      .inject('. 1 ack 1001 <sack 2001:3001>')
      .take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY })
  })

  test('step 3a: a SACK of the new segments alone: the loss was one', () => {
    const tcp = expired(SACK, 8)
    const sent = texts(tcp.at(tcp.time + 100).inject('. 1 ack 1001'))
    expect(sent[0]).toMatch(/^(8|9|10)001:/)
    tcp.at(tcp.time + 100).inject(`. 1 ack 1001 <sack ${sent[0]}>`)
    expect(texts(tcp)[0]).toBe('1001:2001')
    expect(tcp.status).toMatchObject({ undos: 0 })
    expect(tcp.status.ssthresh).toBeLessThan(INFINITY)
  })
})

describe('RFC 4015 §3.1: what an undo gives back', () => {
  const peer = 'mss 1000,sackOK,ts 0 ecr -100'

  /** Ten segments; the first one left again when the RTO expired, and then the ACK of the original came. */
  function late(): Script {
    const tcp = established({ peer })
    tcp.send(9880)
    tcp.take()
    while (tcp.status.timeouts === 0) {
      tcp.next()
      tcp.take()
    }
    tcp.at(tcp.time + 10).inject('. 1 ack 989 <ts 5 ecr 0>')
    return tcp
  }

  test('step 5, 6: new text is what leaves next: nothing is repeated', () => {
    const tcp = late()
    tcp.take()
    tcp.send(20_000)
    for (const text of texts(tcp)) expect(Number(text.split(':')[0])).toBeGreaterThanOrEqual(9881)
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY, lost: 0 })
    expect(tcp.status.cwnd).toBeGreaterThanOrEqual(9880)
  })

  test('step 8, 9: the next ACK makes the delay a sample: the back-off ends, and the RTO is longer than the delay', () => {
    const tcp = late()
    tcp.take()
    tcp.inject('. 1 ack 1977 <ts 6 ecr 0>').take()
    expect(tcp.status.backOffs).toBe(0)
    expect(tcp.status.rto).toBeGreaterThan(tcp.time)
  })
})
