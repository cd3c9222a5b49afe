// SACK both ways: blocks that the receiver sends (RFC 2018 §4, RFC 2883 §4 with their examples), and what the sender makes of them (RFC 6675, 8985).
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SackedRanges } from '../../lib/core/send/sacked-ranges.js'
import { HONEST, HOSTILE, Victim } from '../support/sack-attack.js'
import { established, type Script, type ScriptOptions } from '../support/script.js'

function withSack(options: ScriptOptions = {}): Script {
  return established({ peer: 'mss 1000,sackOK', ...options })
}

/** A window that never is the limit, and `count` segments of 1,000 bytes in flight. */
function inFlight(count: number): Script {
  const tcp = established({ peer: 'mss 1000,sackOK,wscale 7' })
  tcp.inject('. 1 ack 1 win 65535')
  tcp.send(count * 1000)
  expect(tcp.take()).toHaveLength(Math.min(count, 10))
  return tcp
}

/** What left, without acknowledgment and window. */
function texts(tcp: Script): string[] {
  return tcp.take().map((line) => line.replace(/^[P.]+ (\S+) .*/, '$1'))
}

describe('the receiver', () => {
  // 8 segments of 500 bytes, of which some are lost; numbers as in RFC 2018 §4, less 4999
  test('RFC 2018 §4, case 1: the last four of eight are lost: no blocks', () => {
    const tcp = withSack()
    for (const from of [1, 501, 1001, 1501])
      tcp.inject(`. ${from}:${from + 500} ack 1`).expect(`. 1 ack ${from + 500} <>`)
  })

  test('RFC 2018 §4, case 2: the first is lost: one block that grows', () => {
    const tcp = withSack()
    for (const end of [1001, 1501, 2001, 2501, 3001, 3501, 4001]) {
      tcp.inject(`. ${end - 500}:${end} ack 1`).expect(`. 1 ack 1 <sack 501:${end}>`)
    }
  })

  test('RFC 2018 §4, case 3: the second, fourth, sixth and eighth are lost: the latest block first', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501 <>')
    tcp.inject('. 1001:1501 ack 1').expect('. 1 ack 501 <sack 1001:1501>')
    tcp.inject('. 2001:2501 ack 1').expect('. 1 ack 501 <sack 2001:2501 1001:1501>')
    tcp.inject('. 3001:3501 ack 1').expect('. 1 ack 501 <sack 3001:3501 2001:2501 1001:1501>')
    // the fourth arrives and joins two of them, then the second
    tcp.inject('. 1501:2001 ack 1').expect('. 1 ack 501 <sack 1001:2501 3001:3501>')
    tcp.inject('. 501:1001 ack 1').expect('. 1 ack 2501 <sack 3001:3501>')
  })

  test('RFC 2018 §3: four blocks at most, three beside timestamps', () => {
    const plain = withSack()
    const stamped = established({ peer: 'mss 1000,sackOK,ts 0 ecr -100' })
    for (const from of [101, 301, 501, 701, 901]) {
      plain.inject(`. ${from}:${from + 100} ack 1`)
      stamped.inject(`. ${from}:${from + 100} ack 1 <ts 0 ecr 0>`)
      if (from < 901) {
        plain.take()
        stamped.take()
      }
    }
    plain.expect('. 1 ack 1 <sack 901:1001 701:801 501:601 301:401>')
    stamped.expect('. 1 ack 1 <ts 0 ecr 0,sack 901:1001 701:801 501:601>')
  })

  test('RFC 2018 §4: blocks also stand on segments with text', () => {
    const tcp = withSack().inject('. 101:201 ack 1').expect('. 1 ack 1 <sack 101:201>')
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1 <sack 101:201>')
  })

  test('RFC 5681 §4.2: each segment out of order is acknowledged at once, several at a time one by one', () => {
    withSack()
      .inject('. 1001:2001 ack 1', '. 2001:3001 ack 1', '. 3001:4001 ack 1')
      .expect('. 1 ack 1 <sack 1001:4001>', '. 1 ack 1 <sack 1001:4001>', '. 1 ack 1 <sack 1001:4001>')
  })

  test('RFC 5681 §4.2: a segment that fills a gap, or a part of it, is acknowledged at once', () => {
    const tcp = withSack()
    let end = 1
    for (let i = 0; i < 30; i++, end += 10) {
      tcp.inject(`P. ${end}:${end + 10} ack 1`)
      tcp.take()
    }
    tcp.at(1).take()
    tcp.inject(`. ${end + 20}:${end + 30} ack 1`).take()
    tcp.inject(`. ${end}:${end + 10} ack 1`).expect(`. 1 ack ${end + 10} <sack ${end + 20}:${end + 30}>`)
    tcp.inject(`. ${end + 10}:${end + 20} ack 1`).expect(`. 1 ack ${end + 30} <>`)
  })
})

describe('D-SACK of the receiver', () => {
  test('RFC 2883 §4.1.1: a duplicate segment: it is the first block, once', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').take()
    tcp.inject('. 501:1001 ack 1').take()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 1001 <sack 1:501>')
    tcp.inject('. 1001:1501 ack 1').expect('. 1 ack 1501 <>')
  })

  test('RFC 2883 §4.1.2: an out-of-order segment and a duplicate one: D-SACK first, then what is held', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').take()
    tcp.inject('. 1001:1501 ack 1').take()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501 <sack 1:501 1001:1501>')
  })

  test('RFC 2883 §4.1.3: a duplicate of an out-of-order segment: D-SACK, then the block that holds it', () => {
    const tcp = withSack()
    tcp.inject('. 501:1001 ack 1').take()
    tcp.inject('. 1001:1501 ack 1').take()
    tcp.inject('. 501:1001 ack 1').expect('. 1 ack 1 <sack 501:1001 501:1501>')
  })

  // the numbers of §4.2's tables, less 499
  test('RFC 2883 §4.2.1: a larger segment, of which a part has arrived: only that came twice', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501')
    tcp.inject('. 1501:2001 ack 1').expect('. 1 ack 501 <sack 1501:2001>')
    tcp.inject('. 501:1001 ack 1').expect('. 1 ack 1001 <sack 1501:2001>')
    tcp.inject('. 501:1501 ack 1').expect('. 1 ack 2001 <sack 501:1001>')
  })

  test('RFC 2883 §4.2.2: two parts came twice, below the ACK: the first of them', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501')
    tcp.inject('. 2501:3001 ack 1').expect('. 1 ack 501 <sack 2501:3001>')
    tcp.inject('. 501:1001 ack 1').expect('. 1 ack 1001 <sack 2501:3001>')
    tcp.inject('. 1501:2001 ack 1').expect('. 1 ack 1001 <sack 1501:2001 2501:3001>')
    tcp.inject('. 501:2001 ack 1').expect('. 1 ack 2001 <sack 501:1001 2501:3001>')
  })

  test('RFC 2883 §4.2.3: two parts came twice, above the ACK: the first of them, and the block that holds it', () => {
    const tcp = withSack()
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501')
    tcp.inject('. 3001:3501 ack 1').expect('. 1 ack 501 <sack 3001:3501>')
    tcp.inject('. 1001:1501 ack 1').expect('. 1 ack 501 <sack 1001:1501 3001:3501>')
    // the table says 2000-2499 for what was delayed as 2500-2999; the D-SACK that follows fits the latter
    tcp.inject('. 2001:2501 ack 1').expect('. 1 ack 501 <sack 2001:2501 1001:1501 3001:3501>')
    tcp.inject('. 1001:2501 ack 1').expect('. 1 ack 501 <sack 1001:1501 1001:2501 3001:3501>')
  })

  test('RFC 2883 §4: none without SACK-permitted', () => {
    const tcp = established().inject('. 1:501 ack 1').expect('. 1 ack 501')
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501 <>')
  })

  test('RFC 2883 §4: a duplicate FIN without text is no range', () => {
    withSack().inject('F. 1 ack 1').expect('. 1 ack 2').inject('F. 1 ack 1').expect('. 1 ack 2 <>')
  })
})

describe('the sender', () => {
  test('RFC 6675 §5 (4.1): three segments above a hole: it is repeated at once', () => {
    const tcp = inFlight(10)
    tcp.at(100)
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:2001>'))).toEqual([])
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:3001>'))).toEqual([])
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:4001>'))).toEqual(['1:1001'])
    expect(tcp.status.recoveries).toBe(1)
  })

  test('RFC 3042 §3: before that, new segments leave for those that have arrived', () => {
    const tcp = inFlight(100)
    tcp.at(100)
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:2001>'))).toEqual(['10001:11001'])
    expect(texts(tcp.inject('. 1 ack 1 win 65535 <sack 1001:3001>'))).toEqual(['11001:12001'])
  })

  test('RFC 6675 §5: all holes of a flight are repeated in one round trip, lowest first, each once', () => {
    const tcp = inFlight(10)
    tcp.at(100)
    const repeated: string[] = []
    for (const sack of ['2001:3001', '4001:5001 2001:3001', '6001:7001 4001:5001 2001:3001']) {
      repeated.push(...texts(tcp.inject(`. 1 ack 1 win 65535 <sack ${sack}>`)))
    }
    for (let end = 8001; end <= 10_001; end += 1000) {
      repeated.push(...texts(tcp.inject(`. 1 ack 1 win 65535 <sack 6001:${end} 4001:5001 2001:3001>`)))
    }
    expect(repeated).toEqual(['1:1001', '1001:2001', '3001:4001', '5001:6001'].slice(0, repeated.length))
    expect(repeated.length).toBeGreaterThanOrEqual(3)
    tcp.at(200)
    repeated.push(...texts(tcp.inject('. 1 ack 3001 win 65535 <sack 6001:10001 4001:5001>')))
    expect(repeated).toEqual(['1:1001', '1001:2001', '3001:4001', '5001:6001'])
    tcp.at(300).inject('. 1 ack 10001 win 65535')
    expect(tcp.next()).toBe(Number.POSITIVE_INFINITY)
    expect(tcp.status.recoveries).toBe(1)
    expect(tcp.status.timeouts).toBe(0)
  })

  test('RFC 2018 §5: what the peer holds is not repeated, not even after an expiry', () => {
    const tcp = inFlight(5)
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 3001:4001>').take()
    tcp.next()
    const repeated = texts(tcp)
    for (let i = 0; i < 5 && repeated.length < 4; i++) {
      tcp.at(tcp.time + 50)
      const end = Number(repeated.at(-1)?.split(':')[1])
      const ack = end === 3001 ? 4001 : end
      repeated.push(...texts(tcp.inject(`. 1 ack ${ack} win 65535${ack < 3001 ? ' <sack 3001:4001>' : ''}`)))
    }
    expect(repeated).not.toContain('3001:4001')
    expect(repeated[0]).toBe('1:1001')
  })

  test('RFC 2018 §8: a peer that takes back what it held is sent all of it again after an expiry', () => {
    const tcp = inFlight(3)
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 1001:3001>')
    // RFC 8985 §6.2: a quarter of the RTT for reordering
    expect(tcp.next()).toBe(125)
    expect(texts(tcp)).toEqual(['1:1001'])
    // the first is acknowledged, and what it said to hold is not
    tcp.at(200).inject('. 1 ack 1001 win 65535')
    expect(tcp.next()).toBeLessThan(1000)
    expect(texts(tcp)).toEqual(['1001:2001'])
    tcp.at(tcp.time + 10).inject('. 1 ack 2001 win 65535')
    expect(texts(tcp)).toEqual(['2001:3001'])
    tcp.inject('. 1 ack 3001 win 65535')
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('RFC 6675 §5: the window afterwards is half of the flight', () => {
    const tcp = inFlight(1000)
    tcp.at(100)
    for (let end = 1001; end <= 10_001; end += 1000) tcp.inject(`. 1 ack ${end} win 65535`).take()
    // 20 in flight; the first of them is lost
    tcp.at(200)
    for (let end = 12_001; end <= 30_001; end += 1000) {
      tcp.inject(`. 1 ack 10001 win 65535 <sack 11001:${end}>`).take()
    }
    tcp.at(300).inject(`. 1 ack ${tcp.sndNxt} win 65535`).take()
    expect(tcp.status.cwnd / 1000).toBeGreaterThanOrEqual(9)
    expect(tcp.status.cwnd / 1000).toBeLessThanOrEqual(0.75 * 20 + 3)
  })

  test('RFC 8985 §6.2: a repetition that is lost is found by what was sent after it', () => {
    const tcp = inFlight(100)
    tcp.at(100)
    for (let end = 2001; end <= 10_001; end += 1000) tcp.inject(`. 1 ack 1 win 65535 <sack 1001:${end}>`).take()
    // new segments have left after the repetition: they arrive, it does not
    const highest = tcp.sndNxt
    expect(highest).toBeGreaterThan(10_001)
    let repeated = 0
    for (let end = 11_001; end <= highest; end += 1000) {
      tcp.at(Math.max(tcp.time, 200)).inject(`. 1 ack 1 win 65535 <sack 1001:${end}>`)
      repeated += texts(tcp).filter((text) => text === '1:1001').length
    }
    for (let i = 0; i < 3 && repeated === 0; i++) {
      tcp.next()
      repeated += texts(tcp).filter((text) => text === '1:1001').length
    }
    expect(repeated).toBe(1)
    expect(tcp.time).toBeLessThan(300)
    expect(tcp.status.timeouts).toBe(0)
  })

  test('RFC 8985 §7: the last segments are lost: a probe repeats the last of them, two round trips later and before the RTO', () => {
    const tcp = inFlight(4)
    tcp.at(100).inject('. 1 ack 2001 win 65535')
    const { rto } = tcp.status
    const probed = tcp.next()
    expect(texts(tcp)).toEqual(['3001:4001'])
    expect(probed).toBeLessThan(100 + rto)
    expect(probed).toBeGreaterThanOrEqual(300)
    // it arrives, and its SACK shows the other loss
    tcp.at(probed + 100).inject('. 1 ack 2001 win 65535 <sack 3001:4001>')
    expect(texts(tcp)).toEqual(['2001:3001'])
    expect(tcp.status.timeouts).toBe(0)
  })

  test('RFC 8985 §7.4.2: a probe that was not needed costs nothing: the D-SACK says so', () => {
    const tcp = inFlight(2)
    const { cwnd } = tcp.status
    tcp.next()
    expect(texts(tcp)).toEqual(['1001:2001'])
    tcp.at(tcp.time + 10).inject('. 1 ack 2001 win 65535')
    tcp.at(tcp.time + 90).inject('. 1 ack 2001 win 65535 <sack 1001:2001>')
    expect(tcp.status.cwnd).toBeGreaterThanOrEqual(cwnd)
    tcp.send(1000)
    tcp.take()
    tcp.at(tcp.time + 100).inject('. 1 ack 3001 win 65535')
    expect(tcp.status).toMatchObject({ ssthresh: Number.POSITIVE_INFINITY, timeouts: 0 })
  })

  test('RFC 8985 §7.4.2: one that repaired a loss is answered for by the window, as soon as an ACK beyond it shows that', () => {
    const tcp = inFlight(2)
    tcp.next()
    expect(texts(tcp)).toEqual(['1001:2001'])
    tcp.at(tcp.time + 100).inject('. 1 ack 2001 win 65535')
    tcp.send(1000)
    tcp.take()
    tcp.at(tcp.time + 100).inject('. 1 ack 3001 win 65535')
    expect(tcp.status.ssthresh).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  test('RFC 8985 §6.2: reordering: what is overtaken a little is not repeated', () => {
    const tcp = inFlight(10)
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 1001:2001>').take()
    tcp.at(103).inject('. 1 ack 2001 win 65535').take()
    tcp.at(110).inject('. 1 ack 10001 win 65535').take()
    expect(tcp.status.segmentsRetransmitted).toBe(0)
  })

  test.each([
    ['above SND.NXT', '20001:21001'],
    ['half above it', '9001:11001'],
    ['empty', '2001:2001'],
    ['backwards', '3001:2001'],
    ['below the ACK', '-500:-100'],
    ['half below it', '-100:500'],
    ['half the number space away', '2147483000:2147484000'],
  ])('RFC 2018 §5: a block %s does no harm', (_, sack) => {
    const tcp = inFlight(10)
    tcp.at(100)
    for (let i = 0; i < 5; i++) tcp.inject(`. 1 ack 1 win 65535 <sack ${sack}>`).take()
    expect(tcp.status.sacked).toBe(0)
    tcp.inject('. 1 ack 10001 win 65535')
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('RFC 2018 §5: blocks need not end where segments do', () => {
    const tcp = inFlight(4)
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 1501:1701>').take()
    expect(tcp.status.sacked).toBe(200)
    tcp.inject('. 1 ack 501 win 65535 <sack 1501:1701>').take()
    tcp.inject('. 1 ack 1601 win 65535').take()
    expect(tcp.status.sacked).toBe(100)
    tcp.inject('. 1 ack 4001 win 65535').take()
    expect(tcp.status).toMatchObject({ sacked: 0, inFlight: 0, lost: 0 })
  })

  test('blocks that overlap, as no honest peer sends them, say what their union says', () => {
    const tcp = inFlight(10)
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 4001:6001 2001:5001 5501:7001>').take()
    expect(tcp.status.sacked).toBe(5000)
    tcp.inject('. 1 ack 10001 win 65535').take()
    expect(tcp.status).toMatchObject({ sacked: 0, inFlight: 0, lost: 0 })
  })

  test('RFC 2883 §5: a D-SACK says that something arrived twice, and takes nothing off the scoreboard', () => {
    const tcp = inFlight(2)
    tcp.next()
    tcp.take()
    tcp.at(400).inject('. 1 ack 2001 win 65535').take()
    tcp.at(420).inject('. 1 ack 2001 win 65535 <sack 1:1001>').take()
    expect(tcp.status.dsacks).toBe(1)
    expect(tcp.connection.hasUnacknowledged).toBe(false)
  })

  test('RFC 6675 §5: a FIN takes part in all this', () => {
    const tcp = inFlight(2)
    tcp.close().take()
    tcp.at(100).inject('. 1 ack 1 win 65535 <sack 1001:2002>').take()
    expect(tcp.status.sacked).toBe(1001)
    tcp.next()
    expect(texts(tcp)).toEqual(['1:1001'])
    tcp.at(tcp.time + 50).inject('. 1 ack 2002 win 65535')
    expect(tcp.state).toBe('FIN-WAIT-2')
  })
})

test('the ranges that the peer holds: whatever is added and acknowledged, they are what a list of bytes says', () => {
  const step = fc.record({ at: fc.nat(400), length: fc.integer({ min: 1, max: 9 }), drop: fc.option(fc.nat(6)) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const ranges = new SackedRanges()
      const held = new Set<number>()
      let una = 0
      for (const { at, length, drop } of steps) {
        const from = una + at
        const bytes = Array.from({ length }, (_, i) => from + i)
        if (!bytes.some((byte) => held.has(byte))) {
          ranges.add(from, from + length)
          for (const byte of bytes) held.add(byte)
        }
        if (drop !== null) {
          una += drop
          for (const byte of held) if (byte < una) held.delete(byte)
          ranges.dropBelow(una)
        }
        let end = from
        while (held.has(end)) end++
        expect(ranges.endOf(from)).toBe(end)
        let next = end
        while (next < end + 500 && !held.has(next)) next++
        expect(ranges.nextFrom(end, end + 500)).toBe(next)
      }
    }),
  )
})

describe('what an ACK costs the sender', () => {
  const ACKS = 1500

  interface Board {
    flights: unknown[]
    markLost(flight: unknown): void
  }

  /** Counts what is looked at of the flights, each that is deemed lost, and how often those behind one are moved. */
  function counting(victim: Victim): { looks: number; moves: number } {
    const counts = { looks: 0, moves: 0 }
    const { scoreboard } = (victim.connection as unknown as { tcb: { scoreboard: Board } }).tcb
    const { markLost } = scoreboard
    scoreboard.markLost = (flight) => {
      counts.looks++
      markLost.call(scoreboard, flight)
    }
    scoreboard.flights = new Proxy(scoreboard.flights, {
      get(flights, name) {
        if (name === 'splice') counts.moves++
        else if (name !== 'length' && name !== 'push') counts.looks++
        const value = Reflect.get(flights, name)
        return typeof value === 'function' ? value.bind(flights) : value
      },
    })
    return counts
  }

  test.each(Object.entries({ ...HONEST, ...HOSTILE }))('%s', (_name, attack) => {
    const victim = new Victim(8000)
    expect(victim.flights).toBe(8000)
    const counts = counting(victim)
    for (let i = 0; i < ACKS; i++) {
      attack(victim, i)
      victim.step()
      if (i % 100 === 0) victim.fill()
    }
    expect(counts.looks / ACKS).toBeLessThan(300)
    // what may be cut off at first, and for what was acknowledged
    expect(counts.moves).toBeLessThanOrEqual(1024 + (2 * ACKS) / 8)
    // and an honest word ends it
    for (let i = 0; i < 100 && victim.connection.unacknowledged > 0; i++) {
      victim.ack({ una: victim.nxt })
      victim.step(10)
    }
    expect(victim.connection.unacknowledged).toBe(0)
    expect(victim.connection.status(victim.now)).toMatchObject({ inFlight: 0, lost: 0, sacked: 0 })
  })
})
