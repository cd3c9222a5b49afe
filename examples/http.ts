// HTTP over UDP: node:http on both sides, our sockets between. `node dist/examples/http.js`
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect, createServer } from 'tcp-over-udp'

const http = createHttpServer((request, response) => {
  response.end(`${request.method} ${request.url} came over UDP, from port ${request.socket.remotePort}\n`)
})
// allowHalfOpen as http.Server has it: a client may end its side and still wait for the answer.
const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit('connection', socket))
server.on('listening', () => http.emit('listening')) // this starts http's own time limits
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
class UdpAgent extends Agent {
  override createConnection(): NetSocket {
    return connect({ port, host: '127.0.0.1', noDelay: true }) as unknown as NetSocket
  }
}
const agent = new UdpAgent({ keepAlive: true })
for (const path of ['/hello', '/again']) {
  const [response] = (await once(get({ agent, path }), 'response')) as [IncomingMessage]
  process.stdout.write(`${response.statusCode}: ${await text(response)}`) // one connection serves both
}
agent.destroy()
server.close()
