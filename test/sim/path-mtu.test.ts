// Segments as long as the path takes: found within the first megabyte, at no cost where there is nothing to find, and short enough for the window.
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { CLIENT, PORT, SERVER } from '../support/couple.js'
import { type Flow, FlowRun, type Path } from '../support/flow.js'
import { Acceptance, Recorder } from '../support/recorder.js'

const MB = 2 ** 20
const IPV4 = 28
/** TCP's header with timestamps. */
const TCP = 32
/** Text of a segment that fits Ethernet, where nothing is known of the path. */
const SAFE = 1_500 - IPV4 - TCP
/** The largest MSS that there is, so that it is the path that decides. */
const OPEN = { mss: 65_495 }

const path = (rate: number, delay: number, more: Partial<Path['forth']> = {}): Path => ({
  forth: { rate, delay, queue: (rate / 1_000) * delay, ...more },
  back: { rate, delay },
})

/** A flow between machines with interfaces of `mtu`, until a megabyte has arrived. */
function megabyte(of: Path, control: string, options: NetworkOptions): { run: FlowRun; flow: Flow } {
  const run = new FlowRun(of, 1, OPEN, options)
  const flow = run.start(control)
  run.network.advanceUntil(() => flow.received >= MB, 60_000)
  return { run, flow }
}

/** IP packets that enter the link of `run` and are longer than `mtu`, by length and with their times. */
function watchLong(run: FlowRun, mtu: number): { length: number; at: number }[] {
  const long: { length: number; at: number }[] = []
  run.link.set({
    lose: ({ packetLength }) => {
      if (packetLength > mtu) long.push({ length: packetLength, at: run.network.now })
      return packetLength > mtu
    },
  })
  return long
}

describe('a path that takes what its ends take', () => {
  // of 65535 bytes IPv6, UDP and TCP leave so much
  test.each([
    ['cubic', 9_000, 8_932 - 12],
    ['reno', 9_000, 8_932 - 12],
    ['bbr', 9_000, 8_932 - 12],
    ['cubic', 65_535, 65_467 - 12],
    ['bbr', 65_535, 65_467 - 12],
  ])('%s reaches %i within the first megabyte', (control, mtu, least) => {
    const { flow } = megabyte(path(1e9, 1), control, { mtu })
    expect(flow.status.sendMss).toBeGreaterThanOrEqual(least)
    expect(flow.status).toMatchObject({ timeouts: 0 })
  })

  test('also where nobody fragments, and it begins with what IPv6 promises', () => {
    const { flow, run } = megabyte(path(1e9, 1), 'cubic', { mtu: 9_000, fragments: false })
    expect(flow.status.sendMss).toBeGreaterThanOrEqual(8_932 - 12)
    run.run(100)
    expect(flow.status).toMatchObject({ timeouts: 0 })
  })
})

describe('a path that takes less than its ends', () => {
  test.each([
    ['cubic', 10e6, 0],
    ['cubic', 10e6, 0.01],
    ['reno', 30e6, 0.003],
    ['bbr', 10e6, 0.01],
  ])('%s, %i bit/s with losses of %d: it is found, and then not asked again', (control, rate, loss) => {
    const run = new FlowRun(path(rate, 10, { loss }), 1, OPEN, { mtu: 9_000 })
    const long = watchLong(run, 1_500)
    const flow = run.start(control)
    run.run(6_000)
    expect(flow.status.sendMss).toBeLessThanOrEqual(SAFE)
    const sizes = new Set(long.map(({ length }) => length))
    expect(long.length).toBeLessThanOrEqual(3 * sizes.size)
    expect(sizes.size).toBeLessThanOrEqual(10)
    const seen = long.length
    run.run(2_000)
    expect(long.length).toBe(seen)
  })

  test('it costs less than a twentieth of what a path with known ends carries', () => {
    const received = (mtu: number): number => {
      const run = new FlowRun(path(10e6, 10, { mtu: 1_500, loss: 0.005 }), 3, OPEN, { mtu })
      const flow = run.start('cubic')
      run.run(10_000)
      return flow.received
    }
    expect(received(9_000)).toBeGreaterThan(0.95 * received(1_500))
  })

  test('RFC 8899 §3: a lost probe is no sign of congestion: no recovery, no time-out, the window stays', () => {
    const run = new FlowRun(path(10e6, 10, { queue: 1e6 }), 1, OPEN, { mtu: 9_000 })
    const long = watchLong(run, 1_500)
    const flow = run.start('reno')
    run.network.advanceUntil(() => long.length > 3, 5_000)
    run.run(100)
    expect(flow.status).toMatchObject({ recoveries: 0, timeouts: 0, ssthresh: Number.POSITIVE_INFINITY })
  })

  test('after 600 s it is asked again, and a path that has become wider is found', () => {
    const run = new FlowRun(path(200e3, 10, { queue: 20_000 }), 1, OPEN, { mtu: 9_000 })
    const long = watchLong(run, 1_500)
    const flow = run.start('reno')
    run.network.advanceUntil(() => long.length > 0 && run.network.now - (long.at(-1)?.at ?? 0) > 60_000, 300_000)
    const failedAt = long.at(-1)?.at ?? 0
    run.link.set({ lose: [] })
    run.network.advanceUntil(() => flow.status.sendMss > 1_500, 700_000)
    expect(run.network.now - failedAt).toBeGreaterThan(590_000)
  })
})

describe('a path that begins to swallow long packets', () => {
  test('in mid-transfer from 9000 to 1500: it moves again within 20 s, and the window is not one of long segments', () => {
    const { run, flow } = megabyte(path(100e6, 5), 'cubic', { mtu: 9_000 })
    expect(flow.status.sendMss).toBeGreaterThan(8_000)
    run.link.set({ mtu: 1_500 })
    run.run(100)
    const before = flow.received
    run.network.advanceUntil(() => flow.received > before + 2 * MB, 20_000)
    expect(flow.status.sendMss).toBeLessThanOrEqual(SAFE)
    expect(flow.channel.state).toBe('ESTABLISHED')
  })
})

describe('a machine that does not let long packets out', () => {
  /** Its interfaces take `mtu`, but say that they take `said`; undefined: they do not say. */
  function misinformed(mtu: number, said: number | undefined) {
    const network = new Network({ mtu, fragments: false, link: { delay: 5 } })
    const { platform } = network.host(CLIENT)
    const stack = new Stack(Object.create(platform, { mtuOf: { value: () => said } }))
    const far = network.host(SERVER).platform
    const server = new Stack(Object.create(far, { mtuOf: { value: () => 9_000 } }))
    const acceptance = new Acceptance()
    server.listen({ address: SERVER, port: PORT }, () => createConfig(OPEN), acceptance)
    const one = new Recorder()
    one.channel = stack.connect({ address: SERVER, port: PORT }, createConfig(OPEN), one)
    let left = 2 * MB
    one.react = () => {
      while (left > 0) {
        const taken = one.channel.send(new Uint8Array(Math.min(left, 65_536)))
        left -= taken
        if (taken === 0) return
      }
    }
    network.advanceUntil(() => acceptance.accepted[0]?.bytes === 2 * MB, 20_000)
    return { network, status: one.channel.status() }
  }

  test('EMSGSIZE ends the search for that size at once: no time-out, no recovery, all arrives', () => {
    const { network, status } = misinformed(4_000, 9_000)
    expect(status.sendMss).toBeGreaterThan(4_000 - 48 - TCP - 32)
    expect(status.sendMss).toBeLessThanOrEqual(4_000 - IPV4 - TCP)
    expect(status).toMatchObject({ timeouts: 0, recoveries: 0 })
    expect(Math.max(...network.capture.map(({ packetLength }) => packetLength))).toBeLessThanOrEqual(4_000)
  })

  test('and of a segment that is no probe, too: a tunnel whose size nobody knows', () => {
    const { status } = misinformed(1_250, undefined)
    expect(status.sendMss).toBeGreaterThan(1_000)
    expect(status.sendMss).toBeLessThanOrEqual(1_250 - IPV4 - TCP)
    expect(status).toMatchObject({ timeouts: 0, recoveries: 0 })
  })
})

describe('segments and windows', () => {
  test.each(['cubic', 'bbr'])('%s: what is longer than Ethernet’s is a quarter of both windows at most', (control) => {
    const run = new FlowRun(path(200e6, 2, { loss: 0.001 }), 5, OPEN, { mtu: 65_535 })
    const flow = run.start(control)
    const wrong: string[] = []
    let long = 0
    run.link.set({
      lose: ({ segment }) => {
        const { cwnd, sendWindow } = flow.status
        const length = segment?.payload.length ?? 0
        if (length > SAFE) long++
        if (length > Math.max(SAFE, Math.min(cwnd, sendWindow) / 4))
          wrong.push(`${length} of ${cwnd} and ${sendWindow}`)
        return false
      },
    })
    run.run(3_000)
    expect(wrong).toEqual([])
    expect(long).toBeGreaterThan(10)
  })
})

describe('a path that takes less than it did, where nobody fragments', () => {
  const few = { maxReceiveBuffer: 30_000 }

  test.each([
    ['cubic', {}],
    ['reno', {}],
    ['bbr', {}],
    ['cubic', { timestamps: false }],
    ['bbr', { timestamps: false }],
    ['cubic', { sack: false }],
    ['cubic', few],
    ['bbr', few],
    ['bbr', { ...few, timestamps: false }],
  ])('%s %o: that what is repeated in short arrives does not hide it', (control, config) => {
    const run = new FlowRun(path(10e6, 20), 1, { mss: 65_495, ...config }, { mtu: 1_500, fragments: false })
    const flow = run.start(control)
    run.network.advanceUntil(() => flow.received >= MB / 4, 60_000)
    expect(flow.status.sendMss).toBeGreaterThan(1_400)
    run.link.set({ mtu: 1_300 })
    const { timeouts } = flow.status
    run.network.advanceUntil(() => flow.received >= 2 * MB, 60_000)
    expect(flow.status.sendMss).toBeLessThan(1_300)
    expect(flow.status.timeouts - timeouts).toBeLessThanOrEqual(8)
  })

  test.each([true, false])('the first repetition fits IPv6’s smallest path, timestamps: %s', (timestamps) => {
    const run = new FlowRun(path(10e6, 20), 1, { mss: 65_495, timestamps }, { mtu: 1_500, fragments: false })
    const flow = run.start('cubic')
    run.network.advanceUntil(() => flow.received >= MB / 4, 60_000)
    run.link.set({ mtu: 1_280 })
    // what was on its way has arrived
    run.run(400)
    const { received } = flow
    const { timeouts } = flow.status
    run.network.advanceUntil(() => flow.received > received, 60_000)
    expect(flow.status.timeouts - timeouts).toBeLessThanOrEqual(1)
  })
})
