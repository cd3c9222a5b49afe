// A chat in a page: WebSockets (the package ws) over UDP, and a bridge for browsers, which speak TCP. `node dist/examples/websocket-chat.js`
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { connect, type Server } from 'tcp-over-udp'
import { serve } from 'tcp-over-udp/http'
import { type WebSocket, WebSocketServer } from 'ws'
import { couple, type Half } from './bridge/couple.js'
import { endInOneLine, number } from './shared/command-line.js'
import { PAGE } from './websocket-chat/page.js'

const HELP = `node dist/examples/websocket-chat.js [--port 8080]    serves the page on that TCP port; 0: any
  --origin URL    lets pages from there in as well, as http://example.org; may be said again`

endInOneLine()
const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    port: { type: 'string', default: '8080' },
    origin: { type: 'string', multiple: true, default: [] },
  },
})
if (values.help) console.log(HELP)
else await chat(number('--port', values.port, 0, 65_535, true))

async function chat(port: number): Promise<void> {
  const server = serveRoom().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: udpPort } = server.address() as AddressInfo

  // Where the browser is: TCP in, UDP out. The room could as well be on another continent.
  const options = { allowHalfOpen: true, noDelay: true }
  const bridge = net.createServer(options, (socket: Half) => {
    couple(socket, connect({ port: udpPort, host: '127.0.0.1', ...options }))
  })
  bridge.listen(port, '127.0.0.1')
  await once(bridge, 'listening')
  console.log(`Open http://127.0.0.1:${(bridge.address() as AddressInfo).port} in two windows.`)
}

/** The page, and a room in which everybody hears everybody. */
function serveRoom(): Server {
  const people = new Set<WebSocket>()
  const room = new WebSocketServer({ noServer: true })
  room.on('connection', (person) => {
    people.add(person)
    person.on('close', () => people.delete(person))
    person.on('error', () => {}) // who breaks the rules is closed, and that is all
    person.on('message', (line) => {
      for (const other of people) other.send(String(line))
    })
  })
  const http = createHttpServer((_request, response) => response.setHeader('content-type', 'text/html').end(PAGE))
  http.on('upgrade', (request, socket, head) => {
    if (!isWelcome(request)) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
      return
    }
    room.handleUpgrade(request, socket, head, (person) => room.emit('connection', person))
  })
  return serve(http)
}

/** A browser lets any page open a WebSocket to anywhere, and says whose page it is. What is no browser says nothing. */
function isWelcome({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || origin === `http://${host}` || values.origin.includes(origin)
}
