// A hundred megabytes from socket to socket over real UDP, compared by hash.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'tcp-over-udp'
import { expect, test } from 'vitest'

const BYTES = 100_000_000

function piece(index: number): Buffer {
  const bytes = Buffer.alloc(Math.min(65_536, BYTES - index * 65_536))
  for (let at = 0; at + 4 <= bytes.length; at += 4)
    bytes.writeUInt32LE(Math.imul(index + 1, 2_654_435_761 + at) >>> 0, at)
  return bytes
}

test('100 MB arrive as they were sent, and the answer of a half-closed side after them', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256')
    socket.on('data', (chunk: Buffer) => hash.update(chunk))
    socket.on('end', () => socket.end(hash.digest('hex')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const sent = createHash('sha256')
  for (let index = 0; index * 65_536 < BYTES; index++) {
    const bytes = piece(index)
    sent.update(bytes)
    if (!socket.write(bytes)) await once(socket, 'drain')
  }
  socket.end()
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  expect(answer).toBe(sent.digest('hex'))
  expect(socket.bytesWritten).toBe(BYTES)
  server.close()
  await once(server, 'close')
})
