// Everything has a bound (docs/architecture.md §7): each row of that table, with a peer that tries.
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { DEFAULT_LIMITS, type StackLimits } from '../../lib/endpoint/limits.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { MessageStream } from '../../lib/message/message-stream.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, RST, SYN } from '../../lib/wire/segment.js'
import { Couple, PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { isText, Life } from '../support/life.js'
import { memoryInUse } from '../support/memory.js'
import { Acceptance, Recorder } from '../support/recorder.js'
import { stream } from '../support/schedule.js'

const MB = 2 ** 20
const SCALE = 8

/** A stack that listens, and a peer that is connected to it and made by hand; nobody reads. */
function scene(chosen: Partial<Config> = {}, limits: Partial<StackLimits> = {}) {
  const network = new Network({ capture: false, link: { delay: 0 } })
  const host = network.host(SERVER)
  const stack = new Stack(host.platform, limits)
  const channels: Channel[] = []
  const config = createConfig(chosen)
  const listener = stack.listen({ address: SERVER, port: PORT }, () => config, {
    onConnection(channel) {
      channels.push(channel)
      channel.owner = { onEvents: () => {} }
    },
  })
  const stranger = (port: number): HandMade =>
    new HandMade(network, network.host('10.0.0.9'), port, { address: SERVER, port: PORT })
  const peer = stranger(5000)
  return { network, host, stack, listener, channels, peer, stranger }
}

function connected(chosen: Partial<Config> = {}) {
  const made = scene(chosen)
  made.peer.open({ windowScale: SCALE, sackPermitted: true })
  const [channel] = made.channels as [Channel]
  return { ...made, channel }
}

/** Lets what was sent arrive, and forgets the answers. */
function settle({ network, peer }: { network: Network; peer: HandMade }): void {
  network.advance(0.01)
  peer.take()
}

/** Honest ACKs, until `window` bytes may be in flight; then all is acknowledged. */
function openCongestionWindow({ channel, network, peer }: ReturnType<typeof connected>, window: number): void {
  const acknowledge = (): number => {
    const last = peer.take().at(-1)?.segment
    if (last === undefined) return 0
    peer.ack = (last.seq + last.textLength) >>> 0
    peer.send(ACK)
    network.advance(1)
    return last.textLength
  }
  while (channel.status().cwnd < window) {
    channel.send(stream(1, 0, MB))
    network.advance(1)
    acknowledge()
  }
  while (acknowledge() > 0);
  if (channel.unacknowledged > 0) throw new Error('not all is acknowledged')
}

describe('bytes to send', () => {
  test('a peer that acknowledges nothing: sendBuffer, of it 512 KiB unsent, and send() takes no more', async () => {
    const taken = (config: Partial<Config>): number => {
      const { channel, network } = connected(config)
      let sum = 0
      for (let i = 0; i < 100; i++) sum += channel.send(stream(1, 0, MB))
      network.advance(10_000)
      for (let i = 0; i < 100; i++) sum += channel.send(stream(1, 0, MB))
      expect(channel.unacknowledged).toBe(sum)
      return sum
    }
    const before = await memoryInUse()
    expect(taken({ sendBuffer: 100_000 })).toBe(100_000)
    const most = taken({})
    expect(most).toBeGreaterThanOrEqual(512 * 1024)
    expect(most).toBeLessThan(600_000)
    expect((await memoryInUse()) - before).toBeLessThan(2 * MB)
  })

  test('when all is acknowledged, none is left: an idle connection owns no slab and no chunk', async () => {
    const couple = new Couple({ network: { capture: false } }).listen()
    const connections = 500
    const before = await memoryInUse()
    for (let i = 0; i < connections; i++) {
      const client = couple.connect()
      couple.network.advance(50)
      const server = couple.accepted.at(-1)
      client.channel.send(stream(0, 0, 20_000))
      server?.channel.send(stream(1, 0, 20_000))
      couple.network.advance(200)
      expect(server?.channel.unacknowledged).toBe(0)
      client.received.length = 0
      if (server !== undefined) server.received.length = 0
    }
    const each = ((await memoryInUse()) - before) / (2 * connections)
    // 20 kB went each way; a slab has 64 KiB
    expect(each).toBeLessThan(16_000)
    expect(couple.accepted.length).toBe(connections)
  })

  test('200,000 segments of one byte that are never acknowledged: 32,768 flights, the rest waits', () => {
    const made = connected({ noDelay: true, maxRetries: 255 })
    const { channel, network, peer } = made
    openCongestionWindow(made, 300_000)
    const { segmentsSent } = channel.status()
    for (let i = 0; i < 200_000; i++) {
      channel.send(Uint8Array.of(i))
      network.advance(0.0001)
      if (i % 100 === 0) peer.take()
    }
    // a tail probe may be one more
    const { tailProbes } = channel.status()
    expect(channel.status().segmentsSent - segmentsSent).toBe(32_768 + tailProbes)
    expect(channel.unacknowledged).toBe(200_000)
  })

  test('SACK blocks that cut segments into bytes: no more flights for it than there may be', async () => {
    const made = connected({ maxRetries: 255 })
    const { channel, network, peer } = made
    openCongestionWindow(made, 400_000)
    channel.send(stream(1, 0, 4 * MB))
    network.advance(1)
    peer.take()
    const before = await memoryInUse()
    const first = peer.ack
    for (let at = 1; at < 390_000; at += 8) {
      const sackEdges = Uint32Array.from([0, 1, 2, 3, 4, 5, 6, 7], (more) => first + at + more)
      peer.send(ACK, { sackCount: 4, sackEdges })
      if (at % 800 === 1) settle({ network, peer })
    }
    settle({ network, peer })
    expect(channel.state).toBe('ESTABLISHED')
    // 390,000 flights would take twice as much
    expect((await memoryInUse()) - before).toBeLessThan(60_000_000)
  })
})

describe('bytes received', () => {
  test('a peer that knows no window: maxReceiveBuffer in order, and less than 16 MB', async () => {
    const { channel, network, peer } = connected({ initialReceiveBuffer: 12 * MB })
    const before = await memoryInUse()
    for (let sent = 0; sent < 24 * MB; sent += 32_768) {
      peer.send(ACK, { payload: stream(0, sent % (4 * MB), (sent % (4 * MB)) + 32_768) })
      peer.seq += 32_768
      if (sent % MB === 0) settle({ network, peer })
    }
    settle({ network, peer })
    expect(channel.readable).toBeGreaterThan(12 * MB - 32_768)
    expect(channel.readable).toBeLessThan(16_000_000)
    expect((await memoryInUse()) - before).toBeLessThan(17_000_000)
  })

  test('the same out of order: nothing beyond the window is kept', async () => {
    const { channel, network, peer } = connected({ maxReceiveBuffer: 2 * MB, initialReceiveBuffer: 2 * MB })
    const before = await memoryInUse()
    for (let sent = 1; sent < 8 * MB; sent += 32_768) {
      peer.send(ACK, { seq: peer.seq + sent, payload: stream(0, sent % (4 * MB), (sent % (4 * MB)) + 32_768) })
      if (sent % MB === 1) settle({ network, peer })
    }
    settle({ network, peer })
    const { outOfOrderHeld, readable } = channel.status()
    expect(readable).toBe(0)
    expect(outOfOrderHeld).toBeGreaterThan(MB)
    expect(outOfOrderHeld).toBeLessThanOrEqual(2 * MB + 2 ** 19)
    expect((await memoryInUse()) - before).toBeLessThan(3 * MB)
  })

  test('segments of one byte: a held chunk costs more than its bytes, so chunks are copied together', async () => {
    for (const hole of [0, 1]) {
      const { channel, network, peer } = connected({ maxReceiveBuffer: 200_000, initialReceiveBuffer: 200_000 })
      const before = await memoryInUse()
      for (let at = hole; at < 190_000; at++) {
        peer.send(ACK, { seq: peer.seq + at, payload: Uint8Array.of(at) })
        if (at % 1_000 === 0) settle({ network, peer })
      }
      settle({ network, peer })
      const { readable, outOfOrderHeld } = channel.status()
      expect(readable + outOfOrderHeld).toBe(190_000 - hole)
      // a chunk for each would be 190,000 times more than 200 bytes
      expect((await memoryInUse()) - before).toBeLessThan(3 * MB)
    }
  })

  test('a byte here and a byte there: 1,024 ranges, the furthest go, and the nearest are kept', () => {
    const { channel, network, peer } = connected()
    for (let i = 5_000; i > 0; i--) {
      peer.send(ACK, { seq: peer.seq + 2 * i, payload: Uint8Array.of(i) })
      if (i % 100 === 0) settle({ network, peer })
    }
    settle({ network, peer })
    expect(channel.status().outOfOrderHeld).toBeLessThanOrEqual(1_024)
    // the even bytes up to 2048 are there: the odd ones fill the gaps
    for (let i = 0; i < 1_000; i++) peer.send(ACK, { seq: peer.seq + 2 * i + 1, payload: Uint8Array.of(0) })
    peer.send(ACK, { payload: Uint8Array.of(0) })
    settle({ network, peer })
    expect(channel.readable).toBe(2_001)
  })

  test('small parts of large datagrams: what is held is what is kept, not the datagrams', async () => {
    const { channel, network, peer } = connected({ maxReceiveBuffer: 60_000 })
    const before = await memoryInUse()
    // all but the last 10 bytes of each lie beyond the window
    const { receiveWindow } = channel.status()
    for (let i = 0; i < 500; i++) {
      const from = receiveWindow - 10 * (i + 1)
      peer.send(ACK, { seq: peer.seq + from, payload: stream(0, 0, 60_000) })
      settle({ network, peer })
    }
    expect(channel.status().outOfOrderHeld).toBeLessThanOrEqual(60_000)
    expect((await memoryInUse()) - before).toBeLessThan(2 * MB)
  })

  test('nobody has read yet: a peer that knows no window, or leaves a hole, gets rid of what a window has at first', () => {
    for (const hole of [0, 1]) {
      const { channel, network, peer } = connected()
      for (let sent = hole; sent < 4 * MB; sent += 32_768) {
        peer.send(ACK, { seq: peer.seq + sent, payload: stream(0, sent, sent + 32_768) })
        if (sent % MB === hole) settle({ network, peer })
      }
      settle({ network, peer })
      const { readable, outOfOrderHeld } = channel.status()
      expect(readable + outOfOrderHeld).toBeGreaterThan(60_000)
      expect(readable + outOfOrderHeld).toBeLessThan(400_000)
    }
  })

  test.each([
    ['at once', 0, 0, 400_000],
    ['after a second at full speed, 2.5 MB for each round trip', 1_000, 2_000_000, 16_000_000],
  ])('a socket that is paused %s takes less than 16 MB from a peer that would give on', async (_, ms, least, most) => {
    const life = new Life({ capture: false, link: { delay: 10, rate: 1e9, queue: 2_500_000 } })
    const [client, server] = await life.pair()
    if (ms === 0) server.socket.pause()
    const chunk = new Uint8Array(65_536)
    const write = (): void => {
      while (client.socket.write(chunk));
    }
    client.socket.on('drain', write)
    write()
    await life.run(ms)
    server.socket.pause()
    const { bytesReceived: read = 0 } = server.socket.getInfo() ?? {}
    await life.run(5_000)
    const taken = (server.socket.getInfo()?.bytesReceived ?? 0) - read
    expect(taken).toBeGreaterThan(least)
    expect(taken).toBeLessThan(most)
    client.socket.destroy()
    server.socket.destroy()
    await life.run(70_000)
    await life.end()
  })
})

describe('connections', () => {
  test('a flood of SYNs: the backlog, 511 half-open ones, and an honest client gets through', async () => {
    const { network, listener, channels, stranger } = scene()
    const flood = stranger(6000)
    const before = await memoryInUse()
    for (let i = 0; i < 60_000; i++) {
      flood.send(SYN, { seq: i * 77, sourcePort: 1 + i, mss: 1460 })
      if (i % 100 === 0) settle({ network, peer: flood })
    }
    settle({ network, peer: flood })
    expect(listener.halfOpen).toBe(511)
    expect((await memoryInUse()) - before).toBeLessThan(511 * 16_000)
    const honest = new Recorder()
    const client = network.host('10.0.0.7').stack
    honest.channel = client.connect({ address: SERVER, port: PORT }, createConfig(), honest)
    honest.channel.send(new Uint8Array(1_000))
    network.advance(3_000)
    expect(honest.events).toContain('connected')
    expect(channels.length).toBe(1)
    expect(channels[0]?.readable).toBe(1_000)
  })

  test('connections of an endpoint: maxEndpointConnections, and a SYN beyond it is dropped', () => {
    const { network, listener, channels, stranger } = scene({}, { maxEndpointConnections: 20 })
    const peers: HandMade[] = []
    for (let i = 0; i < 20; i++) {
      const peer = stranger(7000 + i)
      peer.open()
      peers.push(peer)
    }
    const late = stranger(8000)
    late.send(SYN, { mss: 1460 })
    network.advance(100)
    expect(late.heard.length).toBe(0)
    expect([channels.length, listener.getStats().refusedByLimit]).toEqual([20, 1])
    peers[0]?.send(RST)
    network.advance(10)
    late.send(SYN, { mss: 1460 })
    network.advance(10)
    expect(late.take().map(({ segment }) => segment.flags)).toEqual([SYN | ACK])
    expect(DEFAULT_LIMITS.maxEndpointConnections).toBe(131_072)
  })

  test("client UDP sockets that only wait: a quarter of the machine's descriptors, the oldest closes early", () => {
    const network = new Network({ link: { delay: 1 } })
    const host = network.host('10.0.0.1')
    const accepted = new Acceptance()
    const stack = new Stack(Object.create(host.platform, { descriptorLimit: { value: 40 } }))
    const ports: number[] = []
    for (let i = 0; i < 25; i++) {
      // to one port the next connection takes the oldest over (decision 034)
      const target = { address: SERVER, port: PORT + i }
      network.host(SERVER).stack.listen(target, createConfig, accepted)
      const client = new Recorder()
      client.channel = stack.connect(target, createConfig(), client)
      network.advance(10)
      client.channel.close()
      accepted.channels.at(-1)?.close()
      network.advance(10)
      ports.push(client.channel.localUdpPort)
    }
    expect(host.openSockets.map(({ port }) => port)).toEqual(ports.slice(-10))
    expect(DEFAULT_LIMITS.maxTimeWaitSockets).toBe(1_024)
  })

  test('TIME-WAIT records: so many for each endpoint, and the oldest goes', () => {
    const { network, listener, channels, stranger } = scene({}, { maxTimeWaitRecords: 100 })
    const peers: HandMade[] = []
    for (let i = 0; i < 150; i++) {
      const peer = stranger(7000 + i)
      peer.open()
      channels.at(-1)?.close()
      network.advance(1)
      peer.ack++
      peer.send(FIN | ACK)
      network.advance(1)
      peer.take()
      peers.push(peer)
    }
    const { timeWait, timeWaitEvicted, connections } = listener.getStats()
    expect([timeWait, timeWaitEvicted, connections]).toEqual([100, 50, 0])
    // a FIN again: the youngest is remembered, the oldest is not
    for (const peer of peers) peer.send(FIN | ACK)
    network.advance(1)
    const answers = peers.map((peer) => peer.take().map(({ segment }) => segment.flags & (ACK | RST))[0])
    expect(answers).toEqual([...Array(50).fill(RST), ...Array(100).fill(ACK)])
    expect(DEFAULT_LIMITS.maxTimeWaitRecords).toBe(16_384)
  })
})

describe('answers', () => {
  test('RSTs to segments that nobody owns: a thousand a second at most, half as many at least, then silence', () => {
    const { network, peer } = scene()
    const count = (): number => peer.take().filter(({ segment }) => segment.flags & RST).length
    const storm = (): number => {
      for (let i = 0; i < 5_000; i++) peer.send(ACK, { destinationPort: 7, seq: i })
      network.advance(1)
      return count()
    }
    const first = storm()
    network.advance(499)
    const second = storm()
    network.advance(5_000)
    for (const count of [first, 2 * second, storm()]) {
      expect(count).toBeLessThanOrEqual(1_020)
      expect(count).toBeGreaterThanOrEqual(500)
    }
    expect(first).toBeLessThanOrEqual(1_000)
  })

  test('challenge ACKs: ten a second for each connection, at least one', () => {
    const { network, peer, channel } = connected()
    peer.take()
    for (let i = 0; i < 400; i++) {
      peer.send(RST, { seq: peer.seq + 1 + i })
      peer.send(SYN, { seq: peer.seq + i })
      peer.send(ACK, { ack: peer.ack + 1_000_000 + i })
      network.advance(0.1)
    }
    const answers = peer.take().length
    expect(answers).toBeGreaterThanOrEqual(1)
    expect(answers).toBeLessThanOrEqual(20)
    expect(channel.state).toBe('ESTABLISHED')
  })

  test('garbage: none for what is no segment, one at most for what looks like one', () => {
    const { network, peer } = connected()
    peer.take()
    const { random } = network
    for (let i = 0; i < 2_000; i++) {
      peer.raw(random.fill(new Uint8Array(random.below(20))))
      network.advance(1)
      expect(peer.take().length).toBe(0)
      peer.raw(random.fill(new Uint8Array(20 + random.below(100))))
      network.advance(1)
      expect(peer.take().length).toBeLessThanOrEqual(1)
    }
  })
})

describe('a message', () => {
  test('a frame that claims 4 GiB is an error before anything is allocated for it', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    const messages = new MessageStream(server.socket)
    const failed = once(messages, 'error')
    const before = await memoryInUse()
    client.socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0))
    messages.resume()
    const [error] = (await life.network.wait(failed, 1_000)) as [Error & { code: string }]
    expect(error.code).toBe('ERR_MESSAGE_TOO_LARGE')
    expect((await memoryInUse()) - before).toBeLessThan(2 * MB)
    expect(life.sent(life.client, isText).length).toBe(1)
    await life.end()
  })
})
