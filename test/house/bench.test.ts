// The benchmarks' own arithmetic: names, ratios, times; and that what they install is pinned.
import { describe, expect, test } from 'vitest'
import { Goals } from '../../bench/goals.js'
import { isPieceAt, pieceAt } from '../../bench/pattern.js'
import { EVERYBODY, peerNamed } from '../../bench/peers/by-name.js'
import { choiceOf } from '../../bench/peers/tcp-over-udp.js'
import { drawBars } from '../../bench/plots/bars.js'
import { selfTimes } from '../../bench/profile.js'
import { timeLeft } from '../../bench/progress.js'
import { jain, percentiles } from '../../bench/table.js'
import { microCases } from '../../bench/workloads/micro.js'
import { read } from '../support/source-tree.js'

test.each(microCases.map((one) => [one.name, one] as const))('micro: %s runs', (_name, { run }) => {
  for (let i = 0; i < 3; i++) run()
})

describe('peers', () => {
  test('names of ours choose options, joined by -', () => {
    expect(choiceOf('')).toEqual({})
    expect(choiceOf('1440-plain')).toEqual({ mss: 1440, offload: false })
    expect(choiceOf('1440-small-buffer')).toEqual({ mss: 1440, recvBufferSize: 212_992 })
    expect(choiceOf('bbr')).toEqual({ congestionControl: 'bbr' })
    expect(() => choiceOf('144')).toThrow(/1440.*plain/)
  })

  test('each name leads to a peer, and no other does', () => {
    for (const name of EVERYBODY) expect(peerNamed(name).connect).toBeTypeOf('function')
    expect(() => peerNamed('nobody')).toThrow('no peer is called nobody')
  })

  test('those from npm have versions, not ranges', () => {
    const { dependencies } = JSON.parse(read('bench/package.json')) as { dependencies: Record<string, string> }
    expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })
})

describe('figures', () => {
  test('percentiles, evenness and the time that is left', () => {
    expect(percentiles([4, 1, 3, 2], [0, 0.5, 0.99])).toEqual([1, 2, 4])
    expect(percentiles([], [0.5])).toEqual([Number.NaN])
    expect(jain([1, 1, 1, 1])).toBe(1)
    expect(jain([1, 0, 0, 0])).toBe(0.25)
    expect(timeLeft(1_000, 0, 10)).toBe('')
    expect(timeLeft(2_000, 1, 10)).toBe('about 18 s left')
    expect(timeLeft(60_000, 1, 10)).toBe('about 9 min left')
  })

  test('a byte that is lost or moved does not pass', () => {
    const bytes = Buffer.from(pieceAt(3_000_000, 60_000))
    expect(isPieceAt(3_000_000, bytes)).toBe(true)
    expect(isPieceAt(3_000_001, bytes)).toBe(false)
    expect(isPieceAt(3_000_000, bytes.subarray(1))).toBe(false)
  })

  test('self times leave waiting out', () => {
    const node = (id: number, functionName: string, url = ''): object => ({
      id,
      callFrame: { functionName, url, lineNumber: 6 },
    })
    const nodes = [node(1, '(idle)'), node(2, 'poll', 'file:///a/b/core/output.js'), node(3, '', 'file:///a/b/c.js')]
    const profile = { nodes, samples: [1, 2, 3, 2], timeDeltas: [5_000, 2_000, 1_000, 1_000] }
    expect(selfTimes(profile as Parameters<typeof selfTimes>[0])).toEqual([
      { name: 'poll core/output.js:7', ms: 3, share: 0.75 },
      { name: '(anonymous) b/c.js:7', ms: 1, share: 0.25 },
    ])
  })
})

describe('goals', () => {
  const bulk = (name: string, seed: number, ratePerCore: number): object => ({
    ...{ label: 'bulk', name, seed, ratePerCore },
    ...{ senderCpu: 1, receiverCpu: 1 },
  })
  const entries = [
    ...[bulk('node:net', 1, 100), bulk('tcp-over-udp', 1, 95)],
    ...[bulk('node:net', 2, 50), bulk('tcp-over-udp', 2, 46)],
    ...[bulk('node:net', 3, 100), { label: 'bulk', name: 'tcp-over-udp', seed: 3, failure: 'nothing arrived' }],
  ]

  test('ratios are of the same round, what failed is left out, and what was not measured has no row', () => {
    const text = new Goals(entries).text()
    expect(text).toContain('2 of 2 hold')
    expect(text).toMatch(/per core, × node:net +\| +>= 0\.9 \| +0\.935 \| +yes/)
    expect(text).not.toContain('udx-native')
  })

  test('are drawn, ours in a colour of its own', async () => {
    const svg = await drawBars(new Goals(entries).panels())
    expect(svg).toContain('Bulk, Mbit/s per core')
    expect(svg).not.toContain('Connections a second')
    expect(svg.match(/fill="#3b82f6"/g)).toHaveLength(1)
  })
})
