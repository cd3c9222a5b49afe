// A segment that arrives in any state after SYN-SENT: RFC 9293 §3.10.7.4, in its order, with RFC 5961 and RFC 7323.

import { ACK, RST, type Segment, SYN } from '../../wire/segment.js'
import { before, unwrap } from '../../wire/seq.js'
import { isSynchronized } from '../state.js'
import { setState, type Tcb } from '../tcb.js'
import { challenge, enterClosed, repeatSyn, takeChallenge } from '../transition.js'
import { isAckAcceptable, processAck } from './ack.js'
import { negotiate } from './negotiate.js'
import { noteDuplicate, takeText } from './payload.js'

/** RFC 7323 §5.5: after this a TS.Recent says nothing any more. */
const TS_RECENT_VALID = 24 * 24 * 3600 * 1000
/** A segment may be overtaken by so much, ms. */
const REORDERING = 200

/** A SYN that a listener took: CLOSED (as LISTEN) to SYN-RECEIVED, RFC 9293 §3.10.7.2. */
export function acceptSyn(tcb: Tcb, syn: Segment, now: number): void {
  setState(tcb, 'SYN-RECEIVED')
  negotiate(tcb, syn, now)
}

export function segmentArrives(tcb: Tcb, segment: Segment, now: number): void {
  const { flags } = segment
  let segSeq = unwrap(segment.seq, tcb.irs, tcb.rcvNxt)
  if (tcb.sndUna === 0 && flags & SYN && segSeq === 0 && (flags & RST) === 0) {
    // the peer's SYN again: its SYN,ACK of a simultaneous open (Figure 7), or ours got lost
    if ((flags & ACK) === 0) {
      // as often as a challenge: a made-up SYN is not to draw any number of answers
      if (tcb.scoreboard.first !== null && takeChallenge(tcb, now)) repeatSyn(tcb)
      return
    }
    segSeq = 1
  } else {
    if (tcb.config.followPeer && asksForPath(tcb, segment, segSeq)) {
      if (challenge(tcb, now)) tcb.tsProbe = segment.tsVal
      return
    }
    if (tcb.timestamps && (flags & RST) === 0 && !passesPaws(tcb, segment, segSeq, now)) return
    if (!isAcceptable(tcb, segment, segSeq, now)) return
    if (flags & RST) {
      processReset(tcb, segSeq, now)
      return
    }
    if (flags & SYN) {
      // RFC 5961 §4; a listener's connection that never was goes back to LISTEN (RFC 9293 §3.10.7.4, fourth)
      tcb.defences.synsDoubted++
      if (tcb.state === 'SYN-RECEIVED' && tcb.passive) enterClosed(tcb, 'reset')
      else challenge(tcb, now)
      return
    }
  }
  // before anything of it is believed: a timestamp from the future would make PAWS drop all that the peer says
  if ((flags & ACK) === 0 || !isAckAcceptable(tcb, segment, now)) return
  tcb.keepalive.onHeard(now)
  tcb.persist.onHeard()
  // RFC 7323 §4.3 (2): only from what covers the last ACK, so that a delayed ACK is not mistaken for the path
  if (tcb.timestamps && segment.hasTimestamps && !before(tcb.lastAckSent, segSeq)) noteTimestamp(tcb, segment, now)
  if (!processAck(tcb, segment, segSeq, now)) return
  takeText(tcb, segment, segSeq, now)
}

/**
 * Whether a segment that came from elsewhere may be the peer's (decision 024): its timestamp is fresh, and its numbers lie no more than a
 * window from what is expected, on either side, for what comes first from a new address may repeat what arrived from the old one.
 */
export function mayBePeers(tcb: Tcb, segment: Segment, now: number): boolean {
  if (!tcb.timestamps || !segment.hasTimestamps || (segment.flags & (SYN | RST | ACK)) !== ACK) return false
  if (!isSynchronized(tcb.state) || tcb.state === 'TIME-WAIT' || isBehind(tcb, segment, now)) return false
  const segSeq = unwrap(segment.seq, tcb.irs, tcb.rcvNxt)
  const isNear = segSeq >= tcb.rcvNxt - tcb.window.limit && segSeq <= tcb.window.edge
  return isNear && isAckOfFlight(tcb, segment)
}

/** A probe in keep-alive form: its timestamp is a number to be echoed, and says nothing of time. */
function asksForPath(tcb: Tcb, segment: Segment, segSeq: number): boolean {
  const isEmpty = segment.flags === ACK && segment.textLength === 0 && tcb.timestamps && segment.hasTimestamps
  const isNear = segSeq < tcb.rcvNxt && segSeq >= Math.max(0, tcb.rcvNxt - tcb.window.largest)
  return isEmpty && isNear && isAckOfFlight(tcb, segment)
}

/** Narrower than RFC 5961 §5.2: what the peer says now acknowledges no less than it has before, and on an idle connection that is one number. */
function isAckOfFlight(tcb: Tcb, segment: Segment): boolean {
  const ack = unwrap(segment.ack, tcb.iss, tcb.sndUna)
  return ack <= tcb.sndNxt && ack >= tcb.sndUna
}

/** RFC 7323 §5.3 R1, and §3.2: once agreed, every segment has the option. */
function passesPaws(tcb: Tcb, segment: Segment, segSeq: number, now: number): boolean {
  if (!segment.hasTimestamps) {
    tcb.defences.timestampsMissing++
    return false
  }
  if (!isOld(tcb, segment, now)) return true
  tcb.stats.pawsDrops++
  tcb.defences.timestampsOld++
  answerUnacceptable(tcb, segment, segSeq, now)
  return false
}

// What a repetition has overtaken on its way has an older timestamp, and is no duplicate from before the numbers wrapped, which
// takes 2^32 bytes: R1 looks at what TS.Recent was a moment ago (decision 014).
function isOld(tcb: Tcb, segment: Segment, now: number): boolean {
  return isBehind(tcb, segment, now) && before(segment.tsVal, tcb.tsOld)
}

function isBehind(tcb: Tcb, segment: Segment, now: number): boolean {
  return before(segment.tsVal, tcb.tsRecent) && now - tcb.tsRecentAt <= TS_RECENT_VALID
}

function noteTimestamp(tcb: Tcb, segment: Segment, now: number): void {
  if (isBehind(tcb, segment, now)) return
  tcb.tsRecent = segment.tsVal | 0
  tcb.tsRecentAt = Math.floor(now)
  if (now - tcb.tsOldNextAt < REORDERING) return
  tcb.tsOld = tcb.tsOldNext
  tcb.tsOldNext = segment.tsVal | 0
  tcb.tsOldNextAt = Math.floor(now)
}

/** RFC 9293 §3.10.7.4, first: some of it lies in the receive window. What does not is answered with an ACK. */
function isAcceptable(tcb: Tcb, segment: Segment, segSeq: number, now: number): boolean {
  const { length } = segment
  const { edge } = tcb.window
  const { rcvNxt } = tcb
  if (segment.flags & RST) {
    // RFC 5961 §3 looks at its sequence number alone: with a closed window, and with text, too (MUST-66)
    if (segSeq >= rcvNxt && segSeq <= edge) return true
    tcb.defences.resetsDropped++
    return false
  }
  if (length === 0) {
    // an empty segment at the right edge comes from a sender that has filled the window
    if (segSeq >= rcvNxt && segSeq <= edge) return true
  } else if (segSeq < edge && segSeq + length > rcvNxt) {
    return true
  } else if (segSeq === rcvNxt) {
    // RFC 9293 §3.10.7.4, first: with a closed window the ACK still counts, the text does not
    tcb.ackPolicy.now = true
    return true
  }
  answerUnacceptable(tcb, segment, segSeq, now)
  return false
}

function answerUnacceptable(tcb: Tcb, segment: Segment, segSeq: number, now: number): void {
  const end = segSeq + segment.length
  // nothing comes before the SYN, which is 0; nor again from before what any window can have held
  const isRepeated = tcb.sndUna > 0 && segSeq >= Math.max(0, tcb.rcvNxt - tcb.window.largest) && end <= tcb.rcvNxt
  if (segment.length > 0 && (segment.flags & SYN) === 0 && isRepeated) {
    // seen before: our ACK was lost, the sender waits for another
    tcb.stats.duplicates++
    noteDuplicate(tcb, segSeq, segSeq + segment.textLength)
    tcb.ackPolicy.onDuplicate()
  } else {
    if (segment.flags & SYN) tcb.defences.synsDoubted++
    else tcb.defences.outOfWindow++
    challenge(tcb, now)
  }
}

/** RFC 9293 §3.10.7.4, second, as RFC 5961 §3 has it. */
function processReset(tcb: Tcb, segSeq: number, now: number): void {
  if (segSeq !== tcb.rcvNxt) {
    tcb.defences.resetsDoubted++
    challenge(tcb, now)
    return
  }
  switch (tcb.state) {
    case 'SYN-RECEIVED':
      enterClosed(tcb, tcb.passive ? 'reset' : 'refused')
      return
    case 'CLOSING':
    case 'LAST-ACK':
      // MUST-12: with text on its way it is an abort all the same
      enterClosed(tcb, tcb.sendBuffer.length === 0 ? null : 'reset')
      return
    default:
      enterClosed(tcb, 'reset')
  }
}
