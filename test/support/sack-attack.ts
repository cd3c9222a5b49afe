// Peers whose ACKs are to cost the sender as much as possible, against a whole window; and honest ones to compare them with.
import { createConfig } from '../../lib/core/config.js'
import type { AckSample, CongestionAlgorithm, CongestionController } from '../../lib/core/congestion/controller.js'
import { Connection } from '../../lib/core/connection.js'
import { Random } from '../../lib/testing/random.js'
import { ACK, Segment, SYN } from '../../lib/wire/segment.js'

const ISS = 0xffff_0000
const IRS = 5000
/** Text of a segment beside timestamps: so little that a window is full of segments. */
export const TEXT = 64
const OPTIONS = 12
const CHUNK = new Uint8Array(65_536)
/** ms between two ACKs. */
const STEP = 0.05
const OPEN = 65_535

/** Nothing but the peer's window, and what a connection may remember, is in the way; after a time-out it begins anew. */
class Wide implements CongestionController {
  window = 1e9
  readonly ssthresh = 1
  readonly pacingRate: number = Number.POSITIVE_INFINITY
  readonly sendQuantum = 1e9
  readonly ownsRecovery = false
  onSent(): void {}
  onAck({ ackedBytes }: AckSample): void {
    this.window += ackedBytes
  }
  onPacketLost(): void {}
  onLoss(): void {}
  onRecoveryEnd(): void {}
  onTimeout(): void {
    this.window = TEXT
  }
  onRestart(): void {}
  onUndo(): void {}
  onMss(): void {}
}

const WIDE: CongestionAlgorithm = { name: 'wide', create: () => new Wide() }

/** What an ACK says; offsets are the core's. */
interface Says {
  /** SND.UNA from now on. */
  una?: number
  /** Pairs of offsets, in any order. */
  blocks?: readonly number[]
  /** It echoes what left so many ms ago. */
  echo?: number
  /** The window field. */
  window?: number
}

/** A sender with a whole window in flight, of which its peer knows all. */
export class Victim {
  readonly connection: Connection
  readonly random: Random = new Random(7)
  /** ms */
  now = 1000
  una = 1
  nxt = 1
  /** What left again in one step, lately, from the lowest to the highest offset. */
  again = 0
  againEnd = 0
  private readonly segment = new Segment()
  private readonly out = new Segment()

  /** `flights`: segments in flight; Infinity: as many as there may be. */
  constructor(flights: number = Number.POSITIVE_INFINITY) {
    const { segment, out } = this
    Object.assign(segment, { flags: SYN, seq: IRS, window: OPEN, mss: TEXT + OPTIONS, windowScale: 14 })
    Object.assign(segment, { sackPermitted: true, hasTimestamps: true, tsVal: 1 })
    const config = createConfig({ congestion: WIDE, sendBuffer: Math.min(16 * 2 ** 20, flights * TEXT) })
    this.connection = Connection.passive(config, ISS, 0, segment, this.now)
    this.connection.poll(out, this.now)
    this.now += 10
    this.ack({})
    this.fill()
    this.now += 10
  }

  /** Segments in flight. */
  get flights(): number {
    return Math.floor((this.nxt - this.una) / TEXT)
  }

  /** Where the `i`th segment in flight begins, as it left first. */
  at(i: number): number {
    return this.una + i * TEXT
  }

  anywhere(): number {
    return this.una + this.random.below(this.nxt - this.una)
  }

  ack({ una = this.una, blocks = [], echo = 1, window = OPEN }: Says): void {
    const { segment, now } = this
    segment.clearOptions()
    this.una = una
    Object.assign(segment, { flags: ACK, seq: IRS + 1, ack: (ISS + una) >>> 0, window })
    Object.assign(segment, { hasTimestamps: true, tsVal: Math.floor(now), tsEcr: Math.floor(now) - echo })
    segment.sackCount = blocks.length / 2
    for (const [i, offset] of blocks.entries()) segment.sackEdges[i] = (ISS + offset) >>> 0
    this.connection.handleSegment(segment, now)
  }

  /** A moment passes, and what may leave leaves. */
  step(ms: number = STEP): void {
    this.now += ms
    const { connection, out, now } = this
    if (connection.wakeAt <= now) connection.handleTimeout(now)
    let isFirst = true
    while (connection.poll(out, now)) {
      const from = this.nxt + ((out.seq - ISS - this.nxt) | 0)
      const end = from + out.textLength
      if (from < this.nxt) {
        this.again = isFirst ? from : Math.min(this.again, from)
        this.againEnd = isFirst ? end : Math.max(this.againEnd, end)
        isFirst = false
      } else this.nxt = end
    }
    connection.takeEvents()
  }

  /** The program has more to say than the window takes. */
  fill(): void {
    do this.step(0)
    while (this.connection.send(CHUNK) > 0)
  }
}

/** One ACK after another of one kind; `i` counts them. */
export type Attack = (victim: Victim, i: number) => void

/** `count` blocks, four at most. */
function blocks(count: number, of: (n: number) => readonly [number, number]): number[] {
  return Array.from({ length: count }, (_, n) => of(n)).flat()
}

export const HONEST: Readonly<Record<string, Attack>> = {
  'each for two segments': (victim) => victim.ack({ una: victim.at(2) }),
  'each for a segment, with three blocks, one in fifty lost': (victim, i) => {
    const hole = Math.floor(i / 50)
    const newest = [victim.at(50 * hole + 1), victim.at(Math.max(i, 50 * hole + 2))]
    const older = [1, 2].filter((n) => n <= hole).flatMap((n) => [50 * (hole - n) + 1, 50 * (hole - n + 1)])
    victim.ack({ blocks: [...newest, ...older.map((at) => victim.at(at))] })
  },
}

export const HOSTILE: Readonly<Record<string, Attack>> = {
  'blocks anywhere': (victim) => {
    const any = (): readonly [number, number] => {
      const [a, b] = [victim.anywhere(), victim.anywhere()]
      return [Math.min(a, b), Math.max(a, b) + 1]
    }
    victim.ack({ blocks: blocks(4, any) })
  },
  'two halves in turn': (victim, i) => {
    const middle = victim.at(victim.flights >> 1)
    victim.ack({ blocks: i % 2 === 0 ? [victim.at(1), middle] : [middle + TEXT, victim.nxt] })
  },
  'every second segment, and then all of them again and again': (victim, i) => {
    const half = victim.flights >> 3
    if (i < half) victim.ack({ blocks: blocks(4, (n) => [victim.at(8 * i + 2 * n + 1), victim.at(8 * i + 2 * n + 2)]) })
    else victim.ack({ blocks: i % 2 === 0 ? [victim.at(1), victim.nxt - 1] : [victim.at(2), victim.nxt] })
  },
  'a byte more': (victim) => victim.ack({ una: victim.una + 1 }),
  'cuts, and what was cut': (victim) => {
    const { una } = victim
    victim.ack({ una: una + 9, blocks: blocks(4, (n) => [una + 10 + 2 * n, una + 11 + 2 * n]) })
  },
  'cuts anywhere': (victim) => {
    victim.ack({
      blocks: blocks(4, () => {
        const at = victim.anywhere()
        return [at, at + 1]
      }),
    })
  },
  'all lost, and what left again came twice': (victim, i) => {
    if (i === 0) victim.ack({ blocks: [victim.at(victim.flights - 4), victim.nxt] })
    else victim.ack({ blocks: [victim.again, victim.againEnd, victim.again, victim.againEnd] })
  },
  'all lost, a segment more, and an echo of long ago': (victim, i) => {
    if (i === 0) victim.ack({ blocks: [victim.at(victim.flights - 4), victim.nxt] })
    else victim.ack({ una: victim.at(1), echo: 500 })
  },
  'a thousand that left again, and another came twice': (victim, i) => {
    const twice = [victim.at(victim.flights - 2), victim.at(victim.flights - 1)]
    if (i === 0) victim.ack({ blocks: [victim.at(victim.flights - 4), victim.nxt] })
    else
      victim.ack({ blocks: [...twice, ...twice, victim.at(victim.flights - 4 - i), victim.at(victim.flights - 3 - i)] })
  },
  'lost and found beyond a window that shrank': (victim, i) => {
    const at = 2 + 2 * (i >> 1)
    victim.ack({ window: 0, blocks: i % 2 === 0 ? [victim.at(at), victim.at(at + 1)] : [victim.at(1), victim.at(at)] })
  },
}
