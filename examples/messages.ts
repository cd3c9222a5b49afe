// Messages with receipts: what was sent arrives whole, and one knows when. `node dist/examples/messages.js`
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'

const server = createServer({ allowHalfOpen: true }, async (socket) => {
  const messages = new MessageStream(socket)
  // A slow loop stops the sender: nothing is read from the socket while a message is being dealt with.
  for await (const message of messages) {
    const answer = typeof message === 'string' ? `you said: ${message}` : `you sent ${message.length} bytes`
    messages.post(answer)
  }
  await messages.end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { port } = server.address() as AddressInfo
const messages = new MessageStream(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))

await messages.send('Is anybody there?')
console.log('(the first message has been acknowledged by the TCP of the peer)')
console.log(await messages.receive())

for (let i = 0; i < 1000; i++) if (!messages.post('one of many')) await messages.ready() // there is room again
void messages.send(Buffer.alloc(10_000_000))
let answers = 0
messages.on('message', () => answers++)

const over = once(messages, 'end')
await messages.end() // all of it has been acknowledged; answers may still be coming
await over
console.log(`${answers} answers to the rest`)
server.close()
