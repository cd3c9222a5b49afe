// A bridge between TCP and our sockets, either way: so programs that know nothing of UDP go over it. `node dist/examples/bridge.js --help`
import { once } from 'node:events'
import net from 'node:net'
import { parseArgs } from 'node:util'
import udp from 'tcp-over-udp'
import { couple, type Half } from './bridge/couple.js'
import { endInOneLine, number } from './shared/command-line.js'

const HELP = `node dist/examples/bridge.js FROM TO

FROM and TO are tcp:HOST:PORT or udp:HOST:PORT. To reach the SSH server of another machine over UDP:

  there:  node dist/examples/bridge.js udp:0.0.0.0:2222 tcp:127.0.0.1:22
  here:   node dist/examples/bridge.js tcp:127.0.0.1:2222 udp:there.example:2222
          ssh -p 2222 127.0.0.1`

endInOneLine()
const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true })
const [from, to] = positionals.map(placeOf)
if (values.help) console.log(HELP)
else if (from !== undefined && to !== undefined) await bridge(from, to)
else {
  console.error(`Not understood.\n${HELP}`)
  process.exitCode = 2
}

interface Place {
  over: typeof net
  host: string
  port: number
}

function placeOf(text: string): Place | undefined {
  const [, protocol, host, port] = /^(tcp|udp):(.+):(.*)$/.exec(text) ?? []
  if (protocol === undefined || host === undefined || port === undefined) return undefined
  return {
    over: protocol === 'tcp' ? net : (udp as unknown as typeof net),
    host,
    port: number('PORT', port, 0, 65_535, true),
  }
}

async function bridge(from: Place, to: Place): Promise<void> {
  const options = { allowHalfOpen: true, noDelay: true }
  const { host, port } = to
  const server = from.over.createServer(options, (socket: Half) =>
    couple(socket, to.over.connect({ host, port, ...options })),
  )
  server.listen(from.port, from.host)
  await once(server, 'listening')
  console.log(`listening: ${positionals.join(' to ')}`)
}
