// BBR's state machine on a path of which all is known (draft-ietf-ccwg-bbr, and its example test cases), in virtual time.
import { describe, expect, test } from 'vitest'
import { BBR } from '../../lib/core/congestion/algorithms.js'
import { BandwidthPlateau } from '../../lib/core/congestion/bandwidth-plateau.js'
import type { AckSample } from '../../lib/core/congestion/controller.js'
import { StandingQueue } from '../../lib/core/congestion/standing-queue.js'
import { ackSample } from '../support/ack-sample.js'
import { type Flow, FlowRun, percentile } from '../support/flow.js'

/** 20 Mbit/s, 40 ms: 100 kB in the pipe. */
const RATE = 20e6
const BDP = 100_000
const DEEP = { forth: { rate: RATE, delay: 20, queue: 400_000 } }
const SHALLOW = { forth: { rate: RATE, delay: 20, queue: 40_000 } }
/** bytes per ms of text that the path carries */
const GOODPUT = (RATE / 8000) * (1440 / 1500)

interface Point {
  readonly at: number
  readonly phase: string
  readonly cwnd: number
  readonly inFlight: number
  readonly pacingRate: number
}

/** A flow with all that its controller did. */
function flowOn(path: ConstructorParameters<typeof FlowRun>[0]): { run: FlowRun; flow: Flow; points: Point[] } {
  const run = new FlowRun(path)
  const flow = run.start('bbr')
  const points: Point[] = []
  flow.onMetrics = ({ phase, cwnd, inFlight, pacingRate }, at) =>
    void points.push({ at, phase, cwnd, inFlight, pacingRate })
  return { run, flow, points }
}

/** The phases after `at`, repetitions left out. */
function phasesOf(flow: Flow, from = 0): string[] {
  return flow.phases.filter(({ at }) => at >= from).map(({ phase }) => phase)
}

describe('Startup and Drain', () => {
  test('doubles each round trip, finds the rate, and drains the queue that it made', () => {
    const { run, flow, points } = flowOn(DEEP)
    run.run(200)
    const early = points.filter(({ at }) => at < 200)
    const at = (ms: number): number => early.filter((point) => point.at <= ms).at(-1)?.inFlight ?? 0
    for (const ms of [90, 130]) expect(at(ms + 40) / at(ms)).toBeGreaterThan(1.5)
    for (const ms of [90, 130]) expect(at(ms + 40) / at(ms)).toBeLessThan(3)
    run.run(1000)
    // DOWN has nothing left to do
    expect(phasesOf(flow).slice(0, 3)).toEqual(['startup', 'drain', 'cruise'])
    const cruise = flow.phases.find(({ phase }) => phase === 'cruise') as { at: number }
    expect(cruise.at).toBeLessThan(700)
    const first = points.find((point) => point.phase === 'cruise') as Point
    expect(first.inFlight).toBeLessThanOrEqual(1.05 * BDP)
    // within 2 % of the path's, the margin of the pace taken off
    expect(Math.abs(first.pacingRate / 0.99 / GOODPUT - 1)).toBeLessThan(0.03)
  })

  test('three rounds without a quarter more are a plateau', () => {
    const plateau = new BandwidthPlateau()
    plateau.update(100, true)
    plateau.update(124, true)
    plateau.update(120, false)
    plateau.update(124, true)
    expect(plateau.isReached).toBe(false)
    plateau.update(124, true)
    expect([plateau.isReached, plateau.wasReached]).toEqual([true, true])
    plateau.reset(124)
    expect([plateau.isReached, plateau.wasReached]).toEqual([false, true])
  })

  test('growth begins the count anew', () => {
    const plateau = new BandwidthPlateau()
    for (const rate of [100, 110, 110, 125, 125, 125]) plateau.update(rate, true)
    expect(plateau.isReached).toBe(false)
    plateau.update(125, true)
    expect(plateau.isReached).toBe(true)
  })

  test('one round trip is enough when a queue stands and half of the growth is missing', () => {
    const plateau = new BandwidthPlateau()
    for (const rate of [100, 200, 400]) plateau.update(rate, true)
    // three quarters more: it still grows as it should
    plateau.update(700, true, true)
    expect(plateau.isReached).toBe(false)
    plateau.update(750, true, false)
    expect(plateau.isReached).toBe(false)
    plateau.update(760, false, true)
    expect(plateau.isReached).toBe(true)
  })

  test('a queue stands when nothing has come through without waiting, and not after one late turn', () => {
    const queue = new StandingQueue()
    queue.beginRound(0)
    for (let i = 0; i < 20; i++) queue.update(80, 5)
    expect(queue.isShownAgainst(40)).toBe(false)
    // a backlog that is worked off
    for (let i = 0; i < 9; i++) queue.update(80, 5.5 + i / 2)
    expect(queue.isShownAgainst(40)).toBe(false)
    queue.update(80, 20)
    expect(queue.isShownAgainst(40)).toBe(true)
    queue.update(50, 21)
    expect(queue.isShownAgainst(40)).toBe(false)
    queue.beginRound(40)
    for (let i = 0; i < 10; i++) queue.update(52, 45 + 2 * i)
    expect([queue.isShownAgainst(40), queue.standsAgainst(40)]).toEqual([true, false])
    queue.beginRound(80)
    expect(queue.standsAgainst(40)).toBe(true)
  })

  test('what Startup queues is gone after five round trips, and little of it was dropped', () => {
    const { run, flow } = flowOn({ forth: { rate: RATE, delay: 20, queue: BDP } })
    run.run(2000)
    // sampled every 2 ms: longer than half of a BDP
    expect(run.queued.filter((bytes) => bytes > BDP / 2).length * 2).toBeLessThan(200)
    expect(flow.status.segmentsRetransmitted).toBeLessThan(30)
  })

  test('64 KB on a fresh connection take hardly longer than unpaced', () => {
    const time = (control: string): number => {
      const run = new FlowRun({ forth: { rate: 100e6, delay: 45, queue: 500_000 } })
      const flow = run.start(control)
      flow.left = 65_536
      run.network.advanceUntil(() => flow.received === 65_536, 5000)
      return run.network.now
    }
    expect(time('bbr') / time('reno')).toBeLessThan(1.05)
  })

  test('a full pipe by loss: a shallow queue ends Startup too', () => {
    const { run, flow } = flowOn({ forth: { rate: RATE, delay: 20, queue: 15_000 } })
    run.run(1500)
    expect(phasesOf(flow).slice(0, 2)).toEqual(['startup', 'drain'])
    const [rate] = run.run(3000) as [number]
    expect(rate / 3000).toBeGreaterThan(0.8 * GOODPUT)
  })

  test('application-limited and without loss it stays in Startup', () => {
    const { run, flow } = flowOn(DEEP)
    flow.left = 0
    for (let i = 0; i < 100; i++) {
      flow.left += 5000
      flow.write()
      run.run(50)
    }
    expect(phasesOf(flow)).toEqual(['startup'])
  })
})

describe('ProbeBW', () => {
  test('goes round: down, cruise, refill, up, every 16 round trips', () => {
    const { run, flow } = flowOn(DEEP)
    run.run(1000)
    flow.phases.length = 0
    run.run(15_000)
    const phases = phasesOf(flow).filter((phase) => phase !== 'probe-rtt')
    const next: Record<string, readonly string[]> = {
      down: ['cruise', 'refill'],
      cruise: ['refill', 'cruise'],
      refill: ['up'],
      up: ['down'],
    }
    for (let i = 1; i < phases.length; i++) expect(next[phases[i - 1] as string]).toContain(phases[i])
    const ups = flow.phases.filter(({ phase }) => phase === 'up').map(({ at }) => at)
    expect(ups.length).toBeGreaterThanOrEqual(14)
    for (let i = 1; i < ups.length; i++) {
      expect((ups[i] as number) - (ups[i - 1] as number)).toBeLessThan(1500)
      expect((ups[i] as number) - (ups[i - 1] as number)).toBeGreaterThan(500)
    }
  })

  test('with a round trip of 600 ms, every 2 to 3 s', () => {
    const { run, flow } = flowOn({ forth: { rate: RATE, delay: 300, queue: 1_500_000 } })
    run.run(40_000)
    const ups = flow.phases.filter(({ phase, at }) => phase === 'up' && at > 8000).map(({ at }) => at)
    expect(ups.length).toBeGreaterThanOrEqual(6)
    // two round trips to find out, and as much again to drain
    for (let i = 1; i < ups.length; i++) expect((ups[i] as number) - (ups[i - 1] as number)).toBeLessThan(6500)
  })

  test('a probe that finds nothing puts a quarter more in flight and ends', () => {
    const { run, points } = flowOn(DEEP)
    run.run(1500)
    run.queued.length = 0
    run.run(12_000)
    const most = Math.max(...points.filter((point) => point.at > 1500).map(({ inFlight }) => inFlight))
    expect(most).toBeGreaterThan(1.2 * BDP)
    expect(most).toBeLessThan(1.45 * BDP)
    // an eighth of the round trip at most times
    expect(percentile(run.queued, 0.9)).toBeLessThan(0.25 * BDP)
  })

  test('gains: 1.25 upwards, 0.9 downwards, 1 otherwise', () => {
    const { run, points } = flowOn(DEEP)
    run.run(12_000)
    const paces = (phase: string): number[] =>
      points.filter((point) => point.phase === phase && point.at > 2000).map(({ pacingRate }) => pacingRate / GOODPUT)
    const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
    expect(mean(paces('up'))).toBeCloseTo(1.25, 1)
    expect(mean(paces('down'))).toBeCloseTo(0.9, 1)
    expect(mean(paces('cruise'))).toBeCloseTo(1, 1)
  })

  test('fills the link, and keeps what waits in a deep queue small', () => {
    const { run } = flowOn(DEEP)
    run.run(2000)
    run.queued.length = 0
    const [bytes] = run.run(10_000) as [number]
    expect(bytes / 10_000).toBeGreaterThan(0.96 * GOODPUT)
    expect(run.queued.reduce((a, b) => a + b, 0) / run.queued.length).toBeLessThan(0.3 * BDP)
  })

  test('loss in UP bounds what is in flight, and the next probe looks first', () => {
    const { run, flow, points } = flowOn(SHALLOW)
    run.run(20_000)
    const late = points.filter((point) => point.at > 5000 && point.phase === 'cruise')
    for (const { cwnd } of late) expect(cwnd).toBeLessThanOrEqual(1.05 * (BDP + 40_000))
    const { bytesRetransmitted, bytesSent } = flow.status
    expect(bytesRetransmitted / bytesSent).toBeLessThan(0.02)
    expect(flow.received / 20_000).toBeGreaterThan(0.85 * GOODPUT)
  })

  test('a link that becomes twice as fast, and half as fast, is found', () => {
    const { run } = flowOn(DEEP)
    run.run(3000)
    run.link.set({ rate: 2 * RATE })
    // a probe that has found room is followed by the next one
    run.run(2000)
    expect((run.run(3000)[0] as number) / 3000).toBeGreaterThan(1.8 * GOODPUT)
    run.link.set({ rate: RATE })
    run.run(12_000)
    run.queued.length = 0
    run.run(3000)
    expect(run.queued.reduce((a, b) => a + b, 0) / run.queued.length).toBeLessThan(BDP)
  })
})

describe('Startup that ended too early', () => {
  test('goes on when the first probe finds more: a pause of the sender looked like a full pipe', () => {
    const { run, flow } = flowOn(DEEP)
    flow.left = 300_000
    run.run(260)
    // a round trip and more in which the event loop is slow: nothing grows
    for (let i = 0; i < 12; i++) {
      run.run(20)
      flow.left = 15_000
      flow.write()
    }
    flow.left = Number.POSITIVE_INFINITY
    flow.write()
    run.run(1200)
    const [bytes = 0] = run.run(1000)
    expect(bytes).toBeGreaterThan(0.9 * 1000 * GOODPUT)
  })
})

describe('ProbeRTT', () => {
  test('a queue that stays hides the round trip: half of the window for 200 ms shows it', () => {
    const flows = [1, 2].flatMap((seed) => {
      const run = new FlowRun(DEEP, seed)
      // two of them hardly ever see an empty queue by themselves
      const both = [run.start('bbr'), run.start('bbr')]
      run.run(12_000)
      return both
    })
    expect(flows.some((flow) => phasesOf(flow).includes('probe-rtt'))).toBe(true)
    for (const flow of flows) {
      flow.phases.forEach(({ phase, at }, i) => {
        const after = flow.phases[i + 1]
        if (phase !== 'probe-rtt' || after === undefined) return
        expect(after.phase).toBe('cruise')
        expect(after.at - at).toBeGreaterThanOrEqual(200)
        expect(after.at - at).toBeLessThan(600)
      })
      expect(flow.status.minRtt).toBeLessThan(45)
    }
  })

  test('a longer route is believed after ten seconds', () => {
    const { run, points } = flowOn(DEEP)
    run.run(4000)
    run.link.set({ delay: 60 })
    run.run(20_000)
    const cruise = points.filter((point) => point.phase === 'cruise').at(-1) as Point
    expect(cruise.cwnd).toBeGreaterThan(1.8 * 2 * BDP)
    expect((run.run(4000)[0] as number) / 4000).toBeGreaterThan(0.9 * GOODPUT)
  })

  test('not after an idle time, which has drained the queue as well', () => {
    const { run, flow } = flowOn(DEEP)
    flow.left = 5_000_000
    run.run(4000)
    expect(flow.left).toBe(0)
    flow.phases.length = 0
    run.run(8000)
    const resumed = run.network.now
    flow.left = 2_000_000
    flow.write()
    run.run(300)
    expect(phasesOf(flow, resumed)).not.toContain('probe-rtt')
  })
})

describe('two flows', () => {
  test('one that comes later gets its half', () => {
    for (const seed of [1, 2]) {
      const run = new FlowRun({ forth: { rate: 100e6, delay: 10, queue: 250_000 } }, seed)
      run.start('bbr')
      run.run(700)
      run.start('bbr')
      const [a, b] = run.run(30_000) as [number, number]
      expect((a + b) ** 2 / (2 * (a * a + b * b)), `seed ${seed}`).toBeGreaterThan(0.95)
      expect((a + b) / 30_000).toBeGreaterThan(0.9 * 5 * GOODPUT)
    }
  })
})

describe('loss that is none of its doing', () => {
  test('bursts and jitter lower neither rate nor window', () => {
    const link = { rate: RATE, delay: 25, jitter: 10, queue: 300_000 }
    const burst = { enter: 0.02 / 4 / 0.98, leave: 1 / 4 }
    for (const seed of [1, 2, 3, 4, 5]) {
      const run = new FlowRun({ forth: { ...link, burst }, back: link }, seed)
      run.start('bbr')
      run.run(5000)
      const [bytes] = run.run(15_000) as [number]
      expect(bytes / 15_000, `seed ${seed}`).toBeGreaterThan(0.92 * GOODPUT)
    }
  })

  test('after an outage the rate is back with the first ACKs: no ProbeRTT, no bound', () => {
    const { run, flow } = flowOn({ forth: { ...DEEP.forth, outages: [[3000, 9500]] } })
    run.run(9500)
    const before = flow.received
    run.network.advanceUntil(() => flow.received > before, 15_000)
    const back = run.network.now
    const [bytes] = run.run(1000) as [number]
    expect(bytes / 1000).toBeGreaterThan(0.9 * GOODPUT)
    expect(phasesOf(flow, back - 100)).not.toContain('probe-rtt')
  })
})

describe('an application that has little to say', () => {
  test('does not lower the estimate', () => {
    const { run, flow, points } = flowOn(DEEP)
    flow.left = 4_000_000
    run.run(2500)
    expect(flow.left).toBe(0)
    for (let i = 0; i < 200; i++) {
      flow.left += 2000
      flow.write()
      run.run(50)
    }
    expect(points.at(-1)?.pacingRate).toBeGreaterThan(0.85 * GOODPUT)
  })

  test('restarts from idle at the rate of the path', () => {
    const { run, flow } = flowOn(DEEP)
    flow.left = 4_000_000
    run.run(6000)
    flow.left = 1_000_000
    const before = flow.received
    flow.write()
    run.run(40 + 1_000_000 / GOODPUT / 0.85)
    expect(flow.received - before).toBe(1_000_000)
    expect(flow.status.segmentsRetransmitted).toBe(0)
  })
})

describe('the controller alone', () => {
  const MSS = 1000
  interface Driven {
    ack(said?: Partial<AckSample>): void
    readonly controller: ReturnType<typeof BBR.create>
  }

  /** In steady state at 1 MB/s and 100 ms. */
  function steady(): Driven {
    const controller = BBR.create(MSS, () => 0.5)
    let [now, delivered] = [0, 0]
    const ack = (said: Partial<AckSample> = {}): void => {
      now += 10
      const priorDelivered = Math.max(0, delivered - 100_000)
      delivered += 10_000
      controller.onAck(
        ackSample({
          ackedBytes: 10_000,
          deliveryRate: 1000,
          delivered,
          priorDelivered,
          deliveredInSample: 100_000,
          inFlight: 90_000,
          txInFlight: 100_000,
          ...said,
        }),
        now,
      )
    }
    for (let i = 0; i < 300 && (i < 100 || controller.phase !== 'cruise'); i++) ack()
    expect(controller.phase).toBe('cruise')
    return { ack, controller }
  }

  test('application-limited samples count only when they are higher', () => {
    const { ack, controller } = steady()
    const rate = controller.pacingRate
    for (let i = 0; i < 20; i++) ack({ deliveryRate: 100, rateAppLimited: true })
    expect(controller.pacingRate).toBe(rate)
    ack({ deliveryRate: 1500, rateAppLimited: true })
    expect(controller.pacingRate).toBeCloseTo(1.5 * rate)
  })

  test('after a time-out one segment; its undo brings the window back', () => {
    const { controller } = steady()
    const { window } = controller
    controller.onTimeout(90_000, 2000)
    expect(controller.window).toBe(MSS)
    controller.onRecoveryEnd(2010)
    controller.onUndo(2010)
    expect(controller.window).toBe(window)
  })

  test('heavy loss outside of probing lowers rate and window to 0.7 at most in a round trip, and an undo takes it back', () => {
    const { ack, controller } = steady()
    const rate = controller.pacingRate
    controller.onLoss(20_000, 70_000, 1000)
    // the first round still has what was delivered before
    for (let delivered = 1_000_000; delivered <= 1_120_000; delivered += 120_000) {
      controller.onPacketLost({ size: 20_000, txInFlight: 100_000, lostSince: 20_000, delivered, appLimited: false })
      for (let i = 0; i < 12; i++) ack({ deliveryRate: 300, deliveredInSample: 30_000, lostInSample: 20_000 })
    }
    expect(controller.pacingRate).toBeLessThan(rate)
    expect(controller.pacingRate).toBeGreaterThanOrEqual(0.69 * rate)
    controller.onRecoveryEnd(1200)
    controller.onUndo(1200)
    ack()
    expect(controller.pacingRate).toBeCloseTo(rate)
  })
})
