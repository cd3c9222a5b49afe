// The core alone: two connections in memory, segments handed from one to the other without codec and sockets.
import { createConfig } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import { Segment } from '../../lib/wire/segment.js'
import type { Case } from './case.js'

const CHUNK = 65_536

/** A sender and a receiver, connected; run() takes one chunk from one to the other. */
class Pair {
  private now = 1_000
  private readonly sender: Connection
  private readonly receiver: Connection
  private readonly segment: Segment = new Segment()
  private readonly bytes: Uint8Array = new Uint8Array(CHUNK)

  constructor() {
    const config = createConfig()
    this.sender = Connection.active(config, 1, 0)
    this.sender.open(this.now)
    this.sender.poll(this.segment, this.now)
    this.receiver = Connection.passive(config, 2, 0, this.segment, this.now)
    this.exchange()
  }

  run(): void {
    let left = CHUNK
    while (left > 0) {
      const taken = this.sender.send(this.bytes.subarray(0, left))
      left -= taken
      if (taken === 0 && this.sender.unacknowledged === 0) throw new Error(`no more can be sent: ${this.sender.state}`)
      this.exchange()
    }
    while (this.sender.unacknowledged > 0) this.exchange()
  }

  private exchange(): void {
    this.now += 0.5
    this.pass(this.sender, this.receiver)
    while (this.receiver.receive() !== null);
    this.pass(this.receiver, this.sender)
  }

  private pass(from: Connection, to: Connection): void {
    if (from.wakeAt <= this.now) from.handleTimeout(this.now)
    while (from.poll(this.segment, this.now)) {
      // what is on the way lives on when the sender's buffer is used again
      this.segment.payload = this.segment.payload.slice()
      this.segment.payloadTail = new Uint8Array(0)
      to.handleSegment(this.segment, this.now)
    }
    from.takeEvents()
    to.takeEvents()
  }
}

const pair = new Pair()

export const connection: readonly Case[] = [{ name: 'connection: 64 KiB from one to another', run: () => pair.run() }]
