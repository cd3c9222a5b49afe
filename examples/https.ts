// HTTPS over UDP: node:https on both sides, TLS over our sockets between. `node dist/examples/https.js`
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, createServer as createHttpsServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { connect, createServer } from 'tcp-over-udp'
import { CERTIFICATE, KEY } from '../test/support/certificate.js' // of 'localhost', signed by nobody

const https = createHttpsServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
  response.end(`${request.method} ${request.url} came over ${(request.socket as TLSSocket).getProtocol()} over UDP\n`)
})
const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => https.emit('connection', socket))
server.on('listening', () => https.emit('listening')) // this starts http's own time limits
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
class UdpAgent extends Agent {
  override createConnection(): TLSSocket {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    return connectTls({ socket, servername: 'localhost', ca: CERTIFICATE })
  }
}
const agent = new UdpAgent({ keepAlive: true })
for (const path of ['/hello', '/again']) {
  const [response] = (await once(get({ agent, path }), 'response')) as [IncomingMessage]
  process.stdout.write(`${response.statusCode}: ${await text(response)}`) // one connection serves both
}
agent.destroy()
server.close()
