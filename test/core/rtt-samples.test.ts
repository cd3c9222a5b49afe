// Which ACKs are RTT samples: those that tell which transmission they answer (RFC 6298 §3, RFC 7323 §4, RFC 2883 §4).
import { expect, test } from 'vitest'
import { established, type Script } from '../support/script.js'

/** Nothing of ten segments was heard of, and at 300 ms or a little later the first of them leaves again. */
function repeated(peer: string): Script {
  const tcp = established({ peer })
  tcp.send(10_000)
  tcp.take()
  while (tcp.status.timeouts === 0) {
    tcp.next()
    tcp.take()
  }
  return tcp
}

test('a duplicate of something else does not tell that the repetition is what arrived', () => {
  const tcp = repeated('mss 1000,sackOK')
  tcp.at(tcp.time + 1).inject('. 1 ack 5001 <sack 3001:4001>')
  tcp.take()
  expect(tcp.status.minRtt).toBe(100)
})

test('a duplicate of the repetition does: the ACK of the copy before it was lost', () => {
  const tcp = repeated('mss 1000,sackOK')
  tcp.at(tcp.time + 120).inject('. 1 ack 10001 <sack 1:1001>')
  expect(tcp.status).toMatchObject({ minRtt: 100, backOffs: 0 })
  expect(tcp.status.srtt).toBeCloseTo(100 + 20 / 8)
})
