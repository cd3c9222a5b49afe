// Real UDP on loopback: bytes both ways, very many connections on one port, simultaneous open, refusal.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { CLOSED, CONNECTED, ENDED, WRITABLE } from '../../lib/core/connection.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { Listener, ListenerOwner } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { createNodePlatform } from '../../lib/platform/node.js'
import type { DatagramHandler } from '../../lib/platform/platform.js'
import { Acceptance, Recorder } from '../support/recorder.js'

const config = createConfig({ msl: 10 })
const HOST = '127.0.0.1'
const listeners: Listener[] = []

afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close()
})

const DEAF: DatagramHandler = {
  onDatagram: () => {},
  onQuiet: () => {},
  onDrain: () => {},
  onError: () => {},
}

async function until(done: () => boolean, limit = 10_000): Promise<void> {
  for (let waited = 0; waited < limit && !done(); waited += 5) await sleep(5)
  expect(done()).toBe(true)
}

function listen(owner: ListenerOwner): Listener {
  const listener = new Stack(createNodePlatform()).listen({ address: HOST, port: 0 }, () => config, owner)
  listeners.push(listener)
  return listener
}

/** Sends `bytes` and then a FIN, and hashes what comes. */
class Exchange implements ChannelOwner {
  channel!: Channel
  readonly hash = createHash('sha256')
  events = 0
  private rest: Uint8Array

  constructor(bytes: Uint8Array) {
    this.rest = bytes
  }

  onEvents(events: number): void {
    this.events |= events
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) this.hash.update(bytes)
    if (events & (CONNECTED | WRITABLE)) this.more()
  }

  more(): void {
    while (this.rest.length > 0) {
      const taken = this.channel.send(this.rest.subarray(0, 65536))
      this.rest = this.rest.subarray(taken)
      if (taken === 0) return
    }
    this.channel.close()
  }

  get over(): boolean {
    return (this.events & CLOSED) !== 0
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('over loopback', () => {
  it('10 MB each way at once, by hash, with half-closes', async () => {
    const [up, down] = [randomBytes(10_000_000), randomBytes(10_000_000)]
    const far = new Exchange(down)
    const listener = listen({
      onConnection(channel) {
        far.channel = channel
        channel.owner = far
        far.more()
      },
    })
    const near = new Exchange(up)
    near.channel = new Stack(createNodePlatform()).connect({ address: HOST, port: listener.port }, config, near)
    await until(() => near.over && far.over)
    expect([near.channel.reason, far.channel.reason]).toEqual([null, null])
    expect([near.hash.digest('hex'), far.hash.digest('hex')]).toEqual([digest(down), digest(up)])
  })

  it('500 connections at once on one port', async () => {
    const acceptance = new Acceptance()
    acceptance.react = (events, channel) => {
      if (events & ENDED) channel.close()
    }
    const listener = listen(acceptance)
    const stack = new Stack(createNodePlatform())
    const own = stack.listen({ address: HOST, port: 0 }, () => config, new Acceptance())
    const many = Array.from({ length: 500 }, (_, i) => {
      const one = new Recorder()
      // half of them share one UDP port as well
      const shared = i % 2 === 0 ? {} : { localUdpPort: own.udpPort }
      one.channel = stack.connect({ address: HOST, port: listener.port, ...shared }, config, one)
      one.react = (events, channel) => {
        if ((events & CONNECTED) === 0) return
        channel.send(new TextEncoder().encode(`I am ${i}`))
        channel.close()
      }
      return one
    })
    await until(() => many.every(({ events }) => events.at(-1) === 'closed'))
    await until(() => listener.getStats().connections === 0)
    expect(new Set(acceptance.accepted.map(({ text }) => text)).size).toBe(500)
    expect(listener.getStats()).toMatchObject({ accepted: 500, malformed: 0 })
    own.close()
    await until(() => stack.getStats().endpoints === 0)
  })

  it('two that open towards each other through one UDP port each', async () => {
    const stacks = [new Stack(createNodePlatform()), new Stack(createNodePlatform())]
    const own = stacks.map((stack) => {
      const listener = stack.listen({ address: HOST, port: 0 }, () => config, new Acceptance())
      listeners.push(listener)
      return listener
    })
    const ends = own.map((listener, i) => {
      const { port } = own[1 - i]
      const one = new Recorder()
      one.channel = listener.connect({ address: HOST, port, localPort: listener.port }, config, one)
      return one
    })
    await until(() => ends.every(({ channel }) => channel.state === 'ESTABLISHED'))
    expect(own.map((listener) => listener.getStats().accepted)).toEqual([0, 0])
    ends[0].channel.send(new TextEncoder().encode('hello'))
    await until(() => ends[1].text === 'hello')
    for (const { channel } of ends) channel.close()
    await until(() => ends.every(({ events }) => events.at(-1) === 'closed'))
  })

  it('nobody there: refused by ICMP, hundreds of times, and nothing is left', async () => {
    // taken, by one that hears another peer alone: else one of those that connect might be given this very port, and meet itself
    const platform = createNodePlatform()
    const holder = platform.bind({ address: HOST, port: 0, peer: { address: HOST, port: 9 } }, DEAF)
    const { port } = holder
    const stack = new Stack(platform)
    const many = Array.from({ length: 300 }, () => {
      const one = new Recorder()
      one.channel = stack.connect({ address: HOST, port }, config, one)
      return one
    })
    await until(() => many.every(({ events }) => events.length > 0))
    for (const { channel, events } of many) {
      expect(events).toEqual(['closed'])
      expect(channel).toMatchObject({ reason: 'refused', error: { code: 'ECONNREFUSED' } })
    }
    expect(stack.getStats()).toMatchObject({ endpoints: 0, waiting: 0 })
    holder.close()
  })

  it('a TCP port that nobody listens on: refused by RST', async () => {
    const listener = listen(new Acceptance())
    const one = new Recorder()
    const target = { address: HOST, port: listener.port === 1 ? 2 : 1, udpPort: listener.udpPort }
    one.channel = new Stack(createNodePlatform()).connect(target, config, one)
    await until(() => one.events.length > 0)
    expect(one.channel).toMatchObject({ reason: 'refused', error: null, state: 'CLOSED' })
  })
})
