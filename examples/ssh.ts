// SSH over UDP, with the package ssh2: a server that answers commands, and a client. `node dist/examples/ssh.js`
import { once } from 'node:events'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { text } from 'node:stream/consumers'
import ssh2, { type ClientChannel } from 'ssh2'
import { connect, createServer } from 'tcp-over-udp'

// of its ed25519 keys it cannot read one in 256 (ssh2 1.17)
const { private: key } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 })

const ssh = new ssh2.Server({ hostKeys: [key] }, (client, { ip }) => {
  client.on('authentication', (attempt) => attempt.accept()) // whoever it is: this is an example
  client.on('session', (accept) => {
    accept().on('exec', (acceptCommand, _reject, { command }) => {
      const channel = acceptCommand()
      channel.write(`you are at ${ip}, and you said: ${command}\n`)
      channel.exit(0)
      channel.end()
    })
  })
})
const server = createServer({ noDelay: true }, (socket) => ssh.injectSocket(socket as unknown as NetSocket))
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
const client = new ssh2.Client()
client.connect({ sock: connect({ port, host: '127.0.0.1', noDelay: true }), username: 'ann', privateKey: key })
await once(client, 'ready')
const channel = await new Promise<ClientChannel>((resolve, reject) => {
  client.exec('hello', (error, made) => (error ? reject(error) : resolve(made)))
})
process.stdout.write(await text(channel))
client.end()
await once(client, 'close')
server.close()
