// Timestamps: echoes, PAWS and its limits (RFC 7323 §3 to §5).
import { describe, expect, test } from 'vitest'
import { established, passive, type Script } from '../support/script.js'

const DAY = 86_400_000

/** Timestamps agreed; the peer's clock shows `ms` in its SYN,ACK. */
function withTimestamps(ms = 0, peer = 'mss 1012'): Script {
  return established({ peer: `${peer},ts ${ms} ecr -100` })
}

describe('what is sent', () => {
  test('RFC 7323 §3.2: once agreed, in every segment; TSval is a clock of 1 ms', () => {
    const tcp = withTimestamps(7)
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1 <ts 0 ecr 7>').at(300).expect('P. 1:11 ack 1 <ts 300 ecr 7>')
    tcp.at(500).inject('. 1 ack 11 <ts 9 ecr 300>').close().expect('F. 11 ack 1 <ts 500 ecr 9>')
  })

  test('RFC 7323 §3.2: in a RST too', () => {
    withTimestamps(7).at(30).abort().expect('R. 1 ack 1 win 0 <ts 30 ecr 7>')
  })

  test('RFC 7323 §5.4: the clock begins at an offset of its own', () => {
    // the script gives 0xffff0000: its 2^32 wrap lies within every script
    withTimestamps().inject('P. 1:11 ack 1 <ts 0 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 0>')
  })

  test('RFC 7323 §4.3 (1), (3): a delayed ACK echoes the first segment that it covers', () => {
    const tcp = withTimestamps()
    let end = 1
    // beyond the quick ACKs of the beginning
    for (let i = 0; i < 16; i++, end += 10) {
      tcp.inject(`P. ${end}:${end + 10} ack 1 <ts ${i} ecr 0>`)
      tcp.take()
    }
    tcp
      .inject(`P. ${end}:${end + 10} ack 1 <ts 100 ecr 0>`)
      .silence()
      .at(5)
    tcp.inject(`P. ${end + 10}:${end + 20} ack 1 <ts 105 ecr 0>`).silence()
    const due = tcp.next()
    expect(due).toBeLessThan(500)
    tcp.expect(`. 1 ack ${end + 20} <ts ${due} ecr 100>`)
  })

  test('RFC 7323 §4.3 (B): out of order: the echo stays that of the last segment in order', () => {
    const tcp = withTimestamps()
    tcp.inject('P. 1:11 ack 1 <ts 1 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 1>')
    tcp.inject('P. 21:31 ack 1 <ts 3 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 1>')
    tcp.inject('P. 31:41 ack 1 <ts 4 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 1>')
  })

  test('RFC 7323 §4.3 (C): the segment that fills the gap is echoed, newest though the others may be', () => {
    const tcp = withTimestamps()
    tcp.inject('P. 11:21 ack 1 <ts 2 ecr 0>').expect('. 1 ack 1 <ts 0 ecr 0>')
    tcp.inject('P. 1:11 ack 1 <ts 3 ecr 0>').expect('. 1 ack 21 <ts 0 ecr 3>')
  })
})

describe('RTT by timestamps', () => {
  test('RFC 7323 §4.1: a repeated segment gives a sample too, by its echo', () => {
    const tcp = withTimestamps()
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    tcp.at(380).inject('. 1 ack 11 <ts 9 ecr 300>')
    expect(Math.round(tcp.status.srtt)).toBe(Math.round(100 + (80 - 100) / 8))
  })

  test('RFC 7323 §4.1: an echo of the first transmission says that the second was not needed: its RTT is counted from there, or not at all', () => {
    const tcp = withTimestamps()
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    tcp.at(320).inject('. 1 ack 11 <ts 9 ecr 0>')
    // 320 - 300 would be 20, which it is not
    expect(tcp.status.srtt).toBeGreaterThanOrEqual(100)
    expect(tcp.status.minRtt).toBe(100)
  })

  test('an echo from the future, or none at all, is no sample', () => {
    const tcp = withTimestamps()
    tcp.send(10)
    tcp.take()
    tcp.at(300).take()
    tcp.at(310).inject('. 1 ack 11 <ts 9 ecr 999999>')
    expect(tcp.status.srtt).toBe(100)
  })
})

describe('PAWS', () => {
  test('RFC 7323 §5.3 R1: an older timestamp: an ACK, and it is dropped', () => {
    const tcp = withTimestamps(1000)
    tcp.inject('P. 1:11 ack 1 <ts 999 ecr 0>').expect('. 1 ack 1 <ts 0 ecr 1000>')
    expect(tcp.status.pawsDrops).toBe(1)
    expect(tcp.connection.readable).toBe(0)
  })

  test('RFC 7323 §5.3 R1: what a repetition has overtaken on its way is no old duplicate; after 200 ms it is', () => {
    const tcp = withTimestamps(1000)
    tcp.inject('P. 11:21 ack 1 <ts 1001 ecr 0>').take()
    tcp.inject('P. 1:11 ack 1 <ts 1030 ecr 0>').expect('. 1 ack 21 <ts 0 ecr 1030>')
    tcp.inject('P. 21:31 ack 1 <ts 1029 ecr 0>').expect('. 1 ack 31 <ts 0 ecr 1030>')
    expect(tcp.status.pawsDrops).toBe(0)
    tcp.at(250).inject('P. 31:41 ack 1 <ts 1280 ecr 0>').take()
    tcp.at(500).inject('P. 41:51 ack 1 <ts 1530 ecr 0>').take()
    tcp.inject('P. 51:61 ack 1 <ts 1279 ecr 0>').expect('. 1 ack 51 <ts 500 ecr 1530>')
    expect(tcp.status.pawsDrops).toBe(1)
  })

  test('RFC 7323 §5.3 R1: the same timestamp is new enough', () => {
    withTimestamps(1000).inject('P. 1:11 ack 1 <ts 1000 ecr 0>').expect('. 1 ack 11')
  })

  test('RFC 7323 §5.3 R1: not for a RST', () => {
    expect(withTimestamps(1000).inject('R 1 <ts 5 ecr 0>').state).toBe('CLOSED')
    expect(withTimestamps(1000).inject('R 1').state).toBe('CLOSED')
  })

  test('RFC 7323 §5.3 R3: TS.Recent moves only with what lies at or below the last ACK', () => {
    const tcp = withTimestamps(1000)
    tcp.inject('P. 101:111 ack 1 <ts 5000 ecr 0>').take()
    // 5000 was out of order, so 2000 is not old
    tcp.inject('P. 1:101 ack 1 <ts 2000 ecr 0>').expect('. 1 ack 111 <ts 0 ecr 2000>')
  })

  test('RFC 7323 §5.3 R2: out of the window: it does not move it either', () => {
    const tcp = withTimestamps(1000)
    tcp.inject('P. 9000000:9000010 ack 1 <ts 9000 ecr 0>').take()
    tcp.inject('P. 1:11 ack 1 <ts 1001 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 1001>')
  })

  test('RFC 7323 §3.2: a segment without the option is dropped in silence, once it was agreed on', () => {
    const tcp = withTimestamps().inject('P. 1:11 ack 1').silence()
    expect(tcp.connection.readable).toBe(0)
  })

  test("RFC 7323 §5.2: the peer's clock wraps", () => {
    // 0x7ffffff0 is the 0 of the peer's clock: 16 ms later its sign changes, 2^31 + 16 ms later it wraps
    const tcp = withTimestamps(10)
    let end = 1
    for (const ms of [20, 2 ** 30, 2 ** 31 - 1, 2 ** 31 + 15, 2 ** 31 + 16, 2 ** 31 + 17, 3 * 2 ** 30]) {
      tcp.inject(`P. ${end}:${end + 10} ack 1 <ts ${ms} ecr 0>`).expect(`. 1 ack ${end + 10}`)
      end += 10
    }
    tcp.inject(`P. ${end}:${end + 10} ack 1 <ts ${2 ** 31 + 16} ecr 0>`).expect(`. 1 ack ${end}`)
    expect(tcp.status.pawsDrops).toBe(1)
  })

  test('RFC 7323 §5.5: after more than 24 days of silence TS.Recent counts no more', () => {
    const tcp = withTimestamps(1000)
    tcp
      .at(24 * DAY - 1000)
      .inject('P. 1:11 ack 1 <ts 0 ecr 0>')
      .take()
    expect(tcp.connection.readable).toBe(0)
    tcp
      .at(25 * DAY)
      .inject('P. 1:11 ack 1 <ts 0 ecr 0>')
      .expect('. 1 ack 11')
    // from then on the new one counts
    tcp.inject('P. 11:21 ack 1 <ts -1 ecr 0>').expect('. 1 ack 11')
    expect(tcp.status.pawsDrops).toBe(2)
  })

  test('RFC 7323 §5.5: our own clock may wrap meanwhile', () => {
    const tcp = withTimestamps(1000)
    tcp.at(50 * DAY)
    tcp.send(10)
    tcp.take()
    tcp.at(50 * DAY + 80).inject(`. 1 ack 11 <ts ${50 * DAY} ecr ${50 * DAY}>`)
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('RFC 7323 §5.8: a SYN in the window with an old timestamp is a duplicate', () => {
    withTimestamps(1000).inject('S 5 <mss 1000,ts 3>').expect('. 1 ack 1')
  })

  test('PAWS holds in SYN-RECEIVED and in the closing states too', () => {
    const half = passive({ peer: 'mss 1000,ts 1000' })
      .expect('S. 0 ack 1')
      .at(0)
      .inject('. 1 ack 1 <ts 10 ecr -100>')
      .expect('. 1 ack 1')
    expect(half.state).toBe('SYN-RECEIVED')
    const closing = withTimestamps(1000)
      .close()
      .expect('F. 1 ack 1')
      .inject('. 1 ack 2 <ts 10 ecr 0>')
      .expect('. 2 ack 1')
    expect(closing.state).toBe('FIN-WAIT-1')
  })

  test('RFC 7323 §5.3 R2: what is repeated because our ACK was lost is acknowledged at once, and moves nothing', () => {
    const tcp = withTimestamps()
    tcp.inject('P. 1:11 ack 1 <ts 1 ecr 0>').expect('. 1 ack 11 <ts 0 ecr 1>')
    tcp.at(200).inject('P. 1:11 ack 1 <ts 200 ecr 0>').expect('. 1 ack 11 <ts 200 ecr 1>')
  })
})
