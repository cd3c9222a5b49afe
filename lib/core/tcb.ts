// The transmission control block (RFC 9293 §3.3.1): variables and parts of one connection, and the few rules that keep them whole.
import { DOUBLE } from '../wire/bytes.js'
import { DEFAULT_MSS } from '../wire/options.js'
import { before } from '../wire/seq.js'
import type { Config } from './config.js'
import type { CongestionController } from './congestion/controller.js'
import { randomFrom } from './congestion/random.js'
import type { Defences } from './defences.js'
import { WRITABLE } from './events.js'
import { FlightWatch } from './flight-watch.js'
import { KeepAlive } from './probe/keepalive.js'
import { PathMtu } from './probe/path-mtu.js'
import { Persist } from './probe/persist.js'
import { AckPolicy } from './receive/ack-policy.js'
import { ReceiveTuning } from './receive/auto-tuning.js'
import { Reassembly } from './receive/reassembly.js'
import { ReceiveBuffer } from './receive/receive-buffer.js'
import { ReceiveWindow } from './receive/window.js'
import type { ProportionalRateReduction } from './recovery/prr.js'
import { Rack } from './recovery/rack.js'
import { Rtt } from './recovery/rtt.js'
import { TailLossProbe } from './recovery/tlp.js'
import type { Undo } from './recovery/undo.js'
import { DeliveryRate } from './send/delivery-rate.js'
import { notSentLimit, notSentRoom } from './send/not-sent.js'
import { Pacer } from './send/pacer.js'
import { Scoreboard } from './send/scoreboard.js'
import { SendBuffer } from './send/send-buffer.js'
import { EDGES, type State } from './state.js'
import { Stats } from './stats.js'
import type { Budget, LinkSize, Queue, Room, Surroundings } from './surroundings.js'
import { Timers } from './timers.js'
import type { Trace } from './trace.js'

/** Why a connection ended other than by FINs on both sides. */
export type CloseReason = 'refused' | 'reset' | 'timed-out' | 'aborted'

/** How losses are being repaired: not at all, by SACK or duplicate ACKs (RFC 5681 §3.2), or after an RTO. */
export type Repair = 'open' | 'recovery' | 'loss'

const TIMESTAMPS_LENGTH = 12
/** What a chunk of received text costs beyond its bytes. */
const CHUNK_OVERHEAD = 256
/** What a flight takes. */
const FLIGHT_OVERHEAD = 128
/** Bytes that may be queued, and not acknowledged, while memory is tight: a small slab. */
const TIGHT_QUEUE = 4_096
/** Chunks may cost this part of the buffer before they are copied together. */
const OVERHEAD_SHARE = 1 / 8
/** A writer that fell short is woken once there is room for this part. */
const ROOM_TO_WAKE = 1 / 4
/** Segments that a peer may send before the first ACK, RFC 6928's ten, twice. */
const FIRST_SEGMENTS = 20

/** Segments of the peer's, as long as they are now, that a window is to hold at least. */
const LEAST_SEGMENTS = 2
/** Bytes above a hole that count, for each byte that has been read. */
const HELD_PER_READ = 3
/** Much has been received, bytes; and its window would be so many times as large. */
const MUCH = 2 ** 18
const CONFINED = 2

/** The ACK clock holds nothing back: no window is larger (RFC 7323 §2.3). */
export const UNCLOCKED: number = 2 ** 30

/** SACK blocks of the segment in hand, of whatever connection, as pairs of offsets. */
export const sackScratch: Float64Array = new Float64Array(8)

/**
 * Offsets: SYN is 0, the first byte 1, in both directions. Where it is said numbers of the wire, and offsets that are compared with near
 * ones only, are kept as int32, and so are times in whole ms: an idle connection has no box for them in V8's heap.
 */
export class Tcb {
  state: State = 'CLOSED'
  readonly config: Config
  readonly link: LinkSize
  room: Room
  /** For want of room its window is much smaller than what it brings asks for. */
  isConfined = false
  readonly budget: Budget
  readonly queue: Queue
  readonly defences: Defences
  readonly trace: Trace | null
  readonly stats: Stats = new Stats()
  readonly timers: Timers = new Timers()
  events = 0
  closeReason: CloseReason | null = null
  /** Born of a SYN that a listener took. */
  passive = false

  // ---- what the user wants
  noDelay: boolean
  closeRequested = false
  readClosed = false
  /** A send() fell short. */
  wantsRoom = false

  // ---- sending
  /** int32 */
  readonly iss: number
  sndUna: number = DOUBLE
  sndNxt: number = DOUBLE
  sndWnd = 0
  /** An offset as int32. SND.WL2 is never beyond SND.UNA: what comes with an older ACK is no update anyway. */
  sndWl1 = 0
  maxSndWnd = 0
  /** Both SYNs had the window scale option. */
  scaling = false
  sndScale = 0
  /** Payload plus options of a segment, at most; and payload alone beside the options that all segments have. */
  segmentLimit: number = DEFAULT_MSS
  sendMss: number = DEFAULT_MSS
  readonly sendBuffer: SendBuffer
  readonly scoreboard: Scoreboard = new Scoreboard(new FlightWatch(this))
  /** null: nobody would look at it. */
  readonly rate: DeliveryRate | null
  /** null: nothing has been paced yet, as on most connections that are idle. */
  private pace: Pacer | null = null
  /** One past the last small segment sent (Minshall's Nagle). */
  smallEnd: number = DOUBLE
  /** When text last left, whole ms. */
  lastSentAt = 0
  /** When anything last left, whole ms: for natKeepAlive alone. */
  spokeAt = 0
  /** Up to here the congestion window was what held text back: its ACKs are evidence for a larger one (RFC 7661 §4.3). */
  cwndLimitedEnd: number = DOUBLE

  // ---- repair
  rtt: Rtt
  rack: Rack
  readonly tlp: TailLossProbe = new TailLossProbe()
  /** null before the first repair. */
  undo: Undo | null = null
  /** A tail loss probe is to leave, whatever the congestion window says. */
  tailProbeOwed = false
  /** null before the first recovery. */
  prr: ProportionalRateReduction | null = null
  repair: Repair = 'open'
  /** The repair ends when SND.UNA reaches this. */
  recoveryPoint = 0
  /** What was deemed lost has been found to be on its way, and what is still lost below this is sent again. */
  foundUpTo = 0
  /** What the ACK clock lets be in flight after a recovery, bytes; UNCLOCKED: the window has been filled since. */
  clockedWindow: number = UNCLOCKED
  /** Duplicate ACKs in a row, from a peer without SACK. */
  dupAcks = 0
  synRetransmits = 0
  /** The RTO expired, and what comes first is to leave again, whatever is in flight (RFC 6298 §5.4). */
  repetitionOwed = false
  /** Expiries of the RTO since the last progress. */
  expiries = 0
  controller: CongestionController
  /** An offset as int32. */
  private roundEnd = 0

  // ---- receiving
  /** int32 */
  irs = 0
  rcvNxt: number = DOUBLE
  /** Offset of the peer's FIN; null: not seen. */
  finAt: number | null = null
  finReceived = false
  readonly received: ReceiveBuffer
  readonly reassembly: Reassembly = new Reassembly()
  /** Chunks held before they are copied together. */
  compactAt: number
  readonly tuning: ReceiveTuning
  readonly window: ReceiveWindow
  readonly ackPolicy: AckPolicy = new AckPolicy()
  /** Last.ACK.sent (RFC 7323 §4.3), an offset as int32. */
  lastAckSent = 0
  sackPermitted = false
  /** A range that came twice, for the next ACK (RFC 2883); from < 0: none. */
  dsackFrom = -1
  dsackTo = -1

  // ---- timestamps (RFC 7323)
  timestamps = false
  readonly timestampOffset: number
  /** int32 */
  tsRecent = 0
  tsRecentAt = 0
  /** int32: what TS.Recent was a while ago, below which a segment is an old duplicate; and what it will be next, from when on. */
  tsOld = 0
  tsOldNext = 0
  tsOldNextAt = 0
  /** u32: TSval of a probe, which the next segment echoes in place of TS.Recent; -1: none (decision 024). */
  tsProbe = -1

  // ---- probing and answering
  readonly keepalive: KeepAlive
  readonly persist: Persist = new Persist()
  readonly pathMtu: PathMtu = new PathMtu()
  /** Bytes lost with a probe of the path since that was last looked at: they tell of its size, and not of congestion. */
  lostProbe = 0
  /** An empty segment at SND.NXT-1 is to leave: keep-alive or zero-window probe. */
  probeOwed = false
  /** A window that is too small by the rules may be used once (RFC 9293 §3.8.6.2.1, the override). */
  overrideSilly = false
  /** RST for the connection as such: abort. */
  resetOwed = false
  /** RST that only answers a segment: its sequence number, u32; -1: none (RFC 9293 §3.10.7.4, fifth). */
  replyReset = -1
  /** A challenge ACK is to leave: a bare one, unless an ACK that says more leaves anyway. */
  challengeOwed = false
  challengeTokens = 10
  challengeAt = 0

  constructor(config: Config, iss: number, timestampOffset: number, surroundings: Surroundings) {
    const { trace, memory, link, room, budget, queue, defences, isLocal, allocate } = surroundings
    this.sndUna = this.sndNxt = this.smallEnd = this.cwndLimitedEnd = this.rcvNxt = 0
    this.config = config
    this.link = link
    this.room = room
    this.budget = budget
    this.queue = queue
    this.defences = defences
    this.trace = trace
    this.received = new ReceiveBuffer(allocate)
    this.iss = iss | 0
    this.timestampOffset = timestampOffset | 0
    this.noDelay = config.noDelay
    this.sendBuffer = new SendBuffer(config.sendBuffer)
    this.rtt = newRtt(config)
    this.rack = new Rack(this.rtt)
    if (memory !== null) this.rtt.remember(memory.srtt, memory.rttvar)
    this.compactAt = this.chunkAllowance
    const first = Math.max(config.initialReceiveBuffer, FIRST_SEGMENTS * Math.min(config.mss, link.safe))
    this.tuning = new ReceiveTuning(first, config.maxReceiveBuffer, isLocal)
    this.window = new ReceiveWindow(config.maxReceiveBuffer, this.tuning.limit)
    const { keepAlive, keepAliveInitialDelay, keepAliveInterval, keepAliveCount } = config
    this.keepalive = new KeepAlive(keepAlive, keepAliveInitialDelay, keepAliveInterval, keepAliveCount)
    this.controller = newController(config, iss, memory?.ssthresh)
    this.rate = this.controller.ignoresRate ? null : new DeliveryRate()
  }

  /** The MSS that we offer: what the peer may send at most (MUST-67, RFC 6691). */
  get offeredMss(): number {
    return Math.min(this.config.mss, this.link.largest)
  }

  /** One past the last offset that is to be sent as things stand, FIN included. */
  get sndEnd(): number {
    return this.sendBuffer.end + (this.closeRequested ? 1 : 0)
  }

  /** Bytes of text that have left, that the peer has acknowledged, and that were taken in order. */
  get bytesSent(): number {
    return Math.max(0, Math.min(this.sndNxt, this.sendBuffer.end) - 1)
  }

  get bytesAcked(): number {
    return Math.max(0, Math.min(this.sndUna, this.sendBuffer.end) - 1)
  }

  get bytesReceived(): number {
    return Math.max(0, (this.finReceived ? this.rcvNxt - 1 : this.rcvNxt) - 1)
  }

  /** Bytes that may be queued without leaving: a writer must not be buried under what the path cannot take. */
  get notSentRoom(): number {
    if (this.budget.isTight) return Math.max(0, TIGHT_QUEUE - this.sendBuffer.length)
    return notSentRoom(this.sendBuffer.end - Math.max(this.sndNxt, 1), this.notSentLimit)
  }

  /** Tells a writer that fell short, once it is worth its while. */
  wakeWriter(): void {
    if (!this.wantsRoom) return
    const most = Math.min(this.config.sendBuffer, this.notSentLimit)
    const worth = (this.budget.isTight ? Math.min(most, TIGHT_QUEUE) : most) * ROOM_TO_WAKE
    if (this.sendBuffer.room < worth || this.notSentRoom < worth) return
    this.wantsRoom = false
    this.events |= WRITABLE
  }

  private get notSentLimit(): number {
    return notSentLimit(this.controller.window, this.rtt.srtt)
  }

  /** Bytes of memory that buffers and flights take. */
  get memory(): number {
    const { sendBuffer, received, reassembly, scoreboard } = this
    const chunks = (received.chunkCount + reassembly.chunkCount) * CHUNK_OVERHEAD
    return sendBuffer.memory + received.memory + reassembly.bytes + chunks + scoreboard.count * FLIGHT_OVERHEAD
  }

  get pacer(): Pacer {
    this.pace ??= new Pacer()
    return this.pace
  }

  forgetPace(): void {
    this.pace = null
  }

  /** Buffer space that a window may promise. */
  get freeSpace(): number {
    const most = Math.min(this.window.limit + this.heldAbove, this.config.maxReceiveBuffer)
    // what has been promised stays so (RFC 9293 SHLD-14); nothing is added to it
    return (
      (this.budget.isTight ? Math.min(most, LEAST_SEGMENTS * this.ackPolicy.peerSegment) : most) - this.received.length
    )
  }

  /** What has been read by now decides how large the window may be; what lies above a hole is read once that is filled. */
  tuneReceive(now: number): void {
    const limit = this.tuning.onTaken(this.read + this.heldAbove, now)
    this.window.limit = this.tuning.isOfShortPath ? Math.min(limit, this.roomForText) : limit
    const isNarrow = limit > CONFINED * this.window.limit
    this.isConfined = this.bytesReceived > MUCH && isNarrow
  }

  /** A window below the peer's segments would have it wait for more (RFC 9293 §3.8.6.2.1). */
  private get roomForText(): number {
    const { peerSegment } = this.ackPolicy
    return Math.max(this.room.bytesFor(peerSegment), LEAST_SEGMENTS * peerSegment)
  }

  /** Bytes above a hole: they take no room from what follows. Without SACK a duplicate ACK must name the same window (RFC 5681 §2). */
  private get heldAbove(): number {
    const { bytes } = this.reassembly
    if (bytes === 0 || !this.sackPermitted) return 0
    // what is in flight grows with what has been read: a hole alone opens no window
    return Math.min(bytes, this.config.initialReceiveBuffer + HELD_PER_READ * this.read)
  }

  private get read(): number {
    return this.bytesReceived - this.received.length
  }

  /** No text is taken from here on: the window ends, or the stream. */
  get textEdge(): number {
    const { finAt, window } = this
    return finAt === null ? window.edge : Math.min(window.edge, finAt)
  }

  /** Chunks that may be held before they are copied together. */
  get chunkAllowance(): number {
    return Math.floor((this.config.maxReceiveBuffer * OVERHEAD_SHARE) / CHUNK_OVERHEAD)
  }

  /** Bytes of options that each segment has. */
  get usualOptions(): number {
    return this.segmentLimit - this.sendMss
  }

  /** Sets what a segment may carry; options count against it (RFC 6691, RFC 9293 §3.7.1). */
  setSegmentLimit(limit: number): void {
    this.segmentLimit = limit
    this.sendMss = limit - (this.timestamps ? TIMESTAMPS_LENGTH : 0)
    this.controller.onMss(this.sendMss)
  }

  /** A round trip has passed since the last one began. */
  takeRound(): boolean {
    if (before(this.sndUna, this.roundEnd)) return false
    this.roundEnd = (this.sndNxt + 1) | 0
    return true
  }
}

export function newRtt({ initialRto, minRto, maxRto }: Config): Rtt {
  return new Rtt(initialRto, minRto, maxRto)
}

/** The ISS is random enough for what a controller does with it. `ssthresh`: of an earlier connection. */
export function newController({ congestion }: Config, iss: number, ssthresh?: number): CongestionController {
  return congestion.create(DEFAULT_MSS, randomFrom(iss | 1), ssthresh)
}

/** The only writer of `state`: an edge that is not in the table is a bug. */
export function setState(tcb: Tcb, next: State): void {
  const from = tcb.state
  if (!EDGES[from].includes(next)) throw new Error(`no edge from ${from} to ${next}`)
  tcb.state = next
  tcb.trace?.onState(from, next)
}

/** TSval for a segment that leaves now, u32 (RFC 7323 §5.4: a clock of 1 ms). */
export function timestampValue(tcb: Tcb, now: number): number {
  return (Math.floor(now) + tcb.timestampOffset) >>> 0
}
