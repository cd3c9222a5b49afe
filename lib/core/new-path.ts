// The peer is reached by another path than before (decision 024): what was known of the old one says nothing of it.

import { Rack } from './recovery/rack.js'
import { newController, newRtt, type Tcb, UNCLOCKED } from './tcb.js'

/** Round trip, congestion state and segment size begin anew (RFC 9000 §9.4); what was in flight went the old way, and is sent again. */
export function takeNewPath(tcb: Tcb, now: number): void {
  const { config, scoreboard, timers, pathMtu } = tcb
  scoreboard.markAllLost(false)
  tcb.lostProbe = 0
  tcb.rtt = newRtt(config)
  tcb.rack = new Rack(tcb.rtt)
  tcb.forgetPace()
  tcb.controller = newController(config, tcb.iss)
  pathMtu.restart()
  tcb.setSegmentLimit(pathMtu.start(tcb.link.safe))
  tcb.tlp.cancel()
  tcb.tailProbeOwed = false
  tcb.undo = null
  tcb.prr = null
  tcb.repair = 'open'
  tcb.recoveryPoint = tcb.sndNxt
  tcb.repetitionOwed = false
  tcb.clockedWindow = UNCLOCKED
  tcb.cwndLimitedEnd = 0
  tcb.dupAcks = 0
  tcb.expiries = 0
  tcb.persist.reset()
  timers.reorder = Number.POSITIVE_INFINITY
  timers.tailProbe = Number.POSITIVE_INFINITY
  timers.pacing = Number.POSITIVE_INFINITY
  timers.persist = Number.POSITIVE_INFINITY
  timers.retransmit = scoreboard.count > 0 ? now + tcb.rtt.rto : Number.POSITIVE_INFINITY
  // the peer has to learn what we have: the ACKs of it went the old way, too
  tcb.ackPolicy.now = true
}
