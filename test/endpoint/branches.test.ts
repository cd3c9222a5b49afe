// A connection that has more to receive than its part of its server's socket takes gets a UDP socket of its own, and gives it back.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, encode, HEADER_LENGTH, Segment } from '../../lib/wire/segment.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'
const MUCH = 2_000_000
const config = createConfig({})

/** `count` clients that send `length` bytes each, over a path on which nothing waits but in sockets. */
function crowd(
  count: number,
  { length = MUCH, sharing = false, gather = false, rate = 1e10, descriptorLimit = 1e3 } = {},
) {
  const network = new Network({ link: { delay: 0.1, rate }, capture: false, gather })
  const { platform } = network.host(SERVER)
  const server = new Stack(Object.create(platform, { descriptorLimit: { value: descriptorLimit } }))
  const acceptance = new Acceptance()
  acceptance.react = closeInReturn
  const listener = server.listen({ address: SERVER, port: 80, recvBufferSize: 425_984 }, () => config, acceptance)
  const clientPlatform = network.host('10.0.0.9').platform
  const client = new Stack(clientPlatform)
  const send = (length: number): Recorder => {
    const recorder = new Recorder()
    const target = { address: SERVER, port: 80, ...(sharing ? { localUdpPort: 7000 } : {}) }
    recorder.channel = client.connect(target, config, recorder)
    let left = length
    recorder.react = (events) => {
      closeInReturn(events, recorder.channel)
      while (left > 0) {
        const taken = recorder.channel.send(new Uint8Array(Math.min(left, 65_536)))
        left -= taken
        if (taken === 0) return
        if (left === 0) recorder.channel.close()
      }
    }
    return recorder
  }
  const clients = Array.from({ length: count }, () => send(length))
  return { network, platform, clientPlatform, acceptance, listener, clients, send }
}

const sockets = ({ listener }: ReturnType<typeof crowd>): number => listener.getStats().sockets

describe('branches', () => {
  it('one sender has the socket for itself', () => {
    const scene = crowd(1)
    scene.network.advance(5)
    expect(sockets(scene)).toBe(1)
    expect(scene.acceptance.accepted[0].bytes).toBeGreaterThan(500_000)
  })

  it('many have one each once they have brought much, and leave none behind', () => {
    const scene = crowd(8)
    scene.network.advance(12)
    expect(sockets(scene)).toBe(9)
    scene.network.advance(5000)
    expect(scene.acceptance.accepted.map(({ bytes }) => bytes)).toEqual(Array(8).fill(MUCH))
    expect(sockets(scene)).toBe(1)
    expect(scene.clients.map(({ channel }) => channel.state)).toEqual(Array(8).fill('TIME-WAIT'))
  })

  it('who comes later, and has the large buffer for himself, gets no more of it than the others have', () => {
    const scene = crowd(2, { length: 1e9, rate: 3e9 })
    scene.network.advance(130)
    expect(sockets(scene)).toBe(3)
    scene.send(1e9)
    scene.network.advance(30)
    expect(sockets(scene)).toBe(3)
    const limits = scene.acceptance.channels.map((channel) => channel.status().receiveLimit)
    expect(limits).toEqual([131_072, 131_072, 131_072])
  })

  it('many that say little have none', () => {
    const scene = crowd(50, { length: 100_000 })
    for (let i = 0; i < 50; i++) {
      scene.network.advance(1)
      expect(sockets(scene)).toBe(1)
    }
    expect(scene.acceptance.accepted.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(5_000_000)
  })

  it('connections from one UDP port share one, which stays as long as one of them lives', () => {
    const scene = crowd(8, { sharing: true })
    scene.network.advance(12)
    const [first, ...others] = scene.acceptance.channels
    expect(sockets(scene)).toBe(2)
    expect(new Set(others.map(({ local }) => local))).toEqual(new Set([first.local]))
    first.abort()
    scene.network.advance(5000)
    expect(scene.acceptance.accepted.slice(1).map(({ bytes }) => bytes)).toEqual(Array(7).fill(MUCH))
    expect(sockets(scene)).toBe(1)
  })

  it('an address that is taken meanwhile is still refused to others', () => {
    const scene = crowd(8)
    scene.network.advance(12)
    const other = new Stack(scene.network.host(SERVER).platform)
    expect(() => other.listen({ address: SERVER, port: 80 }, () => config, new Acceptance())).toThrow('EADDRINUSE')
  })

  it('a segment of somebody else that a branch hears first is taken as from there', () => {
    const scene = crowd(8)
    scene.network.advance(12)
    const [first, second] = scene.acceptance.channels
    expect(first.local).not.toBe(second.local)
    const { local, connection, peerAddress, remoteUdpPort } = second
    const count = (): number => connection.status(scene.network.now).segmentsReceived
    const before = count()
    const segment = new Segment()
    segment.sourcePort = second.remotePort
    segment.destinationPort = second.localPort
    segment.flags = ACK
    const bytes = new Uint8Array(HEADER_LENGTH)
    encode(segment, bytes)
    first.local.onDatagram(bytes, 0, bytes.length, peerAddress, remoteUdpPort, false)
    expect(count()).toBe(before + 1)
    expect(second.local).toBe(local)
  })

  it.each([
    ['reset', (channel: Channel) => channel.abort()],
    ['closed', (channel: Channel) => channel.close()],
  ])('one that is %s as the kernel has no room for it is forgotten all the same', (_name, end) => {
    const scene = crowd(8, { length: 20_000_000, gather: true })
    scene.network.advance(20)
    expect(sockets(scene)).toBe(9)
    // one ACK, or a byte of text, fills it from now on
    for (const socket of scene.platform.sockets) {
      Object.assign(socket, { options: { gather: true, sendBuffer: { rate: 1e6, bytes: 40 } } })
    }
    for (const channel of scene.acceptance.channels) channel.send(new Uint8Array(1))
    scene.network.advance(0.1)
    scene.clientPlatform.kill()
    for (const channel of scene.acceptance.channels) end(channel)
    scene.network.advance(2_000_000)
    expect(scene.listener.getStats()).toMatchObject({ connections: 0, sockets: 1 })
  })

  it('who has fallen silent makes room for who has not', () => {
    // of 16 descriptors an eighth may be branches
    const scene = crowd(3, { length: 200_000_000, rate: 2e8, descriptorLimit: 16 })
    scene.network.advance(100)
    expect(sockets(scene)).toBe(3)
    const isBranched = ({ local }: Channel): boolean => local !== local.home
    const silent = scene.acceptance.channels.findIndex(isBranched)
    const channel = scene.acceptance.channels[silent] as Channel
    const client = scene.clients.find((one) => one.channel.localPort === channel.remotePort) as Recorder
    client.react = () => {}
    scene.send(200_000_000)
    scene.network.advance(400)
    expect(scene.acceptance.channels.map(isBranched).filter((is) => is)).toHaveLength(2)
    expect(isBranched(channel)).toBe(false)
    const before = channel.status().bytesReceived
    client.channel.send(new Uint8Array(100_000))
    scene.network.advance(500)
    expect(channel.status().bytesReceived).toBeGreaterThan(before)
  })

  it('who waited for the room of a branch that is given up speaks through its home', () => {
    const scene = crowd(3, { length: 200_000_000, rate: 2e8, descriptorLimit: 16 })
    scene.network.advance(100)
    const channel = scene.acceptance.channels.find(({ local }) => local !== local.home) as Channel
    const client = scene.clients.find((one) => one.channel.localPort === channel.remotePort) as Recorder
    client.react = () => {}
    scene.network.advanceUntil(() => client.channel.unacknowledged === 0, 5_000)
    scene.network.advance(200)
    expect(channel.local).not.toBe(channel.local.home)
    // the kernel has no room there, and nothing is in flight that a clock would watch
    const { local } = channel
    local.blocked = true
    channel.send(new Uint8Array(7))
    scene.send(200_000_000)
    scene.network.advance(400)
    expect(channel.local).toBe(local.home)
    expect(client.bytes).toBe(7)
  })

  it('when the endpoint goes, they go', () => {
    const scene = crowd(8)
    scene.network.advance(12)
    const platform = scene.network.host(SERVER).platform
    expect(platform.sockets.size).toBe(9)
    for (const { channel } of scene.acceptance.accepted) channel.abort()
    scene.listener.close()
    scene.network.advance(100_000)
    expect(platform.sockets.size).toBe(0)
  })
})
