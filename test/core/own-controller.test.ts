// A congestion control of one's own, as docs/congestion-control.md shows it: chosen like the others, one for each connection.
import { describe, expect, test } from 'vitest'
import { lowDelay } from '../../examples/own-controller.js'
import { createConfig } from '../../lib/core/config.js'
import { NEWRENO } from '../../lib/core/congestion/algorithms.js'
import type { AckSample, CongestionAlgorithm, CongestionController } from '../../lib/core/congestion/controller.js'
import { Couple } from '../support/couple.js'
import { Machines } from '../support/machines.js'
import { established } from '../support/script.js'
import { read } from '../support/source-tree.js'

interface Measured {
  /** bit/s that the receiver was given in the second half. */
  readonly rate: number
  /** ms above the path's own round trip, at the end. */
  readonly queueing: number
}

/** `ms` of sending as fast as may be, through 10 Mbit/s with a round trip of 40 ms and a queue of a second. */
function measure(congestion: CongestionAlgorithm, ms = 10_000, lose: readonly number[] = []): Measured {
  const link = { rate: 10_000_000, delay: 20, queue: 1_250_000 }
  const couple = new Couple({ network: { link, capture: false }, config: { congestion } }).listen()
  let received = 0
  couple.onAccepted = (party) => {
    party.read = () => {
      for (let chunk = party.channel.receive(); chunk !== null; chunk = party.channel.receive())
        received += chunk.length
    }
  }
  couple.network.link(couple.clientHost, couple.serverHost).set({ lose })
  const client = couple.connect()
  const chunk = new Uint8Array(65_536)
  client.onEvents = () => {
    while (client.channel.send(chunk) > 0);
  }
  client.onEvents(0)
  couple.network.advance(ms / 2)
  const before = received
  couple.network.advance(ms / 2)
  return { rate: ((received - before) * 8000) / (ms / 2), queueing: client.channel.status().srtt - 40 }
}

describe('the example', () => {
  test('is what the page shows', () => {
    const code = read('examples/own-controller.ts').split('\n').slice(1).join('\n').trim()
    expect(read('docs/congestion-control.md')).toContain(code)
  })

  test('fills the link and keeps the queue short, where NewReno fills the queue too', () => {
    const { rate, queueing } = measure(lowDelay)
    expect(rate).toBeGreaterThan(9_300_000)
    expect(queueing).toBeLessThan(10)
    expect(measure(createConfig().congestion).queueing).toBeGreaterThan(100)
  })

  test('lives with losses', () => {
    expect(measure(lowDelay, 10_000, [50, 51, 52, 300, 301, 900]).rate).toBeGreaterThan(9_000_000)
  })

  test('is chosen by the option of connect()', async () => {
    const machines = new Machines()
    const { client, served } = await machines.pair({}, { congestionControl: lowDelay })
    served.resume()
    client.end('x'.repeat(100_000))
    await machines.event(served, 'end', 10_000)
    expect(served.bytesRead).toBe(100_000)
  })
})

/** A window that never moves, and a record of what it is told. */
class Watcher implements CongestionController {
  readonly window = 30_000
  readonly ssthresh = Number.POSITIVE_INFINITY
  readonly pacingRate = Number.POSITIVE_INFINITY
  readonly sendQuantum = Number.POSITIVE_INFINITY
  readonly ownsRecovery = false
  readonly heard = { sent: 0, acked: 0, packets: 0, losses: 0, ends: 0, timeouts: 0, restarts: 0, undos: 0, mss: 0 }
  readonly samples: Set<AckSample> = new Set()
  most = 0

  onSent(bytes: number, inFlight: number): void {
    this.heard.sent += bytes
    this.most = Math.max(this.most, inFlight)
  }

  onAck(ack: AckSample): void {
    this.heard.acked += ack.ackedBytes
    this.samples.add(ack)
  }

  onPacketLost(): void {
    this.heard.packets++
  }

  onLoss(): void {
    this.heard.losses++
  }

  onRecoveryEnd(): void {
    this.heard.ends++
  }

  onTimeout(): void {
    this.heard.timeouts++
  }

  onRestart(): void {
    this.heard.restarts++
  }

  onUndo(): void {
    this.heard.undos++
  }

  onMss(mss: number): void {
    this.heard.mss = mss
  }
}

describe('what it is told', () => {
  /** A transfer of 300,000 bytes; the client's controller. */
  function watched(lose: readonly number[]): { watcher: Watcher; made: Watcher[]; random: number[] } {
    const made: Watcher[] = []
    const random: number[] = []
    const congestion: CongestionAlgorithm = {
      name: 'watcher',
      create: (_mss, draw) => {
        random.push(draw(), draw())
        made.push(new Watcher())
        return made.at(-1) as Watcher
      },
    }
    const couple = new Couple({ network: { link: { rate: 20_000_000, delay: 10 } }, client: { congestion } })
    couple.establish()
    couple.network.link(couple.clientHost, couple.serverHost).set({ lose })
    couple.client.channel.send(new Uint8Array(300_000))
    couple.network.advanceUntil(() => couple.client.channel.unacknowledged === 0, 60_000)
    couple.network.advance(10_000)
    const restarts = made[0]?.heard.restarts ?? 0
    couple.client.channel.send(new Uint8Array(10))
    couple.network.advance(1000)
    expect(couple.client.channel.status().congestionControl).toBe('watcher')
    expect(made[0]?.heard.restarts).toBe(restarts + 1)
    return { watcher: made[0] as Watcher, made, random }
  }

  test('every byte that leaves and is acknowledged, the size of segments, and a rest', () => {
    const { watcher, made } = watched([])
    expect(made.length).toBe(1)
    expect(watcher.heard).toMatchObject({ sent: 300_010, acked: 300_010, losses: 0, timeouts: 0 })
    expect(watcher.heard.mss).toBeGreaterThan(1000)
    expect(watcher.most).toBeLessThanOrEqual(30_000)
    expect(watcher.most).toBeGreaterThan(30_000 - watcher.heard.mss)
    expect(watcher.samples.size).toBe(1) // one record, filled anew: it is not to be kept
  })

  test('each packet that is lost, and once that a recovery begins and ends', () => {
    const { watcher } = watched([50, 51, 53])
    expect(watcher.heard).toMatchObject({ packets: 3, losses: 1, ends: 1, timeouts: 0, acked: 300_010 })
  })

  test('that the retransmission timer expired', () => {
    const { watcher } = watched(Array.from({ length: 60 }, (_, index) => 20 + index))
    expect(watcher.heard.timeouts).toBeGreaterThan(0)
    expect(watcher.heard.acked).toBe(300_010)
  })

  test('random numbers from 0 to below 1, which a simulation repeats', () => {
    const first = watched([]).random
    expect(first).toEqual(watched([]).random)
    for (const value of first) expect(value >= 0 && value < 1).toBe(true)
    expect(new Set(first).size).toBe(first.length)
  })
})

test('a segment that the machine did not let out, being too long, leaves again in shorter ones, and no controller hears of a loss', () => {
  let heard = 0
  const attentive: CongestionAlgorithm = {
    name: 'attentive',
    create: (...args) =>
      Object.assign(NEWRENO.create(...args), {
        onPacketLost: () => heard++,
        onLoss: () => heard++,
        onTimeout: () => heard++,
      }),
  }
  const tcp = established({ peer: 'mss 9000', config: { congestion: attentive } })
  tcp.send(2800)
  const long = tcp.take()
  tcp.call((connection, now) => connection.handleTooLong(now))
  const short = tcp.take()
  expect(short.length).toBeGreaterThan(long.length)
  expect(tcp.status.lost).toBe(0)
  expect(heard).toBe(0)
})
