// node:net, the kernel's TCP: the one to be measured against.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Peer } from './peer.js'

const OPTIONS = { allowHalfOpen: true, noDelay: true }

export const nodeNet: Peer = {
  async listen(address, port, onConnection) {
    const server = createServer(OPTIONS, onConnection)
    server.listen(port, address)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  async connect(address, port, path) {
    if (path !== undefined) throw new Error('the kernel takes no path of ours')
    const socket = connect({ ...OPTIONS, host: address, port })
    await once(socket, 'connect')
    return socket
  },
}
