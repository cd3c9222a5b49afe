// utp-native as a peer: libutp, with LEDBAT as its congestion control; all connections of a client share a UDP socket, as its API has it.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { required } from '../packages.js'
import type { Peer } from './peer.js'

interface Utp extends NodeJS.EventEmitter {
  listen(port: number, address: string): void
  address(): { port: number }
  connect(port: number, address: string): Duplex
}

interface UtpModule {
  (options: { allowHalfOpen: boolean }): Utp
  createServer(options: { allowHalfOpen: boolean }, onConnection: (stream: Duplex) => void): Utp
}

const OPTIONS = { allowHalfOpen: true }

let client: Utp | undefined

const utp = (): UtpModule => required('utp-native')

export const utpNative: Peer = {
  async listen(address, port, onConnection) {
    const server = utp().createServer(OPTIONS, onConnection)
    const listening = once(server, 'listening')
    server.listen(port, address)
    await listening
    return server.address().port
  },
  async connect(address, port) {
    client ??= utp()(OPTIONS)
    const stream = client.connect(port, address)
    await once(stream, 'connect')
    return stream
  },
}
