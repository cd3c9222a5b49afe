// Two peers and no server: each connects to the other at once, as TCP allows and as NATs on both sides demand. `node dist/examples/peer-to-peer.js`
// With DEBUG=tcp-over-udp:state before it one sees both of them go from SYN-SENT to SYN-RECEIVED (RFC 9293 §3.5, Figure 7).
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { connect, type Socket } from 'tcp-over-udp'
import { endInOneLine, number } from './shared/command-line.js'

const HELP = `node dist/examples/peer-to-peer.js                    both peers in this process
node dist/examples/peer-to-peer.js HERE HOST:THERE    one of them, from port HERE to port THERE of HOST; the other the other way round`

endInOneLine()
const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true })
const [here, there] = positionals
if (values.help) console.log(HELP)
else if (here === undefined)
  await Promise.all([meet('ann', 9501, '127.0.0.1:9502'), meet('bob', 9502, '127.0.0.1:9501')])
else if (there?.includes(':')) await meet(`port ${here}`, number('HERE', here, 1, 65_535, true), there)
else {
  console.error(`Not understood.\n${HELP}`)
  process.exitCode = 2
}

/** Greets whoever is at the other end, and says what it hears. */
async function meet(name: string, localPort: number, peer: string): Promise<void> {
  const socket = await reach(localPort, peer)
  socket.setEncoding('utf8').end(`hello from ${name}`)
  for await (const text of socket) console.log(`${name} hears: ${text}`)
}

/**
 * A SYN of each side opens the way for the other's, and is repeated until the peer is there. Until then its machine may say that nobody is (ICMP):
 * of a UDP port that may be shared nobody hears that.
 */
async function reach(localPort: number, peer: string): Promise<Socket> {
  const port = number('THERE', peer.slice(peer.lastIndexOf(':') + 1), 1, 65_535, true)
  const host = peer.slice(0, peer.lastIndexOf(':'))
  const socket = connect({ localPort, localUdpPort: localPort, port, host })
  await once(socket, 'connect')
  return socket
}
