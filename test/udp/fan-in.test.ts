// Many who send to one server at once, over real UDP and a small socket buffer: all of it arrives, and the sockets go as they came.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createServer } from '../../lib/net/server.js'
import { connect, type Socket } from '../../lib/net/socket.js'
import { Random } from '../../lib/testing/random.js'

const COUNT = 8
const LENGTH = 3_000_000
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('eight senders', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.0.0.1', false],
    ['::', true],
  ])('into a server at %s, offload %s', async (host, offload) => {
    const sums: string[] = []
    const ends: Promise<unknown>[] = []
    let sockets = 0
    const server = createServer({ allowHalfOpen: true, offload }, (socket: Socket) => {
      ends.push(once(socket, 'close'))
      const hash = createHash('sha256')
      socket.on('data', (chunk) => hash.update(chunk))
      socket.on('end', () => {
        sums.push(hash.digest('hex'))
        sockets = Math.max(sockets, server.getStats()?.sockets ?? 0)
        socket.end()
      })
    })
    server.listen({ port: 0, host, recvBufferSize: 212_992 })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const bytes = new Random(5).fill(new Uint8Array(LENGTH))
    const before = server.getStats()?.sockets
    const clients = Array.from({ length: COUNT }, (_, i) => {
      const socket = connect({ port, host: '127.0.0.1', offload })
      socket.end(bytes.subarray(i))
      return once(socket.resume(), 'close')
    })
    await Promise.all([...clients, ...ends])
    const expected = Array.from({ length: COUNT }, (_, i) => sha256(bytes.subarray(i)))
    expect(sums.sort()).toEqual(expected.sort())
    // the last ACKs may still wait to be read
    await expect.poll(() => server.getStats()?.sockets).toBe(before)
    expect(sockets > (before ?? 0)).toBe(offload && process.platform === 'linux')
    server.close()
    await once(server, 'close')
  })
})
