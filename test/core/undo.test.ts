// Was it for nothing? Eifel (RFC 3522, RFC 4015), F-RTO (RFC 5682), D-SACK (RFC 3708), and an event loop that stood still.
import { describe, expect, test } from 'vitest'
import { CUBIC } from '../../lib/core/congestion/algorithms.js'
import { FlowRun } from '../support/flow.js'
import { established, type Script } from '../support/script.js'

const INFINITY = Number.POSITIVE_INFINITY

/** `count` segments have left at 0, and the timer has expired. @returns the time then. */
function expired(peer: string, count = 5, mss = 1000): { tcp: Script; at: number } {
  const tcp = established({ peer, window: 65_535, config: { sendBuffer: 1 << 20 } })
  tcp.send(count * mss)
  tcp.take()
  while (tcp.status.timeouts === 0) {
    tcp.next()
    tcp.take()
  }
  return { tcp, at: tcp.time }
}

describe('Eifel', () => {
  const PEER = 'mss 1000,sackOK,ts 0 ecr -100'

  test('RFC 3522 §3.2: the first ACK after the time-out echoes what left first: window and ssthresh are as before', () => {
    const { tcp, at } = expired(PEER, 10, 988)
    expect(tcp.status.cwnd).toBe(988)
    tcp
      .at(at + 5)
      .inject('. 1 ack 989 <ts 5 ecr 0>')
      .take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY, lost: 0 })
    expect(tcp.status.cwnd).toBeGreaterThanOrEqual(10 * 988)
  })

  test('it echoes the repetition: the loss was one', () => {
    const { tcp, at } = expired(PEER, 10, 988)
    tcp
      .at(at + 100)
      .inject(`. 1 ack 989 <ts 5 ecr ${at}>`)
      .take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4940 })
  })

  test('after several expiries it is still the first repetition that is compared with', () => {
    const { tcp } = expired(PEER, 10, 988)
    while (tcp.status.timeouts < 3) {
      tcp.next()
      tcp.take()
    }
    tcp
      .at(tcp.time + 5)
      .inject('. 1 ack 989 <ts 5 ecr 0>')
      .take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY })
  })

  test('a recovery by reordering is taken back too, and RACK waits longer from then on', () => {
    const tcp = established({ peer: PEER, window: 65_535 })
    tcp.send(988 * 10)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1 <ts 5 ecr 0,sack 989:3953>')
    expect(tcp.take().length).toBeGreaterThan(0)
    expect(tcp.status.recoveries).toBe(1)
    tcp.at(110).inject('. 1 ack 3953 <ts 6 ecr 0>').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY })
    tcp.at(111).inject('. 1 ack 3953 <ts 7 ecr 0,sack 4941:7905>').take()
    expect(tcp.status.recoveries).toBe(1)
  })
})

describe('F-RTO', () => {
  const line = (text: string): string => text.split(' ack')[0] as string

  test.each(['mss 1000', 'mss 1000,sackOK'])(
    'RFC 5682 §2.1: a delay (%s): new text leaves, and the next ACK proves it',
    (peer) => {
      const { tcp, at } = expired(peer, 8)
      tcp.send(8000)
      tcp.take()
      tcp.at(at + 10).inject('. 1 ack 1001')
      // step 2b: not what may not be lost
      const sent = tcp.take().map(line)
      if (tcp.status.undos === 0) {
        expect(sent[0]).toBe('. 8001:9001')
        tcp
          .at(at + 20)
          .inject('. 1 ack 2001')
          .take()
      }
      expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY, lost: 0 })
      expect(tcp.status.segmentsRetransmitted).toBeLessThanOrEqual(2)
    },
  )

  test('a genuine time-out is not undone: duplicates of the first hole, then repetitions in slow start', () => {
    const { tcp, at } = expired('mss 1000', 8)
    tcp.send(8000)
    tcp.take()
    tcp
      .at(at + 100)
      .inject('. 1 ack 1001')
      .take()
    tcp.at(at + 200).inject('. 1 ack 1001', '. 1 ack 1001')
    expect(tcp.take().map(line)).toContain('. 1001:2001')
    tcp
      .at(at + 300)
      .inject('. 1 ack 2001')
      .take()
    tcp
      .at(at + 400)
      .inject('. 1 ack 4001')
      .take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })

  test('RFC 5682 §2.1 step 2a, with SACK too: an ACK that moves nothing means a loss, whatever its blocks say', () => {
    const { tcp, at } = expired('mss 1000,sackOK', 8)
    tcp
      .at(at + 10)
      .inject('. 1 ack 1 <sack 4001:5001>')
      .take()
    tcp
      .at(at + 20)
      .inject('. 1 ack 1 <sack 4001:6001>')
      .take()
    expect(tcp.status).toMatchObject({ undos: 0, ssthresh: 4000 })
  })
})

describe('D-SACK', () => {
  test('RFC 3708: all that was repeated came twice: taken back, also when the recovery is over', () => {
    const tcp = established({ peer: 'mss 1000,sackOK', window: 65_535 })
    tcp.send(10_000)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1 <sack 1001:4001>')
    expect(tcp.take()[0]).toMatch(/^\. 1:1001 /)
    expect(tcp.status.ssthresh).toBe(5000)
    tcp.at(120).inject('. 1 ack 10001')
    tcp.send(1000)
    tcp.take()
    tcp.at(200).inject('. 1 ack 10001 <sack 1:1001>').take()
    expect(tcp.status).toMatchObject({ undos: 1, ssthresh: INFINITY })
    expect(tcp.status.cwnd).toBeGreaterThanOrEqual(10_000)
  })

  test('once only', () => {
    const tcp = established({ peer: 'mss 1000,sackOK', window: 65_535 })
    tcp.send(10_000)
    tcp.take()
    tcp.at(100).inject('. 1 ack 1 <sack 1001:4001>').take()
    tcp.inject('. 1 ack 10001').inject('. 1 ack 10001 <sack 1:1001>').inject('. 1 ack 10001 <sack 1:1001>')
    expect(tcp.status.undos).toBe(1)
  })
})

test('what was deemed lost arrives before anything was sent again: there was nothing to repair', () => {
  const tcp = established({ peer: 'mss 1000,sackOK', window: 65_535, config: { congestion: CUBIC } })
  tcp.send(10_000)
  tcp.take()
  // the pacer still holds the repetition back
  tcp.at(100).inject('. 1 ack 1 <sack 1001:4001>', '. 1 ack 4001').take()
  expect(tcp.status).toMatchObject({ recoveries: 1, undos: 1, segmentsRetransmitted: 0, ssthresh: INFINITY })
})

describe.each(['reno', 'cubic', 'bbr'])('a machine that stands still, with %s', (control) => {
  const path = { forth: { rate: 20e6, delay: 20, queue: 200_000 } }

  test.each([50, 300, 1000, 5000])('the sender, for %i ms: ACKs that waited come before timers that are late', (ms) => {
    const run = new FlowRun(path)
    const flow = run.start(control)
    run.run(3000)
    const host = run.network.host('10.0.0.101')
    const before = flow.status
    host.suspend()
    run.run(ms)
    host.resume()
    run.run(1000)
    const after = flow.status
    expect(after.timeouts - before.timeouts).toBe(0)
    expect(after.ssthresh).toBeGreaterThanOrEqual(before.ssthresh === INFINITY ? 10_000 : before.ssthresh / 2)
    const [rate] = run.run(3000) as [number]
    expect(rate).toBeGreaterThan(0.85 * 20e6 * (3 / 8))
  })

  test('a clock that jumps by an hour while nothing is in flight', () => {
    const run = new FlowRun(path)
    const flow = run.start(control)
    flow.left = 100_000
    run.run(2000)
    const host = run.network.host('10.0.0.101')
    host.suspend()
    run.run(3_600_000)
    host.resume()
    flow.left = 150_000
    flow.write()
    run.run(3000)
    expect(flow.received).toBe(250_000)
    expect(flow.status).toMatchObject({ timeouts: 0, recoveries: 0, segmentsRetransmitted: 0 })
  })
})
