// What leaves after a time-out, under each congestion control: one segment, until the peer is heard (RFC 5681 §3.1).
import { expect, test } from 'vitest'
import { congestionControls, findCongestionControl, NEWRENO } from '../../lib/core/congestion/algorithms.js'

import { established } from '../support/script.js'

test.each(congestionControls)('%s: one segment at each expiry, however much was in flight', (name) => {
  const tcp = established({ config: { congestion: findCongestionControl(name) ?? NEWRENO }, peer: 'mss 1000,sackOK' })
  tcp.send(100_000)
  expect(tcp.take()).toHaveLength(10)
  for (let expiry = 0; expiry < 6; ) {
    tcp.next()
    const sent = tcp.take()
    expect(sent, `at ${tcp.time} ms`).toHaveLength(1)
    expiry = tcp.status.timeouts
  }
})
