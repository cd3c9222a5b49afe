// What `npm run plot` draws: the log of a simulated run, gathered, thinned out, and made into one picture.
import { describe, expect, test } from 'vitest'
import { draw } from '../../bench/plots/chart.js'
import { growth, pieces, Series, Track } from '../../bench/plots/series.js'
import { simulate } from '../../bench/plots/simulation.js'
import { findCongestionControl } from '../../lib/core/congestion/algorithms.js'

function run(name: string, bytes = Number.POSITIVE_INFINITY): { series: Series; log: string; received: number } {
  const congestion = findCongestionControl(name)
  if (congestion === undefined) throw new Error(name)
  const link = { rate: 20_000_000, delay: 20, queue: 100_000, loss: 0.01 }
  const records: string[] = []
  const write = (record: string): void => void records.push(record)
  const title = `${name} & <company>`
  const { received } = simulate({ congestion, seed: 3, seconds: 3, bytes, there: link, back: link, title, write })
  const series = new Series()
  for (const record of records) series.take(record)
  return { series, log: records.join(''), received }
}

const chart = { title: 'a & <b>', notes: ['one', 'two'], from: 0, to: 3, path: { rate: 20, bdp: 100_000 } }

describe('a run', () => {
  test('has all that is drawn', () => {
    const { series, received } = run('cubic', 1_000_000)
    expect(received).toBe(1_000_000)
    expect(series.title).toBe('cubic & <company>')
    expect(series.tracks.acknowledged.last).toBe(1_000_002) // SYN and FIN beside the text
    expect(series.delivered.last).toBe(1_000_002)
    expect(series.tracks.bytes_in_flight.last).toBe(0)
    expect(series.lost.length).toBeGreaterThan(5)
    expect(series.repeated.length).toBeGreaterThanOrEqual(series.lost.length)
    expect(series.phases[0]).toMatchObject({ name: 'slow start', from: 0 })
    expect(series.repairs.some(({ name }) => name === 'recovery')).toBe(true)
    const { times } = series.tracks.congestion_window
    expect([...times].sort((a, b) => a - b)).toEqual(times)
  })

  test('is the same with the same seed', () => {
    expect(run('bbr').log).toBe(run('bbr').log)
  })
})

describe('a picture', () => {
  test.each(['reno', 'cubic', 'bbr'])('of %s is a small SVG with four plots', async (name) => {
    const svg = await draw(run(name).series, chart)
    expect(svg).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/)
    for (const text of [
      'a &amp; &lt;b&gt;',
      'sequence (MB)',
      'window (KB)',
      'round trip (ms)',
      'rate (Mbit/s)',
      'time (s)',
    ])
      expect(svg).toContain(`>${text}<`)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    expect(svg.length).toBeLessThan(120_000)
  })

  test('is the same for the same run', async () => {
    expect(await draw(run('reno').series, chart)).toBe(await draw(run('reno').series, chart))
  })

  test('of nothing is one too', async () => {
    expect(await draw(new Series(), { ...chart, path: {} })).toContain('sequence (MB)')
  })
})

describe('a track', () => {
  const track = new Track()
  for (const [time, value] of [
    [0, 5],
    [1.1, 9],
    [1.2, 1],
    [1.3, 4],
    [3.5, Number.NaN],
    [3.6, 8],
  ] as const) {
    track.add(time, value)
  }

  test('keeps its peaks when it is cut into pieces, and its value where nothing happens', () => {
    expect(pieces(track, 0, 3, 3)).toEqual([
      { time: 0.5, low: 5, high: 5, last: 5 },
      { time: 1.5, low: 1, high: 9, last: 4 },
      { time: 2.5, low: 4, high: 4, last: 4 },
    ])
  })

  test('begins anywhere', () => {
    expect(pieces(track, 2, 3, 1)).toEqual([{ time: 2.5, low: 4, high: 4, last: 4 }])
  })

  test('has a gap where nothing is known', () => {
    expect(pieces(track, 3.5, 3.55, 1)).toEqual([])
  })

  test('of a count grows at a rate', () => {
    const count = new Track()
    for (let i = 0; i <= 4; i++) count.add(i, i * 1_000_000)
    expect(growth(count, 0, 4, 4).map(({ rate }) => rate)).toEqual([8, 8, 8])
  })
})
