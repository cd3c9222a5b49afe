// HTTPS over UDP: node:https on both sides, TLS over our sockets between. `node dist/examples/https.js`
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { createHttpsAgent, serve } from 'tcp-over-udp/http'
import { CERTIFICATE, KEY } from '../test/support/certificate.js' // of 'localhost', signed by nobody

const httpsServer = https.createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
  response.end(`${request.method} ${request.url} came over ${(request.socket as TLSSocket).getProtocol()} over UDP\n`)
})
const server = serve(httpsServer).listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
const agent = createHttpsAgent({ keepAlive: true, ca: CERTIFICATE })
for (const path of ['/hello', '/again']) {
  const request = https.get({ agent, host: '127.0.0.1', servername: 'localhost', port, path })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  process.stdout.write(`${response.statusCode}: ${await text(response)}`) // one connection serves both
}
agent.destroy()
server.close()
