// Recovery with a peer that has no SACK: duplicates are counted, and partial ACKs tell of one hole after the other (RFC 6582, RFC 9937).
import { expect, test } from 'vitest'
import { active, established, type Script } from '../support/script.js'

/** SND.UNA is 1 and `acked`, and a window of 40 segments is on its way. */
function forty(tcp = established(), acked = 30_000): Script {
  tcp.send(acked + 40_000)
  for (let end = 1001; end <= acked + 1; end += 1000) {
    tcp.take()
    tcp.inject(`. 1 ack ${end}`)
  }
  tcp.take()
  expect(tcp.status.inFlight).toBe(40_000)
  return tcp
}

/** Its SYN had to be sent again. */
function late(): Script {
  const tcp = active({ rtt: 0 })
  tcp.take()
  tcp.at(1000).take()
  return tcp.at(1010).inject('S. 0 ack 1 win 65535 <mss 1000>').expect('. 1 ack 1')
}

test('RFC 6582 §3.2 step 3: each partial ACK repeats the next hole at once, though new text has taken all credit', () => {
  const tcp = forty()
  tcp.send(100_000)
  tcp.take()
  // all but the first fifteen have arrived
  let sent = 0
  for (let i = 0; i < 25; i++) sent += tcp.inject('. 1 ack 30001').take().length
  for (let hole = 31_001; hole < 45_000; hole += 1000) {
    // the new text arrives, and the segment repeated last
    let more = 0
    for (; sent > 1; sent--) more += tcp.inject(`. 1 ack ${hole - 1000}`).take().length
    tcp.at(tcp.time + 100).inject(`. 1 ack ${hole}`)
    const lines = tcp.take()
    expect(lines[0]).toMatch(new RegExp(`^. ${hole}:${hole + 1000} `))
    sent = more + lines.length
  }
  expect(tcp.status.timeouts).toBe(0)
})

test('RFC 9937: what duplicates have counted is not counted again by the ACK that covers it', () => {
  const tcp = forty()
  tcp.send(100_000)
  tcp.take()
  // the first and the twenty-first are missing
  for (let i = 0; i < 38; i++) tcp.inject('. 1 ack 30001').take()
  tcp.at(100).inject('. 1 ack 50001')
  const sent = tcp.take()
  expect(sent[0]).toMatch(/^. 50001:51001 /)
  expect(sent.length).toBeLessThanOrEqual(2)
})

test('RFC 5681 §3.1: a time-out within the recovery reckons with what has arrived', () => {
  const tcp = forty()
  tcp.send(100_000)
  tcp.take()
  for (let i = 0; i < 39; i++) tcp.inject('. 1 ack 30001').take()
  expect(tcp.next()).toBeLessThan(1000)
  expect(tcp.status.ssthresh).toBeLessThanOrEqual(20_000)
  tcp.take()
})

/** The recovery has ended with nothing in flight, and there is more to send. */
function over(tcp = forty(), una = 30_001): Script {
  for (let i = 0; i < 39; i++) tcp.inject(`. 1 ack ${una}`).take()
  tcp
    .at(tcp.time + 100)
    .inject(`. 1 ack ${una + 40_000}`)
    .silence()
  tcp.send(100_000)
  expect(tcp.take()).toHaveLength(10)
  return tcp
}

test('RFC 9937 §6.4: nothing is in flight when the recovery ends, and its window is not filled by one burst', () => {
  const tcp = over()
  // the ACK clock opens it to the full
  for (let end = 71_001; end <= 80_001; end += 1000) {
    expect(
      tcp
        .at(tcp.time + 1)
        .inject(`. 1 ack ${end}`)
        .take(),
    ).toHaveLength(2)
  }
  expect(tcp.status.inFlight).toBeGreaterThanOrEqual(20_000)
})

test('nor is it after a SYN that had to be sent again', () => {
  over(forty(late(), 39_000), 39_001)
})

test('and text of the peer’s that comes with an ACK takes nothing back of what it has allowed', () => {
  const tcp = over()
  expect(tcp.at(101).inject('. 1 ack 71001', '. 1:101 ack 71001', '. 101:201 ack 71001').take()).toHaveLength(2)
})

/** Five of ten segments were lost; the RTO, and all ten are repeated: the last ACK covers all, and the duplicates are still to come. */
function repaired(): Script {
  const tcp = established()
  tcp.send(10_000)
  tcp.take()
  tcp.at(300).take()
  tcp.at(400).inject('. 1 ack 2001').take()
  tcp.at(500).inject('. 1 ack 10001')
  tcp.take()
  tcp.send(10_000)
  expect(tcp.take().length).toBeGreaterThan(3)
  return tcp
}

test('RFC 6582 §3.2 step 2: duplicates of the point of recovery are answers to needless repetitions, and no loss', () => {
  const tcp = repaired()
  const { segmentsRetransmitted } = tcp.status
  for (let i = 0; i < 4; i++)
    tcp
      .at(510 + i)
      .inject('. 1 ack 10001')
      .take()
  expect(tcp.status).toMatchObject({ recoveries: 0, segmentsRetransmitted })
})

test('RFC 6582 §3.2 step 2: beyond it they are one', () => {
  const tcp = repaired()
  tcp.at(600).inject('. 1 ack 11001').take()
  for (let i = 0; i < 3; i++)
    tcp
      .at(610 + i)
      .inject('. 1 ack 11001')
      .take()
  expect(tcp.status.recoveries).toBe(1)
})

test('RFC 3042 §2: no more than two segments leave for duplicates while nothing is found lost', () => {
  const tcp = repaired()
  tcp.send(50_000)
  const { inFlight } = tcp.status
  let sent = tcp.take().length
  for (let i = 0; i < 8; i++)
    sent += tcp
      .at(510 + i)
      .inject('. 1 ack 10001')
      .take().length
  expect(sent).toBeLessThanOrEqual(2)
  expect(tcp.status.inFlight).toBeLessThanOrEqual(inFlight + 2000)
})
