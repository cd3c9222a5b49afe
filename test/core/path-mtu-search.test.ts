// The search for the size of segments, with a path that a line of code stands for (RFC 8899, RFC 4821).
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PathMtu } from '../../lib/core/probe/path-mtu.js'

const SAFE = 1_432
const JUMBO = 8_932
const RAISE = 600_000
const WIDE = 1e6

/** A search up to `ceiling` on a path that takes `path`; it asks whenever it may, and each probe is answered at once. */
class Search {
  readonly pathMtu = new PathMtu()
  limit = SAFE
  now = 1_000
  /** Sizes that were asked for. */
  readonly probes: number[] = []
  private next = 1

  constructor(ceiling: number) {
    this.pathMtu.begin(ceiling)
  }

  /** @returns the size of the probe that has left; 0: none. */
  ask(most = WIDE): number {
    const size = this.pathMtu.probeSize(this.limit, most, this.now)
    if (size === 0) return 0
    this.probes.push(size)
    this.pathMtu.onProbeSent(this.next, this.next + size, size)
    this.next += size
    return size
  }

  arrive(): void {
    this.limit = this.pathMtu.onProgress(this.next) || this.limit
  }

  /** To its end. */
  finish(path: number, most = WIDE): this {
    for (let size = this.ask(most); size > 0; size = this.ask(most)) {
      if (size <= path) this.arrive()
      else this.pathMtu.onProbeLost(this.now)
      if (this.probes.length > 1_000) throw new Error('it does not come to an end')
    }
    return this
  }
}

describe('the search', () => {
  test('RFC 8899 §5.3: comes within 32 bytes of what any path takes, and never beyond, with three probes of each size that fails', () => {
    fc.assert(
      fc.property(fc.integer({ min: SAFE, max: 65_495 }), fc.integer({ min: SAFE, max: 65_495 }), (path, ceiling) => {
        const search = new Search(ceiling).finish(path)
        const reachable = Math.min(path, ceiling)
        expect(search.limit).toBeLessThanOrEqual(reachable)
        if (reachable - SAFE > 32) expect(reachable - search.limit).toBeLessThanOrEqual(32)
        const failed = search.probes.filter((size) => size > path)
        expect(failed.length).toBe(3 * new Set(failed).size)
        expect(search.probes.length).toBeLessThan(3 * 20)
      }),
    )
  })

  test('most paths take what their ends take: one probe settles it', () => {
    expect(new Search(JUMBO).finish(JUMBO)).toMatchObject({ limit: JUMBO, probes: [JUMBO] })
  })

  test('packets that networks are made for are tried before halves', () => {
    expect(new Set(new Search(65_495).finish(JUMBO).probes)).toEqual(
      new Set([65_495, JUMBO, 37_213, 23_072, 16_002, 12_467, 10_699, 9_815, 9_373, 9_152, 9_042, 8_987, 8_959]),
    )
  })

  test('no probe is longer than the window has room for, and none is worth less than 32 bytes', () => {
    const search = new Search(JUMBO)
    expect(search.ask(SAFE + 31)).toBe(0)
    expect(search.ask(4_000)).toBe(4_000)
    search.arrive()
    expect([search.limit, search.ask(4_000), search.ask(4_100)]).toEqual([4_000, 0, 4_100])
  })

  test('one probe at a time, and none where the ceiling is reached', () => {
    const search = new Search(JUMBO)
    expect(search.pathMtu.mayProbe(SAFE, search.now)).toBe(true)
    search.ask()
    expect(search.pathMtu.isProbing).toBe(true)
    expect(search.pathMtu.mayProbe(SAFE, search.now)).toBe(false)
    search.arrive()
    expect(search.pathMtu.mayProbe(search.limit, search.now)).toBe(false)
  })
})

describe('what fails', () => {
  test('RFC 8899 §5.1.1: is not tried again for 600 s, nor is anything longer; then it is', () => {
    const search = new Search(JUMBO).finish(4_000)
    const { limit } = search
    expect(limit).toBeLessThanOrEqual(4_000)
    search.probes.length = 0
    for (; search.now < RAISE; search.now += 1_000) search.finish(JUMBO)
    expect(search).toMatchObject({ limit, probes: [] })
    search.now += 1_000
    expect(search.finish(JUMBO)).toMatchObject({ limit: JUMBO, probes: [JUMBO] })
  })

  test('§5.1.2: one or two lost probes may be anything: the same size again, though the window has grown meanwhile', () => {
    const search = new Search(JUMBO)
    search.ask(3_000)
    search.pathMtu.onProbeLost(search.now)
    search.ask(5_000)
    search.pathMtu.onProbeLost(search.now)
    search.ask(7_000)
    search.pathMtu.onProbeLost(search.now)
    expect(search.probes).toEqual([3_000, 3_000, 3_000])
    expect(search.ask()).toBeLessThan(3_000)
  })

  test('a lost probe that arrives when it is tried again has not failed', () => {
    const search = new Search(JUMBO)
    search.ask()
    search.pathMtu.onProbeLost(search.now)
    search.ask()
    search.arrive()
    expect(search).toMatchObject({ limit: JUMBO, probes: [JUMBO, JUMBO] })
  })

  test('EMSGSIZE: once is enough', () => {
    const search = new Search(JUMBO)
    search.ask()
    search.pathMtu.onProbeTooLong(search.now)
    const next = search.ask()
    expect(next).toBeGreaterThan(SAFE)
    expect(next).toBeLessThan(JUMBO)
    search.arrive()
    search.finish(WIDE)
    expect(search.probes.filter((size) => size === JUMBO)).toEqual([JUMBO])
  })
})

describe('a probe that proves nothing', () => {
  test('some of it has left again, in smaller segments', () => {
    const search = new Search(JUMBO)
    search.ask()
    search.pathMtu.onRetransmit(1 + SAFE)
    search.arrive()
    expect(search.limit).toBe(SAFE)
  })

  test('what left again before it or behind it does not count', () => {
    const { pathMtu } = new Search(JUMBO)
    pathMtu.onProbeSent(10_001, 10_001 + JUMBO, JUMBO)
    pathMtu.onRetransmit(5_001)
    pathMtu.onRetransmit(10_001 + JUMBO)
    expect(pathMtu.onProgress(10_001 + JUMBO - 1)).toBe(0)
    expect(pathMtu.onProgress(10_001 + JUMBO)).toBe(JUMBO)
  })
})

describe('a path that begins to swallow long segments', () => {
  const expire = (search: Search, times: number): void => {
    for (let i = 0; i < times; i++)
      search.limit = search.pathMtu.onTimeout(search.limit, search.limit, SAFE, search.now)
  }

  test('RFC 8899 §4.3: three time-outs in a row, and it begins again from the base; three more, and from 536', () => {
    const search = new Search(JUMBO).finish(JUMBO)
    expire(search, 2)
    expect(search.limit).toBe(JUMBO)
    expire(search, 1)
    expect(search.limit).toBe(1_132)
    expire(search, 3)
    expect(search.limit).toBe(536)
    expire(search, 9)
    expect(search.limit).toBe(536)
  })

  test.each([
    ['progress between them begins the count anew', JUMBO, 2, JUMBO],
    ['progress by what is short does not: it says nothing of long segments', SAFE, 1, 1_132],
  ])('%s', (_name, arrived, more, limit) => {
    const search = new Search(JUMBO).finish(JUMBO)
    expire(search, 2)
    search.pathMtu.onDelivered(arrived, SAFE)
    search.arrive()
    expire(search, more)
    expect(search.limit).toBe(limit)
  })

  test('the first look after it is in 5 s, each further one in twice the time, 600 s at most', () => {
    const search = new Search(JUMBO).finish(JUMBO)
    const pauses: number[] = []
    for (let i = 0; i < 9; i++) {
      expire(search, 3)
      const at = search.now
      while (!search.pathMtu.mayProbe(search.limit, search.now)) search.now += 1_000
      pauses.push((search.now - at) / 1_000)
      // it went back to a size that is swallowed, too, without any having proved itself
      search.limit = JUMBO - 1
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600])
  })

  test('EMSGSIZE for what is no probe: at once, and once for all that was on its way', () => {
    const search = new Search(JUMBO).finish(JUMBO)
    for (let i = 0; i < 5; i++) search.limit = search.pathMtu.onTooLong(search.limit, search.now)
    expect(search.limit).toBe(1_132)
    search.arrive()
    search.limit = search.pathMtu.onTooLong(search.limit, search.now)
    expect(search.limit).toBe(536)
  })
})
