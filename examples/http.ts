// HTTP over UDP: node:http on both sides, our sockets between. `node dist/examples/http.js`
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createHttpAgent, serve } from 'tcp-over-udp/http'

const httpServer = http.createServer((request, response) => {
  response.end(`${request.method} ${request.url} came over UDP, from port ${request.socket.remotePort}\n`)
})
const server = serve(httpServer).listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
const agent = createHttpAgent({ keepAlive: true })
for (const path of ['/hello', '/again']) {
  const request = http.get({ agent, host: '127.0.0.1', port, path })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  process.stdout.write(`${response.statusCode}: ${await text(response)}`) // one connection serves both
}
agent.destroy()
server.close()
