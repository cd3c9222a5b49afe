// How many ACKs a train of segments draws that is read in one turn, over UDP sockets as they are: decision 021 on the wire.
import { expect, test } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, type Segment } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance } from '../support/recorder.js'

const FULL = 1000

class Scene {
  readonly network = new Network({ link: { delay: 5 } })
  readonly peer: HandMade
  private readonly host = this.network.host(SERVER)

  constructor(config: Partial<Config> = {}) {
    const stack = new Stack(this.host.platform)
    stack.listen(
      { address: SERVER, port: PORT },
      () => createConfig({ timestamps: false, ...config }),
      new Acceptance(),
    )
    this.peer = new HandMade(this.network, this.network.host('10.0.0.9'), 5000, { address: SERVER, port: PORT })
    this.peer.open({ mss: 1460, windowScale: 7, sackPermitted: true })
    this.peer.take()
  }

  /** `count` full segments, of which the server reads all in one turn. @returns its ACKs. */
  train(count: number, from = 0): Segment[] {
    this.host.suspend()
    for (let i = from; i < from + count; i++) {
      this.peer.send(ACK, { seq: (this.peer.seq + i * FULL) >>> 0, payload: new Uint8Array(FULL) })
    }
    this.network.advance(20)
    this.host.resume()
    this.network.advance(20)
    if (from === 0) this.peer.seq += count * FULL
    return this.peer.take().map(({ segment }) => segment)
  }

  /** Round trips of one length: a sender that no longer grows. */
  steady(count: number): void {
    for (let i = 0; i < 40; i++) this.train(count)
  }

  acks(segments: readonly Segment[]): number[] {
    return segments.map(({ ack }) => (ack - this.peer.seq) / FULL)
  }
}

test('a sender that grows: one for every second segment', () => {
  const scene = new Scene()
  const acks = scene.acks(scene.train(40))
  expect(acks).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i + 2 - 40))
})

test('one that does not: one for a train, but never more than 16 segments behind', () => {
  const scene = new Scene()
  scene.steady(12)
  expect(scene.acks(scene.train(12))).toEqual([0])
  expect(scene.acks(scene.train(12))).toEqual([0])
  scene.steady(40)
  expect(scene.acks(scene.train(40))).toEqual([16 - 40, 32 - 40, 0])
})

test('nor more than a quarter of the window', () => {
  const scene = new Scene({ maxReceiveBuffer: 20_000 })
  scene.steady(12)
  expect(scene.acks(scene.train(12))).toEqual([5 - 12, 10 - 12, 0])
})

test('RFC 2018 §4: with a hole open, each second segment draws its SACK blocks while the others wait', () => {
  const scene = new Scene()
  scene.steady(12)
  const { seq } = scene.peer
  const told = scene.train(12, 1).map(({ ack, sackEdges }) => [ack, ((sackEdges[1] as number) - seq) / FULL])
  // an ACK for each, as RFC 5681 §4.2 wants it, two at a time
  expect(told).toEqual(Array.from({ length: 12 }, (_, i) => [seq, 3 + 2 * Math.floor(i / 2)]))
})
