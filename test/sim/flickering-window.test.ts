// A peer that takes nothing of what a destroyed socket has left to be sent, and opens its window by a byte for a moment now and then.
import { expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Network } from '../../lib/testing/network.js'
import { ACK } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'

test.each([
  ['is closed all the time', false],
  ['opens for 50 ms every two minutes', true],
])('a window that %s: a socket that was destroyed does not wait for it for ever', (_name, flickers) => {
  const network = new Network({ capture: false, link: { delay: 1 } })
  const channels: Channel[] = []
  const { stack } = network.host(SERVER)
  const listener = stack.listen({ address: SERVER, port: PORT }, () => createConfig(), {
    onConnection(channel) {
      channel.owner = { onEvents: () => {} }
      channels.push(channel)
    },
  })
  const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
  peer.open({ mss: 1000, windowScale: -1, sackPermitted: true })
  peer.window = 0
  peer.send(ACK)
  network.advance(10)
  const [channel] = channels as [Channel]
  for (let i = 0; i < 20; i++) channel.send(new Uint8Array(65_536))
  network.advance(10)
  channel.release(5000)
  network.advance(10)
  for (let second = 0; second < 12 * 3600 && listener.getStats().connections > 0; second++) {
    if (flickers && second % 120 === 0) {
      for (const window of [1, 0]) {
        peer.window = window
        peer.send(ACK)
        network.advance(50)
      }
    }
    network.advance(second % 120 === 0 && flickers ? 900 : 1000)
    // who asks is answered
    if (peer.take().length > 0) {
      peer.send(ACK)
    }
  }
  const { connections, bufferMemory } = listener.getStats()
  expect({ connections, bufferMemory }).toEqual({ connections: 0, bufferMemory: 0 })
})
