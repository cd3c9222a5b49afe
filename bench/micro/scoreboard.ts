// The scoreboard with 100,000 segments outstanding and hundreds of holes among them: what an ACK costs, RACK's look at it included.
import { Rack } from '../../lib/core/recovery/rack.js'
import type { Flight } from '../../lib/core/send/flight.js'
import { Scoreboard } from '../../lib/core/send/scoreboard.js'
import type { Case } from './case.js'

const SEGMENT = 1_440
const OUTSTANDING = 100_000
/** Half of them are on the way, half wait behind the first hole, which takes one more round trip. */
const WINDOW = OUTSTANDING / 2
const RTT = 100
/** Segments that leave, and arrive, in a ms. */
const RATE = WINDOW / RTT

/**
 * A transfer that loses the first of `every` segments for ever. run() is one ACK for one segment, as a receiver sends it: the
 * newest block, which grows, and the two before it. A hole is found a reordering window later, leaves again, and is filled after
 * a round trip; each ACK lets a segment leave.
 */
class Transfer {
  private readonly every: number
  private readonly rack = new Rack({ minRtt: RTT })
  private readonly edges = new Float64Array(8)
  private readonly scoreboard: Scoreboard
  private sent = 0
  /** The next segment that an ACK tells of. */
  private next = 0
  private now = 0

  constructor(every: number) {
    this.every = every
    const { rack } = this
    this.scoreboard = new Scoreboard({
      onSent: () => {},
      onDelivered: (flight: Flight, at: number) => rack.onDelivered(flight, at),
      onLost: () => {},
      onTooLong: () => {},
      onFound: () => {},
    })
    rack.onReordering()
    while (this.sent < WINDOW) this.send(this.sent / RATE)
    while (this.next < OUTSTANDING) this.run()
  }

  run(): void {
    const { scoreboard, rack, edges, every } = this
    this.next++
    if (this.next % every === 0) this.next++ // lost
    this.now = RTT + this.next / RATE
    rack.begin(Number.NaN)
    // the segment that came a window before this one closed a hole, and all below the next hole is acknowledged
    const filled = Math.floor((this.next - WINDOW) / every) * every
    if (filled > 0) scoreboard.acknowledge(filled * SEGMENT, this.now)
    const first = Math.floor(this.next / every)
    let count = 0
    for (let block = Math.max(0, first - 2); block <= first; block++, count++) {
      edges[2 * count] = (block * every + 1) * SEGMENT
      edges[2 * count + 1] = Math.min((block + 1) * every, this.next + 1) * SEGMENT
    }
    scoreboard.sack(edges, count, this.now)
    rack.detect(scoreboard, RTT, true, this.now)
    for (let lost = scoreboard.nextLost(SEGMENT); lost !== null; lost = scoreboard.nextLost(SEGMENT)) {
      scoreboard.resent(lost, this.now)
    }
    while (this.sent < this.next + WINDOW) this.send(this.now)
  }

  private send(at: number): void {
    this.scoreboard.add(this.sent * SEGMENT, (this.sent + 1) * SEGMENT, at)
    this.sent++
  }
}

function acknowledge(every: number): Case {
  const transfer = new Transfer(every)
  const holes = OUTSTANDING / every
  return { name: `scoreboard: an ACK, ${OUTSTANDING} outstanding, ${holes} holes`, run: () => transfer.run() }
}

export const scoreboard: readonly Case[] = [acknowledge(200), acknowledge(20)]
