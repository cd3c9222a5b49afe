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
    tlp.mayLeave &&
    scoreboard.count > 0 &&
    scoreboard.sackedCount === 0
  const due = now + tlp.timeout(rtt.srtt, scoreboard.inFlight < 2 * tcb.sendMss)
  // what is to be sent again when the RTO expires is sent by the RTO: the intervals grow from the first one on (RFC 6298 §5.5),
  // and there are no more of them than maxRetries
  timers.tailProbe = wanted && due < timers.retransmit ? due : Number.POSITIVE_INFINITY
}
