// The skeleton of any transport over node:dgram, and nothing but that: a header and a payload as a list, a window of 1 MiB, an answer to
// every so many datagrams. What it carries is what there is to be had at a size. Counted: bytes of payload.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { ADDRESS, type Tally, type Work } from './work.js'

/** Its name for an MSS: `skeleton:1440`. */
const NAME = /^skeleton:(\d+)$/
export const skeletonOf = (mss: number): string => `skeleton:${mss}`
export const isSkeleton = (name: string): boolean => NAME.test(name)

/** Bytes of TCP's header with timestamps, and those that timestamps take of the MSS. */
const HEADER = 32
const TIMESTAMPS = 12
/** Bytes that may be without an answer, or datagrams if they are large. */
const WINDOW = { bytes: 1 << 20, datagrams: 8 }
/** Datagrams for an answer, or less if they are large. */
const ANSWERED = { datagrams: 32, bytes: 1 << 19 }
/** Datagrams of a turn. */
const TURN = 64
/** ms without an answer after which all counts as lost. */
const LOST = 20
const BUFFERS = { sendBufferSize: 4 << 20, recvBufferSize: 4 << 20 }

/** Bytes of a datagram as a connection with this MSS sends it. */
const payloadOf = (name: string): number => Number(NAME.exec(name)?.[1]) - TIMESTAMPS

async function serve(payload: number, tally: Tally): Promise<number> {
  const socket = createSocket({ type: 'udp4', ...BUFFERS })
  const part = tally.part()
  const every = Math.min(ANSWERED.datagrams, Math.floor(ANSWERED.bytes / payload))
  let datagrams = 0
  let next = 0
  const answer = (): void => {
    const bytes = Buffer.allocUnsafe(HEADER)
    bytes.writeUInt32BE(next, 0)
    socket.send(bytes)
  }
  socket.once('message', (_, from) => {
    socket.connect(from.port, from.address, () => {
      socket.on('message', (bytes) => {
        part.done += bytes.length - HEADER
        next = bytes.readUInt32BE(0) + 1
        if (++datagrams % every === 0) answer()
      })
      answer()
    })
  })
  socket.bind(0, ADDRESS)
  await once(socket, 'listening')
  return socket.address().port
}

async function drive(payload: number, port: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', ...BUFFERS })
  socket.on('error', () => undefined) // the server went first
  socket.connect(port, ADDRESS)
  await once(socket, 'connect')
  const body = Buffer.alloc(payload, 1)
  const window = Math.max(WINDOW.datagrams, Math.floor(WINDOW.bytes / payload))
  let sent = 0
  let answered = 0
  let scheduled = false
  const fill = (): void => {
    scheduled = false
    for (let i = 0; i < TURN && sent - answered < window; i++) {
      const header = Buffer.allocUnsafe(HEADER)
      header.writeUInt32BE(sent++, 0)
      socket.send([header, body])
    }
    if (sent - answered < window) schedule()
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(fill)
  }
  socket.on('message', (bytes) => {
    answered = bytes.readUInt32BE(0)
    schedule()
  })
  let before = -1
  setInterval(() => {
    if (before === answered) {
      answered = sent
      schedule()
    }
    before = answered
  }, LOST)
  fill()
}

export const datagrams: Work = {
  serve: (task, tally) => serve(payloadOf(task.peer), tally),
  drive: (task, port) => drive(payloadOf(task.peer), port),
}
