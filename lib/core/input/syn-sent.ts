// A segment that arrives in SYN-SENT: RFC 9293 §3.10.7.3.

import { ACK, RST, type Segment, SYN } from '../../wire/segment.js'
import { unwrap } from '../../wire/seq.js'
import { setState, type Tcb } from '../tcb.js'
import { enterClosed, enterEstablished, refuseAck, repeatSyn } from '../transition.js'
import { acknowledgeSyn } from './ack.js'
import { negotiate } from './negotiate.js'
import { takeText } from './payload.js'

export function synSentArrives(tcb: Tcb, segment: Segment, now: number): void {
  const { flags } = segment
  const hasAck = (flags & ACK) !== 0
  if (hasAck) {
    const ack = unwrap(segment.ack, tcb.iss, tcb.sndUna)
    if (ack <= 0 || ack > tcb.sndNxt) {
      tcb.defences.acksDoubted++
      if ((flags & RST) === 0) refuseAck(tcb, segment.ack, now)
      return
    }
  }
  if (flags & RST) {
    if (hasAck) enterClosed(tcb, 'refused')
    return
  }
  if ((flags & SYN) === 0) return
  negotiate(tcb, segment, now)
  if (!hasAck) {
    // simultaneous open: our SYN goes out once more, with the ACK
    setState(tcb, 'SYN-RECEIVED')
    repeatSyn(tcb)
    return
  }
  acknowledgeSyn(tcb, segment, 0, now)
  enterEstablished(tcb, now)
  tcb.ackPolicy.now = true
  if (segment.length > 1) takeText(tcb, segment, 1, now)
}
