// This package, with its default options.
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

export const tcpOverUdp: Peer = {
  name: 'tcp-over-udp',
  summary: 'this package',
  async listen(onConnection) {
    const server = createServer(onConnection)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  connect(port, path) {
    const where = { port, host: '127.0.0.1' }
    return path === undefined ? connect(where) : connect({ ...where, stack: impairedStack(path) })
  },
}
