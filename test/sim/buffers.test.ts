// Buffers that follow the path: windows and send buffers are large where it takes that, and nowhere else.
import { describe, expect, test } from 'vitest'
import { FlowRun, type Path } from '../support/flow.js'

const MB = 2 ** 20
const path = (rate: number, delay: number, queue: number, loss = 0): Path => ({
  forth: { rate, delay, queue, loss },
  back: { rate, delay },
})

/** Bytes that have arrived after each 100 ms. */
function course(of: Path, control: string, ms: number, config: ConstructorParameters<typeof FlowRun>[2]): number[] {
  const run = new FlowRun(of, 1, config)
  const flow = run.start(control)
  return Array.from({ length: ms / 100 }, () => {
    run.run(100)
    return flow.received
  })
}

describe('the receive window', () => {
  test.each([
    ['reno', 'a round trip of 600 ms', path(10e6, 300, 1e6), 4_500],
    ['cubic', 'a round trip of 600 ms', path(10e6, 300, 1e6), 4_500],
    ['bbr', 'a round trip of 600 ms', path(10e6, 300, 1e6), 4_500],
    ['bbr', 'losses of 1 %', path(50e6, 15, 200_000, 0.01), 1_000],
    ['bbr', 'losses of 0.5 % and 600 ms', path(10e6, 300, 1e6, 0.005), 6_000],
    ['cubic', 'a queue of a second', path(10e6, 20, 1_250_000), 2_000],
  ])('is never what %s waits for: %s', (control, _, of, ms) => {
    const fixed = { maxReceiveBuffer: 32 * MB, initialReceiveBuffer: 32 * MB }
    expect(course(of, control, ms, { maxReceiveBuffer: 32 * MB })).toEqual(course(of, control, ms, fixed))
  })

  test('of a slow path stays small, of a fast one it grows to what that takes', () => {
    const limitOf = (of: Path): number => {
      const run = new FlowRun(of)
      const flow = run.start('bbr')
      run.run(1_500)
      return flow.status.sendWindow
    }
    // bandwidth-delay products of 12.5, 50 and 500 kB
    expect(limitOf(path(1e6, 50, 25_000))).toBeLessThan(300_000)
    expect(limitOf(path(10e6, 20, 100_000))).toBeLessThan(800_000)
    expect(limitOf(path(100e6, 20, 1e6))).toBeGreaterThan(1_000_000)
  })
})

describe('1 Gbit/s with a round trip of 600 ms', () => {
  test('is filled where maxReceiveBuffer and sendBuffer are raised', () => {
    const buffers = { maxReceiveBuffer: 128 * MB, sendBuffer: 192 * MB, mss: 60_000 }
    const run = new FlowRun(path(1e9, 300, 75e6), 1, buffers, { mtu: 65_535 })
    run.start('bbr')
    run.run(11_000)
    const [bytes = 0] = run.run(2_000)
    expect((bytes * 8) / 2).toBeGreaterThan(0.95e9)
  })
})

describe('what a writer that never stops leaves unsent', () => {
  test.each([
    ['1 Mbit/s', path(1e6, 20, 20_000), 140_000],
    ['10 Mbit/s', path(10e6, 20, 100_000), 260_000],
    ['50 Mbit/s, 0.4 ms', path(50e6, 0.2, 200_000), 530_000],
  ])('%s', (_, of, most) => {
    const run = new FlowRun(of)
    const flow = run.start('bbr')
    run.run(3_000)
    for (let i = 0; i < 20; i++) {
      run.run(10)
      const { notSent, unacknowledged, cwnd } = flow.status
      expect(notSent).toBeLessThan(most)
      expect(notSent).toBeGreaterThan(0)
      // memory: what may be in flight, and that
      expect(unacknowledged).toBeLessThan(2 * cwnd + most)
    }
  })
})
