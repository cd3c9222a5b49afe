// PostgreSQL over UDP, with the package pg and a server of Debian's behind a bridge. `node dist/examples/postgresql.js`
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import process from 'node:process'
import pg from 'pg'
import { createServer, Socket } from 'tcp-over-udp'
import { couple } from './bridge/couple.js'
import { isInstalled, missing, startDaemon } from './servers/daemon.js'
import { POSTGRESQL } from './servers/postgresql.js'

if (!isInstalled(POSTGRESQL)) {
  console.log(missing(POSTGRESQL))
  process.exit()
}
const host = '127.0.0.1'
const halfOpen = { allowHalfOpen: true, noDelay: true }

const postgresql = await startDaemon(POSTGRESQL)
const bridge = createServer(halfOpen, (socket) =>
  couple(socket, net.connect({ port: postgresql.port, host, ...halfOpen })),
)
bridge.listen(0, host)
await once(bridge, 'listening')

const { port } = bridge.address() as AddressInfo
const client = new pg.Client({ user: 'postgres', database: 'postgres', host, port, stream: () => new Socket() })
await client.connect()
await client.query('CREATE TABLE squares AS SELECT n, n * n AS square FROM generate_series(1, 1000) AS n')
const { rows } = await client.query('SELECT sum(square) FROM squares WHERE n <= $1', [100])
console.log(`over UDP, PostgreSQL says that 1² + … + 100² is ${rows[0].sum}`)
await client.end()
bridge.close()
await postgresql.stop()
