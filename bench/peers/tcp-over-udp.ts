// This package, with its default options or with another congestion control.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Stack } from '../../lib/endpoint/stack.js'
import { defaultStack } from '../../lib/net/default-stack.js'
import { createServer } from '../../lib/net/server.js'
import { connect } from '../../lib/net/socket.js'
import { ImpairedPlatform } from '../../lib/testing/impaired-platform.js'
import { paths } from '../links/paths.js'
import type { Peer } from './peer.js'

/** The same datagrams are lost in every run, as far as the timing is the same. */
const SEED = 1

function impairedStack(path: string): Stack {
  const { link } = paths[path]
  return new Stack(new ImpairedPlatform(defaultStack().platform, { seed: SEED, outgoing: link, incoming: link }))
}

function peer(name: string, summary: string, options: { congestionControl?: string }): Peer {
  return {
    name,
    summary,
    async listen(onConnection) {
      const server = createServer(onConnection)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    },
    connect(port, path) {
      const where = { port, host: '127.0.0.1' }
      return path === undefined
        ? connect({ ...where, ...options })
        : connect({ ...where, ...options, stack: impairedStack(path) })
    },
  }
}

export const tcpOverUdp: Peer = peer('tcp-over-udp', 'this package', {})
export const tcpOverUdpBbr: Peer = peer('tcp-over-udp:bbr', "this package, congestionControl: 'bbr'", {
  congestionControl: 'bbr',
})
