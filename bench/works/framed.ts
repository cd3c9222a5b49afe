// Messages of 100 bytes through MessageStream, as fast as they go, over a connection of the peer. Counted: messages.
import { MessageStream } from 'tcp-over-udp/message'
import { pieceAt } from '../pattern.js'
import { connector, listen, type Work } from './work.js'

/** Bytes. */
const SIZE = 100
/** Different ones, over and over: each can be told from those around it. */
const MESSAGES = Array.from({ length: 1_021 }, (_, i) => Buffer.from(pieceAt(i * SIZE, SIZE)))

export const framed: Work = {
  serve: (task, tally) =>
    listen(task, tally, (stream) => {
      const messages = new MessageStream(stream)
      let at = 0
      messages.on('error', tally.fail)
      messages.on('message', (message) => {
        tally.intact &&= MESSAGES[at].equals(message as Buffer)
        at = at + 1 === MESSAGES.length ? 0 : at + 1
        tally.count++
      })
    }),
  async drive(task, port, tally) {
    const messages = new MessageStream(await connector(task, port)())
    let at = 0
    const post = (): void => {
      let more = true
      while (more) {
        more = messages.post(MESSAGES[at])
        at = at + 1 === MESSAGES.length ? 0 : at + 1
        tally.count++
      }
    }
    messages.on('error', tally.fail)
    messages.on('drain', post)
    post()
  },
}
