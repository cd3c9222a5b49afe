// What a past deadline does (RFC 9293 §3.10.8, RFC 6298 §5).
import { beginLossRepair, beginRecovery, detectLosses } from './repair.js'
import type { Tcb } from './tcb.js'
import { enterClosed } from './transition.js'

/** Acts on each deadline that has passed. */
export function handleTimeout(tcb: Tcb, now: number): void {
  const { timers } = tcb
  if (timers.connect <= now || timers.userTimeout <= now) {
    giveUp(tcb)
    return
  }
  if (timers.abandon <= now) {
    timers.abandon = Number.POSITIVE_INFINITY
    if (tcb.sndUna < tcb.sndEnd) {
      abandon(tcb)
      return
    }
  }
  if (timers.finWait2 <= now) {
    enterClosed(tcb, null)
    return
  }
  if (timers.delayedAck <= now) {
    timers.delayedAck = Number.POSITIVE_INFINITY
    tcb.ackPolicy.now = true
  }
  if (timers.reorder <= now) {
    timers.reorder = Number.POSITIVE_INFINITY
    if (detectLosses(tcb, now) > 0 && tcb.repair === 'open') beginRecovery(tcb, 0, 0, now)
  }
  if (timers.pacing <= now) timers.pacing = Number.POSITIVE_INFINITY
  if (timers.tailProbe <= now) {
    timers.tailProbe = Number.POSITIVE_INFINITY
    if (tcb.repair === 'open' && tcb.scoreboard.count > 0) {
      tcb.tailProbeOwed = true
      timers.retransmit = now + tcb.rtt.rto // RFC 8985 §7.3: the RTO gives the probe its round trip
    }
  }
  if (timers.persist <= now) onPersist(tcb)
  if (timers.retransmit <= now) onRetransmit(tcb, now)
  if (timers.keepalive <= now) onKeepAlive(tcb, now)
  if (timers.natKeepAlive <= now) onNatKeepAlive(tcb, now)
}

/** The peer is gone, as it seems. */
function giveUp(tcb: Tcb): void {
  // nobody waits for the ACK of a FIN once both sides have closed; text that did not arrive is another matter
  const isOver = (tcb.state === 'LAST-ACK' || tcb.state === 'CLOSING') && tcb.sendBuffer.length === 0
  enterClosed(tcb, isOver ? null : 'timed-out')
}

function onRetransmit(tcb: Tcb, now: number): void {
  const { scoreboard, config, rtt, timers } = tcb
  const { first } = scoreboard
  timers.retransmit = Number.POSITIVE_INFINITY
  if (first === null) return
  if (tcb.sndUna === 0) {
    const most = tcb.passive ? config.maxSynAckRetries : config.maxSynRetries
    if (rtt.backOffs >= most) {
      // what has left just now, since the peer's SYN came again, has time to be answered; once, or SYNs would hold it for ever
      const patientUntil = first.sentAt + config.initialRto
      if (rtt.backOffs > most || patientUntil <= now) {
        enterClosed(tcb, 'timed-out')
        return
      }
      rtt.backOff()
      timers.retransmit = patientUntil
      return
    }
    rtt.backOff()
    if (tcb.queue.isCrowded) tcb.defences.synAcksWithheld++
    else {
      tcb.synRetransmits++
      scoreboard.markLost(first)
    }
  } else {
    // beyond the right edge of a window that the peer took back the text is a probe: it counts until the peer answers
    // in any way (SHLD-17, MUST-37)
    const isProbe = first.to > tcb.sndUna + tcb.sndWnd
    if ((isProbe ? tcb.persist.unansweredProbes : tcb.expiries) >= config.maxRetries) {
      giveUp(tcb)
      return
    }
    if (isProbe && isAbandoned(tcb)) {
      abandon(tcb)
      return
    }
    if (!isProbe) {
      const { segmentLimit, usualOptions, link } = tcb
      const size = Math.min(first.length + usualOptions, segmentLimit)
      const limit = tcb.pathMtu.onTimeout(size, segmentLimit, link.safe, now)
      if (limit !== segmentLimit) tcb.setSegmentLimit(limit)
    }
    beginLossRepair(tcb, now)
    if (isProbe) {
      tcb.persist.onProbe()
      tcb.expiries = 1
    }
  }
  timers.retransmit = now + rtt.rto
}

function onPersist(tcb: Tcb): void {
  tcb.timers.persist = Number.POSITIVE_INFINITY
  if (tcb.persist.unansweredProbes >= tcb.config.maxRetries) {
    enterClosed(tcb, 'timed-out')
    return
  }
  if (isAbandoned(tcb)) {
    abandon(tcb)
    return
  }
  tcb.persist.onProbe()
  // a window that is open but small may now be used; a closed one is probed
  if (tcb.sndUna + tcb.sndWnd > tcb.sndNxt) tcb.overrideSilly = true
  else {
    tcb.probeOwed = true
    tcb.stats.zeroWindowProbes++
  }
}

/** The user is gone and the peer answers probes without ever taking anything: it must not hold our memory for ever (RFC 6429 §4). */
function isAbandoned(tcb: Tcb): boolean {
  return tcb.readClosed && tcb.closeRequested && tcb.persist.probes >= tcb.config.maxRetries
}

function abandon(tcb: Tcb): void {
  tcb.resetOwed = true
  enterClosed(tcb, 'timed-out')
}

/** Whoever is on the way has to see something leave; whether it is answered does not matter (RFC 4787 REQ-6). */
function onNatKeepAlive(tcb: Tcb, now: number): void {
  const { natKeepAlive } = tcb.config
  const isSilent = now >= tcb.spokeAt + natKeepAlive
  if (isSilent) {
    tcb.probeOwed = true
    tcb.stats.natKeepAlives++
  }
  tcb.timers.natKeepAlive = (isSilent ? now : tcb.spokeAt) + natKeepAlive
}

function onKeepAlive(tcb: Tcb, now: number): void {
  const { keepalive, timers } = tcb
  // what is in flight is found dead by its own timer
  const isIdle = tcb.scoreboard.count === 0 && timers.persist === Number.POSITIVE_INFINITY
  if (isIdle && keepalive.isDue(now)) {
    if (!keepalive.probe()) {
      enterClosed(tcb, 'timed-out')
      return
    }
    tcb.probeOwed = true
    tcb.stats.keepAliveProbes++
  }
  timers.keepalive = isIdle ? keepalive.deadline(now) : now + keepalive.idleTime
}
