// Text out of order: what one segment that comes in order makes of several ranges, of a FIN, and of memory (RFC 9293 §3.10.7.4, seventh).
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import { cut, Reassembly } from '../../lib/core/receive/reassembly.js'
import { ACK, Segment, SYN } from '../../lib/wire/segment.js'
import { established } from '../support/script.js'

const SACK = 'mss 1000,sackOK'

describe('a segment in order that reaches over several ranges', () => {
  test('takes what the last of them holds beyond it', () => {
    const tcp = established()
    tcp.inject('. 101:201 ack 1').expect('. 1 ack 1')
    tcp.inject('. 301:501 ack 1').expect('. 1 ack 1')
    tcp.inject('. 1:401 ack 1').expect('. 1 ack 501')
    expect(tcp.receive()).toBe(500)
  })

  test('leaves none behind that later ACKs would speak of', () => {
    const tcp = established({ peer: SACK })
    tcp.inject('. 101:201 ack 1').expect('. 1 ack 1 <sack 101:201>')
    tcp.inject('. 301:401 ack 1').expect('. 1 ack 1 <sack 301:401 101:201>')
    tcp.inject('. 601:701 ack 1').expect('. 1 ack 1 <sack 601:701 301:401 101:201>')
    tcp.inject('. 1:501 ack 1').expect('. 1 ack 501 <sack 601:701>')
    expect(tcp.receive()).toBe(500)
    expect(tcp.status.outOfOrderHeld).toBe(100)
  })
})

describe('a FIN before text that is held already', () => {
  test('is not believed: nothing could end there', () => {
    const tcp = established().inject('. 201:301 ack 1').expect('. 1 ack 1')
    tcp.inject('F. 101 ack 1').take()
    tcp.inject('. 1:201 ack 1').expect('. 1 ack 301').inject('F. 301 ack 1').expect('. 1 ack 302')
    expect(tcp.receive()).toBe(300)
    expect(tcp.state).toBe('CLOSE-WAIT')
  })
})

describe('memory', () => {
  /** Bytes of all buffers that are held on to. */
  function retained(chunks: readonly Uint8Array[]): number {
    return [...new Set(chunks.map((chunk) => chunk.buffer))].reduce((sum, buffer) => sum + buffer.byteLength, 0)
  }

  test('text in order that is mostly old holds on to the new part only', () => {
    const syn = new Segment()
    syn.flags = SYN
    const connection = Connection.passive(createConfig(), 0, 0, syn, 0)
    const [segment, out] = [new Segment(), new Segment()]
    while (connection.poll(out, 0));
    for (let end = 60_000; end < 60_100; end++) {
      segment.flags = ACK
      segment.ack = 1
      segment.seq = end - 60_000 + 1
      segment.payload = new Uint8Array(60_000)
      connection.handleSegment(segment, 0)
      while (connection.poll(out, 0));
    }
    const chunks: Uint8Array[] = []
    for (let chunk = connection.receive(); chunk !== null; chunk = connection.receive()) chunks.push(chunk)
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(60_099)
    expect(retained(chunks)).toBeLessThan(130_000)
  })

  test('text out of order likewise', () => {
    const reassembly = new Reassembly()
    for (let at = 100; at < 200; at++)
      expect(reassembly.insert(100, new Uint8Array(60_000 + at - 100))).toBe(at === 100 ? 60_000 : 1)
    expect(retained(reassembly.takeFrom(100) ?? [])).toBeLessThan(130_000)
  })
})

describe('memory that is lent', () => {
  const payload = Buffer.alloc(100)

  /** A connection that has heard SYN, and `payload` at this offset, the memory of which was used for something else after. */
  function heard(at: number): Connection {
    const [segment, out] = [new Segment(), new Segment()]
    segment.flags = SYN
    const connection = Connection.passive(createConfig(), 0, 0, segment, 0)
    while (connection.poll(out, 0));
    for (const from of [at, 1]) {
      segment.flags = ACK
      segment.ack = 1
      segment.seq = from
      segment.payload = payload.fill(from)
      segment.isLent = true
      connection.handleSegment(segment, 0)
      payload.fill(0)
    }
    return connection
  }

  test.each([1, 101])('is not held on to: text at %i', (at) => {
    const connection = heard(at)
    const chunks: Uint8Array[] = []
    for (let chunk = connection.receive(); chunk !== null; chunk = connection.receive()) chunks.push(chunk)
    const expected = [...new Uint8Array(100).fill(1), ...(at === 1 ? [] : new Uint8Array(100).fill(at))]
    expect([...Buffer.concat(chunks)]).toEqual(expected)
  })

  test('of a long Buffer a short part is a copy', () => {
    const whole = Buffer.alloc(1000, 1)
    const part = cut(whole, 0, 10)
    whole.fill(2)
    expect([...part]).toEqual(new Array(10).fill(1))
    expect(part.buffer.byteLength).toBe(10)
  })
})

describe('D-SACK (RFC 2883 §4)', () => {
  test('names the part that was held already, not all of the segment', () => {
    const tcp = established({ peer: SACK })
    tcp.inject('. 101:201 ack 1').expect('. 1 ack 1 <sack 101:201>')
    tcp.inject('. 151:301 ack 1').expect('. 1 ack 1 <sack 151:201 101:301>')
    tcp.inject('. 51:301 ack 1').expect('. 1 ack 1 <sack 101:301 51:301>')
  })
})
