// Streams on the simulated network: what users of the testing kit do.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createServer } from '../../lib/net/server.js'
import { connect } from '../../lib/net/socket.js'
import { first } from '../../lib/testing/link.js'
import { simulate } from '../../lib/testing/network.js'
import { ACK, SYN } from '../../lib/wire/segment.js'

describe('sockets in virtual time', () => {
  it('connect, though the first SYN,ACK is lost, and talk', () =>
    simulate({ seed: 7, link: { delay: 20, rate: 10e6, queue: 64_000 } }, async (network) => {
      const a = network.host('10.0.0.1')
      const b = network.host('10.0.0.2')
      network.link(b, a).set({ lose: first(1, (datagram) => datagram.segment?.flags === (SYN | ACK)) })
      const server = createServer({ stack: b.stack }, (socket) => socket.pipe(socket))
      server.listen(80, '10.0.0.2')
      await network.wait(once(server, 'listening'), 100)
      const socket = connect({ stack: a.stack, host: '10.0.0.2', port: 80 })
      await network.wait(once(socket, 'connect'), 5_000)
      expect(network.now).toBeGreaterThan(1_000)
      const sent = Buffer.alloc(200_000)
      network.random.fill(sent)
      const received: Buffer[] = []
      socket.on('data', (chunk: Buffer) => received.push(chunk))
      socket.end(sent)
      await network.wait(once(socket, 'close'), 10_000)
      expect(Buffer.concat(received).equals(sent)).toBe(true)
      server.close()
      await network.wait(once(server, 'close'), 1_000)
      await network.run(100) // the last ACK is on its way
      expect(a.holdsProcess || b.holdsProcess).toBe(false)
    }))
})
