// One TCP connection without I/O: network and user calls in, poll() out (RFC 9293 §3.9, §3.10).
import type { Segment } from '../wire/segment.js'
import { wrap } from '../wire/seq.js'
import { type Config, patience } from './config.js'
import { INITIAL_SEGMENTS } from './congestion/initial-window.js'
import { acceptSyn, mayBePeers, segmentArrives } from './input/segment-arrives.js'
import { synSentArrives } from './input/syn-sent.js'
import { traceMetrics } from './metrics.js'
import { takeNewPath } from './new-path.js'
import { fillPathProbe, mayFollow, pollSegment } from './output.js'
import type { PathMemory } from './path-memory.js'
import { takeTooLong } from './repair.js'
import { canReceive, canSend, isOver, isSynchronized, type State } from './state.js'
import { readStatus, type Status } from './status.js'
import { NOWHERE, type Room, type Surroundings } from './surroundings.js'
import { type CloseReason, setState, Tcb } from './tcb.js'
import { handleTimeout } from './timeout.js'
import { enterClosed, repeatSyn } from './transition.js'

export { ACKED, CLOSED, CONNECTED, ENDED, READABLE, WRITABLE } from './events.js'

/** What outlives a connection that closed first (RFC 9293 §3.6.1): numbers as on the wire. */
export interface TimeWaitSeed {
  /** SND.NXT and RCV.NXT, u32. */
  readonly sndNxt: number
  readonly rcvNxt: number
  /** As it stood in the last ACK, scaled. */
  readonly window: number
  readonly timestamps: boolean
  readonly timestampOffset: number
  readonly tsRecent: number
  readonly msl: number
}

/**
 * One connection. Four kinds of calls, none of which sends anything itself:
 * what the network says (`handleSegment`), what the clock says (`handleTimeout`), what the user says (the rest),
 * and, after any of these, `poll` until it answers false, `wakeAt`, and `takeEvents`.
 * `now` is in ms on any monotonic clock. The connection knows no address and no port.
 */
export class Connection {
  private readonly tcb: Tcb

  private constructor(tcb: Tcb) {
    this.tcb = tcb
  }

  /** A connection that will send a SYN once open() is called. `iss`: RFC 6528. `timestampOffset`: u32, added to TSval (RFC 7323 §5.4). */
  static active(
    config: Config,
    iss: number,
    timestampOffset: number,
    surroundings: Surroundings = NOWHERE,
  ): Connection {
    // named within itself the class would have another name outside (decision 041)
    return new this(new Tcb(config, iss, timestampOffset, surroundings))
  }

  /** A connection in SYN-RECEIVED, born of a SYN that a listener took. */
  static passive(
    config: Config,
    iss: number,
    timestampOffset: number,
    syn: Segment,
    now: number,
    surroundings: Surroundings = NOWHERE,
  ): Connection {
    const tcb = new Tcb(config, iss, timestampOffset, surroundings)
    tcb.passive = true
    tcb.trace?.onSegmentReceived(syn, now)
    acceptSyn(tcb, syn, now)
    return new this(tcb)
  }

  get state(): State {
    return this.tcb.state
  }

  /** Why the connection ended; null: not at all yet, or by FINs on both sides. */
  get reason(): CloseReason | null {
    return this.tcb.closeReason
  }

  /** When handleTimeout() is due, ms; Infinity: nothing to wait for. Too early does no harm. */
  get wakeAt(): number {
    return this.tcb.timers.next
  }

  /** Bytes handed over and not yet acknowledged. */
  get unacknowledged(): number {
    return this.tcb.sendBuffer.length
  }

  /** Bytes in order that receive() has not given out yet. */
  get readable(): number {
    return this.tcb.received.length
  }

  /** The peer's FIN has been taken: nothing follows what is readable. */
  get ended(): boolean {
    return this.tcb.finReceived
  }

  /** Bytes and FIN that the peer has not acknowledged. */
  get hasUnacknowledged(): boolean {
    return this.tcb.sndUna < this.tcb.sndEnd
  }

  /** Bytes and FIN that have not left yet. */
  get hasUnsent(): boolean {
    return this.tcb.sndNxt < this.tcb.sndEnd
  }

  /** When something came that the peer itself must have sent, ms. */
  get heardAt(): number {
    return this.tcb.keepalive.heardAt
  }

  /** Memory is spent: what lies above a hole goes if the peer has been silent since `silentSince`, ms; it will come again (RFC 2018 §8). */
  shed(silentSince: number): void {
    const { reassembly, keepalive, defences } = this.tcb
    if (reassembly.isEmpty || keepalive.heardAt > silentSince) return
    reassembly.clear()
    defences.textShed++
  }

  /** Bytes of memory that its buffers take. */
  get memory(): number {
    return this.tcb.memory
  }

  /** What has come is to be answered by poll() before more is handed over. */
  get isAckUrgent(): boolean {
    const { ackPolicy, tuning, reassembly, window } = this.tcb
    return ackPolicy.now && ackPolicy.isUrgent(window.limit, tuning.isGrowing || !reassembly.isEmpty)
  }

  /** How many segments like this one, which continue each other, may come as one. */
  mostTogether({ seq, payload }: Segment): number {
    const { state, trace, budget, reassembly, ackPolicy, window, tuning, irs, rcvNxt, textEdge } = this.tcb
    const isNext = canReceive(state) && reassembly.isEmpty && seq === wrap(irs, rcvNxt)
    if (!isNext || trace !== null || budget.isSpent) return 1
    // what goes beyond is not text that is taken, and has its answer at once
    const inWindow = Math.floor((textEdge - rcvNxt) / payload.length)
    return Math.min(inWindow, ackPolicy.mostTogether(payload.length, window.limit, tuning.isGrowing))
  }

  /** The peer's SYN has come. */
  get isAnswered(): boolean {
    return this.tcb.rcvNxt > 0
  }

  /** It ended by a RST of ours that the peer cannot place if it misses text: it asks then, by an ACK (RFC 5961 §3.2). */
  get isResetDoubtful(): boolean {
    const { closeReason, sndUna, sndNxt } = this.tcb
    return closeReason === 'aborted' && sndUna > 0 && sndUna < sndNxt
  }

  /** How often the SYN has left because no answer came in time. */
  get synExpiries(): number {
    return this.tcb.rtt.backOffs
  }

  /** It has brought much, and would be given a multiple of its window if there were room for it. */
  get isConfined(): boolean {
    return this.tcb.isConfined
  }

  /** There is more room now, or less. */
  setRoom(room: Room): void {
    this.tcb.room = room
    this.tcb.isConfined = false
  }

  /** One segment from the peer. */
  handleSegment(segment: Segment, now: number): void {
    const tcb = this.tcb
    tcb.trace?.onSegmentReceived(segment, now)
    tcb.stats.segmentsReceived += segment.count
    if (tcb.state === 'SYN-SENT') synSentArrives(tcb, segment, now)
    else if (tcb.state !== 'CLOSED' && tcb.state !== 'TIME-WAIT') segmentArrives(tcb, segment, now)
    if (tcb.trace !== null) traceMetrics(tcb)
  }

  /** The time `wakeAt` has come. */
  handleTimeout(now: number): void {
    if (this.wakeAt > now) return
    handleTimeout(this.tcb, now)
    if (this.tcb.trace !== null) traceMetrics(this.tcb)
  }

  /** The machine did not send a segment because it is longer than packets may be (EMSGSIZE). */
  handleTooLong(now: number): void {
    takeTooLong(this.tcb, now)
  }

  /** Whether `segment`, which came from another address than the peer's, may be the peer's (decision 024). */
  mayBePeers(segment: Segment, now: number): boolean {
    return mayBePeers(this.tcb, segment, now)
  }

  /** Fills `out`, but for the ports, with what asks the peer there to echo `tsVal` (u32). */
  fillPathProbe(out: Segment, tsVal: number, now: number): void {
    fillPathProbe(this.tcb, out, tsVal, now)
  }

  /** The peer is reached by another path from now on. */
  takeNewPath(now: number): void {
    takeNewPath(this.tcb, now)
  }

  /** OPEN, active: a SYN goes out with the next poll() (RFC 9293 §3.10.1). */
  open(now: number): void {
    const tcb = this.tcb
    if (tcb.state !== 'CLOSED' || tcb.closeReason !== null) throw new Error('a connection is opened once')
    setState(tcb, 'SYN-SENT')
    if (tcb.config.connectTimeout > 0) tcb.timers.connect = now + tcb.config.connectTimeout
  }

  /** The SYN has come to a peer that was not done with an earlier connection between these ports: it leaves again. */
  repeatSyn(): void {
    if (this.tcb.state === 'SYN-SENT') repeatSyn(this.tcb)
  }

  /** SEND: copies bytes into the send buffer (RFC 9293 §3.10.2). @returns how many it took; WRITABLE follows if not all. */
  send(bytes: Uint8Array): number {
    const tcb = this.tcb
    if (!canSend(tcb.state) || tcb.closeRequested) return 0
    const taken = tcb.sendBuffer.write(bytes, tcb.notSentRoom)
    if (taken < bytes.length) tcb.wantsRoom = true
    return taken
  }

  /** RECEIVE: the next bytes in order, by reference (RFC 9293 §3.10.3); null: none now. */
  receive(): Uint8Array | null {
    return this.tcb.received.take()
  }

  /** CLOSE: a FIN after all that was sent; receiving goes on (RFC 9293 §3.10.4). */
  close(): void {
    const tcb = this.tcb
    if (tcb.closeRequested) return
    switch (tcb.state) {
      case 'SYN-SENT':
        enterClosed(tcb, null)
        return
      case 'SYN-RECEIVED':
        tcb.closeRequested = true
        // with bytes queued the FIN waits for ESTABLISHED
        if (tcb.sendBuffer.length === 0) setState(tcb, 'FIN-WAIT-1')
        return
      case 'ESTABLISHED':
        tcb.closeRequested = true
        setState(tcb, 'FIN-WAIT-1')
        return
      case 'CLOSE-WAIT':
        tcb.closeRequested = true
        setState(tcb, 'LAST-ACK')
        return
      default:
    }
  }

  /**
   * The user will read no more: text that arrives from now on, or waits unread, is answered with a RST
   * (RFC 9293 §3.10.4, RFC 1122 §4.2.2.13), and FIN-WAIT-2 ends by itself. In TIME-WAIT a RST could only harm: it is forgotten.
   */
  closeRead(now: number): void {
    const tcb = this.tcb
    if (tcb.readClosed) return
    tcb.readClosed = true
    if (isOver(tcb.state)) {
      tcb.received.clear()
      return
    }
    tcb.timers.abandon = now + patience(tcb.config)
    if (tcb.received.length > 0) this.abort()
    else if (tcb.state === 'FIN-WAIT-2') tcb.timers.finWait2 = now + tcb.config.finWait2Timeout
  }

  /** ABORT: everything queued is dropped and a RST goes out with the next poll() (RFC 9293 §3.10.5). */
  abort(): void {
    const tcb = this.tcb
    const { state } = tcb
    if (state === 'CLOSED') return
    // RFC 9293 §3.10.5: no RST from LISTEN, SYN-SENT, CLOSING, LAST-ACK, TIME-WAIT; but CLOSING and LAST-ACK are entered here
    // with the CLOSE, there once all is on its way, or has arrived but for the FIN: until then the peer waits for what will not come
    const isHalfway = state !== 'SYN-SENT' && (this.hasUnsent || tcb.sendBuffer.length > 0)
    tcb.resetOwed = state === 'SYN-RECEIVED' || state === 'CLOSE-WAIT' || canReceive(state) || isHalfway
    enterClosed(tcb, 'aborted')
  }

  setNoDelay(on: boolean): void {
    this.tcb.noDelay = on
  }

  /** ms of idleness before the first probe, ms between unanswered ones, and how many; 0: as configured. */
  setKeepAlive(on: boolean, initialDelay: number, now: number, interval: number = 0, count: number = 0): void {
    const { keepAliveInitialDelay, keepAliveInterval, keepAliveCount } = this.tcb.config
    const idle = initialDelay || keepAliveInitialDelay
    this.tcb.keepalive.configure(on, idle, interval || keepAliveInterval, count || keepAliveCount)
    const isAlive = isSynchronized(this.tcb.state) && this.tcb.state !== 'TIME-WAIT'
    this.tcb.timers.keepalive = on && isAlive ? this.tcb.keepalive.deadline(now) : Number.POSITIVE_INFINITY
  }

  /** The next segment to send, filled into `out` but for its ports; or up to `most`, if that is one for several. @returns false: nothing to send now. */
  poll(out: Segment, now: number, most = 1): boolean {
    if (!pollSegment(this.tcb, out, now, this.tcb.trace === null ? most : 1)) return false
    this.tcb.stats.segmentsSent += out.count
    this.tcb.spokeAt = Math.ceil(now)
    if (this.tcb.trace !== null) {
      this.tcb.trace.onSegmentSent(out, now)
      traceMetrics(this.tcb)
    }
    return true
  }

  /** Whether poll(), which has just given a segment, may give another; false is sure. */
  get mayHaveMore(): boolean {
    return mayFollow(this.tcb)
  }

  /** What poll() gave is pointed at for longer: the memory of its text is not used again. */
  holdSent(): void {
    this.tcb.sendBuffer.hold()
  }

  /** An ACK is all that poll() would give, and what the user may still say would take it along. */
  get owesOnlyAck(): boolean {
    const { ackPolicy, state, closeRequested, sndNxt, sndEnd, scoreboard } = this.tcb
    return ackPolicy.now && canSend(state) && !closeRequested && sndNxt === sndEnd && scoreboard.lostBytes === 0
  }

  /** takeEvents() has something to tell. */
  get hasNews(): boolean {
    return this.tcb.events !== 0
  }

  /** What happened since the last call, as bits. */
  takeEvents(): number {
    const { events } = this.tcb
    this.tcb.events = 0
    return events
  }

  /** Variables and counters, in the spirit of Linux's tcp_info. */
  status(now: number): Status {
    return readStatus(this.tcb, now)
  }

  /** What is worth remembering of the path; null: nothing, for the peer has acknowledged no text. */
  pathMemory(): PathMemory | null {
    const { bytesAcked, rtt, controller, repair, sendMss } = this.tcb
    if (bytesAcked === 0 || rtt.srtt === 0) return null
    const { window, ssthresh } = controller
    // what has grown beyond it without loss would be halved by one; below the initial window nothing begins (RFC 6928)
    const reached = repair === 'open' && window > ssthresh ? Math.max(window / 2, ssthresh) : ssthresh
    return { srtt: rtt.srtt, rttvar: rtt.rttvar, ssthresh: Math.max(reached, INITIAL_SEGMENTS * sendMss) }
  }

  /** What TIME-WAIT must remember; meaningful in TIME-WAIT only. */
  timeWaitSeed(): TimeWaitSeed {
    const tcb = this.tcb
    return {
      sndNxt: wrap(tcb.iss, tcb.sndNxt),
      rcvNxt: wrap(tcb.irs, tcb.rcvNxt),
      window: tcb.window.field(tcb.rcvNxt),
      timestamps: tcb.timestamps,
      timestampOffset: tcb.timestampOffset >>> 0,
      tsRecent: tcb.tsRecent >>> 0,
      msl: tcb.config.msl,
    }
  }
}
