// The ACK of an acceptable segment: RFC 9293 §3.10.7.4, fifth; RFC 5681, 5961, 2018, 6298 and 8985 where it points to them.

import { type Segment, SYN } from '../../wire/segment.js'
import { before, unwrap } from '../../wire/seq.js'
import { patience } from '../config.js'
import type { AckSample } from '../congestion/controller.js'
import { ACKED } from '../events.js'
import { beginRecovery, detectLosses, endRepair, followClock, pipe, undoRepair } from '../repair.js'
import type { DeliveryRate } from '../send/delivery-rate.js'
import { armTailProbe } from '../tail-probe.js'
import { sackScratch as edges, setState, type Tcb, timestampValue } from '../tcb.js'
import { challenge, enterClosed, enterEstablished, enterTimeWait, refuseAck } from '../transition.js'

/** Refilled for each ACK, of whatever connection. */
const ackSample: AckSample = {
  ackedBytes: 0,
  lostBytes: 0,
  inFlight: 0,
  deliveryRate: Number.NaN,
  rateAppLimited: false,
  delivered: 0,
  priorDelivered: 0,
  deliveredInSample: 0,
  lostInSample: 0,
  txInFlight: 0,
  rtt: Number.NaN,
  srtt: 0,
  minRtt: Number.POSITIVE_INFINITY,
  appLimited: false,
  roundStart: false,
  inRecovery: false,
  advanced: false,
}

/** Whether it acknowledges what may be acknowledged; nothing of a segment that does not is believed. */
export function isAckAcceptable(tcb: Tcb, segment: Segment, now: number): boolean {
  const ack = unwrap(segment.ack, tcb.iss, tcb.sndUna)
  const inHandshake = tcb.sndUna === 0
  if (ack <= tcb.sndNxt && (inHandshake ? ack > 0 : ack >= tcb.sndUna - tcb.maxSndWnd)) return true
  tcb.defences.acksDoubted++
  if (inHandshake) refuseAck(tcb, segment.ack, now)
  else challenge(tcb, now) // RFC 5961 §5.2
  return false
}

/** Of a segment that isAckAcceptable(). @returns false: it is done with. */
export function processAck(tcb: Tcb, segment: Segment, segSeq: number, now: number): boolean {
  const ack = unwrap(segment.ack, tcb.iss, tcb.sndUna)
  if (tcb.sndUna === 0) {
    acknowledgeSyn(tcb, segment, segSeq, now)
    enterEstablished(tcb, now)
  }
  if (ack < tcb.sndUna) return true // an old one; its text may be new
  const windowMoved = updateSendWindow(tcb, segment, segSeq, ack)
  const arrived = tcb.sackPermitted ? 0 : countDuplicate(tcb, segment, ack, windowMoved)
  acknowledge(tcb, segment, ack, arrived, now)
  return advanceClose(tcb, now)
}

/** The handshake's ACK: SND.UNA, the send window and the first RTT sample. */
export function acknowledgeSyn(tcb: Tcb, segment: Segment, segSeq: number, now: number): void {
  const { scoreboard, rack, rtt, timers } = tcb
  rack.begin(Number.NaN)
  scoreboard.acknowledge(1, now)
  tcb.sndUna = 1
  tcb.sndWnd = windowOf(tcb, segment)
  tcb.maxSndWnd = Math.max(tcb.maxSndWnd, tcb.sndWnd)
  tcb.sndWl1 = segSeq | 0
  timers.retransmit = Number.POSITIVE_INFINITY
  if (tcb.synRetransmits === 0 && !Number.isNaN(rack.sample)) {
    rtt.sample(rack.sample)
  }
}

// the window of a SYN,ACK is never scaled (RFC 7323 §2.2), not even in a simultaneous open
function windowOf(tcb: Tcb, segment: Segment): number {
  return segment.flags & SYN ? segment.window : segment.window << tcb.sndScale
}

/** @returns whether the peer's window is another one now. */
function updateSendWindow(tcb: Tcb, segment: Segment, segSeq: number, ack: number): boolean {
  // RFC 9293 §3.10.7.4: the newer segment decides; what moves SND.UNA is newer, though its text may have left before,
  // and without its window SND.UNA would carry the right edge beyond what the peer allowed
  const isOlder = before(segSeq, tcb.sndWl1)
  if (isOlder && ack <= tcb.sndUna) return false
  const window = windowOf(tcb, segment)
  const moved = window !== tcb.sndWnd
  tcb.sndWnd = window
  if (!isOlder) tcb.sndWl1 = segSeq | 0
  if (window > tcb.maxSndWnd) tcb.maxSndWnd = window
  if (moved && ack + window > tcb.sndNxt) {
    tcb.persist.reset()
    tcb.timers.persist = Number.POSITIVE_INFINITY
  }
  return moved
}

/**
 * RFC 5681 §2's duplicate acknowledgment, from a peer without SACK: a segment has arrived above a hole.
 * @returns bytes that have arrived by this ACK, as far as such a peer tells.
 */
function countDuplicate(tcb: Tcb, segment: Segment, ack: number, windowMoved: boolean): number {
  const { dupAcks, sendMss } = tcb
  if (ack > tcb.sndUna) {
    // what it covers but for the hole itself has been counted by duplicates; the other duplicates are of what lies above
    const segments = Math.ceil((ack - tcb.sndUna) / sendMss)
    tcb.dupAcks = tcb.repair === 'recovery' ? Math.max(0, dupAcks - (segments - 1)) : 0
    return Math.max(segments - dupAcks, 1) * sendMss
  }
  if (tcb.scoreboard.count === 0 || segment.length > 0 || windowMoved) return 0
  tcb.dupAcks++
  return sendMss
}

/** `arrived`: of countDuplicate(). */
function acknowledge(tcb: Tcb, segment: Segment, ack: number, arrived: number, now: number): void {
  const { scoreboard, rack, rtt, timers } = tcb
  const priorUna = tcb.sndUna
  const isDuplicate = tcb.sackPermitted && hasDuplicateSack(tcb, segment, ack)
  const twiceFrom = isDuplicate ? unwrap(segment.sackEdges[0] as number, tcb.iss, ack) : 0
  const twiceTo = isDuplicate ? unwrap(segment.sackEdges[1] as number, tcb.iss, ack) : 0
  // an ACK that moves SND.UNA over what came twice answers what was sent last: the ACK of the copy before it got lost
  const isOfLast = isDuplicate && ack > priorUna && twiceFrom <= priorUna && priorUna < twiceTo
  const echoAt = isOfLast ? now : echoTime(tcb, segment, now)
  rack.begin(echoAt)
  tcb.rate?.begin()
  const { first } = scoreboard
  const resentAt = first?.resentAt ?? Number.POSITIVE_INFINITY
  // text with an ACK that was heard before is no duplicate (RFC 5681 §2), and no answer to what was asked
  const isNews = ack > priorUna || segment.textLength === 0 || segment.sackCount > 0
  if (isNews) tcb.undo?.onAck(first !== null && ack >= first.to, tcb.sackPermitted && !(echoAt > Math.floor(resentAt)))
  if (isDuplicate) {
    tcb.stats.dsacks++
    tcb.undo?.onDuplicateSack(twiceFrom, twiceTo)
    rack.onDuplicateSack(tcb.sndNxt, ack)
  }
  if (ack > priorUna) tcb.undo?.onAdvance(resentAt, echoAt)
  let news = ack > priorUna ? scoreboard.acknowledge(ack, now) : 0
  if (ack > priorUna) {
    tcb.sndUna = ack
    tcb.sendBuffer.release(ack)
  }
  if (tcb.sackPermitted && segment.sackCount > 0) news += takeSacks(tcb, segment, isDuplicate ? 1 : 0, ack, now)
  if (!Number.isNaN(rack.sample)) {
    rtt.sample(rack.sample)
    tcb.tlp.onSample()
  }
  tcb.rate?.finish(rtt.minRtt)
  const isPlain = ack === priorUna && segment.length === 0 && segment.sackCount === 0
  if (tcb.tlp.onAck(ack, isDuplicate ? twiceTo : -1, isPlain) && tcb.repair === 'open') answerForProbe(tcb, now)
  const isOverByItself = tcb.repair !== 'open' && scoreboard.lostBytes === 0 && !tcb.undo?.hasRepeated
  if (isOverByItself || tcb.undo?.isSpurious) undoRepair(tcb, now)
  if (ack > priorUna) {
    tcb.expiries = 0
    tcb.persist.reset()
    const proved = tcb.pathMtu.onProgress(ack)
    if (proved > 0) tcb.setSegmentLimit(proved)
    timers.retransmit = scoreboard.count > 0 ? now + rtt.rto : Number.POSITIVE_INFINITY // RFC 6298 §5.2, §5.3
    if (tcb.config.userTimeout > 0) {
      timers.userTimeout = ack < tcb.sndEnd ? now + tcb.config.userTimeout : Number.POSITIVE_INFINITY
    }
    if (timers.abandon !== Number.POSITIVE_INFINITY) timers.abandon = now + patience(tcb.config)
    tcb.events |= ACKED
    tcb.wakeWriter()
  }
  repair(tcb, news, tcb.sackPermitted ? news : arrived, priorUna, now)
  if (news > 0) armTailProbe(tcb, now)
}

/** RFC 8985 §7.4.2: a tail loss probe repaired a loss without a recovery; the window is reduced as for one. */
function answerForProbe(tcb: Tcb, now: number): void {
  const { controller, tlp } = tcb
  tcb.undo?.forget() // the controller remembers one reduction, and this one was due
  controller.onLoss(tcb.sendMss, tlp.outstanding - tcb.sendMss, now)
  controller.onRecoveryEnd(now)
}

/** Loss detection, the state of the repair, and what the controller hears of this ACK. `delivered`: RFC 9937's DeliveredData. */
function repair(tcb: Tcb, news: number, delivered: number, priorUna: number, now: number): void {
  const { scoreboard, sndUna } = tcb
  const advanced = sndUna > priorUna
  if (tcb.repair !== 'open' && sndUna >= tcb.recoveryPoint) endRepair(tcb, now)
  const lost = scoreboard.count > 0 ? detectLosses(tcb, now) : 0
  if (tcb.repair === 'open') {
    if (lost > 0) beginRecovery(tcb, news, delivered, now)
  } else if (tcb.repair === 'recovery') {
    // RFC 6582 §3.2 step 3: without SACK a partial ACK is what tells of the next hole, and it is repeated at once
    const hole = !tcb.sackPermitted && advanced ? scoreboard.first : null
    if (hole !== null) scoreboard.markLost(hole)
    if (delivered > 0) tcb.prr?.onAck(delivered, pipe(tcb), advanced && lost === 0, hole !== null, tcb.sendMss)
  }
  if (tcb.repair === 'open') followClock(tcb, delivered)
  if (news === 0) return
  const { rtt } = tcb
  ackSample.ackedBytes = news
  ackSample.lostBytes = lost
  ackSample.inFlight = scoreboard.inFlight
  ackSample.rtt = tcb.rack.sample
  ackSample.srtt = rtt.srtt
  ackSample.minRtt = rtt.minRtt
  ackSample.appLimited = priorUna >= tcb.cwndLimitedEnd
  if (tcb.rate !== null) sampleRate(tcb.rate)
  ackSample.roundStart = tcb.takeRound()
  ackSample.inRecovery = tcb.repair === 'recovery'
  ackSample.advanced = advanced
  tcb.controller.onAck(ackSample, now)
}

function sampleRate(rate: DeliveryRate): void {
  ackSample.deliveryRate = rate.rate
  ackSample.rateAppLimited = rate.appLimited
  ackSample.delivered = rate.delivered
  ackSample.priorDelivered = rate.priorDelivered
  ackSample.deliveredInSample = rate.deliveredInSample
  ackSample.lostInSample = rate.lostInSample
  ackSample.txInFlight = rate.txInFlight
}

/** RFC 2018 §5, from the block `start` on. @returns bytes that the blocks show for the first time. */
function takeSacks(tcb: Tcb, segment: Segment, start: number, ack: number, now: number): number {
  let count = 0
  for (let i = start; i < segment.sackCount; i++) {
    const left = unwrap(segment.sackEdges[2 * i] as number, tcb.iss, ack)
    const right = unwrap(segment.sackEdges[2 * i + 1] as number, tcb.iss, ack)
    if (left < ack || left >= right || right > tcb.sndNxt) continue
    // in order of the stream: after lost ACKs the newest block would make older news look reordered (RFC 8985 §6.2 step 3)
    let at = count++
    for (; at > 0 && (edges[2 * at - 2] as number) > left; at--) edges.copyWithin(2 * at, 2 * at - 2, 2 * at)
    edges[2 * at] = left
    edges[2 * at + 1] = right
  }
  const { scoreboard } = tcb
  const before = scoreboard.refused
  const news = scoreboard.sack(edges, joinOverlapping(count), now)
  tcb.defences.sacksRefused += scoreboard.refused - before
  return news
}

/** No honest peer's blocks overlap, and the edges of each cut what is in flight. `count`: pairs in `edges`, by their left one. @returns how many are left. */
function joinOverlapping(count: number): number {
  let last = 0
  for (let i = 1; i < count; i++) {
    const [left, right] = [edges[2 * i] as number, edges[2 * i + 1] as number]
    if (left > (edges[2 * last + 1] as number)) {
      last++
      edges[2 * last] = left
      edges[2 * last + 1] = right
    } else if (right > (edges[2 * last + 1] as number)) edges[2 * last + 1] = right
  }
  return count === 0 ? 0 : last + 1
}

/** The first block lies below the ACK or within the second one: something arrived twice (RFC 2883 §4). */
function hasDuplicateSack(tcb: Tcb, segment: Segment, ack: number): boolean {
  if (segment.sackCount === 0) return false
  const left = unwrap(segment.sackEdges[0] as number, tcb.iss, ack)
  const right = unwrap(segment.sackEdges[1] as number, tcb.iss, ack)
  if (left >= right || right > tcb.sndNxt || left < ack - tcb.maxSndWnd) return false
  if (right <= ack) return true
  if (segment.sackCount < 2) return false
  const outerLeft = unwrap(segment.sackEdges[2] as number, tcb.iss, ack)
  const outerRight = unwrap(segment.sackEdges[3] as number, tcb.iss, ack)
  return outerLeft <= left && right <= outerRight
}

/** When what this ACK answers had left, by the timestamp that it echoes (RFC 7323 §4), ms; NaN: it does not say. */
function echoTime(tcb: Tcb, segment: Segment, now: number): number {
  if (!tcb.timestamps || segment.tsEcr === 0) return Number.NaN
  const ago = (timestampValue(tcb, now) - segment.tsEcr) | 0
  // the echo has whole ms: what left within that ms may be meant
  return ago < 0 ? Number.NaN : Math.floor(now) - ago + 1
}

/** What an acknowledged FIN leads to. @returns false: the connection is over. */
function advanceClose(tcb: Tcb, now: number): boolean {
  if (!tcb.closeRequested || tcb.sndUna <= tcb.sendBuffer.end) return true
  switch (tcb.state) {
    case 'FIN-WAIT-1':
      setState(tcb, 'FIN-WAIT-2')
      if (tcb.readClosed) tcb.timers.finWait2 = now + tcb.config.finWait2Timeout
      return true
    case 'CLOSING':
      enterTimeWait(tcb)
      return false
    case 'LAST-ACK':
      enterClosed(tcb, null)
      return false
    default:
      return true
  }
}
