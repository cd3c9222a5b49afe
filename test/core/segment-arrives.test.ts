// A segment that arrives in a synchronized state: RFC 9293 §3.10.7.4, check by check, with RFC 5961.
import { describe, expect, test } from 'vitest'
import type { State } from '../../lib/core/state.js'
import { established, inState, passive, type Script } from '../support/script.js'

const SYNCHRONIZED: readonly State[] = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK']
const RECEIVING: readonly State[] = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2']
const DEAF: readonly State[] = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK']
/** What the connection offers when nothing else is said, and no window scale is agreed. */
const WINDOW = 65_535

/** `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` */
function ackOf(tcp: Script): string {
  return `. ${tcp.sndNxt} ack ${tcp.rcvNxt}`
}

/** 1,000 bytes of buffer, all of them unread: the window is closed, RCV.NXT is 1001. */
function closedWindow(): Script {
  const tcp = established({ config: { maxReceiveBuffer: 1000 } })
  return tcp.inject('P. 1:1001 ack 1').expect('. 1 ack 1001 win 0')
}

describe('first: the sequence number', () => {
  describe.each(SYNCHRONIZED)('%s', (state) => {
    test.each([
      ['empty, below the window', -1, 0],
      ['empty, above the window', WINDOW + 1, 0],
      ['text below the window', -10, 10],
      ['text above the window', WINDOW, 10],
      ['text far above the window', 1_000_000, 10],
    ])('Table 6: %s draws an ACK and is dropped', (_, offset, length) => {
      const tcp = inState(state)
      const from = tcp.rcvNxt + offset
      tcp.inject(`. ${from}${length > 0 ? `:${from + length}` : ''} ack ${tcp.sndNxt}`).expect(ackOf(tcp))
      expect(tcp.state).toBe(state)
      expect(tcp.status.bytesReceived).toBe(0)
    })
  })

  test('Table 6: an empty segment is acceptable from RCV.NXT to the right edge', () => {
    const tcp = established()
    tcp.send(30)
    tcp.expect('P. 1:31 ack 1')
    tcp.inject('. 1 ack 11').inject(`. ${WINDOW} ack 21`)
    expect(tcp.connection.unacknowledged).toBe(10)
  })

  test('text that lies partly below RCV.NXT: the new part is taken', () => {
    const tcp = established().inject('P. 1:101 ack 1').expect('. 1 ack 101')
    tcp.inject('P. 51:151 ack 1').expect('. 1 ack 151')
    expect(tcp.receive()).toBe(150)
  })

  test('text that goes beyond the window: what fits is taken', () => {
    const tcp = established({ config: { maxReceiveBuffer: 1000 } })
    tcp.inject('. 1:901 ack 1').take()
    tcp.inject('P. 901:1101 ack 1').expect('. 1 ack 1001 win 0')
    expect(tcp.receive()).toBe(1000)
    tcp.take()
  })

  test('a FIN behind text that does not fit is not taken; one at the right edge needs no buffer and is', () => {
    const tcp = established({ config: { maxReceiveBuffer: 1000 } })
    tcp.inject('. 1:901 ack 1').take()
    tcp.inject('FP. 901:1011 ack 1').expect('. 1 ack 1001 win 0')
    expect(tcp.state).toBe('ESTABLISHED')
    tcp.inject('F. 1001 ack 1').expect('. 1 ack 1002 win 0')
    expect(tcp.state).toBe('CLOSE-WAIT')
  })

  test('a closed window: text is answered with an ACK and dropped', () => {
    const tcp = closedWindow().inject('P. 1001:1002 ack 1').expect('. 1 ack 1001 win 0')
    expect(tcp.receive()).toBe(1000)
    tcp.take()
  })

  test('§3.10.7.4, first: a closed window: an ACK counts, also of a segment with text', () => {
    const tcp = closedWindow()
    tcp.send(20)
    tcp.expect('P. 1:21 ack 1001')
    tcp.inject('. 1001 ack 11')
    expect(tcp.connection.unacknowledged).toBe(10)
    tcp.inject('P. 1001:1011 ack 21').expect('. 21 ack 1001 win 0')
    expect(tcp.connection.unacknowledged).toBe(0)
  })

  test('MUST-66 (§3.4): a closed window: a RST at RCV.NXT ends the connection, one elsewhere is dropped', () => {
    const tcp = closedWindow().inject('R 1002').inject('R 1000')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.inject('R 1001').state).toBe('CLOSED')
  })

  test('MUST-66 (§3.4): a closed window: URG changes nothing of this', () => {
    const tcp = closedWindow()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1001').inject('U. 1001 ack 11')
    expect(tcp.connection.unacknowledged).toBe(0)
  })

  test('MUST-1 (§3.1): the window is unsigned: 65535 is not -1', () => {
    const tcp = established({ window: 65_535 })
    expect(tcp.status.sendWindow).toBe(65_535)
    tcp.send(1000)
    tcp.expect('P. 1:1001 ack 1')
  })
})

describe('second: RST', () => {
  describe.each(SYNCHRONIZED)('%s', (state) => {
    test('RFC 5961 §3.2 (2): exactly RCV.NXT: CLOSED', () => {
      const tcp = inState(state)
      tcp.inject(`R ${tcp.rcvNxt}`)
      expect(tcp.state).toBe('CLOSED')
      const isToldOf = state !== 'CLOSING' && state !== 'LAST-ACK'
      expect(tcp.connection.reason).toBe(isToldOf ? 'reset' : null)
    })

    test.each([1, 1000, WINDOW - 1])('RFC 5961 §3.2 (3): in the window, %i further: a challenge ACK', (further) => {
      const tcp = inState(state)
      tcp.inject(`R ${tcp.rcvNxt + further}`).expect(ackOf(tcp))
      expect(tcp.state).toBe(state)
      expect(tcp.status.challengeAcks).toBe(1)
    })

    test.each([-1, -1000, WINDOW + 1, 2 ** 30])('RFC 5961 §3.2 (1): outside, by %i: silence', (by) => {
      const tcp = inState(state)
      expect(tcp.inject(`R ${tcp.rcvNxt + by}`).silence().state).toBe(state)
    })
  })

  test('SHLD-2 (§3.5.3): a RST may carry text', () => {
    expect(established().inject('R 1:30').state).toBe('CLOSED')
  })

  test('§3.5.3: its ACK is not looked at', () => {
    expect(established().inject('R. 1 ack 99999').state).toBe('CLOSED')
  })

  test('RFC 5961 §3.2: the peer answers the challenge with the exact number', () => {
    const tcp = established().inject('R 100').expect('. 1 ack 1').inject('R 1')
    expect(tcp.state).toBe('CLOSED')
  })

  test('Figure 10: our data meets a host that has forgotten us', () => {
    const tcp = established({ iss: 299, irs: 99 })
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').inject('R 1')
    expect(tcp.connection.reason).toBe('reset')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('fourth: SYN', () => {
  describe.each(SYNCHRONIZED)('%s', (state) => {
    test.each([-1, 0, 1, 5000, 1_000_000])('RFC 5961 §4.2: wherever it stands, at RCV.NXT%i: a challenge ACK', (by) => {
      const tcp = inState(state)
      tcp.inject(`S ${tcp.rcvNxt + by} <mss 1000>`).expect(ackOf(tcp))
      expect(tcp.state).toBe(state)
    })

    test('RFC 5961 §4.2: with ACK likewise', () => {
      const tcp = inState(state)
      tcp.inject(`S. ${tcp.rcvNxt + 1} ack ${tcp.sndNxt}`).expect(ackOf(tcp))
    })
  })

  test('Figure 9, peer B: a SYN of a host that has rebooted draws an ACK, its RST ends the connection', () => {
    const tcp = established({ iss: 299, irs: 99 }).inject('S 301').expect('. 1 ack 1').inject('R 1')
    expect(tcp.connection.reason).toBe('reset')
  })
})

describe('RFC 5961 §7: challenge ACKs are limited', () => {
  test.each([
    ['RST in the window', (i: number) => `R ${2 + i}`],
    ['SYN', (i: number) => `S ${2 + i}`],
    ['ACK of what was not sent', (i: number) => `. 1 ack ${100 + i}`],
    ['text outside the window', (i: number) => `. ${100_000 + i}:${100_010 + i} ack 1`],
    ['text from before the SYN', (i: number) => `. ${-1000 - i}:${-990 - i} ack 1`],
  ])('400 of them in a second, %s: 1 to 200 are answered', (_, segment) => {
    const tcp = established()
    let answers = 0
    for (let i = 0; i < 400; i++) {
      tcp.at(i * 2.5).inject(segment(i))
      answers += tcp.take().length
    }
    expect(answers).toBeGreaterThanOrEqual(1)
    expect(answers).toBeLessThanOrEqual(200)
    expect(tcp.state).toBe('ESTABLISHED')
    // and a while later again
    tcp.at(60_000).inject(segment(0)).expect('. 1 ack 1')
  })
})

describe('fifth: ACK', () => {
  test.each(SYNCHRONIZED)('%s: without ACK it is dropped', (state) => {
    const tcp = inState(state)
    tcp.inject(`P ${tcp.rcvNxt}:${tcp.rcvNxt + 10}`, `F ${tcp.rcvNxt}`).silence()
    expect(tcp.state).toBe(state)
    expect(tcp.connection.readable).toBe(0)
  })

  test.each(SYNCHRONIZED)('%s: of something not sent (SEG.ACK > SND.NXT): an ACK, and it is dropped', (state) => {
    const tcp = inState(state)
    tcp.inject(`P. ${tcp.rcvNxt}:${tcp.rcvNxt + 10} ack ${tcp.sndNxt + 1}`).expect(ackOf(tcp))
    expect(tcp.connection.readable).toBe(0)
  })

  test('MAY-12 (RFC 5961 §5.2): below SND.UNA - MAX.SND.WND: an ACK, and it is dropped', () => {
    const tcp = established({ window: 1000 })
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').inject('. 1 ack 11 win 1000')
    tcp
      .inject('P. 1:11 ack -989 win 1000')
      .expect('. 11 ack 11')
      .inject('P. 11:21 ack -990 win 1000')
      .expect('. 11 ack 11')
    expect(tcp.receive()).toBe(10)
  })

  test('old, but within that: ignored, and the text is taken', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').inject('. 1 ack 11').inject('P. 1:11 ack 5').expect('. 11 ack 11')
    expect(tcp.receive()).toBe(10)
  })

  test('SND.UNA < SEG.ACK =< SND.NXT: what it covers is let go, in part too, and the user hears', () => {
    const tcp = established()
    tcp.send(1500)
    tcp.take()
    tcp.inject('. 1 ack 701')
    expect(tcp.connection.unacknowledged).toBe(800)
    expect(tcp.happened()).toEqual(['ACKED'])
    tcp.inject('. 1 ack 1501')
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('the window is taken from the newest segment: SND.WL1, then SND.WL2', () => {
    const tcp = established({ window: 5000 })
    tcp.send(100)
    tcp.take()
    tcp.inject('P. 1:11 ack 51 win 4000').take()
    expect(tcp.status.sendWindow).toBe(4000)
    // older by sequence, then older by acknowledgment
    tcp.inject('. 1 ack 51 win 3000').take()
    expect(tcp.status.sendWindow).toBe(4000)
    tcp.inject('. 11 ack 41 win 2000')
    expect(tcp.status.sendWindow).toBe(4000)
    tcp.inject('. 11 ack 51 win 1000')
    expect(tcp.status.sendWindow).toBe(1000)
  })

  test('the ACK that opens the handshake sets the window: SND.WND, SND.WL1, SND.WL2', () => {
    const tcp = passive({ window: 100 }).expect('S. 0 ack 1').at(0).inject('. 1 ack 1 win 700')
    expect(tcp.status.sendWindow).toBe(700)
  })

  test.each(['CLOSING', 'LAST-ACK', 'FIN-WAIT-1'] as const)(
    '%s: an ACK that does not cover the FIN changes nothing',
    (state) => {
      const tcp = inState(state)
      expect(tcp.inject(`. ${tcp.rcvNxt} ack 1`).silence().state).toBe(state)
    },
  )
})

describe('sixth: URG', () => {
  test('MUST-30 (§3.8.5): urgent data stays in the stream, its pointer is not looked at', () => {
    for (const pointer of [0, 1, 5, 10, 65_535]) {
      const tcp = established()
      tcp.injectBytes('UP. 1:11 ack 1', (bytes) => {
        bytes[18] = pointer >> 8
        bytes[19] = pointer
        return bytes
      })
      tcp.expect('. 1 ack 11')
      expect(tcp.receive()).toBe(10)
    }
  })

  test.each(DEAF)('%s: is ignored', (state) => {
    const tcp = inState(state)
    expect(tcp.inject(`U. ${tcp.rcvNxt} ack ${tcp.sndNxt - 1}`).silence().state).toBe(state)
  })
})

describe('seventh: text', () => {
  test.each(RECEIVING)('%s: is taken and acknowledged', (state) => {
    const tcp = inState(state)
    tcp.inject(`P. 1:11 ack ${tcp.sndNxt}`).expect(`. ${tcp.sndNxt} ack 11`)
    expect(tcp.receive()).toBe(10)
  })

  test.each(DEAF)('%s: is ignored: the peer has sent its FIN', (state) => {
    const tcp = inState(state)
    tcp.inject(`P. ${tcp.rcvNxt}:${tcp.rcvNxt + 10} ack ${tcp.sndNxt - 1}`)
    tcp.take()
    expect(tcp.receive()).toBe(0)
    expect(tcp.rcvNxt).toBe(2)
    expect(tcp.state).toBe(state)
  })

  test('the acknowledgment rides on text that leaves anyway', () => {
    const tcp = established()
    tcp.call((connection) => {
      connection.setNoDelay(true)
    })
    tcp.inject('. 1:1001 ack 1').take()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1001')
  })

  test('SHLD-31 (first): what comes before its time is held', () => {
    const tcp = established().inject('. 11:21 ack 1').expect('. 1 ack 1').inject('. 1:11 ack 1').expect('. 1 ack 21')
    expect(tcp.receive()).toBe(20)
  })
})

describe('eighth: FIN', () => {
  test('ESTABLISHED: acknowledged at once, CLOSE-WAIT, and the user hears', () => {
    const tcp = established().inject('F. 1 ack 1').expect('. 1 ack 2')
    expect(tcp.state).toBe('CLOSE-WAIT')
    expect(tcp.happened()).toEqual(['ENDED'])
  })

  test('with text: first the text', () => {
    const tcp = established().inject('FP. 1:11 ack 1').expect('. 1 ack 12')
    expect(tcp.happened()).toEqual(['READABLE', 'ENDED'])
    expect(tcp.receive()).toBe(10)
  })

  test('before its time: it waits for the text before it', () => {
    const tcp = established().inject('F. 11 ack 1').expect('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.happened()).toEqual([])
    tcp.inject('. 1:11 ack 1').expect('. 1 ack 12')
    expect(tcp.state).toBe('CLOSE-WAIT')
    expect(tcp.receive()).toBe(10)
  })

  test('FIN-WAIT-1, our FIN acknowledged in the same segment: TIME-WAIT', () => {
    const tcp = inState('FIN-WAIT-1').inject('F. 1 ack 2').expect('. 2 ack 2')
    expect(tcp.state).toBe('TIME-WAIT')
    expect(tcp.happened()).toEqual(['ENDED', 'ACKED', 'CLOSED'])
  })

  test.each(DEAF)('%s: the FIN again is acknowledged again, and nothing changes', (state) => {
    const tcp = inState(state)
    tcp.inject(`F. 1 ack ${tcp.sndNxt - 1}`).expect(`. ${tcp.sndNxt} ack 2`)
    expect(tcp.state).toBe(state)
    expect(tcp.happened()).toEqual([])
  })

  test('text beyond a FIN that was seen is not part of the stream', () => {
    const tcp = established().inject('F. 11 ack 1').expect('. 1 ack 1')
    tcp.inject('. 1:31 ack 1').expect('. 1 ack 12')
    expect(tcp.state).toBe('CLOSE-WAIT')
    expect(tcp.receive()).toBe(10)
  })
})

describe('TIME-WAIT', () => {
  test('the connection itself is deaf: its record answers', () => {
    const tcp = inState('TIME-WAIT')
    tcp.inject('F. 1 ack 2', 'R 2', 'S 100', '. 2 ack 2').silence()
    expect(tcp.state).toBe('TIME-WAIT')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('CLOSED', () => {
  test("§3.10.7.1 is the endpoint's: a connection that is over answers nothing", () => {
    inState('CLOSED').inject('. 1 ack 1', 'S 0', 'R 1', 'P. 1:11 ack 1').silence()
  })
})
