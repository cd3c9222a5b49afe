// What the kernel grants a socket for what waits to be read, what it drops beyond that, and that a small buffer does.
import { once } from 'node:events'
import { type AddressInfo, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, Stack } from 'tcp-over-udp'
import { describe, expect, it } from 'vitest'
import { createNodePlatform } from '../../lib/platform/node.js'
import type { DatagramSocket, LocalAddress } from '../../lib/platform/platform.js'

/** net.core.rmem_default of a stock kernel, which counts twice as much. */
const STOCK = 212_992
const MB = 2 ** 20
const KINDS = [true, false]
const IS_LINUX = process.platform === 'linux'
const platform = createNodePlatform()
const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'))

interface Ear {
  readonly socket: DatagramSocket
  heard: number
}

function listen(local: Partial<LocalAddress>): Ear {
  const ear = { heard: 0 }
  const socket = platform.bind(
    { address: '127.0.0.1', port: 0, ...local },
    { onDatagram: () => void ear.heard++, onQuiet: () => {}, onDrain: () => {}, onError: () => {} },
  )
  return Object.assign(ear, { socket })
}

describe.each(KINDS)('with offload: %s', (offload) => {
  // a wildcard, and an address beside it: each socket has its own count
  it.each(['127.0.0.1', '0.0.0.0', ...(hasIPv6 ? ['::1', '::', '::ffff:127.0.0.1'] : [])])(
    'a socket on %s counts what it had no room for',
    async (address) => {
      const ear = listen({ address, offload, recvBufferSize: STOCK, reuseAddr: true })
      const { port } = ear.socket
      const beside = listen({
        address: isIPv6(address) ? '::ffff:127.0.0.3' : '127.0.0.3',
        port,
        offload,
        reuseAddr: true,
      })
      const sender = listen({ offload })
      const sender6 = listen({ address: hasIPv6 ? '::1' : '127.0.0.1', offload })
      try {
        expect(ear.socket.buffer).toBeGreaterThanOrEqual(STOCK)
        expect(ear.socket.dropped).toBe(IS_LINUX ? 0 : undefined)
        // what is counted is so as of one turn, of which this is the end; nothing is read before the loop has its next
        await null
        const from = address === '::1' ? sender6 : sender
        for (let i = 0; i < 1_000; i++) {
          from.socket.send([new Uint8Array(1_000)], address === '::1' ? '::1' : '127.0.0.1', port)
          from.socket.flush()
        }
        const { dropped } = ear.socket
        if (IS_LINUX) expect(dropped).toBeGreaterThan(0)
        for (let i = 0; i < 100 && ear.heard + (dropped ?? 0) < 1_000; i++) await sleep(5)
        if (IS_LINUX) expect(ear.heard + (dropped ?? 0)).toBe(1_000)
        expect(beside.socket.dropped).toBe(IS_LINUX ? 0 : undefined)
      } finally {
        for (const { socket } of [ear, beside, sender, sender6]) socket.close()
      }
      expect(ear.socket.dropped).toBe(undefined)
    },
  )

  it('one that is connected counts its own', () => {
    const peer = listen({ offload })
    const own = listen({ address: '0.0.0.0', offload, recvBufferSize: STOCK, peer: peer.socket })
    for (let i = 0; i < 1_000; i++) {
      peer.socket.send([new Uint8Array(1_000)], '127.0.0.1', own.socket.port)
      peer.socket.flush()
    }
    if (IS_LINUX) expect(own.socket.dropped).toBeGreaterThan(0)
    expect(peer.socket.dropped).toBe(IS_LINUX ? 0 : undefined)
    own.socket.close()
    peer.socket.close()
  })

  it('the buffer of a stock kernel does: 20 MB arrive with next to no losses, and the numbers can be had', async () => {
    const choices = { offload, recvBufferSize: STOCK }
    const server = createServer((socket) => socket.resume())
    server.listen({ port: 0, host: '127.0.0.1', ...choices })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const stack = new Stack(platform)
    expect(stack.getStats()).toMatchObject({ receiveBuffer: Number.POSITIVE_INFINITY, dropped: 0 })
    const socket = connect({ port, host: '127.0.0.1', stack, ...choices })
    const chunk = new Uint8Array(MB)
    for (let i = 0; i < 20; i++) if (!socket.write(chunk)) await once(socket, 'drain')
    const { segmentsSent = 0 } = socket.getInfo() ?? {}
    const [theirs, ours] = [server.getStats(), stack.getStats()]
    expect(theirs?.receiveBuffer).toBeGreaterThanOrEqual(STOCK)
    expect(ours.receiveBuffer).toBeGreaterThanOrEqual(STOCK)
    if (IS_LINUX) {
      expect(ours.dropped).toBe(0)
      expect(theirs?.dropped).toBeLessThan(segmentsSent / 20)
    }
    socket.end()
    await once(socket, 'close')
    server.close()
    await once(server, 'close')
  })
})
