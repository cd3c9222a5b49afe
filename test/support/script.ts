// A segment script: one connection without a network, hand-made segments at given ms, and every answer expected by name.
import { expect, onTestFinished } from 'vitest'
import { type Config, createConfig } from '../../lib/core/config.js'
import { NEWRENO } from '../../lib/core/congestion/algorithms.js'
import { ACKED, CLOSED, CONNECTED, Connection, ENDED, READABLE, WRITABLE } from '../../lib/core/connection.js'
import type { State } from '../../lib/core/state.js'
import type { Status } from '../../lib/core/status.js'
import { ACK, decode, encode, HEADER_LENGTH, MAX_HEADER_LENGTH, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { applyLine, formatLine, type Line, type Origins, parseLine, readLine } from './notation.js'

export interface ScriptOptions {
  /** NewReno unless it names another: its numbers stand in RFC 5681, and no clock paces it. */
  config?: Partial<Config>
  /** Options of the peer's SYN or SYN,ACK. @default 'mss 1000' */
  peer?: string
  /** Window field of the peer's SYN or SYN,ACK. @default 65535 */
  window?: number
  /** Round trip of the handshake, ms: the first RTT sample. @default 100 */
  rtt?: number
  /** Initial sequence numbers, ours and the peer's. @default just below 2^32: every script crosses the wrap */
  iss?: number
  irs?: number
}

const EVENTS: readonly (readonly [number, string])[] = [
  [CONNECTED, 'CONNECTED'],
  [READABLE, 'READABLE'],
  [ENDED, 'ENDED'],
  [WRITABLE, 'WRITABLE'],
  [ACKED, 'ACKED'],
  [CLOSED, 'CLOSED'],
]
/** What our clock shows at 0 of a script, and what is added to it in timestamps; the peer's clock. */
const EPOCH = 1_000_000
const TIMESTAMP_OFFSET = 0xffff_0000
const PEER_CLOCK = 0x7fff_fff0
/** The handshake counts nothing against this. */
const MOST_IN_ONE_POLL = 20_000

/** The byte at an offset of either stream: all that is sent and received is checked against it. */
export function byteAt(offset: number): number {
  return (offset ^ (offset >>> 7) ^ (offset >>> 13)) & 0xff
}

export function bytesAt(from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from)
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(from + i)
  return bytes
}

interface Sent {
  readonly at: number
  readonly line: Line
}

/**
 * Times are ms since the script's 0; `inject` and the user's calls happen now, and what they make the connection send waits to be
 * named by `expect`. Nothing may happen before it is named, nor be left over at the end. Of every segment sent the script
 * checks by itself: the text, the length against the peer's MSS, the peer's window, and that the right edge of ours stays or grows.
 */
export class Script {
  readonly connection: Connection
  /** Everything that happened, as CONNECTED READABLE ... since happened() was last called. */
  private events = 0
  private clock: number
  private readonly outbox: Sent[] = []
  private readonly ours: Origins
  private readonly peers: Origins
  private readonly scratch = new Uint8Array(MAX_HEADER_LENGTH + 65_536)
  private readonly decoded = new Segment()
  private written = 1
  private readUpTo = 1
  /** One past the highest that we have sent; the last ACK that we have sent. */
  sndNxt = 0
  rcvNxt = 0
  private peerMss = 536
  private peerShift = -1
  private ourShift = -1
  private peersEdge = 0
  private ourEdge = Number.NEGATIVE_INFINITY

  constructor(kind: 'active' | 'passive', options: ScriptOptions = {}) {
    const { config, peer = 'mss 1000', window = 65_535, rtt = 100, iss = 0xffff_ff00, irs = 0xffff_fe00 } = options
    this.ours = { sender: iss, receiver: irs, senderClock: (EPOCH + TIMESTAMP_OFFSET) >>> 0, receiverClock: PEER_CLOCK }
    this.peers = { sender: irs, receiver: iss, senderClock: PEER_CLOCK, receiverClock: this.ours.senderClock }
    this.clock = -rtt
    const made = createConfig({ congestion: NEWRENO, ...config })
    if (kind === 'active') {
      this.connection = Connection.active(made, iss, TIMESTAMP_OFFSET)
      this.connection.open(this.now)
    } else {
      const syn = this.make(parseLine(`S 0 win ${window} <${peer}>`))
      this.connection = Connection.passive(made, iss, TIMESTAMP_OFFSET, syn, this.now)
    }
    this.pump()
    onTestFinished(() => {
      this.silence()
    })
  }

  private get now(): number {
    return EPOCH + this.clock
  }

  get state(): State {
    return this.connection.state
  }

  get status(): Status {
    return this.connection.status(this.now)
  }

  /** ms since the script's 0. */
  get time(): number {
    return this.clock
  }

  // ---- the network

  /** Segments that arrive together: all are handed over, then the connection may answer. */
  inject(...lines: string[]): this {
    this.silence()
    for (const line of lines) this.connection.handleSegment(this.make(parseLine(line)), this.now)
    this.pump()
    return this
  }

  /** The same, with header bytes changed before they are decoded. @returns whether they were a segment at all. */
  injectBytes(line: string, change: (bytes: Uint8Array) => Uint8Array): boolean {
    this.silence()
    const made = this.make(parseLine(line))
    const length = encode(made, this.scratch)
    const bytes = change(Uint8Array.of(...this.scratch.subarray(0, length), ...made.payload))
    const segment = new Segment()
    const isSegment = decode(bytes, segment)
    if (isSegment) this.connection.handleSegment(segment, this.now)
    this.pump()
    return isSegment
  }

  /** The segments that the connection has sent, now, in order. */
  expect(...lines: string[]): this {
    for (const text of lines) {
      const like = parseLine(text)
      const sent = this.outbox.shift()
      expect(sent === undefined ? 'nothing' : formatLine(sent.line, like), `at ${this.clock} ms`).toBe(text)
    }
    return this
  }

  /** Nothing has been sent that was not expected. */
  silence(): this {
    expect(
      this.outbox.map(({ at, line }) => `at ${at}: ${formatLine(line)}`),
      `unexpected segments at ${this.clock} ms`,
    ).toEqual([])
    return this
  }

  /** Takes what has been sent, unseen. @returns it as lines. */
  take(): string[] {
    return this.outbox.splice(0).map(({ line }) => formatLine(line))
  }

  // ---- the clock

  /** Lets time pass until `ms`: nothing may be sent before, and what is sent then waits for expect(). */
  at(ms: number): this {
    this.silence()
    if (ms < this.clock) throw new Error(`${ms} has passed`)
    this.advance(ms)
    const early = this.outbox.filter((sent) => sent.at < ms).map(({ at, line }) => `at ${at}: ${formatLine(line)}`)
    expect(early, `before ${ms} ms`).toEqual([])
    return this
  }

  /** Lets time pass until something is sent, `limit` ms at most. @returns when that was; Infinity: nothing was sent. */
  next(limit = 10_000_000): number {
    this.silence()
    this.advance(this.clock + limit)
    return this.outbox[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Lets time pass until `ms`, or until something has been sent. */
  private advance(ms: number): void {
    for (;;) {
      const wake = this.connection.wakeAt - EPOCH
      if (wake > ms) break
      this.clock = Math.max(this.clock, wake)
      this.connection.handleTimeout(this.now)
      this.pump()
      if (this.outbox.length > 0 && this.clock < ms) return
      if (this.clock >= ms && this.connection.wakeAt > this.now) break
    }
    this.clock = ms
  }

  // ---- the user

  /** SEND: the next `length` bytes. @returns how many were taken. */
  send(length: number): number {
    this.silence()
    const taken = this.connection.send(bytesAt(this.written, this.written + length))
    this.written += taken
    this.pump()
    return taken
  }

  /** RECEIVE, `most` times or until nothing is left. @returns how many bytes there were. */
  receive(most = Number.POSITIVE_INFINITY): number {
    const before = this.readUpTo
    for (let count = 0; count < most; count++) {
      const bytes = this.connection.receive()
      if (bytes === null) break
      this.expectText(bytes, this.readUpTo)
      this.readUpTo += bytes.length
    }
    this.pump()
    return this.readUpTo - before
  }

  close(): this {
    return this.call((connection) => connection.close())
  }

  closeRead(): this {
    return this.call((connection, now) => connection.closeRead(now))
  }

  abort(): this {
    return this.call((connection) => connection.abort())
  }

  call(use: (connection: Connection, now: number) => void): this {
    this.silence()
    use(this.connection, this.now)
    this.pump()
    return this
  }

  /** Names of the events since the last call, in the order of their bits. */
  happened(): string[] {
    const names = EVENTS.filter(([bit]) => this.events & bit).map(([, name]) => name)
    this.events = 0
    return names
  }

  // ---- behind the scenes

  private make(line: Line): Segment {
    const made = new Segment()
    applyLine(line, this.peers, made)
    made.payload = bytesAt(line.from, line.from + line.length)
    this.notePeer(made, line)
    // over the wire, as everything
    const length = encode(made, this.scratch)
    this.scratch.set(made.payload, length)
    const segment = new Segment()
    if (!decode(this.scratch.slice(0, length + line.length), segment)) throw new Error('a hand-made segment is none')
    return segment
  }

  private notePeer(segment: Segment, line: Line): void {
    if (segment.flags & SYN && segment.mss > 0) this.peerMss = Math.max(segment.mss, 64)
    if (segment.flags & SYN) this.peerShift = segment.windowScale
    const isScaled = (segment.flags & SYN) === 0 && this.peerShift >= 0 && this.ourShift >= 0
    const edge = (line.ack ?? 1) + segment.window * 2 ** (isScaled ? Math.min(this.peerShift, 14) : 0)
    this.peersEdge = Math.max(this.peersEdge, edge)
  }

  private pump(): void {
    const out = new Segment()
    for (let count = 0; this.connection.poll(out, this.now); count++) {
      if (count === MOST_IN_ONE_POLL) throw new Error('poll() does not come to an end')
      const length = encode(out, this.scratch)
      this.scratch.set(out.payload, length)
      this.scratch.set(out.payloadTail, length + out.payload.length)
      if (!decode(this.scratch.slice(0, length + out.textLength), this.decoded))
        throw new Error('what it sends is no segment')
      const line = readLine(this.decoded, this.ours)
      this.check(this.decoded, line, length)
      this.outbox.push({ at: this.clock, line })
    }
    this.events |= this.connection.takeEvents()
  }

  private check(segment: Segment, line: Line, headerLength: number): void {
    const text = formatLine(line)
    this.expectText(segment.payload, line.from)
    expect(headerLength + line.length, `longer than the peer's MSS: ${text}`).toBeLessThanOrEqual(
      HEADER_LENGTH + Math.max(this.peerMss, segment.flags & SYN ? 40 : 0),
    )
    if (segment.flags & RST) return
    const end = line.from + segment.length
    if (end > this.sndNxt) {
      if (line.from > 0) expect(end, `beyond the peer's window: ${text}`).toBeLessThanOrEqual(this.peersEdge)
      this.sndNxt = end
    }
    if (segment.flags & SYN) this.ourShift = segment.windowScale
    if ((segment.flags & ACK) === 0 || line.ack === null) return
    this.rcvNxt = line.ack
    const isScaled = (segment.flags & SYN) === 0 && this.peerShift >= 0 && this.ourShift >= 0
    const edge = line.ack + segment.window * (isScaled ? 2 ** this.ourShift : 1)
    expect(edge, `the right edge has moved left: ${text}`).toBeGreaterThanOrEqual(this.ourEdge)
    this.ourEdge = edge
  }

  private expectText(bytes: Uint8Array, from: number): void {
    if (bytes.length > 0 && Buffer.compare(bytes, bytesAt(from, from + bytes.length)) !== 0) {
      throw new Error(`other bytes than those from ${from} to ${from + bytes.length}`)
    }
  }
}

/** Its SYN has left, at -rtt ms, and is still to be expected. */
export function active(options: ScriptOptions = {}): Script {
  return new Script('active', options)
}

/** It has taken the peer's SYN, at -rtt ms; its SYN,ACK is still to be expected. */
export function passive(options: ScriptOptions = {}): Script {
  return new Script('passive', options)
}

/** Established by its own SYN, at 0 ms: SND.UNA, SND.NXT and RCV.NXT are 1. */
export function established(options: ScriptOptions = {}): Script {
  const { peer = 'mss 1000', window = 65_535 } = options
  const script = new Script('active', options)
  script.take()
  script.at(0).inject(`S. 0 ack 1 win ${window} <${peer}>`).expect('. 1 ack 1')
  script.happened()
  return script
}

/** In `state` without any text having passed, at 0 ms; SYN-RECEIVED by the peer's SYN, the rest by our own. */
export function inState(state: State, options: ScriptOptions = {}): Script {
  if (state === 'SYN-SENT') {
    const script = active({ ...options, rtt: 0 })
    script.take()
    return script
  }
  if (state === 'SYN-RECEIVED') {
    const script = passive({ ...options, rtt: 0 })
    script.take()
    return script
  }
  const script = established(options)
  const steps: Record<string, () => void> = {
    CLOSED: () => script.abort().expect('R. 1 ack 1'),
    'FIN-WAIT-1': () => script.close().expect('F. 1 ack 1'),
    'FIN-WAIT-2': () => script.close().expect('F. 1 ack 1').inject('. 1 ack 2'),
    'CLOSE-WAIT': () => script.inject('F. 1 ack 1').expect('. 1 ack 2'),
    CLOSING: () => script.close().expect('F. 1 ack 1').inject('F. 1 ack 1').expect('. 2 ack 2'),
    'LAST-ACK': () => script.inject('F. 1 ack 1').expect('. 1 ack 2').close().expect('F. 1 ack 2'),
    'TIME-WAIT': () => script.close().expect('F. 1 ack 1').inject('. 1 ack 2').inject('F. 1 ack 2').expect('. 2 ack 2'),
  }
  steps[state]?.()
  expect(script.state).toBe(state)
  script.happened()
  return script
}
