// What leaves next, if anything: RFC 9293 §3.8 with the limits of RFC 5681, RFC 9937 and RFC 1122 §4.2.3.4, in one place.
import { ACK, FIN, PSH, RST, type Segment, SYN } from '../wire/segment.js'
import { wrap } from '../wire/seq.js'
import { congestionWindow, loseSilentProbe, pipe } from './repair.js'
import type { Flight } from './send/flight.js'
import { canReceive } from './state.js'
import { armTailProbe } from './tail-probe.js'
import { sackScratch, type Tcb, timestampValue } from './tcb.js'
import { probeLimit, textLimit } from './text-limit.js'

const NOTHING = new Uint8Array(0)
/** SACK blocks beside timestamps, and without: what 40 bytes of options hold. */
const SACK_BLOCKS = 4
const SACK_BLOCKS_WITH_TIMESTAMPS = 3

/** Fills `out` but for the ports; new text may be up to `most` segments in one. @returns false: nothing may or needs to be sent now. */
export function pollSegment(tcb: Tcb, out: Segment, now: number, most: number): boolean {
  out.clearOptions()
  out.payload = NOTHING
  out.payloadTail = NOTHING
  out.cut = 0
  if (tcb.resetOwed || tcb.replyReset >= 0) return pollReset(tcb, out, now)
  switch (tcb.state) {
    case 'CLOSED':
    case 'LISTEN':
      return false
    case 'TIME-WAIT':
      return pollAck(tcb, out, now)
    default:
  }
  if (tcb.sndUna === 0) return pollSyn(tcb, out, now) || pollHandshakeAck(tcb, out, now)
  tcb.tuneReceive(now)
  if (tcb.tailProbeOwed && pollTailProbe(tcb, out, now)) return true
  // with timestamps the first ACK tells by itself (RFC 3522)
  if (tcb.undo?.wantsNewText && !tcb.timestamps && pollNew(tcb, out, now, 1)) return true
  return pollLost(tcb, out, now) || pollNew(tcb, out, now, most) || pollAck(tcb, out, now) || pollProbe(tcb, out, now)
}

/** Whether pollSegment(), which has just filled a segment, may fill another; a delivery rate wants to hear that there is no more. */
export function mayFollow(tcb: Tcb): boolean {
  const { scoreboard, ackPolicy, rate } = tcb
  const hasText = tcb.sndNxt < tcb.sndEnd || scoreboard.lostBytes > 0 || rate !== null
  const isAsked = ackPolicy.now || tcb.challengeOwed || tcb.probeOwed || tcb.tailProbeOwed
  return hasText || isAsked || tcb.resetOwed || tcb.replyReset >= 0
}

function pollReset(tcb: Tcb, out: Segment, now: number): boolean {
  out.window = 0
  if (tcb.resetOwed) {
    tcb.resetOwed = false
    out.seq = wrap(tcb.iss, tcb.sndNxt)
    out.ack = wrap(tcb.irs, tcb.rcvNxt)
    out.flags = RST | ACK
    if (tcb.timestamps) addTimestamps(tcb, out, now) // RFC 7323 §3.2
  } else {
    out.seq = tcb.replyReset
    out.ack = 0
    out.flags = RST
    tcb.replyReset = -1
  }
  return true
}

function pollSyn(tcb: Tcb, out: Segment, now: number): boolean {
  const { config, scoreboard } = tcb
  if (tcb.sndNxt === 0) {
    scoreboard.add(0, 1, now)
    tcb.sndNxt = 1
  } else {
    const lost = scoreboard.nextLost(1)
    if (lost === null) return false
    scoreboard.resent(lost, now)
    tcb.stats.segmentsRetransmitted++
  }
  const answers = tcb.rcvNxt > 0
  out.seq = wrap(tcb.iss, 0)
  out.ack = answers ? wrap(tcb.irs, tcb.rcvNxt) : 0
  out.flags = answers ? SYN | ACK : SYN
  out.window = tcb.window.open()
  out.mss = tcb.offeredMss
  if (answers ? tcb.scaling : config.windowScaling) out.windowScale = tcb.window.offeredShift
  out.sackPermitted = answers ? tcb.sackPermitted : config.sack
  if (answers ? tcb.timestamps : config.timestamps) {
    out.hasTimestamps = true
    out.tsVal = timestampValue(tcb, now)
    out.tsEcr = answers ? tcb.tsRecent >>> 0 : 0
  }
  if (answers) noteAckSent(tcb)
  if (tcb.timers.retransmit === Number.POSITIVE_INFINITY) tcb.timers.retransmit = now + tcb.rtt.rto
  return true
}

/** In SYN-RECEIVED an unacceptable segment draws an ACK as anywhere; nothing else leaves before the SYN is acknowledged. */
function pollHandshakeAck(tcb: Tcb, out: Segment, now: number): boolean {
  return tcb.rcvNxt > 0 && pollAck(tcb, out, now)
}

/** Lost text again, lowest first, as the congestion window and the peer's allow. */
function pollLost(tcb: Tcb, out: Segment, now: number): boolean {
  const { scoreboard } = tcb
  if (scoreboard.lostBytes === 0) return false
  prepare(tcb, out, now)
  const flight = scoreboard.nextLost(textLimit(tcb, out))
  if (flight === null) return false
  const { from, to } = flight
  // beyond a window that the peer took back only what comes first is repeated (MUST-34, SHLD-17)
  if (to > tcb.sndUna + tcb.sndWnd && from !== tcb.sndUna) return false
  const flying = pipe(tcb)
  if (flying > 0 && flying + flight.length > congestionWindow(tcb)) {
    tcb.cwndLimitedEnd = tcb.sndNxt
    holdPacer(tcb)
    if (!tcb.repetitionOwed || from !== tcb.sndUna) return false
  }
  if (!isPaced(tcb, now)) return false
  tcb.repetitionOwed = false
  scoreboard.resent(flight, now)
  noteFlightSent(tcb, flight, now)
  // of a path's probe nothing follows for the window
  if (tcb.repair !== 'open') tcb.undo?.onRetransmit(from, Math.min(to, tcb.sendBuffer.end), tcb.sackPermitted)
  fillText(tcb, out, from, to)
  tcb.pathMtu.onRetransmit(from)
  tcb.stats.segmentsRetransmitted++
  tcb.stats.bytesRetransmitted += out.textLength
  noteTextSent(tcb, to - from, now)
  // RFC 6675 §6: it is given its round trip to be answered in
  if (tcb.repair === 'recovery' && from === tcb.sndUna) tcb.timers.retransmit = now + tcb.rtt.rto
  return true
}

/** Text that has not left yet, and the FIN behind the last of it. */
function pollNew(tcb: Tcb, out: Segment, now: number, most: number): boolean {
  const { sendBuffer, sndNxt } = tcb
  const available = Math.max(0, sendBuffer.end - sndNxt)
  const finWaits = tcb.closeRequested && sndNxt <= sendBuffer.end
  if (available === 0 && !finWaits) {
    noteAppLimited(tcb)
    return false
  }
  if (tcb.scoreboard.room <= 0) return false
  const usable = tcb.sndUna + tcb.sndWnd - sndNxt
  if (usable <= 0) {
    armPersist(tcb, now)
    return false
  }
  prepare(tcb, out, now)
  const limit = probeLimit(tcb, out, Math.min(available, usable), now)
  const size = Math.min(available, limit, usable)
  const fin = finWaits && size === available && usable > size
  if (!fin && !isWorthSending(tcb, size, available, limit)) {
    armPersist(tcb, now)
    return false
  }
  const length = size + (fin ? 1 : 0)
  // RFC 5681 §4.1: text has left before, and long ago
  if (tcb.scoreboard.count === 0 && sndNxt > 1 && now - tcb.lastSentAt > tcb.rtt.rto) tcb.controller.onRestart(now)
  const flying = pipe(tcb)
  if (flying > 0 && flying + length > congestionWindow(tcb)) {
    tcb.cwndLimitedEnd = sndNxt
    holdPacer(tcb)
    return false
  }
  if (!isPaced(tcb, now)) return false
  const mayBeMany = most > 1 && size === tcb.sendMss && !fin
  const count = mayBeMany ? Math.min(alikeNow(tcb, Math.min(available, usable), flying), most) : 1
  launch(tcb, out, size, count, fin, now)
  if (size > tcb.sendMss) tcb.pathMtu.onProbeSent(sndNxt, tcb.sndNxt, size + tcb.usualOptions)
  tcb.overrideSilly = false
  armTailProbe(tcb, now)
  return true
}

/** How many full segments of the `sendable` bytes may leave together, if the pacer lets them; the FIN leaves with what is left. */
function alikeNow(tcb: Tcb, sendable: number, flying: number): number {
  const { sendBuffer, scoreboard, sendMss, sndNxt } = tcb
  // each of these is told by one segment
  if (tcb.tsProbe >= 0 || tcb.ackPolicy.duplicates > 0) return 1
  const inReach = sendBuffer.reach(sndNxt) - sndNxt - (tcb.closeRequested ? 1 : 0)
  const text = Math.min(sendable, inReach, congestionWindow(tcb) - flying)
  return Math.min(Math.floor(text / sendMss), scoreboard.room)
}

/**
 * Segments of `size` bytes of what has not left yet: `most` of them, or as many as the pacer lets go now, which is one at least.
 * `fin`: there is one, with the FIN behind it.
 */
function launch(tcb: Tcb, out: Segment, size: number, most: number, fin: boolean, now: number): void {
  const { scoreboard, sndNxt } = tcb
  const length = fin ? size + 1 : size
  let to = sndNxt
  do {
    noteFlightSent(tcb, scoreboard.add(to, to + length, now), now)
    to += length
  } while (to < sndNxt + most * length && isOpen(tcb, now))
  tcb.sndNxt = to
  fillText(tcb, out, sndNxt, to)
  if (to > sndNxt + length) out.cut = size
  if (size < tcb.sendMss) tcb.smallEnd = to
  noteTextSent(tcb, to - sndNxt, now)
}

/** RFC 8985 §7.3: new text if there is some and the peer has room, else the last segment again. */
function pollTailProbe(tcb: Tcb, out: Segment, now: number): boolean {
  tcb.tailProbeOwed = false
  const { scoreboard, sendBuffer, sndNxt } = tcb
  if (scoreboard.count === 0 || tcb.repair !== 'open') return false
  if (loseSilentProbe(tcb, now)) return pollLost(tcb, out, now)
  prepare(tcb, out, now)
  const size = Math.min(sendBuffer.end - sndNxt, textLimit(tcb, out), tcb.sndUna + tcb.sndWnd - sndNxt)
  if (size > 0) {
    launch(tcb, out, size, 1, false, now)
    tcb.tlp.onSent(tcb.sndNxt, false, tcb.sndNxt - tcb.sndUna)
  } else {
    const flight = scoreboard.lastInPipe(textLimit(tcb, out))
    if (flight === null) return false
    scoreboard.probed(flight, now)
    noteFlightSent(tcb, flight, now)
    fillText(tcb, out, flight.from, flight.to)
    tcb.tlp.onSent(flight.to, true, sndNxt - tcb.sndUna)
    tcb.pathMtu.onRetransmit(flight.from)
    tcb.stats.segmentsRetransmitted++
    tcb.stats.bytesRetransmitted += out.textLength
    noteTextSent(tcb, flight.length, now)
  }
  tcb.stats.tailProbes++
  tcb.timers.tailProbe = Number.POSITIVE_INFINITY
  tcb.timers.retransmit = now + tcb.rtt.rto // §7.3: the probe has its own round trip to be answered in
  return true
}

/** The pacer lets a segment go now; else the clock says when. */
function isPaced(tcb: Tcb, now: number): boolean {
  if (isOpen(tcb, now)) return true
  tcb.timers.pacing = tcb.pacer.opensAt
  // the user has more to send, and half of the window is used: enough for it to be valid (RFC 7661 §4.3)
  if (2 * pipe(tcb) >= congestionWindow(tcb)) tcb.cwndLimitedEnd = tcb.sndNxt
  return false
}

function isOpen({ pacer, controller, rtt }: Tcb, now: number): boolean {
  return pacer.isOpen(controller.pacingRate, controller.sendQuantum, rtt.srtt, now)
}

/**
 * Who is past slow start is clocked by ACKs: what waited for them leaves with them, though they come late and many at a time. In a
 * recovery hundreds may be found lost by one of them, and those leave at the pace.
 */
function holdPacer({ controller, pacer, repair }: Tcb): void {
  if (repair === 'open' && controller.window >= controller.ssthresh) pacer.hold()
}

/** The user has given too little to fill the window: what leaves now says nothing about the path. */
function noteAppLimited(tcb: Tcb): void {
  if (tcb.rate === null || tcb.scoreboard.lostBytes > 0) return
  const flying = pipe(tcb)
  if (flying + tcb.sendMss <= congestionWindow(tcb)) tcb.rate.markAppLimited(flying)
}

/** Silly-window avoidance (RFC 9293 §3.8.6.2.1) and Nagle's rule in Minshall's form, one small segment in flight at most. */
function isWorthSending(tcb: Tcb, size: number, available: number, limit: number): boolean {
  if (size === 0) return false
  if (size >= limit || tcb.overrideSilly) return true
  if (size === available && (tcb.noDelay || tcb.closeRequested || tcb.smallEnd <= tcb.sndUna)) return true
  return size >= tcb.maxSndWnd / 2
}

/** Nothing is in flight and the peer's window is in the way: only the clock can bring news. */
function armPersist(tcb: Tcb, now: number): void {
  const { timers, persist, rtt, config } = tcb
  if (tcb.scoreboard.count > 0 || timers.persist !== Number.POSITIVE_INFINITY) return
  timers.persist = now + persist.interval(rtt.rto, config.maxRto)
  armUserTimeout(tcb, now)
}

/** RFC 9293 §3.9.1: text waits, for an ACK or for a window. */
function armUserTimeout({ timers, config }: Tcb, now: number): void {
  if (config.userTimeout === 0 || timers.userTimeout !== Number.POSITIVE_INFINITY) return
  timers.userTimeout = now + config.userTimeout
}

function pollAck(tcb: Tcb, out: Segment, now: number): boolean {
  const isDue =
    tcb.ackPolicy.now ||
    // who has sent nothing yet has the window of the SYN, and learns of a larger one with its first ACK
    (tcb.rcvNxt > 1 &&
      canReceive(tcb.state) &&
      tcb.window.isUpdateDue(tcb.rcvNxt, tcb.freeSpace, tcb.ackPolicy.peerSegment))
  if (!isDue) return tcb.challengeOwed && pollChallenge(tcb, out, now)
  prepare(tcb, out, now)
  noteAckSent(tcb)
  return true
}

/** Without SACK blocks: whoever spoofs a short segment must not draw a long one. */
function pollChallenge(tcb: Tcb, out: Segment, now: number): boolean {
  prepare(tcb, out, now)
  out.sackCount = 0
  noteAckSent(tcb)
  return true
}

/**
 * Keep-alive or zero-window probe: nothing, at a number that the peer has acknowledged, so that it must answer. For the same
 * reason it does not look at the rest: an ACK that waits still waits, and a window update has left before.
 */
function pollProbe(tcb: Tcb, out: Segment, now: number): boolean {
  if (!tcb.probeOwed) return false
  tcb.probeOwed = false
  prepare(tcb, out, now)
  out.seq = wrap(tcb.iss, tcb.sndNxt - 1)
  tcb.window.confirm()
  return true
}

/**
 * The question to a peer that speaks from another address, whether it is there: keep-alive form, at a number that it has acknowledged,
 * with `tsVal` (u32) to be echoed. It tells nothing that changes anything here.
 */
export function fillPathProbe(tcb: Tcb, out: Segment, tsVal: number, now: number): void {
  prepare(tcb, out, now)
  out.payload = NOTHING
  out.payloadTail = NOTHING
  out.seq = wrap(tcb.iss, tcb.sndUna - 1)
  out.tsVal = tsVal
  out.tsEcr = tcb.tsRecent >>> 0
  out.sackCount = 0
}

/** Sequence, acknowledgment, window and options of any segment after the handshake. */
function prepare(tcb: Tcb, out: Segment, now: number): void {
  out.clearOptions()
  out.seq = wrap(tcb.iss, tcb.sndNxt)
  out.ack = wrap(tcb.irs, tcb.rcvNxt)
  out.flags = ACK
  out.window = tcb.window.offer(tcb.rcvNxt, tcb.freeSpace, tcb.ackPolicy.peerSegment)
  if (tcb.timestamps) addTimestamps(tcb, out, now)
  if (tcb.sackPermitted && (tcb.dsackFrom >= 0 || !tcb.reassembly.isEmpty)) addSackBlocks(tcb, out)
}

function addTimestamps(tcb: Tcb, out: Segment, now: number): void {
  out.hasTimestamps = true
  out.tsVal = timestampValue(tcb, now)
  out.tsEcr = tcb.tsProbe >= 0 ? tcb.tsProbe : tcb.tsRecent >>> 0
}

function addSackBlocks(tcb: Tcb, out: Segment): void {
  const edges = sackScratch
  const most = tcb.timestamps ? SACK_BLOCKS_WITH_TIMESTAMPS : SACK_BLOCKS
  let count = 0
  if (tcb.dsackFrom >= 0) {
    edges[0] = tcb.dsackFrom
    edges[1] = tcb.dsackTo
    count = 1
  }
  count += tcb.reassembly.blocks(edges, count, most)
  for (let i = 0; i < 2 * count; i++) out.sackEdges[i] = wrap(tcb.irs, edges[i] as number)
  out.sackCount = count
}

/** Payload, FIN and PSH of what covers the offsets from `from` to `to`. */
function fillText(tcb: Tcb, out: Segment, from: number, to: number): void {
  const { sendBuffer } = tcb
  const textEnd = Math.min(to, sendBuffer.end)
  out.seq = wrap(tcb.iss, from)
  if (from < textEnd) sendBuffer.view(from, textEnd, out)
  if (to > sendBuffer.end) out.flags |= FIN
  if (textEnd === sendBuffer.end && from < textEnd) out.flags |= PSH // MUST-61: nothing more is waiting
}

function noteFlightSent({ rate, controller, pacer, scoreboard }: Tcb, flight: Flight, now: number): void {
  rate?.onSent(flight, scoreboard.inFlight, now)
  controller.onSent(flight.length, scoreboard.inFlight, now)
  pacer.onSent(flight.length, controller.pacingRate, now)
}

function noteTextSent(tcb: Tcb, length: number, now: number): void {
  tcb.wakeWriter()
  const { timers } = tcb
  tcb.lastSentAt = Math.ceil(now)
  tcb.prr?.onSent(length)
  if (timers.retransmit === Number.POSITIVE_INFINITY) timers.retransmit = now + tcb.rtt.rto // RFC 6298 §5.1
  timers.persist = Number.POSITIVE_INFINITY
  armUserTimeout(tcb, now)
  noteAckSent(tcb)
}

function noteAckSent(tcb: Tcb): void {
  tcb.challengeOwed = false
  tcb.ackPolicy.onAckSent()
  tcb.window.confirm()
  tcb.timers.delayedAck = Number.POSITIVE_INFINITY
  tcb.lastAckSent = tcb.rcvNxt | 0
  tcb.dsackFrom = -1
  tcb.tsProbe = -1
}
