// When a silent tail is probed: RFC 8985 §7.2.
import type { Tcb } from './tcb.js'

/** After something new left, or an ACK brought news. */
export function armTailProbe(tcb: Tcb, now: number): void {
  const { scoreboard, tlp, rtt, timers } = tcb
  // before the first RTT sample the RTO itself is a guess, and after a lost SYN a long one (RFC 6298 §5.7)
  const wanted =
    tcb.sackPermitted &&
    tcb.repair === 'open' &&
    rtt.srtt > 0 &&
    !tlp.isOut &&
    scoreboard.count > 0 &&
    scoreboard.sackedCount === 0
  const due = now + tlp.timeout(rtt.srtt, scoreboard.inFlight < 2 * tcb.sendMss)
  timers.tailProbe = wanted ? Math.min(due, timers.retransmit) : Number.POSITIVE_INFINITY
}
