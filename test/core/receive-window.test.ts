// The window that we advertise: what the peer was told and nothing else counts (RFC 9293 §3.8.6, RFC 7323 §2.3).
import { describe, expect, test } from 'vitest'
import { ReceiveWindow } from '../../lib/core/receive/window.js'
import { established } from '../support/script.js'

describe('the right edge', () => {
  test('a window update leaves though text of ours waits for Nagle: what was prepared and held back told nobody', () => {
    const tcp = established({ config: { maxReceiveBuffer: 2000 } })
    tcp.inject('. 1:1001 ack 1', 'P. 1001:2001 ack 1').expect('. 1 ack 2001 win 0')
    tcp.send(10)
    tcp.expect('P. 1:11 ack 2001 win 0')
    tcp.send(10)
    expect(tcp.receive()).toBe(2000)
    tcp.expect('. 11 ack 2001 win 2000').inject('. 2001 ack 11').expect('P. 11:21 ack 2001 win 2000')
  })

  test('a window update leaves though text of ours waits for a larger window', () => {
    const tcp = established({ config: { maxReceiveBuffer: 2000 } })
    tcp.inject('. 1:1001 ack 1', 'P. 1001:2001 ack 1 win 100').expect('. 1 ack 2001 win 0')
    tcp.send(1000)
    expect(tcp.receive()).toBe(2000)
    tcp.expect('. 1 ack 2001 win 2000')
  })

  test.each([1448, 1000, 9000])(
    'SHLD-14: stays when there is less room than there was, %i bytes for each ACK',
    (length) => {
      const window = new ReceiveWindow(6 * 2 ** 20, 2 ** 20)
      window.open()
      window.enableScaling()
      let rcvNxt = 1
      let told = 0
      const acknowledge = (): void => {
        const edge = rcvNxt + window.offer(rcvNxt, window.limit, length) * 2 ** window.scale
        window.confirm()
        expect(edge).toBeGreaterThanOrEqual(told)
        told = edge
      }
      acknowledge()
      window.limit = 8192
      // as long as what rounding adds is bearable
      for (let i = 0; i < 600; i++) {
        rcvNxt = Math.min(rcvNxt + length, told)
        acknowledge()
      }
    },
  )

  test.each([1448, 2896, 9000])('stays or grows as a paused reader fills 12 MiB, %i bytes for each ACK', (length) => {
    const capacity = 12 * 2 ** 20
    const window = new ReceiveWindow(capacity)
    window.open()
    window.enableScaling()
    const unit = 2 ** window.scale
    let rcvNxt = 1
    let told = 0
    for (;;) {
      const field = window.offer(rcvNxt, capacity + 1 - rcvNxt, 1448)
      window.confirm()
      expect(rcvNxt + field * unit).toBeGreaterThanOrEqual(told)
      told = rcvNxt + field * unit
      if (field === 0) break
      rcvNxt = Math.min(rcvNxt + length, told)
    }
    expect(rcvNxt).toBeLessThan(16e6)
  })

  test('closes in the end, however little comes for each ACK', () => {
    const capacity = 2 ** 20
    const window = new ReceiveWindow(capacity)
    window.open()
    window.enableScaling()
    let rcvNxt = 1
    while (window.offer(rcvNxt, capacity + 1 - rcvNxt, 1448) > 0) {
      window.confirm()
      rcvNxt++
    }
    expect(rcvNxt).toBeLessThan(capacity * 1.2)
  })
})
