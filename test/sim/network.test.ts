// The simulated network itself: rates exact, statistics right, the same seed the same capture.
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../lib/testing/clock.js'
import type { Datagram } from '../../lib/testing/datagram.js'
import type { Host } from '../../lib/testing/host.js'
import { first, type LinkOptions } from '../../lib/testing/link.js'
import { Network, simulate } from '../../lib/testing/network.js'
import { Random } from '../../lib/testing/random.js'
import { ACK, Segment, SYN } from '../../lib/wire/segment.js'
import { Inbox } from '../support/inbox.js'
import { datagramOf } from '../support/segments.js'

/** 10.0.0.1 sends, 10.0.0.2 receives at port 9. */
class Line {
  readonly network: Network
  readonly inbox = new Inbox()
  readonly a: Host
  readonly b: Host
  private readonly socket

  constructor(link: Partial<LinkOptions>, seed = 1) {
    this.network = new Network({ seed, link })
    this.a = this.network.host('10.0.0.1')
    this.b = this.network.host('10.0.0.2')
    this.b.platform.bind({ address: '10.0.0.2', port: 9 }, this.inbox.on(this.network))
    this.socket = this.a.platform.bind({ address: '0.0.0.0', port: 7 }, new Inbox().on(this.network))
  }

  send(...payloads: Uint8Array[]): void {
    for (const payload of payloads) this.socket.send([payload], '10.0.0.2', 9)
  }

  /** Numbered datagrams of `length` bytes, all at once. */
  sendNumbered(count: number, length = 4): void {
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(length)
      new DataView(bytes.buffer).setUint32(0, i)
      this.send(bytes)
    }
  }

  get numbers(): number[] {
    return this.inbox.all.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0))
  }

  get times(): number[] {
    return this.inbox.all.map(({ at }) => at)
  }

  fates(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { fate } of this.network.capture) counts[fate] = (counts[fate] ?? 0) + 1
    return counts
  }
}

describe('the clock', () => {
  it('runs events in order of time, of equal ones the first set first, and deferred ones last in their instant', () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    clock.at(5, () => {
      clock.defer(() => seen.push('deferred'))
      clock.at(5, () => seen.push('joined'))
      seen.push('first')
    })
    clock.at(5, () => seen.push('second'))
    clock.at(2, () => seen.push('early'))
    clock.at(9, () => seen.push('late'))
    clock.runTo(7)
    expect(seen).toEqual(['early', 'first', 'second', 'joined', 'deferred'])
    expect(clock.now()).toBe(7)
    expect(clock.nextAt).toBe(9)
  })

  it('stays in order with thousands of events set and cancelled', () => {
    const clock = new VirtualClock()
    const random = new Random(4)
    const seen: number[] = []
    let live = 0
    for (let i = 0; i < 20_000; i++) {
      const event = clock.at(random.below(1_000), () => seen.push(clock.now()))
      if (random.chance(0.7)) event.cancel()
      else live++
    }
    clock.runTo(1_000)
    expect(seen.length).toBe(live)
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
    expect(clock.nextAt).toBe(Infinity)
  })

  it('says so when time stands still', () => {
    const clock = new VirtualClock()
    const again = (): void => void clock.at(0, again)
    again()
    expect(() => clock.advance(1)).toThrow('time stands still at 0 ms')
  })
})

describe('random numbers', () => {
  it('are the same for the same seed, and others for another', () => {
    const draw = (seed: number): number[] => Array.from({ length: 8 }, new Random(seed).u32, new Random(seed))
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it('are even', () => {
    const random = new Random(1)
    const buckets = new Array<number>(16).fill(0)
    for (let i = 0; i < 160_000; i++) buckets[random.below(16)]++
    const chiSquared = buckets.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
    expect(chiSquared).toBeLessThan(37.7) // 15 degrees of freedom, p = 0.001
  })

  it('fill bytes of any length', () => {
    const bytes = new Random(3).fill(new Uint8Array(4_099))
    expect(new Set(bytes).size).toBe(256)
  })
})

describe('a link', () => {
  it('delays by exactly its delay', () => {
    const line = new Line({ delay: 25 })
    line.network.advance(10)
    line.sendNumbered(2)
    line.network.advance(100)
    expect(line.times).toEqual([35, 35])
  })

  it('sends at exactly its rate, headers of IP and UDP counted', () => {
    const line = new Line({ delay: 3, rate: 8e6 }) // 1000 bytes a ms
    line.sendNumbered(5, 972)
    line.network.advance(100)
    expect(line.times).toEqual([4, 5, 6, 7, 8])
  })

  it('drops what its queue has no room for, and takes more as it drains', () => {
    const line = new Line({ delay: 0, rate: 8e6, queue: 3_000 })
    line.sendNumbered(5, 972)
    expect(line.network.link(line.a, line.b).queued).toBe(3_000)
    line.network.advance(1)
    line.sendNumbered(2, 972)
    line.network.advance(100)
    expect(line.fates()).toEqual({ delivered: 4, 'queue full': 3 })
    expect(line.times).toEqual([1, 2, 3, 4])
  })

  it('goes on with another rate for what waits already', () => {
    const line = new Line({ delay: 0, rate: 8e6 })
    line.sendNumbered(4, 972)
    line.network.link(line.a, line.b).set({ rate: 16e6 })
    line.sendNumbered(1, 972)
    line.network.advance(100)
    expect(line.times.at(-1)).toBe(4)
  })

  it('is shared by those that are routed through it', () => {
    const network = new Network({ link: { delay: 0 } })
    const [a, b, c] = [network.host('10.0.0.1'), network.host('10.0.0.2'), network.host('10.0.0.3')]
    const inbox = new Inbox()
    c.platform.bind({ address: '0.0.0.0', port: 9 }, inbox.on(network))
    network.route(b, c, network.link(a, c).set({ rate: 8e6 }))
    for (const host of [a, b]) {
      const socket = host.platform.bind({ address: '0.0.0.0', port: 0 }, new Inbox().on(network))
      socket.send([new Uint8Array(972)], '10.0.0.3', 9)
    }
    network.advance(10)
    expect(inbox.all.map(({ at, from }) => [at, from])).toEqual([
      [1, '10.0.0.1'],
      [2, '10.0.0.2'],
    ])
  })

  it('loses the share that it should', () => {
    const line = new Line({ loss: 0.3 }, 11)
    line.sendNumbered(10_000)
    line.network.advance(10)
    expect(line.inbox.all.length).toBeGreaterThan(6_850) // 3.3 standard deviations
    expect(line.inbox.all.length).toBeLessThan(7_150)
    expect(line.fates()).toEqual({ delivered: line.inbox.all.length, lost: 10_000 - line.inbox.all.length })
  })

  it('loses in bursts: as many and as long as Gilbert and Elliott say', () => {
    const line = new Line({ burst: { enter: 0.01, leave: 0.2 } }, 12)
    line.sendNumbered(100_000)
    line.network.advance(10)
    const lost = line.network.capture.map(({ fate }) => fate === 'lost')
    const bursts = lost.filter((now, i) => now && !lost[i - 1]).length
    const share = lost.filter(Boolean).length / lost.length
    expect(share).toBeGreaterThan(0.042) // 0.01 / 0.21 = 0.048
    expect(share).toBeLessThan(0.054)
    expect((share * lost.length) / bursts).toBeGreaterThan(4.5) // 1 / 0.2 = 5
    expect((share * lost.length) / bursts).toBeLessThan(5.5)
  })

  it('keeps the order under jitter, and stays within it', () => {
    const line = new Line({ delay: 10, jitter: 5 })
    for (let i = 0; i < 200; i++) {
      line.network.clock.at(i, () => line.sendNumbered(1))
    }
    line.network.advance(1_000)
    const took = line.times.map((at, i) => at - i)
    expect(Math.min(...took)).toBeGreaterThanOrEqual(10)
    expect(Math.max(...took)).toBeLessThanOrEqual(15)
    expect(Math.max(...took) - Math.min(...took)).toBeGreaterThan(3)
    expect(line.times).toEqual([...line.times].sort((x, y) => x - y))
  })

  it('lets later ones overtake those that it holds back', () => {
    const line = new Line({ delay: 10, reorder: 0.1, reorderDelay: 4 })
    line.sendNumbered(1_000)
    line.network.advance(100)
    const { numbers } = line
    const overtaken = numbers.filter((number, i) => numbers.slice(i + 1).some((later) => later < number)).length
    expect(overtaken).toBeGreaterThan(0)
    expect(line.times.filter((at) => at === 14).length).toBeGreaterThan(70)
    expect([...numbers].sort((x, y) => x - y)).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
  })

  it('duplicates the share that it should, and the capture shows the copies', () => {
    const line = new Line({ duplicate: 0.25 })
    line.sendNumbered(1_000)
    line.network.advance(10)
    const copies = line.network.capture.filter(({ duplicate }) => duplicate).length
    expect(copies).toBeGreaterThan(200)
    expect(copies).toBeLessThan(300)
    expect(line.inbox.all.length).toBe(1_000 + copies)
  })

  it('loses damaged ones, as the checksum of UDP makes it; or delivers them, where that is asked for', () => {
    const lost = new Line({ corrupt: 1 })
    lost.sendNumbered(3)
    lost.network.advance(10)
    expect(lost.fates()).toEqual({ corrupt: 3 })

    const undetected = new Line({ corrupt: 1, undetected: true })
    undetected.send(new Uint8Array(100), new Uint8Array(0))
    undetected.network.advance(10)
    const [damaged, empty] = undetected.inbox.all
    expect(damaged.bytes.length).toBe(100)
    const turned = damaged.bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
    expect([1, 2, 3]).toContain(turned)
    expect(empty.bytes.length).toBe(0)
    expect(undetected.network.capture[0].bytes.every((byte) => byte === 0)).toBe(true)
  })

  it('swallows what is longer than its MTU, headers counted', () => {
    const line = new Line({ mtu: 1_200 })
    line.sendNumbered(1, 1_172)
    line.sendNumbered(1, 1_173)
    line.network.advance(10)
    expect(line.inbox.all.map(({ bytes }) => bytes.length)).toEqual([1_172])
    expect(line.fates()).toEqual({ delivered: 1, 'too long': 1 })
  })

  it('lets nothing through in an outage', () => {
    const line = new Line({ outages: [[10, 20]] })
    for (const at of [9, 10, 19, 20]) line.network.clock.at(at, () => line.sendNumbered(1))
    line.network.advance(30)
    expect(line.times).toEqual([10, 21])
    expect(line.fates()).toEqual({ delivered: 2, outage: 2 })
  })

  it('loses exactly those that it is told to, by number', () => {
    const line = new Line({ lose: [1, 4] })
    line.sendNumbered(5)
    line.network.link(line.a, line.b).set({ lose: [2] })
    line.sendNumbered(3)
    line.network.advance(10)
    expect(line.numbers).toEqual([1, 2, 4, 0, 2])
  })

  it('loses exactly those that it is told to, by what they carry', () => {
    const isSynAck = (datagram: Datagram): boolean => datagram.segment?.flags === (SYN | ACK)
    const line = new Line({ lose: first(1, isSynAck) })
    const segment = new Segment()
    for (const flags of [SYN, SYN | ACK, ACK, SYN | ACK]) {
      segment.flags = flags
      line.send(datagramOf(segment))
    }
    line.network.advance(10)
    expect(line.network.capture.map(({ fate }) => fate)).toEqual(['delivered', 'lost', 'delivered', 'delivered'])
    expect(line.network.capture.map((datagram) => datagram.segment?.flags)).toEqual([SYN, SYN | ACK, ACK, SYN | ACK])
  })

  it('refuses options out of range', () => {
    expect(() => new Line({ loss: 5 }).sendNumbered(1)).toThrow(RangeError)
    expect(() => new Line({ delay: -1 }).sendNumbered(1)).toThrow(RangeError)
    expect(() => new Line({ rate: Number.NaN }).sendNumbered(1)).toThrow(RangeError)
  })
})

describe('the same seed', () => {
  const bad = { delay: 5, jitter: 9, loss: 0.1, reorder: 0.1, duplicate: 0.1, corrupt: 0.1, rate: 1e6, queue: 20_000 }
  const run = (seed: number): string => {
    const line = new Line({ ...bad, burst: { enter: 0.02, leave: 0.3 } }, seed)
    for (let i = 0; i < 50; i++) line.network.clock.at(line.network.random.next() * 400, () => line.sendNumbered(5, 99))
    line.network.advance(2_000)
    return line.network.dump()
  }

  it('gives the same capture, to the last digit; another gives another', () => {
    expect(run(5)).toBe(run(5))
    expect(run(5)).not.toBe(run(6))
  })

  it('stands in the message of a failure, with what passed last', async () => {
    const failing = simulate({ seed: 77 }, async (network) => {
      const socket = network.host('10.0.0.1').platform.bind({ address: '0.0.0.0', port: 5 }, new Inbox().on(network))
      socket.send([new Uint8Array(3)], '10.0.0.9', 6)
      await network.run(10)
      throw new Error('as it happens')
    })
    await expect(failing).rejects.toThrow(
      /as it happens\nseed 77, at 10 ms.*\n.*10\.0\.0\.1\.5 > 10\.0\.0\.9\.6: .*no host/,
    )
  })
})

describe('driving', () => {
  it('lets ticks, promises, immediates and streams run between the instants', async () => {
    const network = new Network()
    const steps: string[] = []
    network.clock.at(10, async () => {
      await null
      process.nextTick(() => setImmediate(() => steps.push(`work of the first at ${network.now}`)))
    })
    network.clock.at(20, () => steps.push(`second at ${network.now}`))
    await network.run(100)
    expect(steps).toEqual(['work of the first at 10', 'second at 20'])
    expect(network.now).toBe(100)
  })

  it('drives a Duplex whose transport lives in virtual time', async () => {
    const network = new Network({ link: { delay: 40 } })
    const a = streamOn(network, '10.0.0.1', '10.0.0.2')
    const b = streamOn(network, '10.0.0.2', '10.0.0.1')
    b.on('data', (chunk: Buffer) => b.write(chunk.toString().toUpperCase()))
    a.write('hello')
    let answer = ''
    a.on('data', (chunk: Buffer) => {
      answer = `${chunk} at ${network.now}`
    })
    await network.runUntil(() => answer !== '', 1_000)
    expect(answer).toBe('HELLO at 80')
  })

  it('waits for a promise, answers as it does, and fails when the limit passes or nothing is left', async () => {
    const network = new Network({ seed: 3 })
    const sleep = (ms: number): Promise<number> =>
      new Promise((done) => network.clock.at(network.now + ms, () => done(ms)))
    await expect(network.wait(sleep(500), 1_000)).resolves.toBe(500)
    expect(network.now).toBe(500)
    await expect(network.wait(Promise.reject(new Error('so it ends')), 10)).rejects.toThrow('so it ends')
    await expect(network.wait(sleep(500), 100)).rejects.toThrow(/not within 100 ms\nseed 3/)
    await network.run(1_000)
    await expect(network.runUntil(() => false, 100)).rejects.toThrow('nothing is left that could happen')
  })

  it('advances without a turn of the event loop where none is needed', () => {
    const network = new Network()
    let count = 0
    const tick = (): void => {
      count++
      network.clock.at(network.now + 1, tick)
    }
    tick()
    network.advanceUntil(() => count === 50_000, 60_000)
    expect(network.now).toBe(49_999)
    expect(() => network.advanceUntil(() => false, 10)).toThrow('not within 10 ms')
  })
})

function streamOn(network: Network, local: string, remote: string): Duplex {
  const stream = new Duplex({
    read() {},
    write(chunk, _, done) {
      socket.send([chunk], remote, 1)
      done()
    },
  })
  const inbox = new Inbox().on(network)
  const socket = network
    .host(local)
    .platform.bind(
      { address: local, port: 1 },
      { ...inbox, onDrain() {}, onError() {}, onDatagram: (bytes) => stream.push(bytes) },
    )
  return stream
}
