// Anything at all, done to one connection: random segments, calls and waits, with what must hold after each of them.
import fc from 'fast-check'
import { type Config, createConfig } from '../../lib/core/config.js'
import { congestionControls, findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import { CLOSED, Connection } from '../../lib/core/connection.js'
import type { Flight } from '../../lib/core/send/flight.js'
import type { Scoreboard } from '../../lib/core/send/scoreboard.js'
import type { Tcb } from '../../lib/core/tcb.js'
import { ACK, decode, encode, FIN, HEADER_LENGTH, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { wrap } from '../../lib/wire/seq.js'

/** A number of a segment: near what the connection expects, or anywhere. */
interface Near {
  readonly by: number
  readonly anywhere: number | null
}

export interface Peer {
  readonly mss: number
  readonly windowScale: number
  readonly sack: boolean
  readonly timestamps: boolean
  readonly window: number
}

export type Step =
  | {
      kind: 'segment'
      flags: number
      seq: Near
      /** Its ACK is counted from SND.UNA, not from SND.NXT. */
      old: boolean
      ack: Near
      window: number
      length: number
      ts: Near | null
      sack: Near[]
    }
  | { kind: 'wait'; ms: number }
  | { kind: 'wake' }
  | { kind: 'send'; length: number }
  | { kind: 'receive' }
  | { kind: 'call'; name: 'close' | 'closeRead' | 'abort' | 'noDelay' | 'keepAlive' }

function near(reach: number): fc.Arbitrary<Near> {
  return fc.record({
    by: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
      { weight: 4, arbitrary: fc.integer({ min: -reach, max: reach }) },
    ),
    anywhere: fc.oneof(
      { weight: 12, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
    ),
  })
}

const flags = fc.oneof(
  { weight: 60, arbitrary: fc.constant(ACK) },
  { weight: 2, arbitrary: fc.constant(ACK | FIN) },
  { weight: 1, arbitrary: fc.constantFrom(SYN, SYN | ACK, RST, RST | ACK) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 63 }) },
)

const segment: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('segment' as const),
  flags,
  seq: near(3000),
  old: fc.boolean(),
  ack: near(3000),
  window: fc.oneof(fc.constantFrom(0, 1, 500, 65_535), fc.integer({ min: 0, max: 65_535 })),
  length: fc.oneof(fc.constantFrom(0, 0, 1, 1000), fc.integer({ min: 0, max: 3000 })),
  ts: fc.option(near(100), { freq: 12, nil: null }),
  sack: fc.oneof(
    { weight: 2, arbitrary: fc.constant<Near[]>([]) },
    { weight: 1, arbitrary: fc.array(near(5000), { maxLength: 8 }) },
  ),
})

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: segment },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wake' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('send' as const), length: fc.integer({ min: 0, max: 20_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('receive' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      name: fc.oneof(
        { weight: 4, arbitrary: fc.constant('noDelay' as const) },
        { weight: 4, arbitrary: fc.constant('keepAlive' as const) },
        { weight: 4, arbitrary: fc.constant('close' as const) },
        { weight: 2, arbitrary: fc.constant('closeRead' as const) },
        { weight: 1, arbitrary: fc.constant('abort' as const) },
      ),
    }),
  },
)

export const anyPeer: fc.Arbitrary<Peer> = fc.record({
  mss: fc.constantFrom(0, 1, 536, 1000, 1452, 65_535),
  windowScale: fc.constantFrom(-1, 0, 7, 14, 255),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  window: fc.constantFrom(0, 1000, 65_535),
})

export const anyConfig: fc.Arbitrary<Partial<Config>> = fc.record({
  maxReceiveBuffer: fc.constantFrom(1, 1000, 20_000, 200_000, 12 * 2 ** 20),
  sendBuffer: fc.constantFrom(1, 5000, 100_000),
  maxRetries: fc.constantFrom(1, 15),
  userTimeout: fc.constantFrom(0, 5000),
  finWait2Timeout: fc.constant(5000),
  congestion: fc.constantFrom(...congestionControls.flatMap((name) => findCongestionControl(name) ?? [])),
})

/** Bytes that may be promised beyond the buffer: what rounding to units of a window scale can come to. */
const ROUNDING = 1 / 4

export class Fuzzed {
  readonly connection: Connection
  readonly tcb: Tcb
  now = 50_000
  private readonly peer: Peer
  private readonly irs: number
  private readonly iss: number
  private readonly out = new Segment()
  private readonly scratch = new Uint8Array(65_600)
  private edge = Number.NEGATIVE_INFINITY
  private ended = 0
  private read = 0
  private sent = 0

  /** `opening`: 'active' has sent its SYN, 'passive' has taken one. */
  constructor(opening: 'active' | 'passive', config: Partial<Config>, peer: Peer, iss: number, irs: number) {
    this.peer = peer
    this.iss = iss
    this.irs = irs
    const made = createConfig(config)
    if (opening === 'active') {
      this.connection = Connection.active(made, iss, 77)
      this.connection.open(this.now)
    } else {
      this.connection = Connection.passive(made, iss, 77, this.syn(SYN), this.now)
    }
    this.tcb = Reflect.get(this.connection, 'tcb') as Tcb
    this.settle()
  }

  /** The peer's part of the handshake. */
  establish(): void {
    if (this.connection.state === 'SYN-SENT') {
      const answer = this.syn(SYN | ACK)
      answer.ack = wrap(this.iss, 1)
      this.connection.handleSegment(answer, this.now)
    } else {
      this.step({
        kind: 'segment',
        flags: ACK,
        seq: HERE,
        old: false,
        ack: HERE,
        window: this.peer.window,
        length: 0,
        ts: HERE,
        sack: [],
      })
    }
    this.settle()
  }

  step(step: Step): void {
    const { connection } = this
    switch (step.kind) {
      case 'segment':
        connection.handleSegment(this.make(step), this.now)
        break
      case 'wait':
        this.now += step.ms
        connection.handleTimeout(this.now)
        break
      case 'wake':
        if (connection.wakeAt !== Number.POSITIVE_INFINITY) this.now = Math.max(this.now, connection.wakeAt)
        connection.handleTimeout(this.now)
        break
      case 'send':
        this.sent += connection.send(new Uint8Array(step.length))
        break
      case 'receive':
        for (let bytes = connection.receive(); bytes !== null; bytes = connection.receive()) this.read += bytes.length
        break
      case 'call':
        if (step.name === 'close') connection.close()
        else if (step.name === 'closeRead') connection.closeRead(this.now)
        else if (step.name === 'abort') connection.abort()
        else if (step.name === 'noDelay') connection.setNoDelay(true)
        else connection.setKeepAlive(true, 1000, this.now)
    }
    this.settle()
  }

  private syn(flags: number): Segment {
    const { peer } = this
    const syn = new Segment()
    syn.flags = flags
    syn.seq = this.irs
    syn.window = peer.window
    syn.mss = peer.mss
    syn.windowScale = peer.windowScale
    syn.sackPermitted = peer.sack
    syn.hasTimestamps = peer.timestamps
    syn.tsVal = 1000
    return syn
  }

  private make(step: Step & { kind: 'segment' }): Segment {
    const { tcb } = this
    const made = new Segment()
    made.flags = step.flags
    made.seq = this.number(this.irs, Math.max(tcb.rcvNxt, 0), step.seq)
    made.ack = this.number(this.iss, step.old ? tcb.sndUna : tcb.sndNxt, step.ack)
    made.window = step.window
    made.payload = new Uint8Array(step.length)
    if (step.flags & SYN) {
      made.mss = this.peer.mss
      made.windowScale = this.peer.windowScale
      made.sackPermitted = this.peer.sack
    }
    if (this.peer.timestamps && step.ts !== null) {
      made.hasTimestamps = true
      made.tsVal = this.number(0, tcb.tsRecent + 1, step.ts)
      made.tsEcr = this.number(0, Math.floor(this.now) + 77 - 20, step.ts)
    }
    made.sackCount = step.sack.length >> 1
    for (let i = 0; i < 2 * made.sackCount; i++) {
      made.sackEdges[i] = this.number(this.iss, tcb.sndUna + 2500, step.sack[i] as Near)
    }
    return made
  }

  private number(initial: number, expected: number, { by, anywhere }: Near): number {
    return anywhere ?? wrap(initial, expected + by)
  }

  private settle(): void {
    const { connection, out } = this
    let count = 0
    while (connection.poll(out, this.now)) {
      if (++count > 20_000) throw new Error('poll() does not come to an end')
      this.checkSegment(out)
    }
    const events = connection.takeEvents()
    if (events & CLOSED) this.ended++
    this.check()
  }

  private checkSegment(segment: Segment): void {
    const length = encode(segment, this.scratch)
    must(decode(this.scratch.subarray(0, length), new Segment()), 'what is sent is a segment')
    const limit = HEADER_LENGTH + Math.max(this.peer.mss || 536, 64)
    if ((segment.flags & SYN) === 0)
      must(length + segment.textLength <= limit, `a datagram of ${length + segment.textLength}`)
    if (segment.flags & (RST | SYN) || (segment.flags & ACK) === 0) return
    const { window } = this.tcb
    const edge = unwrapped(segment.ack, this.tcb.irs) + segment.window * 2 ** window.scale
    must(edge >= this.edge, `the right edge moved left, from ${this.edge} to ${edge}`)
    this.edge = edge
  }

  private check(): void {
    const { tcb, connection } = this
    checkConnection(connection)
    must(
      this.ended === (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT' ? 1 : 0),
      `${tcb.state}, ended ${this.ended} times`,
    )
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return
    const { sendBuffer, received } = tcb
    must(
      sendBuffer.length === this.sent - Math.max(0, Math.min(tcb.sndUna, sendBuffer.end) - 1),
      'what is sent is held until it is acknowledged',
    )
    must(received.length + this.read === tcb.bytesReceived, 'each byte is given once')
    const waits = tcb.sndNxt < tcb.sndEnd && tcb.state !== 'SYN-SENT'
    if (waits) must(connection.wakeAt !== Number.POSITIVE_INFINITY, 'a timer watches what has not left yet')
  }
}

/** What holds of any connection, whatever has arrived. @throws Error that says what does not */
export function checkConnection(connection: Connection): void {
  const tcb = Reflect.get(connection, 'tcb') as Tcb
  const { scoreboard, sendBuffer, received, reassembly, config } = tcb
  must(!Number.isNaN(connection.wakeAt), 'wakeAt is a number')
  must(tcb.sndUna <= tcb.sndNxt, `SND.UNA ${tcb.sndUna} beyond SND.NXT ${tcb.sndNxt}`)
  must(sendBuffer.length <= config.sendBuffer, 'the send buffer holds what it may')
  const most = config.maxReceiveBuffer + Math.max(65_536, config.maxReceiveBuffer * ROUNDING)
  must(received.length + reassembly.bytes <= most, `${received.length} + ${reassembly.bytes} bytes held`)
  const chunks = received.chunkCount + reassembly.chunkCount
  must(chunks <= Math.max(config.maxReceiveBuffer / 2048, 2 * (most / 2048 + 1100)) + 2, `${chunks} chunks`)
  const ranges = Reflect.get(reassembly, 'ranges') as unknown[]
  must(ranges.length <= 1024, `${ranges.length} ranges`)
  if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') {
    if (tcb.state === 'CLOSED') must(connection.wakeAt === Number.POSITIVE_INFINITY, 'nothing to wait for')
    return
  }
  must(tcb.sndNxt <= Math.max(tcb.sndEnd, 1), `SND.NXT ${tcb.sndNxt} beyond the end ${tcb.sndEnd}`)
  const outstanding = scoreboard.inFlight + scoreboard.sackedBytes + scoreboard.lostBytes
  must(
    outstanding === tcb.sndNxt - tcb.sndUna,
    `${outstanding} bytes in flights, ${tcb.sndNxt - tcb.sndUna} outstanding`,
  )
  must(scoreboard.count <= outstanding && scoreboard.count <= 32_768 + 8, `${scoreboard.count} flights`)
  checkSacked(scoreboard)
  const { window } = tcb.controller
  must(window > 0 && window < Number.POSITIVE_INFINITY, `a congestion window of ${window}`)
  if (scoreboard.count > 0) must(connection.wakeAt !== Number.POSITIVE_INFINITY, 'a timer watches what is in flight')
}

/** What the ranges say that the peer holds is what its flights say. */
function checkSacked(scoreboard: Scoreboard): void {
  const all = Reflect.get(scoreboard, 'flights').slice(Reflect.get(scoreboard, 'head')) as Flight[]
  const said: number[] = []
  for (const { from, to, sacked } of all) {
    if (!sacked) continue
    if (said.at(-1) === from) said.pop()
    else said.push(from)
    said.push(to)
  }
  const ranges = Reflect.get(scoreboard, 'ranges') as object | null
  const held: number[] = []
  if (ranges !== null) {
    const [lefts, rights] = [Reflect.get(ranges, 'lefts'), Reflect.get(ranges, 'rights')]
    for (let i = Reflect.get(ranges, 'head'); i < Reflect.get(ranges, 'end'); i++) held.push(lefts[i], rights[i])
  }
  must(held.join() === said.join(), `ranges ${held} of flights that are held at ${said}`)
}

const HERE: Near = { by: 0, anywhere: null }

function unwrapped(wire: number, initial: number): number {
  return (wire - initial) | 0
}

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
