// Recovery with a peer that has no SACK: duplicates are counted, and partial ACKs tell of one hole after the other (RFC 6582, RFC 9937).
import { expect, test } from 'vitest'
import { established } from '../support/script.js'

/** SND.UNA is 1, and a window of 40 segments is on its way. */
function forty(): ReturnType<typeof established> {
  const tcp = established()
  tcp.send(70_000)
  for (let end = 1001; end <= 30_001; end += 1000) {
    tcp.take()
    tcp.inject(`. 1 ack ${end}`)
  }
  tcp.take()
  expect(tcp.status.inFlight).toBe(40_000)
  return tcp
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
