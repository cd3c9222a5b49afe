// Rows that somebody has made to do harm: whatever is in them, they do no more than the segments would one by one.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACK, FIN, PSH, RST, SYN } from '../../lib/wire/segment.js'
import { textOf } from '../support/chosen.js'
import { serve, train } from '../support/row-server.js'

describe('peers that mean harm', () => {
  interface Made {
    /** Of the number that would follow, and of what is acknowledged. */
    readonly seq: number
    readonly ack: number
    readonly flags: number
    readonly length: number
    readonly window: number
  }
  const rarely = <T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others })
  const made: fc.Arbitrary<Made> = fc.record({
    seq: rarely(0, fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 }))),
    ack: rarely(0, fc.integer({ min: -3000, max: 3000 })),
    flags: rarely(
      ACK,
      fc.oneof(fc.constantFrom(ACK | PSH, ACK | FIN, RST, ACK | RST, SYN, 0), fc.integer({ min: 0, max: 63 })),
    ),
    length: fc.oneof(
      { weight: 8, arbitrary: fc.constant(500) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1, 499, 501) },
    ),
    window: rarely(65_535, fc.constantFrom(0, 1, 3000)),
  })
  const batch = fc.record({
    segments: fc.array(made, { minLength: 1, maxLength: 40, size: 'max' }),
    after: fc.constantFrom(0, 11, 60, 300),
  })
  const buffers = fc.constantFrom(2_000, 9_000, 65_536, 2 ** 20)

  function attacked(
    batches: readonly { segments: readonly Made[]; after: number }[],
    buffer: number,
    reads: boolean,
    writes: number,
    asRows: boolean,
  ) {
    const served = serve(asRows, { maxReceiveBuffer: buffer, initialReceiveBuffer: buffer })
    const { network, acceptance, listener, peer } = served
    peer.open({ mss: 1000 })
    const [channel] = acceptance.channels
    const received = createHash('sha256')
    const read = (): void => {
      for (let bytes = channel.receive(); bytes !== null; bytes = channel.receive()) received.update(bytes)
    }
    channel.owner = { onEvents: () => reads && read() }
    channel.send(new Uint8Array(writes))
    for (const { segments, after } of batches) {
      for (const { seq, ack, flags, length, window } of segments) {
        const payload = textOf(peer.seq, length)
        peer.send(flags, { seq: (peer.seq + seq) >>> 0, ack: (peer.ack + ack) >>> 0, payload, window })
        if (seq === 0) peer.seq = (peer.seq + length) >>> 0
      }
      network.advance(after)
      const heard = peer.take().at(-1)?.segment
      if (heard !== undefined && heard.length > 0) peer.ack = (heard.seq + heard.length) >>> 0
    }
    network.advance(500)
    const { datagrams, malformed, unowned } = listener.getStats()
    const { state, reason, readable } = channel
    read()
    return {
      wire: network.capture.map((datagram) => `${datagram.at} ${datagram}`),
      rest: [state, reason, readable, received.digest('hex'), datagrams, malformed, unowned],
      inRows: served.rows.inRows,
    }
  }

  it('get the same answers, whatever they put in a row', () => {
    let inRows = 0
    fc.assert(
      fc.property(
        fc.array(batch, { minLength: 1, maxLength: 12 }),
        buffers,
        fc.boolean(),
        fc.constantFrom(0, 50_000),
        (batches, buffer, reads, writes) => {
          const rows = attacked(batches, buffer, reads, writes, true)
          const alone = attacked(batches, buffer, reads, writes, false)
          inRows += rows.inRows
          expect({ ...rows, inRows: 0 }).toEqual(alone)
        },
      ),
      { numRuns: 150 },
    )
    expect(inRows).toBeGreaterThan(1000)
  })

  it('what goes beyond the window is answered at once, and not with what comes before it', () => {
    const usual: Made = { seq: 0, ack: 0, flags: ACK, length: 500, window: 65_535 }
    const of = (count: number): Made[] => new Array<Made>(count).fill(usual)
    // 24 fill it
    const play = (asRows: boolean) =>
      Array.from({ length: 16 }, (_, i) => {
        const batches = [8 + i, 17 - i].map((count) => ({ segments: of(count), after: 60 }))
        const { wire, rest } = attacked(batches, 12_000, false, 0, asRows)
        return [wire, rest]
      })
    expect(play(true)).toEqual(play(false))
  })

  it('3,000 segments of a byte each in one row cost no more than as many that came by themselves', () => {
    const [rows, alone] = [true, false].map((asRows) => {
      const served = serve(asRows)
      served.peer.open()
      const acks = train(served, 3_000, 1)
      const { datagrams } = served.listener.getStats()
      return { acks, datagrams, bytes: served.acceptance.accepted[0].bytes, inRows: served.rows.inRows }
    })
    expect(rows).toEqual({ ...alone, inRows: 3_000 })
    expect(rows.bytes).toBe(3_000)
    expect(rows.acks.length).toBeLessThanOrEqual(3_000 / 2)
  })

  it('a row in somebody else’s name, or to nobody, draws no more than its single segments', () => {
    const [rows, alone] = [true, false].map((asRows) => {
      const { network, acceptance, listener, peer } = serve(asRows)
      peer.open()
      for (let i = 0; i < 1_000; i++) {
        peer.send(ACK, { sourcePort: 4444, seq: i, payload: new Uint8Array(1) })
        peer.send(ACK, { seq: (peer.seq + 2 ** 30 + i) >>> 0, payload: new Uint8Array(1) })
      }
      network.advance(20)
      const { unowned, datagrams } = listener.getStats()
      return { unowned, datagrams, bytes: acceptance.accepted[0].bytes, answers: peer.take().length }
    })
    expect(rows).toEqual(alone)
    expect(rows).toMatchObject({ unowned: 1_000, bytes: 0 })
    expect(rows.answers).toBeLessThan(1_000)
  })
})
