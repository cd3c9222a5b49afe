// Copies files, and knows that they arrived as they left. `node dist/examples/copy.js`
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, createServer, type Server, type Socket } from 'tcp-over-udp'
import { type Message, MessageStream } from 'tcp-over-udp/message'
import { endInOneLine, number } from './shared/command-line.js'

const HELP = `node dist/examples/copy.js                               copies its own code, to show how
node dist/examples/copy.js receive FOLDER [--port 9400]  takes files in until it is interrupted
node dist/examples/copy.js send FILE HOST [--port 9400]  sends one to where it is awaited`

endInOneLine()
const { values, positionals } = parseArgs({
  options: { help: { type: 'boolean' }, port: { type: 'string', default: '9400' } },
  allowPositionals: true,
})
const [action, path = '', host = ''] = positionals
const port = number('--port', values.port, 1, 65_535, true)
if (values.help) console.log(HELP)
else if (action === undefined) await demonstrate()
else if (action === 'receive' && path !== '') await receiveInto(path)
else if (action === 'send' && host !== '') await send(path, host)
else {
  console.error(`Not understood.\n${HELP}`)
  process.exitCode = 2
}

async function demonstrate(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'copy-'))
  const server = await receiveInto(folder)
  await send(fileURLToPath(import.meta.url), '127.0.0.1')
  server.close()
  rmSync(folder, { recursive: true })
}

/** Its name, its pieces, and their digest; the answer is the digest of what arrived. */
async function send(file: string, host: string): Promise<void> {
  const pieces = createReadStream(file)
  await once(pieces, 'open')
  const messages = new MessageStream(connect({ host, port, allowHalfOpen: true }))
  const digest = createHash('sha256')
  let bytes = 0
  messages.post(basename(file))
  for await (const piece of pieces as AsyncIterable<Buffer>) {
    digest.update(piece)
    bytes += piece.length
    if (!messages.post(piece)) await messages.ready()
  }
  const sent = digest.digest('hex')
  messages.post(sent)
  await messages.end()
  const same = (await messages.receive()) === sent
  console.log(`${basename(file)}: ${bytes} bytes sent, and ${same ? 'the same' : 'OTHERS'} arrived`)
}

async function receiveInto(folder: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    receive(socket, folder).catch((error: Error) => console.error(error.message))
  })
  server.listen(port)
  await once(server, 'listening')
  console.log(`taking files into ${folder} at port ${port}`)
  return server
}

async function receive(socket: Socket, folder: string): Promise<void> {
  const messages = new MessageStream(socket)
  try {
    const name = await messages.receive()
    if (typeof name !== 'string') throw new Error('a file without a name')
    const digest = await write(messages, join(folder, basename(name)))
    messages.post(digest)
    await messages.end()
    console.log(`received ${basename(name)}`)
  } catch (error) {
    messages.destroy()
    throw error
  }
}

/** Never over another file: who sends may be anybody. What does not come whole, or finds no room, goes again. */
async function write(messages: MessageStream, path: string): Promise<string> {
  const file = await open(path, 'wx')
  const digest = createHash('sha256')
  let sent = ''
  async function* pieces(): AsyncGenerator<Message> {
    for await (const message of messages) {
      if (typeof message === 'string') sent = message
      else {
        digest.update(message)
        yield message // the next once the disk has taken it: a slow one stops the sender
      }
    }
  }
  try {
    await pipeline(pieces, file.createWriteStream())
    const written = digest.digest('hex')
    if (written !== sent) throw new Error('a file that did not come whole')
    return written
  } catch (error) {
    rmSync(path)
    throw error
  }
}
