// A bad path around a platform, here a simulated one, so that time is exact; over real UDP it is the same code.
import { describe, expect, it } from 'vitest'
import type { ImpairedOptions } from '../../lib/testing/impaired-platform.js'
import { ImpairedPlatform } from '../../lib/testing/impaired-platform.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { Inbox } from '../support/inbox.js'

function machines(options: ImpairedOptions, network = new Network({ link: { delay: 0 } })) {
  const { platform } = network.host('10.0.0.1')
  const impaired = new ImpairedPlatform(platform, options)
  const [near, far] = [new Inbox(), new Inbox()]
  const socket = impaired.bind({ address: '10.0.0.1', port: 7 }, near.on(network))
  const peer = network.host('10.0.0.2').platform.bind({ address: '10.0.0.2', port: 9 }, far.on(network))
  return { network, platform, impaired, near, far, socket, peer }
}

const numbered = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i))
const options = (more: NetworkOptions): Network => new Network({ link: { delay: 0 }, ...more })

describe('an impaired platform', () => {
  it('changes nothing where nothing is asked of it', () => {
    const { network, near, far, socket, peer } = machines({})
    expect([socket.address, socket.port]).toEqual(['10.0.0.1', 7])
    socket.send([Uint8Array.of(1), Uint8Array.of(2, 3)], '10.0.0.2', 9)
    peer.send([Uint8Array.of(4)], '10.0.0.1', 7)
    network.advance(0)
    expect(far.all).toEqual([{ bytes: Uint8Array.of(1, 2, 3), from: '10.0.0.1', port: 7, at: 0 }])
    expect(near.all).toEqual([{ bytes: Uint8Array.of(4), from: '10.0.0.2', port: 9, at: 0 }])
  })

  it('loses and delays what leaves, and not what arrives', () => {
    const { network, near, far, socket, peer } = machines({ seed: 5, outgoing: { loss: 0.2, delay: 80 } })
    for (const bytes of numbered(1_000)) {
      socket.send([bytes], '10.0.0.2', 9)
      peer.send([bytes], '10.0.0.1', 7)
    }
    network.advance(100)
    expect(near.all.length).toBe(1_000)
    expect(near.all.every(({ at }) => at === 0)).toBe(true)
    expect(far.all.length).toBeGreaterThan(750)
    expect(far.all.length).toBeLessThan(850)
    expect(far.all.every(({ at }) => at === 80)).toBe(true)
  })

  it('loses and delays what arrives, by options of its own, and these may change', () => {
    const { network, impaired, near, far, socket, peer } = machines({
      incoming: { lose: [2], delay: 30, duplicate: 1 },
    })
    for (const bytes of numbered(3)) peer.send([bytes], '10.0.0.1', 7)
    network.advance(100)
    expect(near.all.map(({ bytes, at }) => [bytes[1], at])).toEqual([0, 0, 2, 2].map((number) => [number, 30]))
    impaired.outgoing.set({ mtu: 500 })
    socket.send([new Uint8Array(472)], '10.0.0.2', 9)
    socket.send([new Uint8Array(473)], '10.0.0.2', 9)
    network.advance(100)
    expect(far.all.map(({ bytes }) => bytes.length)).toEqual([472])
  })

  it('copies what it holds: views may be used again at once', () => {
    const { network, far, socket } = machines({ outgoing: { delay: 10 } })
    const scratch = Uint8Array.of(1)
    socket.send([scratch], '10.0.0.2', 9)
    scratch[0] = 2
    network.advance(20)
    expect(far.all[0].bytes).toEqual(Uint8Array.of(1))
  })

  it('shares its rate among its sockets', () => {
    const { network, impaired, far, socket } = machines({ outgoing: { rate: 8e6 } })
    const other = impaired.bind({ address: '10.0.0.1', port: 8 }, new Inbox().on(network))
    for (const each of [socket, other]) each.send([new Uint8Array(972)], '10.0.0.2', 9)
    network.advance(10)
    expect(far.all.map(({ at, port }) => [at, port])).toEqual([
      [1, 7],
      [2, 8],
    ])
  })

  it('sends what is under way when its socket is closed, and the port is free', () => {
    const { network, impaired, near, far, socket, peer } = machines({
      outgoing: { delay: 50 },
      incoming: { delay: 50 },
    })
    socket.send([Uint8Array.of(1)], '10.0.0.2', 9)
    peer.send([Uint8Array.of(2)], '10.0.0.1', 7)
    network.advance(10)
    socket.close()
    impaired.bind({ address: '10.0.0.1', port: 7 }, new Inbox().on(network))
    network.advance(100)
    expect(far.all.map(({ at }) => at)).toEqual([10])
    expect(near.all).toEqual([])
  })

  it('holds the process until what leaves has left, not for what arrives', () => {
    const { network, platform, socket, peer } = machines({ outgoing: { delay: 50 }, incoming: { delay: 500 } })
    socket.unref()
    peer.unref()
    expect(platform.holdsProcess).toBe(false)
    socket.send([Uint8Array.of(1)], '10.0.0.2', 9)
    peer.send([Uint8Array.of(1)], '10.0.0.1', 7)
    expect(platform.holdsProcess).toBe(true)
    network.advance(51)
    expect(platform.holdsProcess).toBe(false)
  })

  it('passes on that a queue has formed, and that it has drained', () => {
    const slow = options({ sendBuffer: { rate: 8e6, bytes: 2_000 } })
    const { network, near, far, socket } = machines({}, slow)
    const answers = [1, 2, 3, 4].map(() => socket.send([new Uint8Array(1_000)], '10.0.0.2', 9))
    expect(answers).toEqual([true, true, false, false])
    network.advance(10)
    expect(near.drains).toBe(1)
    expect(socket.send([new Uint8Array(1)], '10.0.0.2', 9)).toBe(true)
    network.advance(10)
    expect(far.all.length).toBe(5)
  })

  it('flushes a socket that gathers, also when a datagram leaves late', () => {
    const { network, far, socket } = machines({ outgoing: { delay: 5 } }, options({ gather: true }))
    socket.send([Uint8Array.of(1)], '10.0.0.2', 9)
    socket.flush()
    network.advance(10)
    expect(far.all.map(({ at }) => at)).toEqual([5])
  })

  it('knows the descriptor limit of the machine beneath', () => {
    const { platform } = new Network().host('10.0.0.1')
    const bounded = Object.create(platform, { descriptorLimit: { value: 8 } })
    expect(new ImpairedPlatform(bounded).descriptorLimit).toBe(8)
  })

  it('passes errors on', () => {
    const { network, near, socket } = machines({ outgoing: { delay: 5 } })
    socket.send([new Uint8Array(65_508)], '10.0.0.2', 9)
    network.advance(10)
    expect(near.errors).toMatchObject([{ code: 'EMSGSIZE' }])
  })

  it('a program that throws at what has come loses neither the end of the turn nor what comes later', () => {
    const { network, impaired, peer } = machines({ incoming: { delay: 30 } })
    const heard: string[] = []
    const handler = {
      onDatagram: (bytes: Uint8Array, start: number): void => {
        heard.push(`datagram ${bytes[start]}`)
        if (bytes[start] === 1) throw new Error('mine')
      },
      onQuiet: () => void heard.push('quiet'),
      onDrain: () => {},
      onError: () => {},
    }
    impaired.bind({ address: '10.0.0.1', port: 8 }, handler)
    for (const number of [1, 2, 3]) {
      peer.send([Uint8Array.of(number)], '10.0.0.1', 8)
      if (number === 2) network.advance(10)
    }
    expect(() => network.advance(100)).toThrow('mine')
    network.advance(100)
    expect(heard).toEqual(['datagram 1', 'quiet', 'datagram 2', 'quiet', 'datagram 3', 'quiet'])
  })

  it('does the same for the same seed', () => {
    const run = (seed: number): string => {
      const { network, far, socket } = machines({ seed, outgoing: { loss: 0.3, jitter: 20, delay: 5 } })
      for (const bytes of numbered(200)) socket.send([bytes], '10.0.0.2', 9)
      network.advance(100)
      return JSON.stringify(far.all)
    }
    expect(run(1)).toBe(run(1))
    expect(run(1)).not.toBe(run(2))
  })
})
