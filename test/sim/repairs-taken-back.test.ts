// A peer that says of whatever is sent again that it has come twice: each of its ACKs takes back a repair of all that is in flight.
import { expect, it, vi } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { WRITABLE } from '../../lib/core/events.js'
import { Scoreboard } from '../../lib/core/send/scoreboard.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Network } from '../../lib/testing/network.js'
import { ACK } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'

it('what is in flight is deemed lost twice and found once, however many ACKs take repairs back', () => {
  const network = new Network({ capture: false, link: { delay: 5, rate: 1e10 } })
  const { stack } = network.host(SERVER)
  const write = (channel: Channel): void => {
    while (channel.send(new Uint8Array(65_536)) > 0);
  }
  let served!: Channel
  stack.listen({ address: SERVER, port: PORT }, () => createConfig(), {
    onConnection(channel) {
      served = channel
      channel.owner = { onEvents: (events) => (events & WRITABLE ? write(channel) : undefined) }
      write(channel)
    },
  })
  const peer = new HandMade(network, network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
  peer.open({ mss: 64, windowScale: 14, sackPermitted: true })
  const base = peer.ack
  let end = 0
  const hear = (): void => {
    for (const { segment } of peer.take()) end = Math.max(end, ((segment.seq - base) >>> 0) + segment.textLength)
  }
  const sack = (...edges: number[]): void =>
    peer.send(ACK, { sackCount: edges.length / 2, sackEdges: Uint32Array.from({ length: 8 }, (_, i) => edges[i] ?? 0) })
  for (let rounds = 0; rounds < 60 && served.status().inFlight < 8000 * 64; rounds++) {
    network.advance(12)
    hear()
    peer.ack = (base + end) >>> 0
    peer.send(ACK)
    network.advance(6)
  }
  network.advance(50)
  hear()
  const newest = [(base + end - 40) >>> 0, (base + end) >>> 0] as const
  sack(...newest)
  network.advance(30)
  const flights = 32_768
  const lost = vi.spyOn(Scoreboard.prototype, 'markLost')
  const found = vi.spyOn(Scoreboard.prototype, 'unmarkLost')
  for (let i = 0; i < 300; i++) {
    const from = peer.ack
    peer.ack = (peer.ack + 64) >>> 0
    sack(from, peer.ack, ...newest)
    network.advance(1)
    hear()
  }
  expect(served.status().undos).toBeGreaterThan(0)
  expect(lost.mock.calls.length).toBeLessThan(1.5 * flights)
  expect(found.mock.calls.length).toBeLessThan(3)
  vi.restoreAllMocks()
})
