// Connections that live briefly: connect, a byte there and back, end, the other's end. Counted: connections.
import type { Duplex } from 'node:stream'
import type { Task } from '../messages.js'
import { serveEcho } from './echo.js'
import { connector, type Tally, type Work, within } from './work.js'

const BYTE = 7
/** ms for a life. */
const PATIENCE = 5_000

function liveOn(stream: Duplex): Promise<void> {
  return new Promise((done, fail) => {
    stream.on('error', fail)
    stream.once('data', (chunk: Buffer) => {
      if (chunk[0] === BYTE && chunk.length === 1) stream.end()
      else fail(new Error('what came back is not what was sent'))
    })
    stream.once('end', done)
    stream.write(Buffer.of(BYTE))
  })
}

async function live(connect: () => Promise<Duplex>): Promise<void> {
  const stream = await within(PATIENCE, connect())
  try {
    await within(PATIENCE, liveOn(stream))
  } finally {
    // both ends have ended; udx-native would keep it for a while
    stream.destroy()
  }
}

async function liveAgainAndAgain(task: Task, port: number, tally: Tally): Promise<void> {
  const connect = connector(task, port)
  for (;;) {
    const began = performance.now()
    try {
      await live(connect)
      tally.count++
      tally.times.push(performance.now() - began)
    } catch {
      tally.failed++
    }
  }
}

export const brief: Work = {
  // a connection that fails is counted where it was made
  serve: (task, tally) => serveEcho(task, tally, () => undefined),
  async drive(task, port, tally) {
    for (let i = 0; i < task.connections; i++) liveAgainAndAgain(task, port, tally).catch(tally.fail)
  },
}
