// A bad path over real UDP, in real time: what is lost is sent again, and what arrives is what was written.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Stack } from '../../lib/endpoint/stack.js'
import { defaultStack } from '../../lib/net/default-stack.js'
import { createServer } from '../../lib/net/server.js'
import { connect } from '../../lib/net/socket.js'
import { ImpairedPlatform } from '../../lib/testing/impaired-platform.js'
import { Random } from '../../lib/testing/random.js'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('through a path that loses, delays, reorders and duplicates', () => {
  it('a megabyte goes there and back whole', async () => {
    const bad = { loss: 0.02, delay: 4, jitter: 2, reorder: 0.02, reorderDelay: 3, duplicate: 0.02 }
    const path = new ImpairedPlatform(defaultStack().platform, { seed: 21, outgoing: bad, incoming: bad })
    const server = createServer({ mss: 1440 }, (socket) => socket.pipe(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1', stack: new Stack(path), mss: 1440 })
    const sent = new Random(22).fill(new Uint8Array(1_000_000))
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.end(sent)
    await once(socket, 'close')
    expect(sha256(Buffer.concat(received))).toBe(sha256(sent))
    expect(path.outgoing.stats.lost).toBeGreaterThan(0)
    expect(path.incoming.stats.lost).toBeGreaterThan(0)
    server.close()
    await once(server, 'close')
  })
})
