// Bytes in one direction, as fast as they go, over one or several connections. Counted: bytes.
import type { Duplex } from 'node:stream'
import { CHUNK, isPieceAt, pieceAt } from '../pattern.js'
import { connector, listen, opened, type Part, type Tally, type Work } from './work.js'

function receive(stream: Duplex, tally: Tally): void {
  const part = tally.part()
  stream.on('error', tally.fail)
  stream.on('data', (chunk: Buffer) => {
    tally.intact &&= isPieceAt(part.done, chunk)
    part.done += chunk.length
  })
  stream.on('end', () => {
    tally.ended()
    stream.end()
  })
}

/** Writes up to `goal` bytes, and ends. */
function send(stream: Duplex, part: Part, goal: number): void {
  const write = (): void => {
    while (part.done < goal) {
      const piece = pieceAt(part.done, Math.min(CHUNK, goal - part.done))
      part.done += piece.length
      if (!stream.write(piece) && part.done < goal) {
        stream.once('drain', write)
        return
      }
    }
    stream.end()
  }
  write()
}

export const stream: Work = {
  serve: (task, tally) => listen(task, tally, (one) => receive(one, tally)),
  async drive(task, port, tally) {
    const streams = await opened(task.connections, connector(task, port))
    for (const one of streams) {
      one.on('error', tally.fail)
      one.resume()
      send(one, tally.part(), task.bytes ?? Infinity)
    }
  },
}
