// When acknowledgments leave and what window they offer: delayed ACKs, gathering, silly windows (RFC 9293 §3.8.6.2.2, §3.8.6.3, §3.10.7.4).
import { describe, expect, test } from 'vitest'
import { established, passive, type Script, type ScriptOptions } from '../support/script.js'

/** Beyond the quick ACKs of the beginning: 100 full segments have come. */
function settled(options: ScriptOptions = {}): { tcp: Script; next: number } {
  const tcp = established(options)
  let end = 1
  for (let i = 0; i < 100; i++, end += 1000) {
    tcp.inject(`. ${end}:${end + 1000} ack 1`)
    tcp.take()
    tcp.receive()
    tcp.take()
  }
  if (tcp.next(500) !== Number.POSITIVE_INFINITY) tcp.take()
  return { tcp, next: end }
}

describe('delayed acknowledgments', () => {
  test('SHLD-18 (§3.8.6.3): one small segment is not acknowledged at once', () => {
    const { tcp, next } = settled()
    tcp.inject(`P. ${next}:${next + 10} ack 1`).silence()
    tcp.next()
    tcp.expect(`. 1 ack ${next + 10}`)
  })

  test('MUST-40 (§3.8.6.3): but within 0.5 s', () => {
    const { tcp, next } = settled()
    const arrived = tcp.time
    tcp.inject(`P. ${next}:${next + 10} ack 1`)
    expect(tcp.next() - arrived).toBeLessThan(500)
    tcp.take()
  })

  test('MUST-40 (§3.8.6.3): counted from the first segment that waits', () => {
    const { tcp, next } = settled()
    const arrived = tcp.time
    tcp.inject(`P. ${next}:${next + 10} ack 1`).at(arrived + 20)
    tcp.inject(`P. ${next + 10}:${next + 20} ack 1`)
    expect(tcp.next() - arrived).toBeLessThan(500)
    tcp.expect(`. 1 ack ${next + 20}`)
    expect(tcp.next(60_000)).toBe(Number.POSITIVE_INFINITY)
  })

  test('SHLD-19 (§3.8.6.3): at least every second full-sized segment', () => {
    const { tcp, next } = settled()
    for (let i = 0; i < 10; i++) {
      const from = next + i * 2000
      tcp.inject(`. ${from}:${from + 1000} ack 1`).silence()
      tcp.inject(`. ${from + 1000}:${from + 2000} ack 1`).expect(`. 1 ack ${from + 2000}`)
    }
  })

  test('SHLD-19 (§3.8.6.3): full-sized is what the peer sends now: options or a smaller MTU shorten it', () => {
    const { tcp, next } = settled()
    let at = next
    for (const size of [1000, 900, 60]) {
      for (let i = 0; i < 4; i++, at += size) tcp.inject(`. ${at}:${at + size} ack 1`).take()
      tcp.at(tcp.time + 100).take()
      for (let i = 0; i < 10; i++, at += 2 * size) {
        tcp.inject(`. ${at}:${at + size} ack 1`).silence()
        tcp.inject(`. ${at + size}:${at + 2 * size} ack 1`).expect(`. 1 ack ${at + 2 * size}`)
      }
    }
  })

  test.each([
    ['as many bytes in small segments', 200, 10],
    ['sixteen segments', 100, 16],
  ])('SHLD-19 (§3.8.6.3): or %s', (_, size, segments) => {
    const { tcp, next } = settled()
    let at = next
    while (tcp.take().length === 0) {
      tcp.inject(`P. ${at}:${at + size} ack 1`)
      at += size
    }
    expect(at - next).toBe(segments * size)
  })

  test('RFC 5681 §4.2: quick at the start, while the peer is in slow start', () => {
    const tcp = established()
    for (let end = 1001; end <= 10_001; end += 1000) tcp.inject(`. ${end - 1000}:${end} ack 1`).expect(`. 1 ack ${end}`)
  })

  test('quick again after a pause: the peer begins with a small window', () => {
    const { tcp, next } = settled()
    tcp
      .at(tcp.time + 5000)
      .inject(`. ${next}:${next + 1000} ack 1`)
      .expect(`. 1 ack ${next + 1000}`)
  })

  test('§3.10.7.4, seventh: it rides on text that leaves meanwhile', () => {
    const { tcp, next } = settled()
    tcp.inject(`P. ${next}:${next + 10} ack 1`).silence()
    tcp.send(5)
    tcp.expect(`P. 1:6 ack ${next + 10}`)
    tcp.inject(`. ${next + 10} ack 6`)
    expect(tcp.next(60_000)).toBe(Number.POSITIVE_INFINITY)
  })

  test('a FIN is acknowledged at once, and what waited with it', () => {
    const { tcp, next } = settled()
    tcp.inject(`P. ${next}:${next + 10} ack 1`).silence()
    tcp.inject(`F. ${next + 10} ack 1`).expect(`. 1 ack ${next + 11}`)
  })

  test('an ACK is never acknowledged', () => {
    const tcp = established()
    tcp.send(10)
    tcp.take()
    tcp.inject('. 1 ack 11')
    expect(tcp.next(60_000)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('gathering', () => {
  test('MUST-58, MUST-59 (§3.10.7.4): all that is queued is processed before one ACK leaves', () => {
    const tcp = established()
    const lines = Array.from({ length: 20 }, (_, i) => `. ${i * 1000 + 1}:${i * 1000 + 1001} ack 1`)
    tcp.inject(...lines).expect('. 1 ack 20001')
  })

  test('MUST-58: a gap that opens and closes within a turn costs no more than it must', () => {
    const tcp = established({ peer: 'mss 1000,sackOK' })
    tcp.inject('. 1001:2001 ack 1', '. 1:1001 ack 1')
    expect(tcp.take().length).toBeLessThanOrEqual(2)
    expect(tcp.rcvNxt).toBe(2001)
  })

  test('RFC 5681 §3.2: duplicate ACKs are not gathered: the peer counts them', () => {
    established()
      .inject('. 1001:2001 ack 1', '. 2001:3001 ack 1', '. 3001:4001 ack 1')
      .expect('. 1 ack 1', '. 1 ack 1', '. 1 ack 1')
  })

  test('nor are more of them owed than a turn is worth', () => {
    const tcp = established()
    tcp.inject(...Array.from({ length: 1000 }, () => '. 1001:1011 ack 1'))
    expect(tcp.take().length).toBeLessThanOrEqual(100)
  })

  test('MAY-13 (§3.10.7.4): a segment out of order is acknowledged at once', () => {
    established().inject('. 11:21 ack 1').expect('. 1 ack 1')
  })
})

describe('the window that is offered', () => {
  test('§3.8.6: shrinks by what arrives and is not read', () => {
    const tcp = established({ config: { maxReceiveBuffer: 65_535 } })
    tcp.inject('. 1:1001 ack 1').expect('. 1 ack 1001 win 64535')
    tcp.inject('. 1001:2001 ack 1').expect('. 1 ack 2001 win 63535')
  })

  test('§3.8.6: closes when nobody reads', () => {
    const tcp = established({ config: { maxReceiveBuffer: 10_000 } })
    for (let end = 1001; end <= 10_001; end += 1000)
      tcp.inject(`. ${end - 1000}:${end} ack 1`).expect(`. 1 ack ${end} win ${10_001 - end}`)
    expect(tcp.next(10_000_000)).toBe(Number.POSITIVE_INFINITY)
    tcp.receive()
    tcp.expect('. 1 ack 10001 win 10000')
  })

  test('MAY-8 (§3.8.6.1): stays closed for as long as nobody reads, and each probe is answered', () => {
    const tcp = established({ config: { maxReceiveBuffer: 1000 } })
      .inject('. 1:1001 ack 1')
      .expect('. 1 ack 1001 win 0')
    for (let i = 1; i < 100; i++) {
      tcp
        .at(i * 60_000)
        .inject('. 1001:1002 ack 1')
        .expect('. 1 ack 1001 win 0')
      tcp.inject('. 1000 ack 1').expect('. 1 ack 1001 win 0')
    }
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.receive()).toBe(1000)
    tcp.expect('. 1 ack 1001 win 1000')
  })

  test('MUST-39 (§3.8.6.2.2): a closed window opens by a full segment, not by less', () => {
    const tcp = established({ config: { maxReceiveBuffer: 65_535 } })
    tcp.inject(
      '. 1:8201 ack 1',
      '. 8201:16401 ack 1',
      '. 16401:36401 ack 1',
      '. 36401:56401 ack 1',
      '. 56401:65536 ack 1',
    )
    tcp.expect('. 1 ack 65536 win 0')
    for (let reads = 1; reads <= 2; reads++) {
      expect(tcp.receive(1)).toBe(8200)
      tcp.silence()
    }
    expect(tcp.receive(1)).toBe(20_000)
    tcp.expect('. 1 ack 65536 win 36400')
  })

  test('MUST-39 (§3.8.6.2.2): or by half of the buffer, where that is less', () => {
    const tcp = established({ config: { maxReceiveBuffer: 48_000 } })
    tcp.inject('. 1:28001 ack 1').take()
    tcp.receive()
    tcp.take()
    tcp.inject('. 28001:40401 ack 1', '. 40401:52801 ack 1', '. 52801:64801 ack 1', '. 64801:76001 ack 1')
    tcp.expect('. 1 ack 76001 win 0')
    tcp.receive(1)
    tcp.silence()
    tcp.receive(1)
    tcp.expect('. 1 ack 76001 win 24800')
  })

  test('§3.8.6.2.2: a reader that keeps up costs no window updates', () => {
    const tcp = established({ peer: 'mss 1000,wscale 7' })
    for (let i = 0; i < 200; i++) {
      tcp.inject(`. ${i * 1000 + 1}:${i * 1000 + 1001} ack 1`)
      expect(tcp.take().length).toBeLessThanOrEqual(1)
      tcp.receive()
      tcp.silence()
    }
    if (tcp.next(500) !== Number.POSITIVE_INFINITY) tcp.take()
  })

  test('§3.8.6.2.2: a handshake with window scale costs no window update either, on neither side', () => {
    established({ peer: 'mss 1000,wscale 7' }).silence()
    passive({ peer: 'mss 1000,wscale 7' }).expect('S. 0 ack 1').inject('. 1 ack 1').silence()
  })

  test('SHLD-14 (§3.8.6): the right edge never moves left: 3,000 segments of any size, a reader of any habit', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      let x = seed
      const random = (below: number): number => {
        x = (Math.imul(x, 1103515245) + 12345) >>> 0
        return (x >>> 8) % below
      }
      const peer = seed % 2 === 0 ? 'mss 1000,wscale 7' : 'mss 1000'
      const tcp = established({ peer, config: { maxReceiveBuffer: 20_000 + random(200_000) } })
      let end = 1
      for (let i = 0; i < 600; i++) {
        const length = 1 + random(1000)
        tcp.inject(`. ${end}:${end + length} ack 1`)
        tcp.take()
        end = tcp.rcvNxt > end ? tcp.rcvNxt : end
        if (random(3) === 0) tcp.receive(1)
        tcp.take()
        if (random(50) === 0) tcp.receive()
        tcp.take()
        if (tcp.next(random(100)) !== Number.POSITIVE_INFINITY) tcp.take()
        end = tcp.rcvNxt
      }
      // the script itself compares the edge of each segment with those before
      expect(tcp.state).toBe('ESTABLISHED')
    }
  })
})
