// From a loss that was found to a window that fits it: entering, feeding and leaving a recovery (RFC 5681 §3.2, RFC 6675 §5).
import { INITIAL_SEGMENTS } from './congestion/initial-window.js'
import { ProportionalRateReduction } from './recovery/prr.js'
import { Undo } from './recovery/undo.js'
import { type Tcb, UNCLOCKED } from './tcb.js'

const DUP_THRESH = 3
/** RFC 3042 §2: so many duplicates let new text leave while nothing is found lost. */
const LIMITED_TRANSMIT = DUP_THRESH - 1

/** Bytes in the network; a peer without SACK tells only how many segments arrived (RFC 5681 §3.2 step 4). */
export function pipe(tcb: Tcb): number {
  const { dupAcks, scoreboard } = tcb
  if (dupAcks === 0) return scoreboard.inFlight
  const most = tcb.repair === 'open' ? LIMITED_TRANSMIT * tcb.sendMss : Number.POSITIVE_INFINITY
  // RFC 9937 §6.2: duplicates can be made up, and tell of no more than what was in flight
  const arrived = Math.min(dupAcks * tcb.sendMss, tcb.repair === 'recovery' && tcb.prr !== null ? tcb.prr.flight : most)
  return Math.max(0, scoreboard.inFlight - arrived)
}

/** Bytes that may be in the network now. */
export function congestionWindow(tcb: Tcb): number {
  if (tcb.repair === 'recovery' && tcb.prr !== null && !tcb.controller.ownsRecovery) return tcb.prr.window
  const window = Math.min(tcb.controller.window, tcb.clockedWindow)
  // RFC 5681 §3.1: after a SYN that had to be sent again slow start begins with one segment
  return tcb.synRetransmits > 0 ? Math.min(tcb.sendMss + tcb.sndUna - 1, window) : window
}

/**
 * After a recovery the window may lie far above what is in flight. A controller without a pace would fill it in one burst
 * (RFC 9937 §6.4); so the ACK clock goes on, as PRR's did, until it is full. `delivered`: bytes that have arrived by the ACK.
 */
export function followClock(tcb: Tcb, delivered: number): void {
  if (tcb.clockedWindow === UNCLOCKED) return
  // an ACK that tells nothing new, as text of the peer's has it, takes nothing back of what the one before has allowed
  const allowed = delivered > 0 ? 0 : tcb.clockedWindow
  const window = Math.max(pipe(tcb) + delivered + tcb.sendMss, INITIAL_SEGMENTS * tcb.sendMss, allowed)
  tcb.clockedWindow = window < tcb.controller.window ? window : UNCLOCKED
}

/** Looks for losses by RACK or, without SACK, by duplicate ACKs. @returns bytes newly found lost, to congestion as it seems. */
export function detectLosses(tcb: Tcb, now: number): number {
  const { scoreboard } = tcb
  const before = scoreboard.lostBytes
  if (tcb.sackPermitted) {
    tcb.timers.reorder = tcb.rack.detect(scoreboard, tcb.rtt.srtt, tcb.repair !== 'open', now)
  } else if (tcb.dupAcks >= DUP_THRESH && tcb.repair === 'open' && scoreboard.first !== null) {
    // RFC 6582 §3.2 step 2: up to there they may tell of what was repeated for nothing
    if (tcb.sndUna > tcb.recoveryPoint) scoreboard.markLost(scoreboard.first)
  }
  const lost = scoreboard.lostBytes - before - takeLostProbe(tcb, now)
  if (tcb.repair === 'recovery') tcb.prr?.onLost(lost)
  return lost
}

/** @returns bytes of a probe of the path that have been found lost: they are repaired without a recovery (RFC 8899 §3, 7). */
function takeLostProbe(tcb: Tcb, now: number): number {
  const { lostProbe } = tcb
  tcb.lostProbe = 0
  if (lostProbe > 0) tcb.pathMtu.onProbeLost(now)
  return lostProbe
}

/** Nothing but a probe of the path is silent: it was too long, rather than that the path is dead. @returns false: it is otherwise. */
export function loseSilentProbe(tcb: Tcb, now: number): boolean {
  const { first } = tcb.scoreboard
  if (first === null || !tcb.pathMtu.isProbe(first.from, first.to)) return false
  tcb.scoreboard.markLost(first)
  return takeLostProbe(tcb, now) > 0
}

/** A segment did not leave, being longer than packets may be: it leaves again in shorter ones, and that is no sign of congestion. */
export function takeTooLong(tcb: Tcb, now: number): void {
  const { scoreboard, pathMtu, segmentLimit } = tcb
  if (pathMtu.isProbing) {
    scoreboard.markLongLost(tcb.sendMss)
    pathMtu.onProbeTooLong(now)
    return
  }
  const limit = pathMtu.onTooLong(segmentLimit, now)
  if (limit === segmentLimit) return
  tcb.setSegmentLimit(limit)
  scoreboard.markLongLost(tcb.sendMss)
}

/**
 * Something is lost and no repair is under way: one reduction for all that is in flight now. `news`: bytes that the ACK in hand
 * names; `delivered`: bytes that have arrived by it, as far as it tells.
 */
export function beginRecovery(tcb: Tcb, news: number, delivered: number, now: number): void {
  const { scoreboard, controller } = tcb
  const flight = scoreboard.inFlight + scoreboard.lostBytes + news
  tcb.repair = 'recovery'
  tcb.recoveryPoint = tcb.sndNxt
  tcb.stats.recoveries++
  beginUndo(tcb, false, now)
  tcb.tlp.cancel()
  tcb.timers.tailProbe = Number.POSITIVE_INFINITY
  // FlightSize of RFC 5681 has what SACKs named, too, but not what limited transmit sent beyond the window (§3.2)
  const outstanding = Math.max(flight, Math.min(tcb.sndNxt - tcb.sndUna, controller.window))
  controller.onLoss(scoreboard.lostBytes, outstanding - scoreboard.lostBytes, now)
  tcb.prr ??= new ProportionalRateReduction()
  tcb.prr.begin(flight, controller.window, !tcb.sackPermitted)
  tcb.prr.onAck(delivered, pipe(tcb), false, false, tcb.sendMss)
}

function beginUndo(tcb: Tcb, afterTimeout: boolean, now: number): void {
  tcb.undo ??= new Undo()
  tcb.undo.begin(afterTimeout, now)
}

/** SND.UNA has passed what was outstanding when the repair began. */
export function endRepair(tcb: Tcb, now: number): void {
  if (tcb.repair === 'recovery') tcb.rack.onRecoveryEnd()
  if (tcb.controller.pacingRate === Number.POSITIVE_INFINITY) tcb.clockedWindow = 0
  tcb.undo?.end()
  tcb.controller.onRecoveryEnd(now)
  tcb.repair = 'open'
  tcb.dupAcks = 0
}

/** The repair under way was for nothing: the window is what it was, and what waits to be sent again does not (RFC 4015 §3). */
export function undoRepair(tcb: Tcb, now: number): void {
  if (tcb.repair === 'recovery') tcb.rack.onReordering()
  // once for what is in flight now: a peer that has each repair taken back has all of it looked at each time
  if (tcb.sndUna >= tcb.foundUpTo) {
    tcb.scoreboard.unmarkLost()
    tcb.foundUpTo = tcb.sndNxt
  }
  if (tcb.repair !== 'open') endRepair(tcb, now)
  tcb.recoveryPoint = 0 // RFC 5682 §2.1 step 3b: duplicates are news again
  tcb.undo?.forget()
  tcb.controller.onUndo(now)
  tcb.stats.undos++
}

/** The RTO expired: what is old enough is lost until the peer says otherwise (RFC 5681 §3.1, RFC 6298 §5.4 to §5.6). */
export function beginLossRepair(tcb: Tcb, now: number): void {
  const { scoreboard, rtt } = tcb
  const outstanding = pipe(tcb) + scoreboard.lostBytes
  // a second expiry for the same segment takes nothing more off ssthresh (RFC 5681 §3.1)
  if (tcb.expiries++ === 0) {
    tcb.controller.onTimeout(outstanding, now)
    beginUndo(tcb, true, now)
  }
  tcb.repair = 'loss'
  tcb.clockedWindow = UNCLOCKED
  tcb.recoveryPoint = tcb.sndNxt
  tcb.dupAcks = 0
  tcb.timers.reorder = Number.POSITIVE_INFINITY
  tcb.timers.tailProbe = Number.POSITIVE_INFINITY
  tcb.tlp.cancel()
  tcb.repetitionOwed = true
  const { first } = scoreboard
  // a peer that holds what comes first would have acknowledged it: it reneged (RFC 2018 §8)
  if (tcb.sackPermitted && first !== null && !first.sacked) {
    tcb.rack.detectAfterTimeout(scoreboard, first, rtt.srtt, now)
  } else scoreboard.markAllLost(first?.sacked === true)
  rtt.backOff()
  tcb.stats.timeouts++
}
