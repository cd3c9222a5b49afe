// Closing: RFC 9293 §3.6 with Figures 12 and 13, half-close, lost FINs, and who gives up when.
import { describe, expect, test } from 'vitest'
import { established, inState, type Script } from '../support/script.js'

describe('closing', () => {
  test('Figure 12, peer A: it closes first and ends in TIME-WAIT', () => {
    const tcp = established({ iss: 99, irs: 299 })
    tcp.close().expect('F. 1 ack 1')
    expect(tcp.state).toBe('FIN-WAIT-1')
    tcp.inject('. 1 ack 2')
    expect(tcp.state).toBe('FIN-WAIT-2')
    tcp.inject('F. 1 ack 2').expect('. 2 ack 2')
    expect(tcp.state).toBe('TIME-WAIT')
    expect(tcp.happened()).toEqual(['ENDED', 'ACKED', 'CLOSED'])
    expect(tcp.connection.reason).toBe(null)
  })

  test('Figure 12, peer B: it closes second and ends in CLOSED', () => {
    const tcp = established({ iss: 299, irs: 99 }).inject('F. 1 ack 1').expect('. 1 ack 2')
    expect(tcp.state).toBe('CLOSE-WAIT')
    tcp.close().expect('F. 1 ack 2')
    expect(tcp.state).toBe('LAST-ACK')
    tcp.inject('. 2 ack 2')
    expect(tcp.state).toBe('CLOSED')
    expect(tcp.connection.reason).toBe(null)
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('Figure 13: both at once: CLOSING, then TIME-WAIT', () => {
    const tcp = established({ iss: 99, irs: 299 })
    tcp.close().expect('F. 1 ack 1').inject('F. 1 ack 1').expect('. 2 ack 2')
    expect(tcp.state).toBe('CLOSING')
    tcp.inject('. 2 ack 2')
    expect(tcp.state).toBe('TIME-WAIT')
  })

  test('MUST-12 (§3.6): the user learns whether it was closed or aborted', () => {
    const closed = inState('LAST-ACK').inject('. 2 ack 2')
    const aborted = inState('LAST-ACK').inject('. 2 ack 1')
    aborted.abort()
    const reset = inState('ESTABLISHED').inject('R 1')
    const reasons = [closed, aborted, reset].map((tcp) => tcp.connection.reason)
    expect(reasons).toEqual([null, 'aborted', 'reset'])
  })

  test('§3.6: all that was sent before CLOSE is delivered, then the FIN', () => {
    const tcp = established()
    tcp.send(12_000)
    expect(tcp.take()).toHaveLength(10)
    tcp.close().at(100).inject('. 1 ack 10001').expect('. 10001:11001 ack 1', 'FP. 11001:12001 ack 1')
    tcp.at(200).inject('. 1 ack 12002')
    expect(tcp.state).toBe('FIN-WAIT-2')
  })
})

describe('half-close', () => {
  test('MUST-12 (§3.6.1): the peer has closed, we go on sending for as long as we like', () => {
    const tcp = inState('CLOSE-WAIT')
    for (let day = 1; day <= 30; day++) {
      tcp.at(day * 86_400_000)
      tcp.send(1000)
      const end = day * 1000 + 1
      tcp
        .expect(`P. ${end - 1000}:${end} ack 2`)
        .at(day * 86_400_000 + 50)
        .inject(`. 2 ack ${end}`)
    }
    expect(tcp.state).toBe('CLOSE-WAIT')
  })

  test('§3.6.1: we have closed, the peer goes on sending for as long as it likes', () => {
    const tcp = inState('FIN-WAIT-2')
    for (let day = 1; day <= 30; day++) {
      const end = day * 1000 + 1
      tcp
        .at(day * 86_400_000)
        .inject(`P. ${end - 1000}:${end} ack 2`)
        .expect(`. 2 ack ${end}`)
      expect(tcp.receive()).toBe(1000)
    }
    expect(tcp.state).toBe('FIN-WAIT-2')
    tcp.inject('F. 30001 ack 2').expect('. 2 ack 30002')
    expect(tcp.state).toBe('TIME-WAIT')
  })

  test('§3.6.1: the window opens as the user reads in FIN-WAIT-2', () => {
    const tcp = established({ config: { maxReceiveBuffer: 4000 } })
    tcp.close().expect('F. 1 ack 1').inject('. 1 ack 2')
    tcp.inject('. 1:1001 ack 2', '. 1001:2001 ack 2', '. 2001:3001 ack 2', 'P. 3001:4001 ack 2')
    tcp.expect('. 2 ack 4001 win 0').at(500)
    tcp.receive()
    tcp.expect('. 2 ack 4001 win 4000')
  })
})

describe('a FIN that is lost', () => {
  test.each(['FIN-WAIT-1', 'LAST-ACK', 'CLOSING'] as const)(
    '%s: is repeated with back-off until it is acknowledged',
    (state) => {
      const tcp = inState(state)
      const fin = state === 'FIN-WAIT-1' ? 'F. 1 ack 1' : 'F. 1 ack 2'
      tcp.at(300).expect(fin).at(900).expect(fin).at(2100).expect(fin)
      tcp.at(2150).inject(`. ${tcp.rcvNxt} ack 2`)
      expect(tcp.state).toBe({ 'FIN-WAIT-1': 'FIN-WAIT-2', 'LAST-ACK': 'CLOSED', CLOSING: 'TIME-WAIT' }[state])
      expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    },
  )

  test('with the text before it: both are repeated', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').close().expect('F. 11 ack 1')
    tcp.at(300)
    expect(tcp.take()).toEqual(['P. 1:11 ack 1 win 65535 <>', 'F. 11 ack 1 win 65535 <>'])
  })

  test("the ACK of the peer's FIN is lost: it comes again and is acknowledged again", () => {
    inState('CLOSE-WAIT')
      .at(1000)
      .inject('F. 1 ack 1')
      .expect('. 1 ack 2')
      .at(3000)
      .inject('F. 1 ack 1')
      .expect('. 1 ack 2')
  })
})

/** Goes on until the connection has ended. @returns how many segments left on the way. */
function exhaust(tcp: Script): number {
  let count = 0
  while (tcp.next() !== Number.POSITIVE_INFINITY) count += tcp.take().length
  expect(tcp.state).toBe('CLOSED')
  return count
}

describe('giving up', () => {
  test('LAST-ACK: quietly: both sides have closed, and nobody waits', () => {
    const tcp = inState('LAST-ACK')
    expect(exhaust(tcp)).toBe(15)
    expect(tcp.connection.reason).toBe(null)
    expect(tcp.happened()).toEqual(['CLOSED'])
  })

  test('CLOSING: likewise', () => {
    const tcp = inState('CLOSING')
    expect(exhaust(tcp)).toBe(15)
    expect(tcp.connection.reason).toBe(null)
  })

  test('LAST-ACK with text that did not arrive: that is told', () => {
    const tcp = inState('CLOSE-WAIT')
    tcp.send(10)
    tcp.expect('P. 1:11 ack 2').close().expect('F. 11 ack 2')
    exhaust(tcp)
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test.each(['LAST-ACK', 'CLOSING'] as const)(
    'MUST-12 (§3.6): %s, a RST: an end like any other, unless text was on its way',
    (state) => {
      expect(inState(state).inject('R 2').connection.reason).toBe(null)
      const tcp = established()
      tcp.send(10)
      tcp.take()
      if (state === 'CLOSING') tcp.close().take()
      tcp.inject('F. 1 ack 1').take()
      if (state === 'LAST-ACK') tcp.close().take()
      expect(tcp.state).toBe(state)
      expect(tcp.inject('R 2').connection.reason).toBe('reset')
    },
  )

  test('FIN-WAIT-1: timed out', () => {
    const tcp = inState('FIN-WAIT-1')
    expect(exhaust(tcp)).toBe(15)
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('FIN-WAIT-2: for ever, as long as the user reads', () => {
    const tcp = inState('FIN-WAIT-2')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.at(30 * 86_400_000).state).toBe('FIN-WAIT-2')
  })

  test.each(['before', 'after'] as const)(
    'FIN-WAIT-2: ends by itself when nobody reads, closeRead %s the FIN was acknowledged',
    (when) => {
      const tcp = inState('FIN-WAIT-1')
      if (when === 'before') tcp.closeRead()
      tcp.at(1000 - 700).take()
      tcp.at(400).inject('. 1 ack 2')
      if (when === 'after') tcp.closeRead()
      expect(tcp.at(60_399).state).toBe('FIN-WAIT-2')
      expect(tcp.at(60_400).state).toBe('CLOSED')
      expect(tcp.connection.reason).toBe(null)
      tcp.silence()
    },
  )

  test('FIN-WAIT-2: a FIN within that time is the usual end', () => {
    const tcp = inState('FIN-WAIT-2').closeRead().at(59_000).inject('F. 1 ack 2').expect('. 2 ack 2')
    expect(tcp.state).toBe('TIME-WAIT')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what TIME-WAIT must remember', () => {
  test('MUST-13 (§3.6.1): the numbers for the last ACK, on the wire', () => {
    const tcp = established({ iss: 0xffff_ffff, irs: 0xffff_fffe, config: { msl: 1234 } })
    tcp.send(10)
    tcp.take()
    tcp.close().take()
    tcp.inject('F. 1 ack 12').expect('. 12 ack 2')
    const { sndNxt, rcvNxt, msl, timestamps } = tcp.connection.timeWaitSeed()
    expect({ sndNxt, rcvNxt, msl, timestamps }).toEqual({ sndNxt: 11, rcvNxt: 0, msl: 1234, timestamps: false })
  })
})
