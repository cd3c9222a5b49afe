// udx-native as a peer: it has streams and no handshake, so here the two ends tell each other the ids of their streams.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { required } from '../packages.js'
import type { Peer } from './peer.js'

export interface UdxStream extends Duplex {
  readonly id: number
  readonly packetsTransmitted: number
  readonly retransmits: number
  connect(socket: UdxSocket, remoteId: number, port: number, host: string): void
}

interface UdxSocket {
  bind(port: number, host: string): void
  address(): { port: number }
  trySend(bytes: Buffer, port: number, host: string): void
  on(event: 'message', listener: (bytes: Buffer, from: { host: string; port: number }) => void): void
}

interface Udx {
  createSocket(): UdxSocket
  createStream(id: number): UdxStream
}

/** Ours: [magic, kind, id of the client's stream, id of the server's stream or 0]. */
const HELLO = { size: 13, magic: 0x75647868, ask: 1, answer: 2 }
/** ms between questions, and how many. */
const PATIENCE = 1_000
const QUESTIONS = 20
/** ms that a stream is remembered after its close: a question may come again. */
const MEMORY = 5_000
/** The client's streams count up from 1, the server's from here: both live in one place when both ends do. */
const SERVER_IDS = 1 << 20

let instance: Udx | undefined
let clientSocket: UdxSocket | undefined
let streams = 0
const asked = new Map<number, (remote: number) => void>()

function udx(): Udx {
  instance ??= new (required<new () => Udx>('udx-native'))()
  return instance
}

function hello(kind: number, client: number, server: number): Buffer {
  const bytes = Buffer.alloc(HELLO.size)
  bytes.writeUInt32BE(HELLO.magic, 0)
  bytes[4] = kind
  bytes.writeUInt32BE(client, 5)
  bytes.writeUInt32BE(server, 9)
  return bytes
}

const isHello = (bytes: Buffer, kind: number): boolean =>
  bytes.length === HELLO.size && bytes.readUInt32BE(0) === HELLO.magic && bytes[4] === kind

function client(): UdxSocket {
  if (clientSocket !== undefined) return clientSocket
  clientSocket = udx().createSocket()
  clientSocket.on('message', (bytes) => {
    if (isHello(bytes, HELLO.answer)) asked.get(bytes.readUInt32BE(5))?.(bytes.readUInt32BE(9))
  })
  clientSocket.bind(0, '0.0.0.0')
  return clientSocket
}

async function remoteOf(id: number, address: string, port: number): Promise<number> {
  let questions = 0
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<number>((done, fail) => {
      const ask = (): void => {
        if (questions++ === QUESTIONS) fail(new Error('udx-native: no answer'))
        else client().trySend(hello(HELLO.ask, id, 0), port, address)
      }
      asked.set(id, done)
      timer = setInterval(ask, PATIENCE)
      ask()
    })
  } finally {
    clearInterval(timer)
    asked.delete(id)
  }
}

export const udxNative: Peer = {
  async listen(address, port, onConnection) {
    const known = new Map<string, UdxStream>()
    const socket = udx().createSocket()
    socket.on('message', (bytes, from) => {
      if (!isHello(bytes, HELLO.ask)) return
      const id = bytes.readUInt32BE(5)
      const key = `${from.host} ${from.port} ${id}`
      let stream = known.get(key)
      if (stream === undefined) {
        stream = udx().createStream(SERVER_IDS + streams++)
        known.set(key, stream)
        stream.once('close', () => setTimeout(() => known.delete(key), MEMORY).unref())
        stream.connect(socket, id, from.port, from.host)
        onConnection(stream)
      }
      socket.trySend(hello(HELLO.answer, id, stream.id), from.port, from.host)
    })
    socket.bind(port, address)
    return socket.address().port
  },
  async connect(address, port) {
    const stream = udx().createStream(++streams)
    const connected = once(stream, 'connect')
    stream.connect(client(), await remoteOf(stream.id, address, port), port, address)
    await connected
    return stream
  },
}
