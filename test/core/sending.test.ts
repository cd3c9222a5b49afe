// When text leaves: Nagle, PSH, the peer's window, silly windows and zero-window probes (RFC 9293 §3.7.4, §3.8.6).
import { describe, expect, test } from 'vitest'
import { established, type Script } from '../support/script.js'

describe('Nagle (§3.7.4)', () => {
  test('SHLD-7: a small segment leaves when nothing is unacknowledged', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
  })

  test('SHLD-7: while a small one is unacknowledged further small ones wait and are gathered', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    for (let i = 0; i < 5; i++) tcp.send(10)
    tcp.silence().at(100).inject('. 1 ack 11').expect('P. 11:61 ack 1')
  })

  test('SHLD-7: a full segment does not wait', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    tcp.send(1005)
    tcp.expect('. 11:1011 ack 1').at(100).inject('. 1 ack 1011').expect('P. 1011:1016 ack 1')
  })

  test('Appendix A.3 (Minshall): the small end of a large write does not wait for its full segments', () => {
    const tcp = established()
    tcp.send(2500)
    tcp.expect('. 1:1001 ack 1', '. 1001:2001 ack 1', 'P. 2001:2501 ack 1')
    // but the next small one does
    tcp.send(10)
    tcp.silence().at(50).inject('. 1 ack 2001').silence().at(60).inject('. 1 ack 2501').expect('P. 2501:2511 ack 1')
  })

  test('MUST-17: setNoDelay switches it off, and on again', () => {
    const tcp = established()
    tcp.call((connection) => connection.setNoDelay(true))
    for (let i = 0; i < 3; i++) {
      tcp.send(10)
      tcp.expect(`P. ${i * 10 + 1}:${i * 10 + 11} ack 1`)
    }
    tcp.call((connection) => connection.setNoDelay(false))
    tcp.send(10)
    tcp.silence()
  })

  test('MUST-17: what waits leaves as it is switched off', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.send(10)
    tcp
      .silence()
      .call((connection) => connection.setNoDelay(true))
      .expect('P. 11:21 ack 1')
  })

  test('MUST-17: noDelay as an option', () => {
    const tcp = established({ config: { noDelay: true } })
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1')
    tcp.send(10)
    tcp.expect('P. 11:21 ack 1')
  })

  test('CLOSE pushes what waits', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.send(10)
    tcp.silence().close().expect('FP. 11:21 ack 1')
  })
})

describe('PSH (§3.9.1.2)', () => {
  test('MUST-61: the last segment of what is queued has it', () => {
    const tcp = established()
    tcp.send(3000)
    tcp.expect('. 1:1001 ack 1', '. 1001:2001 ack 1', 'P. 2001:3001 ack 1')
  })

  test('MUST-60: nothing is buffered for ever: what Nagle holds leaves with the next ACK', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.send(1)
    tcp.at(299).inject('. 1 ack 11').expect('P. 11:12 ack 1')
  })

  test('SHLD-27: successive ones collapse when segments are gathered', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    for (let i = 0; i < 99; i++) tcp.send(10)
    tcp.silence().inject('. 1 ack 11').expect('P. 11:1001 ack 1')
  })

  test('it stays with the last one when that is repeated', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').at(300).expect('P. 1:11 ack 1')
  })
})

describe('the window of the peer', () => {
  test('§3.8.6: no more than it allows', () => {
    const tcp = established({ window: 2500 })
    tcp.send(10_000)
    tcp.expect('. 1:1001 ack 1', '. 1001:2001 ack 1').silence()
  })

  test('§3.8.6: text leaves at once when it opens', () => {
    const tcp = established({ window: 2000 })
    tcp.send(10_000)
    tcp.take()
    tcp.inject('. 1 ack 2001 win 0').silence()
    tcp.at(150).inject('. 1 ack 2001 win 2000').expect('. 2001:3001 ack 1', '. 3001:4001 ack 1')
  })

  test('SHLD-15 (§3.8.6): a window that shrinks: no new text', () => {
    const tcp = established({ window: 4000 })
    tcp.send(10_000)
    expect(tcp.take()).toHaveLength(4)
    tcp.inject('. 1 ack 1001 win 1000').silence().at(50).inject('. 1 ack 2001 win 500').silence()
    expect(tcp.status.sendWindow).toBe(500)
  })

  test('MUST-34, SHLD-16 (§3.8.6): what lies within it is repeated as ever', () => {
    const tcp = established({ window: 4000 })
    tcp.send(4000)
    expect(tcp.take()).toHaveLength(4)
    tcp.inject('. 1 ack 1 win 2000')
    tcp.at(300).expect('. 1:1001 ack 1').at(350).inject('. 1 ack 1001 win 1000').expect('. 1001:2001 ack 1')
  })

  test('MUST-35 (§3.8.6): shrunk to zero: it is probed, with what comes first', () => {
    const tcp = established({ window: 4000 })
    tcp.send(4000)
    expect(tcp.take()).toHaveLength(4)
    tcp.inject('. 1 ack 1 win 0')
    expect(tcp.next()).toBeLessThan(3000)
    tcp.take()
    tcp.inject('. 1 ack 1 win 4000').take()
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('SHLD-17, MUST-37 (§3.8.6): text beyond the right edge is no reason to give up while the peer answers', () => {
    const tcp = established({ window: 4000, config: { maxRetries: 4 } })
    tcp.send(4000)
    expect(tcp.take()).toHaveLength(4)
    tcp.inject('. 1 ack 1 win 0')
    for (let i = 0; i < 30; i++) {
      expect(tcp.next(), `probe ${i}`).toBeLessThan(Number.POSITIVE_INFINITY)
      tcp.take()
      tcp.inject('. 1 ack 1 win 0')
    }
    expect(tcp.state).toBe('ESTABLISHED')
    tcp.inject('. 1 ack 1 win 4000')
    for (let i = 0; i < 20 && tcp.connection.hasUnacknowledged; i++) {
      if (tcp.take().length === 0) tcp.next()
      tcp.take()
      tcp.inject(`. 1 ack ${Math.min(1 + (i + 1) * 1000, 4001)} win 4000`)
    }
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('an old segment that comes late does not shrink it', () => {
    const tcp = established({ window: 4000 })
    tcp.send(2000)
    tcp.take()
    tcp.inject('. 1 ack 2001 win 4000').inject('. 1 ack 1001 win 0')
    tcp.send(1000)
    tcp.expect('P. 2001:3001 ack 1')
  })
})

describe('silly windows, the sender (§3.8.6.2.1)', () => {
  test('MUST-38: a window that opens by little is not used by little', () => {
    const tcp = established({ window: 4000 })
    tcp.send(4000)
    tcp.take()
    tcp.send(4000)
    tcp.silence().inject('. 1 ack 4001 win 0').silence()
    for (const window of [100, 300, 999])
      tcp
        .at(tcp.time + 10)
        .inject(`. 1 ack 4001 win ${window}`)
        .silence()
    tcp
      .at(tcp.time + 10)
      .inject('. 1 ack 4001 win 1000')
      .expect('. 4001:5001 ack 1')
  })

  test('MUST-38 (1): a full segment', () => {
    const tcp = established({ window: 1000 })
    tcp.send(5000)
    tcp.expect('. 1:1001 ack 1')
  })

  test('MUST-38 (2): all that is queued', () => {
    const tcp = established({ window: 4000 })
    tcp.inject('. 1 ack 1 win 300')
    tcp.send(300)
    tcp.expect('P. 1:301 ack 1')
  })

  test('MUST-38 (3): half of the largest window that the peer ever offered', () => {
    const tcp = established({ window: 600 })
    tcp.send(5000)
    tcp.expect('. 1:601 ack 1').inject('. 1 ack 601 win 299').silence()
    tcp.at(50).inject('. 1 ack 601 win 300').expect('. 601:901 ack 1')
  })

  test('MUST-38 (4): the override: a small window is used after 0.1 to 1 s', () => {
    const tcp = established({ window: 4000 })
    tcp.send(4000)
    tcp.take()
    tcp.send(4000)
    tcp.inject('. 1 ack 4001 win 100').silence()
    const waited = tcp.next()
    expect(waited).toBeGreaterThanOrEqual(100)
    expect(waited).toBeLessThanOrEqual(1000)
    tcp.expect('. 4001:4101 ack 1')
  })
})

describe('zero-window probes (§3.8.6.1)', () => {
  /** The peer has closed its window; 1,000 bytes wait. Probes are at SND.NXT-1 and empty. */
  function closed(config = {}): Script {
    const tcp = established({ window: 1000, config })
    tcp.send(2000)
    return tcp.expect('. 1:1001 ack 1').inject('. 1 ack 1001 win 0')
  }
  const PROBE = '. 1000 ack 1'

  test('MUST-36, SHLD-29: the first after the RTO; SHLD-30: then at growing intervals', () => {
    const tcp = closed()
    const { rto } = tcp.status
    const times: number[] = []
    for (let i = 0; i < 12; i++) {
      times.push(tcp.next())
      tcp.expect(PROBE).inject('. 1 ack 1001 win 0')
    }
    expect(times[0]).toBeCloseTo(rto, 6)
    const gaps = times.map((time, i) => time - (times[i - 1] ?? 0))
    for (let i = 1; i < gaps.length; i++) {
      expect(gaps[i]).toBeCloseTo(Math.min(2 * (gaps[i - 1] as number), 60_000), 3)
    }
  })

  test('MUST-37: for ever, as long as the peer answers', () => {
    const tcp = closed()
    for (let i = 0; i < 200; i++) {
      tcp.next()
      tcp.expect(PROBE).inject('. 1 ack 1001 win 0')
    }
    expect(tcp.time).toBeGreaterThan(3 * 3_600_000)
    tcp.inject('. 1 ack 1001 win 1000').expect('P. 1001:2001 ack 1')
  })

  test('MUST-20 (§3.8.3): not when it does not answer: maxRetries probes', () => {
    const tcp = closed({ maxRetries: 5 })
    let probes = 0
    while (tcp.next() !== Number.POSITIVE_INFINITY) {
      tcp.expect(PROBE)
      probes++
    }
    expect(probes).toBe(5)
    expect(tcp.connection.reason).toBe('timed-out')
  })

  test('MUST-37: one answer starts the count anew', () => {
    const tcp = closed({ maxRetries: 3 })
    for (let i = 0; i < 10; i++) {
      tcp.next()
      tcp.expect(PROBE)
      if (i % 3 === 1) tcp.inject('. 1 ack 1001 win 0')
    }
    expect(tcp.state).toBe('ESTABLISHED')
  })

  test('§3.8.6.1: the update that was lost comes with the answer to a probe', () => {
    const tcp = closed()
    tcp.next()
    tcp.expect(PROBE).inject('. 1 ack 1001 win 1000').expect('P. 1001:2001 ack 1')
    expect(tcp.status.zeroWindowProbes).toBe(1)
  })

  test('§3.8.6.1: probing begins anew, with a short interval, after the window was open', () => {
    const tcp = closed()
    for (let i = 0; i < 6; i++) {
      tcp.next()
      tcp.expect(PROBE).inject('. 1 ack 1001 win 0')
    }
    tcp.inject('. 1 ack 1001 win 1000').expect('P. 1001:2001 ack 1')
    tcp.at(tcp.time + 100)
    tcp.send(1000)
    tcp.inject('. 1 ack 2001 win 0')
    const since = tcp.time
    expect(tcp.next() - since).toBeLessThan(3500)
    tcp.expect('. 2000 ack 1')
  })

  test('§3.8.6.1: a FIN that has no room is waited for in the same way', () => {
    const tcp = established({ window: 1000 })
    tcp.send(1000)
    tcp.expect('P. 1:1001 ack 1').close().inject('. 1 ack 1001 win 0').silence()
    expect(tcp.next()).toBeLessThan(3500)
    tcp.expect(PROBE).inject('. 1 ack 1001 win 10').expect('F. 1001 ack 1')
  })

  test('nothing to send, nothing to probe', () => {
    const tcp = established({ window: 1000 })
    tcp.send(1000)
    tcp.take()
    tcp.inject('. 1 ack 1001 win 0')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('the window was closed from the beginning', () => {
    const tcp = established({ window: 0 })
    tcp.send(10)
    tcp.silence()
    expect(tcp.next()).toBe(300)
    tcp.expect('. 0 ack 1').inject('. 1 ack 1 win 10').expect('P. 1:11 ack 1')
  })
})

describe('sequence numbers', () => {
  test.each([0xffff_ffff, 0xffff_fffe, 0xffff_ff00, 0x7fff_ffff, 0])(
    '§3.4: they wrap in the midst of a transfer, ISS %i',
    (iss) => {
      const tcp = established({ iss, irs: iss })
      let sent = 0
      let acked = 1
      for (let round = 1; round <= 20; round++) {
        tcp.at(round * 100)
        tcp.send(5000)
        sent += tcp.take().length
        tcp.inject(`P. ${(round - 1) * 100 + 1}:${round * 100 + 1} ack ${tcp.sndNxt}`).take()
        if (tcp.next(60) !== Number.POSITIVE_INFINITY) tcp.take()
        acked = tcp.sndNxt
        expect(tcp.receive()).toBe(100)
      }
      expect(acked).toBe(100_001)
      expect(sent).toBe(100)
      expect(tcp.rcvNxt).toBe(2001)
    },
  )
})
