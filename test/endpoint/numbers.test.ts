// What cannot be guessed: initial sequence numbers (RFC 6528), timestamp offsets, ports (RFC 6056); and the rate of answers.
import { describe, expect, it } from 'vitest'
import { SequenceNumbers } from '../../lib/endpoint/isn.js'
import { choosePort } from '../../lib/endpoint/ports.js'
import { TokenBucket } from '../../lib/endpoint/token-bucket.js'
import { Network } from '../../lib/testing/network.js'

const platformOf = (seed: number) => {
  const network = new Network({ seed })
  return { network, platform: network.host('10.0.0.1').platform }
}

/** With the peer of that number. */
const chooseFor = (numbers: SequenceNumbers, peer = 0) =>
  numbers.choose({ address: '10.0.0.1', port: 9000 }, 80, `10.1.${peer >> 8}.${peer & 255}`, 4000, 50_000)

describe('initial sequence numbers', () => {
  it('RFC 6528 §3: of the same two ends they follow a clock of 4 us', () => {
    const { network, platform } = platformOf(1)
    const numbers = new SequenceNumbers(platform)
    const first = chooseFor(numbers)
    network.advance(1000)
    const second = chooseFor(numbers)
    expect((second.iss - first.iss) >>> 0).toBe(250_000)
    expect(second.timestampOffset).toBe(first.timestampOffset)
  })

  it('of other ends, or with another secret, they have nothing to do with it', () => {
    const { platform } = platformOf(1)
    const numbers = new SequenceNumbers(platform)
    const chosen = new Set<number>()
    for (let i = 0; i < 1000; i++) chosen.add(chooseFor(numbers, i).iss)
    expect(chosen.size).toBe(1000)
    expect(chooseFor(new SequenceNumbers(platform)).iss).not.toBe(chooseFor(numbers).iss)
    expect(chooseFor(new SequenceNumbers(platformOf(2).platform)).iss).not.toBe(chooseFor(numbers).iss)
  })

  it('are spread over all 32 bits', () => {
    const numbers = new SequenceNumbers(platformOf(1).platform)
    const quarters = [0, 0, 0, 0]
    for (let i = 0; i < 4000; i++) quarters[chooseFor(numbers, i).iss >>> 30]++
    for (const count of quarters) expect(count).toBeGreaterThan(800)
  })
})

describe('ports', () => {
  it('are random, from 1024 on, and free', () => {
    const { platform } = platformOf(1)
    const chosen = new Set<number>()
    for (let i = 0; i < 500; i++) {
      const port = choosePort(platform, (taken) => chosen.has(taken)) as number
      expect(port).toBeGreaterThanOrEqual(1024)
      expect(port).toBeLessThan(65536)
      expect(chosen.has(port)).toBe(false)
      chosen.add(port)
    }
    const sorted = [...chosen].sort((a, b) => a - b)
    expect(sorted).not.toEqual([...chosen])
  })

  it('the last free one is found, and that there is none', () => {
    const { platform } = platformOf(1)
    expect(choosePort(platform, (port) => port !== 4711)).toBe(4711)
    expect(choosePort(platform, () => true)).toBeUndefined()
  })
})

function taken(bucket: TokenBucket, now: number): number {
  let count = 0
  while (bucket.take(now)) count++
  return count
}

it('a token bucket gives its rate, and as much again at once', () => {
  const bucket = new TokenBucket(10, () => 0)
  const takenAt = (now: number): number => taken(bucket, now)
  expect(takenAt(0)).toBe(10)
  expect(takenAt(99)).toBe(0)
  expect(takenAt(500)).toBe(5)
  expect(takenAt(100_000)).toBe(10)
})

it('nobody can tell by counting what it gives whether somebody else has been given one', () => {
  const bucket = new TokenBucket(1000, new SequenceNumbers(platformOf(1).platform).draw)
  const counts = Array.from({ length: 50 }, (_, second) => taken(bucket, second * 2000))
  // never more than the rate, half of it at least, and seldom the same
  expect(Math.max(...counts)).toBeLessThanOrEqual(1000)
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(500)
  expect(new Set(counts).size).toBeGreaterThan(15)
})
