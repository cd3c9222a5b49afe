// An echo server and a client of it: `node:net`, one import aside. `node dist/examples/echo.js`
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'tcp-over-udp'

const server = createServer((socket) => {
  console.log(`server: ${socket.remoteAddress} has connected`)
  socket.on('error', (error) => console.log(`server: ${error.message}`))
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
const socket = connect(port, '127.0.0.1')
socket.setEncoding('utf8')
socket.end('Hello over UDP!') // queued until the handshake is done; then data, then FIN
for await (const text of socket) console.log(`client: ${text}`)
await once(socket, 'close')
server.close()
