// Copies files, and knows that they arrived as they left. `node dist/examples/copy.js`
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connect, createServer, type Server, type Socket } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'

const HELP = `node dist/examples/copy.js                               copies its own code, to show how
node dist/examples/copy.js receive FOLDER [--port 9400]  takes files in until it is interrupted
node dist/examples/copy.js send FILE HOST [--port 9400]  sends one to where it is awaited`

const { values, positionals } = parseArgs({
  options: { help: { type: 'boolean' }, port: { type: 'string', default: '9400' } },
  allowPositionals: true,
})
const [action, path = '', host = ''] = positionals
const port = Number(values.port)
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

/** Its name, its pieces, and an end; the answer is the digest of what arrived. */
async function send(file: string, host: string): Promise<void> {
  const messages = new MessageStream(connect({ host, port, allowHalfOpen: true }))
  const digest = createHash('sha256')
  let bytes = 0
  messages.post(basename(file))
  for await (const piece of createReadStream(file) as AsyncIterable<Buffer>) {
    digest.update(piece)
    bytes += piece.length
    if (!messages.post(piece)) await messages.ready()
  }
  await messages.end()
  const same = (await messages.receive()) === digest.digest('hex')
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
  const digest = createHash('sha256')
  const name = await messages.receive()
  if (typeof name !== 'string') throw new Error('a file without a name')
  // never over another, nor outside of the folder: who sends may be anybody
  const file = createWriteStream(join(folder, basename(name) || '?'), { flags: 'wx' })
  try {
    await once(file, 'open')
    for await (const piece of messages) {
      digest.update(piece)
      if (!file.write(piece)) await once(file, 'drain') // a slow disk stops the sender
    }
    await finished(file.end())
  } finally {
    file.destroy()
    if (!file.writableFinished) socket.destroy()
  }
  messages.post(digest.digest('hex'))
  await messages.end()
  console.log(`received ${basename(String(file.path))}`)
}
