// A peer whose address changes (decision 024): who is followed and who is not, and a NAT that is kept awake.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { CLOSED } from '../../lib/core/events.js'
import type { StackLimits } from '../../lib/endpoint/limits.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { Datagram } from '../../lib/testing/datagram.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, RST, type Segment, SYN } from '../../lib/wire/segment.js'
import { own, Party } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { Nat } from '../support/nat.js'

const CLIENT = '10.0.0.1'
const SERVER = '10.0.0.2'
const OUTSIDE = '10.0.0.3'
const ANOTHER = '10.0.0.4'
const STRANGER = '10.0.0.9'

interface Options {
  followPeer?: boolean
  client?: Parameters<typeof createConfig>[0]
  lifetime?: number
  limits?: Partial<StackLimits>
}

function scene({ followPeer = true, client = {}, lifetime = Infinity, limits = {} }: Options = {}) {
  const network = new Network({ link: { delay: 20 } })
  const nat = new Nat(network.host(OUTSIDE, ANOTHER), 80, { address: SERVER, port: 80 }, lifetime)
  const serverStack = new Stack(network.host(SERVER).platform, limits)
  const clientStack = new Stack(network.host(CLIENT).platform)
  const accepted: Party[] = []
  const config = createConfig({ followPeer, msl: 500 })
  const listener = serverStack.listen({ address: SERVER, port: 80 }, () => config, {
    onConnection: (channel) => void accepted.push(own(new Party(), channel)),
  })
  const party = new Party()
  party.channel = clientStack.connect({ address: OUTSIDE, port: 80 }, createConfig({ followPeer, ...client }), party)
  network.advanceUntil(() => accepted.length > 0, 5_000)
  network.advance(100)
  const served = accepted[0] as Party
  return { network, nat, listener, client: party, served }
}

/** Sends `length` bytes from one to the other, as fast as they go. */
function pour(party: Party, length: number, at = 0): () => void {
  let sent = 0
  return () => {
    while (sent < length) {
      const bytes = new Uint8Array(Math.min(10_000, length - sent)).map((_, i) => (sent + i + at) % 251)
      const taken = party.channel.send(bytes)
      sent += taken
      if (taken < bytes.length) return
    }
  }
}

function expectStream(chunks: readonly Uint8Array[], length: number): void {
  const bytes = Buffer.concat(chunks)
  expect(bytes.length).toBe(length)
  expect(bytes.findIndex((byte, i) => byte !== i % 251)).toBe(-1)
}

const hasReset = (datagram: Datagram): boolean => ((datagram.segment?.flags ?? 0) & RST) !== 0

describe('followPeer', () => {
  it.each([
    ['to the server', 'client'],
    ['from the server', 'served'],
  ] as const)('a transfer %s goes on through many new mappings', (_name, sender) => {
    const { network, nat, listener, client, served } = scene({ client: { natKeepAlive: 500 } })
    const [from, to] = sender === 'client' ? [client, served] : [served, client]
    const length = 3_000_000
    const push = pour(from, length)
    for (let moves = 0; moves < 6; moves++) {
      nat.forget()
      const until = network.now + 1_500
      while (network.now < until) {
        push()
        network.advance(10)
      }
    }
    for (let i = 0; i < 6_000 && to.received.reduce((sum, { length }) => sum + length, 0) < length; i++) {
      push()
      network.advance(10)
    }
    expectStream(to.received, length)
    expect(listener.getStats()).toMatchObject({ pathsFollowed: nat.mappings - 1 })
    expect(nat.mappings).toBeGreaterThan(5)
    expect(served.channel.remoteUdpPort).toBe(nat.outsidePort)
    expect(network.capture.filter(hasReset)).toEqual([])
  })

  it('an idle connection is followed, and its owner told where it is', () => {
    const { network, nat, client, served } = scene()
    const before = served.channel.remoteUdpPort
    nat.forget()
    network.advance(60_000)
    client.send('still here')
    network.advance(5_000)
    expect(served.text).toBe('still here')
    expect(served.channel.remoteUdpPort).not.toBe(before)
    expect(served.channel.remoteAddress).toBe(ANOTHER)
    served.send('and I')
    network.advance(1_000)
    expect(client.text).toBe('and I')
  })

  it('round trip and congestion state start anew', () => {
    const { network, nat, client, served } = scene({ client: { natKeepAlive: 300 } })
    const push = pour(served, 100_000_000)
    for (let i = 0; i < 40; i++) {
      push()
      network.advance(10)
    }
    expect(served.channel.status().cwnd).toBeGreaterThan(30_000)
    const { capture } = network
    nat.forget()
    network.advanceUntil(() => served.channel.remoteAddress === ANOTHER, 5_000)
    expect(served.channel.status()).toMatchObject({ srtt: 0, minRtt: Infinity })
    expect(served.channel.status().cwnd).toBeLessThanOrEqual(10 * 1460)
    const at = network.now
    network.advance(25)
    const first = capture.filter(
      ({ at: sent, from, segment }) => from === SERVER && sent >= at && segment?.textLength !== 0,
    )
    expect(first.length).toBeGreaterThan(0)
    expect(first.length).toBeLessThanOrEqual(10)
    expect(client.channel.state).toBe('ESTABLISHED')
  })

  it('asks in keep-alive form, with a number that nobody can guess, and moves nothing before the echo', () => {
    const { network, nat, client, served } = scene()
    network.clearCapture()
    nat.forget()
    client.send('x')
    network.advanceUntil(() => network.capture.some(({ from }) => from === SERVER), 1_000)
    const probe = network.capture.find(({ from }) => from === SERVER)?.segment as Segment
    expect(probe.flags).toBe(ACK)
    expect(probe.textLength).toBe(0)
    expect(served.text).toBe('')
    expect(served.channel.remoteAddress).toBe(OUTSIDE)
    const asked = network.capture.find(({ from }) => from !== CLIENT)?.segment as Segment
    // one below what the peer expects, as every keep-alive
    expect((asked.ack - probe.seq) >>> 0).toBe(1)
    // no clock of this connection's: neither near what the peer last heard
    expect(Math.abs((probe.tsVal - asked.tsEcr) | 0)).toBeGreaterThan(100_000)
    network.advance(2_000)
    expect(served.text).toBe('x')
  })

  it('an address that has as many connections as it may is not moved to, and is once there is a place', () => {
    const { network, nat, listener, client, served } = scene({ limits: { maxConnectionsPerAddress: 1 } })
    const connect = (localAddress: string): Party => {
      const party = new Party()
      const { stack } = network.host(OUTSIDE)
      party.channel = stack.connect({ address: SERVER, port: 80, localAddress }, createConfig(), party)
      network.advance(200)
      return party
    }
    const other = connect(ANOTHER)
    expect(other.channel.state).toBe('ESTABLISHED')
    nat.forget()
    client.send('x')
    network.advance(3_000)
    expect(served.text).toBe('')
    expect(served.channel.remoteAddress).toBe(OUTSIDE)
    expect(listener.getStats()).toMatchObject({ connections: 2, pathsFollowed: 0 })
    expect(listener.getStats().refusedPerAddress).toBeGreaterThan(0)
    other.channel.abort()
    network.advance(10_000)
    expect(served.text).toBe('x')
    expect(served.channel.remoteAddress).toBe(ANOTHER)
    expect(listener.getStats()).toMatchObject({ connections: 1, pathsFollowed: 1 })
    // the place that it had where it was is free
    expect(connect(OUTSIDE).channel.state).toBe('ESTABLISHED')
    expect(connect(ANOTHER).channel.state).toBe('SYN-SENT')
  })

  it('who follows to another address of the machine has its part of that socket’s buffer', () => {
    const network = new Network({ link: { delay: 20 } })
    const beyond = { address: SERVER, port: 80 }
    const nat = new Nat(network.host(OUTSIDE, ANOTHER), 80, beyond)
    const accepted: Party[] = []
    const config = createConfig({ followPeer: true })
    new Stack(network.host(SERVER, '10.0.0.5').platform).listen({ address: '0.0.0.0', port: 80 }, () => config, {
      onConnection: (channel) => void accepted.push(own(new Party(), channel)),
    })
    const client = new Party()
    client.channel = new Stack(network.host(CLIENT).platform).connect({ address: OUTSIDE, port: 80 }, config, client)
    network.advance(500)
    const { channel } = accepted[0] as Party
    const roomOf = (): unknown => Reflect.get(Reflect.get(channel.connection, 'tcb'), 'room')
    expect(roomOf()).toBe(channel.local.room)
    const { local } = channel
    beyond.address = '10.0.0.5'
    nat.forget()
    client.send('x')
    network.advance(3_000)
    expect(accepted[0]?.text).toBe('x')
    expect(channel.local).not.toBe(local)
    expect(roomOf()).toBe(channel.local.room)
  })

  it('is off by default: a segment from elsewhere is answered with a RST there, and changes nothing', () => {
    const { network, nat, client, served } = scene({ followPeer: false })
    const gone: number[] = []
    client.onEvents = (events) => void (events & CLOSED && gone.push(network.now))
    nat.forget()
    client.send('x')
    network.advance(1_000)
    expect(served.channel.remoteAddress).toBe(OUTSIDE)
    expect(network.capture.filter(hasReset).length).toBeGreaterThan(0)
    expect(gone).toHaveLength(1)
  })

  describe('whoever', () => {
    /** Someone who has seen the last segment of the client, at another address than its own. */
    function observer(network: Network, served: Party, seen: Segment): HandMade {
      const { remotePort } = served.channel
      const target = { address: SERVER, udpPort: 80, port: 80 }
      const stranger = new HandMade(network, network.host(STRANGER), 4000, target, remotePort)
      stranger.seq = seen.seq + seen.textLength
      stranger.ack = seen.ack
      return stranger
    }

    function overheard(client: Party, network: Network): Segment {
      client.send('hello')
      network.advance(500)
      return network.capture.filter(({ to }) => to === SERVER).at(-1)?.segment as Segment
    }

    it('repeats a whole segment from another address draws one probe, and does not get the connection', () => {
      const { network, listener, client, served } = scene()
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      for (let i = 0; i < 50; i++) {
        stranger.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: seen.tsEcr, payload: new Uint8Array(5) })
        network.advance(1)
      }
      network.advance(100)
      const heard = stranger.take()
      expect(heard).toHaveLength(1)
      // nothing comes back that is longer than what was sent
      expect(heard[0]?.segment).toMatchObject({ flags: ACK, textLength: 0 })
      served.send('secret')
      network.advance(500)
      expect(client.text).toBe('secret')
      expect(stranger.take()).toHaveLength(0)
      expect(served.text).toBe('hello')
      expect(listener.getStats()).toMatchObject({ pathsFollowed: 0, pathProbes: 1 })
    })

    it('claims an address that is not its own reaches nobody there: the echo never comes', () => {
      const { network, listener, client, served } = scene()
      const seen = overheard(client, network)
      // the victim hears the probes, and knows of nothing
      const victim = observer(network, served, seen)
      for (let i = 0; i < 20; i++) {
        victim.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal + i, tsEcr: seen.tsEcr })
        network.advance(1_000)
      }
      expect(victim.take().length).toBeLessThanOrEqual(20)
      expect(listener.getStats()).toMatchObject({ pathsFollowed: 0 })
      expect(served.channel.remoteAddress).toBe(OUTSIDE)
    })

    it('guesses the echo has one chance in 2^32 for each probe', () => {
      const { network, listener, client, served } = scene()
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      for (let i = 0; i < 20_000; i++) {
        stranger.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal + 1, tsEcr: network.random.u32() })
        if (i % 100 === 0) network.advance(1)
      }
      network.advance(100)
      expect(listener.getStats()).toMatchObject({ pathsFollowed: 0 })
      expect(served.channel.remoteAddress).toBe(OUTSIDE)
    })

    it('echoes a number that was asked at another address is not heard', () => {
      const { network, listener, client, served } = scene()
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      stranger.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: seen.tsEcr })
      network.advance(50)
      const token = stranger.take()[0]?.segment.tsVal as number
      const { remotePort } = served.channel
      const other = new HandMade(
        network,
        network.host('10.0.0.8'),
        4000,
        { address: SERVER, udpPort: 80, port: 80 },
        remotePort,
      )
      other.send(ACK, { seq: stranger.seq, ack: stranger.ack, hasTimestamps: true, tsVal: seen.tsVal, tsEcr: token })
      network.advance(50)
      expect(listener.getStats()).toMatchObject({ pathsFollowed: 0 })
      expect(served.channel.remoteAddress).toBe(OUTSIDE)
    })

    it('sends what is out of the window, or old, or without timestamps, draws nothing, not even a RST', () => {
      const { network, listener, client, served } = scene()
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      const fresh = { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: seen.tsEcr }
      stranger.send(ACK, { ...fresh, seq: (stranger.seq + 0x1000_0000) >>> 0 })
      stranger.send(ACK, { ...fresh, ack: (stranger.ack + 0x1000_0000) >>> 0 })
      stranger.send(ACK, { ...fresh, tsVal: seen.tsVal - 1_000 })
      stranger.send(ACK)
      stranger.send(RST, fresh)
      expect(stranger.flagsAfter(1_000)).toEqual([])
      expect(listener.getStats()).toMatchObject({ pathProbes: 0, pathsFollowed: 0 })
      // and a SYN begins a connection of its own
      stranger.send(SYN, { mss: 1460 })
      expect(stranger.flagsAfter(100)).toEqual(['S.'])
      expect(served.channel.state).toBe('ESTABLISHED')
    })

    it('has an ACK of before draws nothing: on an idle connection one number of 2^32 asks', () => {
      const { network, listener, client, served } = scene()
      served.send('a word to the client')
      network.advance(500)
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      const fresh = { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: seen.tsEcr }
      for (let back = 1; back <= 20; back++) stranger.send(ACK, { ...fresh, ack: (stranger.ack - back) >>> 0 })
      stranger.send(ACK, { ...fresh, ack: (stranger.ack + 1) >>> 0 })
      expect(stranger.flagsAfter(1_000)).toEqual([])
      expect(listener.getStats()).toMatchObject({ pathProbes: 0, pathsFollowed: 0 })
      stranger.send(ACK, fresh)
      expect(stranger.flagsAfter(1_000)).toEqual(['.'])
      expect(listener.getStats()).toMatchObject({ pathProbes: 1 })
    })

    it('repeats what was seen while the peer speaks on is forgotten at once', () => {
      const { network, client, served } = scene()
      const seen = overheard(client, network)
      const stranger = observer(network, served, seen)
      stranger.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: seen.tsEcr })
      network.advance(25)
      client.send('on')
      network.advance(100)
      // it hears all, and echoes what it was asked, too late
      const token = stranger.take()[0]?.segment.tsVal as number
      stranger.send(ACK, { hasTimestamps: true, tsVal: seen.tsVal, tsEcr: token })
      network.advance(100)
      expect(served.channel.remoteAddress).toBe(OUTSIDE)
    })
  })
})

describe('natKeepAlive', () => {
  it('keeps the mapping of an idle connection for a day', () => {
    const { network, nat, client, served } = scene({
      followPeer: false,
      client: { natKeepAlive: 25_000 },
      lifetime: 30_000,
    })
    network.clearCapture()
    network.advance(86_400_000)
    expect(nat.mappings).toBe(1)
    expect(network.capture.filter(({ from }) => from === CLIENT)).toHaveLength(3456)
    served.send('good morning')
    network.advance(1_000)
    expect(client.text).toBe('good morning')
  })

  it('without it the mapping is gone', () => {
    const { network, client, served } = scene({ followPeer: false, lifetime: 30_000 })
    network.advance(60_000)
    served.send('good morning')
    network.advance(10_000)
    expect(client.text).toBe('')
  })

  it('ends no connection, though nobody answers, and sends nothing while others do', () => {
    const { network, client } = scene({ client: { natKeepAlive: 25_000 } })
    network.host(SERVER).online = false
    network.advance(86_400_000)
    expect(client.channel.state).toBe('ESTABLISHED')
    network.host(SERVER).online = true
    const before = client.channel.status().natKeepAlives
    for (let i = 0; i < 100; i++) {
      client.send('x')
      network.advance(5_000)
    }
    expect(client.channel.status().natKeepAlives).toBe(before)
  })
})
