// What goes wrong around a connection: paths, clocks, a process that does not run, a machine that refuses to send. In virtual time.
import { describe, expect, it } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import { CLOSED, WRITABLE } from '../../lib/core/events.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { Network } from '../../lib/testing/network.js'
import { FaultyPlatform } from '../support/faulty-platform.js'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'
const MINUTE = 60_000
const PATH: Partial<LinkOptions> = { delay: 20, rate: 4e6, queue: 60_000 }
const CHUNK = new Uint8Array(16_384)

/** A server that reads and a client that writes, with what can go wrong at the client. */
class Scene {
  readonly network = new Network({ link: PATH, capture: false })
  readonly server = this.network.host(SERVER)
  readonly client = this.network.host(CLIENT)
  readonly faulty = new FaultyPlatform(this.client.platform)
  readonly channel: Channel
  served!: Channel
  received = 0
  /** When each side was over, ms; 0: it is not. */
  clientOver = 0
  serverOver = 0
  pouring = false

  constructor(config: Partial<Config> = {}) {
    const both = createConfig(config)
    const clientStack = new Stack(this.faulty.platform)
    this.server.stack.listen({ address: SERVER, port: 80 }, () => both, {
      onConnection: (channel) => {
        this.served = channel
        channel.owner = {
          onEvents: (events) => {
            for (let bytes = channel.receive(); bytes !== null; bytes = channel.receive()) this.received += bytes.length
            if (events & CLOSED) this.serverOver = this.network.now
          },
        }
      },
    })
    this.channel = clientStack.connect({ address: SERVER, port: 80 }, both, {
      onEvents: (events) => {
        if (events & WRITABLE) this.pour()
        if (events & CLOSED) this.clientOver = this.network.now
      },
    })
  }

  /** Connected, and in full flow. */
  static flowing(config: Partial<Config> = {}): Scene {
    const scene = new Scene(config)
    scene.network.advanceUntil(() => scene.served !== undefined, 10_000)
    scene.pouring = true
    scene.pour()
    scene.network.advance(2_000)
    expect(scene.received).toBeGreaterThan(300_000)
    return scene
  }

  pour(): void {
    while (this.pouring && this.channel.send(CHUNK) === CHUNK.length);
  }

  /** ms until so much more has arrived. */
  timeToMove(bytes: number, limit: number): number {
    const { now } = this.network
    const target = this.received + bytes
    this.network.advanceUntil(() => this.received >= target, limit)
    return this.network.now - now
  }

  path(there: Partial<LinkOptions>, back: Partial<LinkOptions> = there): void {
    this.network.path(this.client, this.server, there, back)
  }

  expectAlive(): void {
    expect([this.channel.state, this.served.state]).toEqual(['ESTABLISHED', 'ESTABLISHED'])
  }
}

describe('the path', () => {
  it.each([
    [1_400, 5_000],
    [1_200, 5_000],
    // two sizes have to be given up, after three time-outs each
    [1_000, 25_000],
    [600, 25_000],
  ])('swallows what is longer than %i bytes from some moment on', (mtu, limit) => {
    const scene = Scene.flowing()
    scene.path({ mtu })
    // what is on its way arrives all the same
    expect(scene.timeToMove(300_000, MINUTE)).toBeLessThan(limit)
    expect(scene.timeToMove(300_000, MINUTE)).toBeLessThan(2_000)
    scene.expectAlive()
  })

  it.each([1, 10, 60, 120])('is dead for %i s and comes back', (seconds) => {
    const scene = Scene.flowing()
    const { now } = scene.network
    scene.path({ outages: [[now, now + 1_000 * seconds]] })
    scene.network.advance(1_000 * seconds)
    // the next repetition comes no later than as long again, or a minute
    expect(scene.timeToMove(200_000, 3 * MINUTE)).toBeLessThan(Math.min(2_000 * seconds, MINUTE) + 3_000)
    scene.expectAlive()
  })

  it.each([
    ['there', true],
    ['back', false],
  ])('is dead in one direction for half a minute: %s', (_name, there) => {
    const scene = Scene.flowing()
    const { now } = scene.network
    const outages = [[now, now + 30_000]] as const
    scene.path(there ? { outages } : {}, there ? {} : { outages })
    scene.network.advance(30_000)
    expect(scene.timeToMove(200_000, 3 * MINUTE)).toBeLessThan(40_000)
    scene.expectAlive()
  })

  it.each([
    ['there', { loss: 0.2 }, {}],
    ['back', {}, { loss: 0.5 }],
    ['in bursts there, and most ACKs', { burst: { enter: 0.02, leave: 0.2 } }, { loss: 0.7 }],
  ] as const)('loses much in one direction: %s', (_name, there, back) => {
    const scene = Scene.flowing()
    scene.path(there, back)
    scene.timeToMove(200_000, 5 * MINUTE)
    scene.expectAlive()
  })
})

describe('the clock', () => {
  it.each([1, 30, 200, 3_600, 100_000])('jumps %i s forward in mid-transfer', (seconds) => {
    const scene = Scene.flowing({ keepAlive: true })
    scene.faulty.jump(1_000 * seconds)
    expect(scene.timeToMove(400_000, MINUTE)).toBeLessThan(10_000)
    scene.expectAlive()
  })

  it('jumps a day forward on an idle connection with keep-alive: one probe, and it lives', () => {
    const scene = Scene.flowing({ keepAlive: true, keepAliveInitialDelay: MINUTE })
    scene.pouring = false
    scene.network.advance(10_000)
    scene.faulty.jump(86_400_000)
    scene.network.advance(10_000)
    expect(scene.channel.status().keepAliveProbes).toBe(1)
    scene.expectAlive()
  })

  it.each([5, 300])('stands still for %i s', (seconds) => {
    const scene = Scene.flowing()
    scene.faulty.stall()
    scene.network.advance(1_000 * seconds)
    scene.faulty.go()
    expect(scene.timeToMove(400_000, MINUTE)).toBeLessThan(30_000)
    scene.expectAlive()
  })
})

describe('the process', () => {
  it.each([
    ['the sender', 'client'],
    ['the receiver', 'server'],
  ] as const)('does not run for 5 s in mid-transfer: %s', (_name, who) => {
    const scene = Scene.flowing()
    scene[who].suspend()
    scene.network.advance(5_000)
    scene[who].resume()
    expect(scene.timeToMove(200_000, MINUTE)).toBeLessThan(7_000)
    scene.expectAlive()
  })

  it('does not run for 5 s on an idle connection: nothing is repeated, and nothing is thought lost', () => {
    const scene = Scene.flowing()
    scene.pouring = false
    scene.network.advance(10_000)
    const { segmentsRetransmitted, timeouts } = scene.channel.status()
    scene.client.suspend()
    scene.network.advance(5_000)
    scene.client.resume()
    scene.channel.send(CHUNK)
    scene.timeToMove(CHUNK.length, 5_000)
    expect(scene.channel.status()).toMatchObject({ segmentsRetransmitted, timeouts })
  })

  it('a machine sleeps for a night, and its clock with it: who keeps the connection alive hears of it again', () => {
    const scene = Scene.flowing()
    scene.pouring = false
    scene.network.advance(10_000)
    scene.client.suspend()
    scene.faulty.stall()
    scene.network.advance(8 * 3_600_000)
    scene.faulty.go()
    scene.client.resume()
    scene.channel.send(CHUNK)
    scene.timeToMove(CHUNK.length, 10_000)
    scene.expectAlive()
  })

  it('a machine sleeps while the other wants something: both hear that it is over', () => {
    const scene = Scene.flowing({ maxRetries: 8 })
    scene.client.suspend()
    scene.served.send(CHUNK)
    scene.network.advance(8 * 3_600_000)
    expect(scene.served.reason).toBe('timed-out')
    scene.client.resume()
    scene.network.advance(MINUTE)
    expect(scene.channel.reason).toBe('reset')
    expect(scene.clientOver).toBeGreaterThan(0)
  })
})

describe('the machine refuses to send', () => {
  const CODES = [
    'ENOBUFS',
    'EAGAIN',
    'EPERM',
    'ENETUNREACH',
    'EHOSTUNREACH',
    'ENETDOWN',
    'EINVAL',
    'ECONNREFUSED',
    'EBADF',
  ]

  it.each(CODES)('a third of all segments: %s', (code) => {
    const scene = Scene.flowing()
    let count = 0
    scene.faulty.refuse = () => (count++ % 3 === 0 ? code : null)
    scene.timeToMove(200_000, 10 * MINUTE)
    expect(scene.faulty.refused).toBeGreaterThan(20)
    scene.expectAlive()
  })

  it.each(CODES)('everything for half a minute: %s', (code) => {
    const scene = Scene.flowing()
    scene.faulty.refuse = () => code
    scene.network.advance(30_000)
    scene.faulty.refuse = () => null
    expect(scene.timeToMove(200_000, 3 * MINUTE)).toBeLessThan(40_000)
    scene.expectAlive()
  })

  it.each([1_300, 700])('what is longer than %i bytes: EMSGSIZE, and it sends shorter ones at once', (most) => {
    const scene = Scene.flowing()
    const { timeouts } = scene.channel.status()
    scene.faulty.refuse = (length) => (length > most ? 'EMSGSIZE' : null)
    expect(scene.timeToMove(200_000, MINUTE)).toBeLessThan(4_000)
    expect(scene.channel.status().timeouts).toBe(timeouts)
    scene.expectAlive()
  })

  it('its socket is dead: nothing comes, nothing goes, and both ends hear of it', () => {
    const scene = Scene.flowing({
      maxRetries: 6,
      keepAlive: true,
      keepAliveInitialDelay: MINUTE,
      keepAliveInterval: 5_000,
    })
    scene.faulty.refuse = () => 'EBADF'
    scene.path({ outages: [[scene.network.now, Number.POSITIVE_INFINITY]] })
    scene.network.advance(10 * MINUTE)
    expect([scene.channel.reason, scene.served.reason]).toEqual(['timed-out', 'timed-out'])
  })

  it.each(['EPERM', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN'])('a SYN: %s ends the attempt at once', (code) => {
    const scene = new Scene()
    scene.faulty.refuse = () => code
    scene.network.advance(100)
    expect(scene.channel.reason).toBe('refused')
    expect(scene.channel.error).toMatchObject({ code })
  })

  it.each(['ENOBUFS', 'EAGAIN'])('a SYN: %s passes, and it is sent again', (code) => {
    const scene = new Scene()
    scene.faulty.refuse = () => code
    scene.network.advance(100)
    scene.faulty.refuse = () => null
    scene.network.advance(2_000)
    scene.expectAlive()
  })
})
