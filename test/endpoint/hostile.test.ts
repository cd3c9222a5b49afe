// A hostile network: any bytes and any segments, in every state; nothing throws, nothing is answered twice, nobody else is harmed.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, type Segment, SYN } from '../../lib/wire/segment.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'
import { anySegment, datagramOf } from '../support/segments.js'

const SERVER = '10.0.0.1'
const config = createConfig({ msl: 500 })

/** A segment near the numbers of the connection that it is aimed at, or far from them. */
const aimed = fc.record({
  segment: anySegment,
  at: fc.constantFrom('stranger', 'half-open', 'established', 'time-wait', 'nobody'),
  near: fc.boolean(),
  seq: fc.integer({ min: -3, max: 3 }),
  ack: fc.integer({ min: -3, max: 3 }),
  pause: fc.constantFrom(0, 0, 1, 300),
})

function scene() {
  const network = new Network({ link: { delay: 1 } })
  const stack = new Stack(network.host(SERVER).platform)
  const acceptance = new Acceptance()
  acceptance.react = closeInReturn
  const listener = stack.listen({ address: SERVER, port: 80, backlog: 3 }, () => config, acceptance)
  const peers: Record<string, HandMade> = {}
  for (const [i, name] of ['stranger', 'half-open', 'established', 'time-wait', 'nobody'].entries()) {
    const port = name === 'nobody' ? 99 : 80
    peers[name] = new HandMade(network, network.host('10.0.0.9'), 5000 + i, { address: SERVER, udpPort: 80, port })
  }
  const { established, 'time-wait': waiting, 'half-open': halfOpen } = peers
  established.open()
  waiting.open()
  acceptance.channels[1].close()
  network.advance(10)
  waiting.ack++
  waiting.send(FIN | ACK)
  waiting.seq++
  halfOpen.send(SYN)
  network.advance(10)
  halfOpen.seq++
  halfOpen.ack = halfOpen.take()[0].segment.seq + 1
  expect(listener.getStats()).toMatchObject({ connections: 2, halfOpen: 1, timeWait: 1 })
  return { network, stack, listener, acceptance, peers }
}

it('any segments in any order', () => {
  fc.assert(
    fc.property(fc.array(aimed, { maxLength: 60 }), (shots) => {
      const { network, listener, acceptance, peers } = scene()
      const honest = new Recorder()
      const client = new Stack(network.host('10.0.0.7').platform)
      honest.channel = client.connect({ address: SERVER, port: 80 }, config, honest)
      honest.channel.send(new Uint8Array(50_000))
      for (const { segment, at, near, seq, ack, pause } of shots) {
        const peer = peers[at]
        const fields: Partial<Segment> = {
          sourcePort: peer.port,
          destinationPort: peer.target.port,
          ...(near ? { seq: (peer.seq + seq) >>> 0, ack: (peer.ack + ack) >>> 0 } : {}),
        }
        peer.raw(datagramOf(Object.assign(segment, fields)))
        network.advance(pause)
      }
      network.advance(2000)
      // the honest client is none the worse
      const served = acceptance.accepted.find(({ channel }) => channel.remoteAddress === '10.0.0.7')
      expect([honest.events, served?.bytes]).toEqual([['connected'], 50_000])
      honest.channel.close()
      network.advance(2000)
      expect(honest.channel.state).toBe('TIME-WAIT')
      const { connections, halfOpen, timeWait } = listener.getStats()
      expect(connections + timeWait).toBeLessThanOrEqual(5)
      expect(halfOpen).toBeLessThanOrEqual(3)
    }),
    { numRuns: 150 },
  )
})

it('any bytes: what is no segment draws nothing, what looks like one an answer at most', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 40 }), (datagrams) => {
      const { network, listener, peers } = scene()
      const { stranger } = peers
      const before = listener.getStats()
      let plausible = 0
      for (const bytes of datagrams) {
        const headerLength = (bytes[12] >> 4) * 4
        const looksLikeOne = bytes.length >= 20 && headerLength >= 20 && headerLength <= bytes.length
        if (looksLikeOne) plausible++
        stranger.raw(bytes)
        network.advance(5)
        const answers = network.capture.filter(({ toPort, at }) => toPort === 5000 && at >= network.now - 5)
        expect(answers.length).toBeLessThanOrEqual(looksLikeOne ? 1 : 0)
      }
      expect(listener.getStats().malformed - before.malformed).toBe(datagrams.length - plausible)
    }),
    { numRuns: 150 },
  )
})
