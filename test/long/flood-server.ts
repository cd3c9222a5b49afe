// The server of a flood: it echoes, and tells what it takes.
import { createServer, defaultStack } from 'tcp-over-udp'
import type { ServerReport } from './flood-messages.js'

let mostRss = 0
const look = (): number => {
  const { rss } = process.memoryUsage()
  mostRss = Math.max(mostRss, rss)
  return rss
}

const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send?.('ready'))
setInterval(look, 100)

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const report: ServerReport = { rss: look(), mostRss, cpu: (user + system) / 1000, stats: defaultStack().getTotals() }
  process.send?.(report)
})
