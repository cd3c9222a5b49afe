// Protocols that take any stream: JSON-RPC, and multiplex with its many streams in one.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createMessageConnection,
  type MessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node'
import { host, net, type Place, pattern, serve } from './over-udp.js'

interface Multiplex extends Duplex {
  createStream(name: string): Duplex
}

/** It comes without types. */
const multiplex: (onStream?: (stream: Duplex) => void) => Multiplex = createRequire(import.meta.url)('multiplex')

let place: Place
let client: Socket
let served: Socket

beforeEach(async () => {
  const arrives = new Promise<Socket>((resolve) => {
    void serve(resolve, { allowHalfOpen: false }).then((made) => {
      place = made
      client = net.connect({ port: place.port, host, noDelay: true })
    })
  })
  served = await arrives
})
afterEach(() => place.stop())

describe('vscode-jsonrpc', () => {
  const rpcOver = (socket: Socket): MessageConnection =>
    createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket))

  test('requests both ways at once, one with 4 MB, and a close that the other hears', async () => {
    const [near, far] = [rpcOver(client), rpcOver(served)]
    for (const rpc of [near, far]) {
      rpc.onRequest('length', (text: string) => text.length)
      rpc.listen()
    }
    const lengths = Array.from({ length: 200 }, (_, i) => i)
    const ask = (rpc: MessageConnection) => async (length: number) =>
      await rpc.sendRequest<number>('length', 'x'.repeat(length))
    const [there, back] = await Promise.all([Promise.all(lengths.map(ask(near))), Promise.all(lengths.map(ask(far)))])
    expect([there, back]).toEqual([lengths, lengths])
    expect(await ask(near)(4_000_000)).toBe(4_000_000)
    const closes = new Promise<void>((resolve) => far.onClose(resolve))
    near.end()
    near.dispose()
    client.end()
    await closes
  })
})

describe('multiplex', () => {
  test('fifty streams on one connection, each with its own bytes and its own end', async () => {
    const far = multiplex((stream: Duplex) => stream.pipe(stream))
    served.pipe(far).pipe(served)
    const near = multiplex()
    client.pipe(near).pipe(client)
    const bytes = pattern(100_000)
    const echoes = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const stream: Duplex = near.createStream(`stream ${i}`)
        const pieces: Buffer[] = []
        const ends = once(
          stream.on('data', (piece: Buffer) => pieces.push(piece)),
          'end',
        )
        stream.end(bytes.subarray(i * 1000))
        await ends
        return Buffer.concat(pieces)
      }),
    )
    for (const [i, echo] of echoes.entries()) expect(echo.equals(bytes.subarray(i * 1000))).toBe(true)
    const closes = once(served, 'close')
    client.end()
    await closes
  })
})
