// Long lives in virtual time: numbers that go round, timers that do not drift, and nothing that stays behind. `npm run soak -- --virtual` is longer.
import { describe, expect, it } from 'vitest'
import { LongLife } from '../support/long-life.js'
import { memoryInUse } from '../support/memory.js'
import { Wrapping } from '../support/wrap.js'

const DAY = 86_400_000
const TOP = 0xffff_fff0

describe('numbers that go round', () => {
  it.each([
    ['without loss', 0],
    ['with loss', 0.03],
  ])('sequence numbers pass 2^32 in mid-transfer %s', (_name, loss) => {
    const wrapping = new Wrapping({ network: { link: { delay: 5, loss, reorder: loss } }, iss: TOP - 100_000 })
    wrapping.send(2_000_000)
    wrapping.network.advanceUntil(() => wrapping.received === 2_000_000, 600_000)
    wrapping.client.close()
    wrapping.network.advanceUntil(() => wrapping.ended, 60_000)
  })

  it('and the handshake and the FIN, whichever number lies on the edge', () => {
    for (let iss = TOP; iss <= 0xffff_ffff; iss++) {
      const wrapping = new Wrapping({ network: { link: { delay: 5 } }, iss })
      wrapping.send(13)
      wrapping.client.close()
      wrapping.network.advanceUntil(() => wrapping.ended, 60_000)
      expect(wrapping.received).toBe(13)
    }
  })

  it.each([0x7fff_ff00, 0xffff_ff00])('timestamps pass %i in mid-transfer', (timestamp) => {
    const link = { delay: 5, loss: 0.02, reorder: 0.02 }
    const wrapping = new Wrapping({ network: { link }, iss: 1, timestamp })
    wrapping.send(3_000_000)
    wrapping.network.advanceUntil(() => wrapping.received === 3_000_000, 600_000)
    expect(wrapping.network.now).toBeGreaterThan(300)
    expect(wrapping.served?.status().pawsDrops).toBe(0)
  })

  // at 24.9 days the difference changes its sign, at 49.8 it is what it was (RFC 7323 §5.5)
  it.each([1, 20, 23.9, 24.1, 24.8, 24.9, 25, 30, 37, 49.6, 49.8, 60, 100])('a connection idle for %f days', (days) => {
    const wrapping = new Wrapping({ network: { link: { delay: 5 } } })
    wrapping.send(100_000)
    wrapping.network.advance(days * DAY)
    wrapping.send(100_000)
    wrapping.network.advanceUntil(() => wrapping.received === 200_000, 10_000)
    expect(wrapping.client.status().timeouts).toBe(0)
  })

  it('a connection that speaks every six hours, for two rounds of the timestamps', () => {
    const wrapping = new Wrapping({ network: { link: { delay: 5 } } })
    for (let i = 1; i <= 400; i++) {
      wrapping.send(5_000)
      wrapping.network.advance(DAY / 4)
      expect(wrapping.received).toBe(5_000 * i)
    }
    expect(wrapping.client.status().segmentsRetransmitted).toBe(0)
  })
})

it('timers do not drift: a probe every two hours for 30 days, to the millisecond', () => {
  const config = { keepAlive: true, keepAliveInitialDelay: 7_200_000 }
  const wrapping = new Wrapping({ network: { link: { delay: 5 }, capture: true }, config })
  wrapping.network.clearCapture()
  wrapping.network.advance(30 * DAY)
  const probes = wrapping.network.capture.filter(({ from }) => from === '10.0.0.2').map(({ at }) => at)
  expect(probes.length).toBeGreaterThanOrEqual(359)
  // from one to the next: two hours after the answer, which takes a round trip, or after the other's own
  const steps = probes.slice(1).map((at, i) => at - (probes[i] as number))
  for (const step of steps) expect(step).toBeLessThanOrEqual(7_200_010 + 1)
  expect((probes.at(-1) as number) - (probes[0] as number)).toBeLessThan((probes.length - 1) * 7_200_011)
})

it('two days with 100 that stay, hundreds that come and go, half-open ones and dead ones: nothing is left', {
  timeout: 60_000,
}, async () => {
  const life = new LongLife({ connections: 100, churn: 240_000, loss: 0.01 })
  life.network.advance(DAY)
  const before = await memoryInUse()
  const first = life.listener.getStats()
  life.network.advance(DAY)
  const grown = (await memoryInUse()) - before
  expect(life.alive).toBe(100)
  expect({ failed: life.failed, wrong: life.wrong }).toEqual({ failed: 0, wrong: 0 })
  expect(life.gone).toBeGreaterThan(700)
  expect(life.listener.getStats().connections).toBeLessThan(first.connections + 20)
  expect(grown).toBeLessThan(512 * 1024)
  expect(life.end()).toBe(0)
})
