// Several processes on one UDP port (decision 022): who gets what, and what happens to connections when one of them goes.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { StackLimits } from '../../lib/endpoint/limits.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { ListenTarget } from '../../lib/endpoint/target.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, SYN } from '../../lib/wire/segment.js'
import { HandMade } from '../support/hand-made.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'
const PORT = 80
const config = createConfig({ msl: 1000 })
const code = (name: string) => expect.objectContaining({ code: name })

/** A server machine with processes that share a port, and clients. */
class Scene {
  readonly network = new Network({ link: { delay: 5 } })
  readonly host = this.network.host(SERVER)
  readonly clientHost = this.network.host('10.0.0.9')
  readonly client = new Stack(this.clientHost.platform)

  process(target: Partial<ListenTarget> = {}, limits: Partial<StackLimits> = {}) {
    const platform = this.host.process()
    const stack = new Stack(platform, limits)
    const listen = (more: Partial<ListenTarget> = {}) => {
      const acceptance = new Acceptance()
      acceptance.react = closeInReturn
      const wanted = { address: SERVER, port: PORT, reusePort: true, ...target, ...more }
      return { acceptance, listener: stack.listen(wanted, () => config, acceptance) }
    }
    return { platform, stack, listen, ...listen() }
  }

  connect(count = 1, address = SERVER): Recorder[] {
    const recorders = Array.from({ length: count }, () => {
      const recorder = new Recorder()
      recorder.channel = this.client.connect({ address, port: PORT }, config, recorder)
      return recorder
    })
    this.network.advance(50)
    return recorders
  }

  /** Text both ways, so that a segment that went astray shows. */
  exchange(recorders: readonly Recorder[], ...processes: { acceptance: Acceptance }[]): void {
    for (const { channel } of recorders) channel.send(new TextEncoder().encode('to'))
    for (const { acceptance } of processes) {
      for (const { state, channel } of acceptance.accepted.map(({ channel }) => ({ state: channel.state, channel }))) {
        if (state === 'ESTABLISHED') channel.send(new TextEncoder().encode('fro'))
      }
    }
    this.network.advance(1000)
  }
}

const statesOf = (recorders: readonly Recorder[]): Set<string> => new Set(recorders.map(({ channel }) => channel.state))

describe('processes that share a port', () => {
  it('each have their connections, from the SYN to the end', () => {
    const scene = new Scene()
    const [one, two, three] = [scene.process(), scene.process(), scene.process()]
    const clients = scene.connect(60)
    scene.exchange(clients, one, two, three)
    for (const { channel } of clients) channel.close()
    scene.network.advance(1000)
    const served = [one, two, three].map(({ acceptance }) => acceptance.accepted)
    expect(served.flat()).toHaveLength(60)
    for (const accepted of served) {
      expect(accepted.length).toBeGreaterThan(0)
      for (const { events, text } of accepted) expect([events.at(-1), text]).toEqual(['closed', 'to'])
    }
    expect(clients.map(({ text }) => text)).toEqual(clients.map(() => 'fro'))
    for (const { listener } of [one, two, three])
      expect(listener.getStats()).toMatchObject({ unowned: 0, resetsSent: 0 })
  })

  it('have all asked for it: nobody joins a port unasked, nor shares the port of who did not ask', () => {
    const scene = new Scene()
    scene.process()
    expect(() => scene.process({ reusePort: false })).toThrow(code('EADDRINUSE'))
    scene.process({ port: 81, reusePort: false })
    expect(() => scene.process({ port: 81 })).toThrow(code('EADDRINUSE'))
  })

  it.each([SERVER, '0.0.0.0', '::'])('port 0 at %s is a port that nobody has', (address) => {
    const scene = new Scene()
    const other = scene.host.process()
    const quiet = { onDatagram: () => {}, onQuiet: () => {}, onDrain: () => {}, onError: () => {} }
    // what Linux would take for free, since those who have it reuse ports too
    for (let port = 32_768; port < 61_000; port++) {
      if (port !== 40_000) other.bind({ address: SERVER, port, reusePort: true }, quiet)
    }
    const { listener } = scene.process({ address, port: 0 })
    expect(listener.udpPort).toBe(40_000)
    expect(scene.process({ address, port: 40_000 }).listener.port).toBe(40_000)
  })

  it('leave an address that the machine gets later to the first of them that hears of it', () => {
    const scene = new Scene()
    const processes = [scene.process({ address: '0.0.0.0' }), scene.process({ address: '0.0.0.0' })]
    const before = scene.connect(20)
    scene.network.host(SERVER, '10.0.0.2')
    scene.network.advance(2000)
    scene.connect(1, '10.0.0.2')
    const accepted = processes.map(({ acceptance }) => acceptance.accepted.length)
    expect(statesOf(scene.connect(20, '10.0.0.2'))).toEqual(new Set(['ESTABLISHED']))
    const more = processes.map(({ acceptance }, i) => acceptance.accepted.length - accepted[i])
    expect(more.sort()).toEqual([0, 20])
    // and it takes nothing away from what was there
    scene.exchange(before, ...processes)
    expect(statesOf(before)).toEqual(new Set(['ESTABLISHED']))
  })

  it('do not connect from it: the answer would come to any of them', () => {
    const scene = new Scene()
    const { listener, stack } = scene.process()
    const target = { address: '10.0.0.9', port: 5000 }
    expect(() => listener.connect(target, config, new Recorder())).toThrow(code('EADDRINUSE'))
    expect(() => stack.connect({ ...target, localUdpPort: PORT }, config, new Recorder())).toThrow(code('EADDRINUSE'))
  })
})

describe('in one process', () => {
  it('a second listener on the same TCP port has sockets of its own, as net has it', () => {
    const scene = new Scene()
    const one = scene.process()
    const two = one.listen()
    expect(scene.host.openSockets).toHaveLength(2)
    scene.exchange(scene.connect(40), one, two)
    expect(one.acceptance.accepted.length).toBeGreaterThan(0)
    expect(two.acceptance.accepted.length).toBeGreaterThan(0)
    expect(one.acceptance.accepted.length + two.acceptance.accepted.length).toBe(40)
  })

  it('listeners on several TCP ports share the sockets of one UDP port', () => {
    const scene = new Scene()
    const one = scene.process()
    one.listen({ port: 81, udpPort: PORT })
    expect(scene.host.openSockets).toHaveLength(1)
  })
})

describe('a process that leaves', () => {
  it('keeps its place though many of its own connections wait in TIME-WAIT', () => {
    const scene = new Scene()
    const [one, two] = [scene.process({}, { maxTimeWaitSockets: 2 }), scene.process()]
    const clients = scene.connect(40)
    one.listener.close()
    for (const { channel } of one.acceptance.accepted) channel.abort()
    scene.network.advance(100)
    const acceptance = new Acceptance()
    acceptance.react = closeInReturn
    scene.client.listen({ address: '10.0.0.9', port: 81 }, () => config, acceptance)
    for (let i = 0; i < 5; i++) {
      const recorder = new Recorder()
      recorder.channel = one.stack.connect({ address: '10.0.0.9', port: 81 }, config, recorder)
      scene.network.advance(50)
      recorder.channel.close()
      scene.network.advance(50)
    }
    // its place does not count among them
    expect(one.stack.getStats()).toMatchObject({ endpoints: 3, waiting: 3 })
    expect([...one.platform.sockets].filter(({ port }) => port === PORT)).toHaveLength(1)
    const left = clients.filter(({ channel }) => channel.state === 'ESTABLISHED')
    expect(left.length).toBeGreaterThan(0)
    scene.exchange(left, two)
    expect(left.map(({ text }) => text)).toEqual(left.map(() => 'fro'))
  })

  it('keeps its place after close(): refuses what is new, and breaks nothing, its own connections or others’', () => {
    const scene = new Scene()
    const [one, two] = [scene.process(), scene.process()]
    const clients = scene.connect(40)
    const ofOne = one.acceptance.accepted.length
    one.listener.close()
    scene.network.advance(5000)
    const later = scene.connect(40)
    scene.exchange(clients, one, two)
    expect(statesOf(clients)).toEqual(new Set(['ESTABLISHED']))
    expect(clients.map(({ text }) => text)).toEqual(clients.map(() => 'fro'))
    expect(one.acceptance.accepted).toHaveLength(ofOne)
    // refused at once, not left to wait
    expect(statesOf(later)).toEqual(new Set(['ESTABLISHED', 'CLOSED']))
    expect(later.filter(({ channel }) => channel.state === 'CLOSED').map(({ channel }) => channel.reason)).toContain(
      'refused',
    )

    // also once all of its connections are over, and their TIME-WAIT
    for (const { channel } of one.acceptance.accepted) channel.close()
    scene.network.advance(10_000)
    for (const { channel } of clients) if (channel.state === 'CLOSE-WAIT') channel.close()
    scene.network.advance(10_000)
    expect(one.stack.getStats()).toMatchObject({ endpoints: 1, waiting: 1 })
    expect(one.platform.sockets.size).toBe(1)
    expect(one.platform.holdsProcess).toBe(false)
    const left = clients.filter(({ channel }) => channel.state === 'ESTABLISHED')
    expect(left).toHaveLength(40 - ofOne)
    scene.exchange(left, two)
    expect(left.map(({ text }) => text)).toEqual(left.map(() => 'frofro'))
  })

  it('has its place again when it listens again', () => {
    const scene = new Scene()
    const one = scene.process()
    scene.process()
    one.listener.close()
    scene.network.advance(100)
    const again = one.listen()
    expect(one.platform.sockets.size).toBe(1)
    expect(statesOf(scene.connect(20))).toEqual(new Set(['ESTABLISHED']))
    expect(again.acceptance.accepted.length).toBeGreaterThan(0)
  })

  it('gives its place up to who wants the port alone in the same process', () => {
    const scene = new Scene()
    const one = scene.process()
    one.listener.close()
    scene.network.advance(100)
    one.listen({ reusePort: false })
    expect(one.platform.sockets.size).toBe(1)
  })

  it('leaves with its last connection where TIME-WAIT is to be released', () => {
    const scene = new Scene()
    const one = scene.process({ timeWait: 'release' })
    const [client] = scene.connect()
    one.listener.close()
    scene.network.advance(5000)
    expect(one.platform.sockets.size).toBe(1)
    client.channel.close()
    scene.network.advance(1000)
    expect(one.platform.sockets.size).toBe(0)
  })

  it('without a word takes connections of others along: they are reset by who gets their segments, or time out', () => {
    const scene = new Scene()
    const processes = [scene.process(), scene.process(), scene.process()]
    const clients = scene.connect(60)
    const [gone, ...left] = processes
    gone.platform.kill()
    scene.exchange(clients, ...left)
    const broken = clients.filter(({ channel }) => channel.state === 'CLOSED')
    expect(new Set(broken.map(({ channel }) => channel.reason))).toEqual(new Set(['reset']))
    // more than had lived there
    expect(broken.length).toBeGreaterThan(gone.acceptance.accepted.length)
    // what was not moved goes on
    const whole = clients.filter(({ channel }) => channel.state === 'ESTABLISHED')
    expect(whole.length).toBeGreaterThan(0)
    expect(whole.every(({ text }) => text.startsWith('fro'))).toBe(true)
  })

  it('in the middle of a handshake: the ACK of its SYN,ACK is answered with a RST, cookie or not', () => {
    for (const backlog of [0, 1]) {
      const scene = new Scene()
      const one = scene.process({ backlog })
      if (backlog === 1) new HandMade(scene.network, scene.clientHost, 4000, { address: SERVER, port: PORT }).send(SYN)
      scene.network.advance(20)
      const peer = new HandMade(scene.network, scene.clientHost, 5000, { address: SERVER, port: PORT })
      peer.send(SYN, { mss: 1460 })
      scene.network.advance(50)
      const [answer] = peer.take()
      expect(one.listener.getStats().cookiesSent).toBe(backlog)
      one.platform.kill()
      const two = scene.process({ backlog })
      peer.seq++
      peer.ack = answer.segment.seq + 1
      peer.send(ACK)
      expect(peer.flagsAfter(50)).toEqual(['R'])
      expect(two.listener.getStats()).toMatchObject({ accepted: 0, cookiesRedeemed: 0 })
    }
  })
})
