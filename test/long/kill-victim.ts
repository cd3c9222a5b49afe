// The process that is killed: it listens or connects, sends or receives, and says when it begins.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'tcp-over-udp'
import { streamAt, TIMES, type Victim } from '../support/kill-stream.js'

const { sends, total, port } = JSON.parse(process.argv[2] as string) as Victim

async function serve(socket: Socket): Promise<void> {
  socket.on('error', () => {})
  socket.resume()
  if (!sends) return
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (let sent = 0; sent < total && !socket.destroyed; ) {
    const bytes = streamAt(sent, Math.min(16_384, total - sent))
    sent += bytes.length
    if (!socket.write(bytes)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  socket.end()
}

if (port > 0) {
  process.stdout.write('connecting\n')
  void serve(connect({ host: '127.0.0.1', port, ...TIMES }))
} else {
  const server = createServer(TIMES as never, (socket) => void serve(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
}
