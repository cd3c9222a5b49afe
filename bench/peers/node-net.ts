// node:net, the kernel's TCP: the one to be measured against.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Peer } from './peer.js'

export const nodeNet: Peer = {
  name: 'node:net',
  summary: 'the kernel',
  async listen(onConnection) {
    const server = createServer(onConnection)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  connect(port, path) {
    if (path !== undefined) throw new Error('the kernel takes no path of ours')
    return connect({ port, host: '127.0.0.1' })
  },
}
