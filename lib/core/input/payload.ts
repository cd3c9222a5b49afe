// Text and FIN of an acceptable segment: RFC 9293 §3.10.7.4, seventh and eighth.
import { FIN, PSH, type Segment } from '../../wire/segment.js'
import { ENDED, READABLE } from '../events.js'
import { copied, cut } from '../receive/reassembly.js'
import { canReceive } from '../state.js'
import { setState, type Tcb, timestampValue } from '../tcb.js'
import { enterClosed, enterTimeWait } from '../transition.js'

/** `from`: the offset of the segment's first byte of text. */
export function takeText(tcb: Tcb, segment: Segment, from: number, now: number): void {
  if (!canReceive(tcb.state)) return
  const { payload } = segment
  const end = from + payload.length
  const fits = end <= tcb.window.edge
  if (payload.length > 0 && !keepText(tcb, segment, from, Math.min(end, tcb.textEdge), now)) return
  // a FIN before text that is held already cannot be one
  const isFin = segment.flags & FIN && fits && end >= tcb.rcvNxt && end >= tcb.reassembly.end
  if (isFin && tcb.finAt === null) tcb.finAt = end
  if (tcb.rcvNxt === tcb.finAt && !tcb.finReceived) takeFin(tcb)
  else if (segment.flags & FIN && payload.length === 0) tcb.ackPolicy.onDuplicate() // RFC 5681 §4.2: above a gap
}

/** @returns false: the connection is over. */
function keepText(tcb: Tcb, segment: Segment, from: number, to: number, now: number): boolean {
  const { rcvNxt, reassembly, ackPolicy } = tcb
  const { payload } = segment
  noteEcho(tcb, segment, now)
  if (from < rcvNxt) {
    tcb.stats.duplicates++
    noteDuplicate(tcb, from, Math.min(from + payload.length, rcvNxt))
    ackPolicy.onDuplicate()
  }
  const start = Math.max(from, rcvNxt)
  if (start >= to) return true
  if (tcb.readClosed) {
    // RFC 1122 §4.2.2.13: nobody will ever read this
    tcb.resetOwed = true
    enterClosed(tcb, 'aborted')
    return false
  }
  const isInOrder = start === rcvNxt
  if (!isInOrder) {
    tcb.stats.outOfOrder++
    ackPolicy.onDuplicate()
  }
  // who reads what comes goes on, however little memory is left; the rest will come again
  if (tcb.budget.isSpent && (!isInOrder || tcb.received.length > 0)) {
    tcb.defences.textRefused++
    ackPolicy.now = true
    return true
  }
  const bytes = cut(payload, start - from, to - from)
  // of two versions of a byte the first that came counts, be it above a hole: which one it is must not depend on what is read first
  if (!isInOrder || to > reassembly.start) {
    const kept = segment.isLent ? copied(bytes) : bytes
    const isTwice = reassembly.insert(start, kept) < bytes.length
    if (isTwice && !isInOrder) noteDuplicate(tcb, reassembly.heldFrom, reassembly.heldTo)
  }
  if (isInOrder) takeInOrder(tcb, bytes, segment, now)
  if (tcb.received.chunkCount + reassembly.chunkCount > tcb.compactAt) compact(tcb)
  return true
}

function takeInOrder(tcb: Tcb, bytes: Uint8Array, segment: Segment, now: number): void {
  const { received, reassembly, ackPolicy } = tcb
  const before = tcb.rcvNxt
  if (reassembly.start > before) {
    received.push(bytes, segment.isLent)
    tcb.rcvNxt += bytes.length
  }
  if (reassembly.isEmpty) {
    const due = ackPolicy.onText(bytes.length, segment.cut, (segment.flags & PSH) !== 0, tcb.window.limit, now)
    if (due < tcb.timers.delayedAck) tcb.timers.delayedAck = due
  } else {
    for (;;) {
      const chunks = reassembly.takeFrom(tcb.rcvNxt)
      if (chunks === null) break
      for (const chunk of chunks) {
        received.push(chunk, false)
        tcb.rcvNxt += chunk.length
      }
    }
    ackPolicy.onGapFilled(bytes.length)
  }
  if (!tcb.timestamps) tcb.tuning.onText(tcb.rcvNxt, tcb.window.edge, now)
  tcb.events |= READABLE
}

/** How long ago the ACK that drew this text had left. */
function noteEcho(tcb: Tcb, segment: Segment, now: number): void {
  if (!tcb.timestamps || segment.tsEcr === 0) return
  tcb.tuning.onEcho(segment.tsEcr, (timestampValue(tcb, now) - segment.tsEcr) | 0)
}

function takeFin(tcb: Tcb): void {
  tcb.finReceived = true
  tcb.rcvNxt++
  tcb.ackPolicy.now = true
  tcb.events |= ENDED
  switch (tcb.state) {
    case 'ESTABLISHED':
      setState(tcb, 'CLOSE-WAIT')
      return
    case 'FIN-WAIT-1':
      // had this segment acknowledged our FIN, the state would be FIN-WAIT-2 by now
      setState(tcb, 'CLOSING')
      return
    case 'FIN-WAIT-2':
      enterTimeWait(tcb)
      return
    default:
  }
}

/** RFC 2883 §4: the first block of the next ACK names what came twice. */
export function noteDuplicate(tcb: Tcb, from: number, to: number): void {
  if (!tcb.sackPermitted || to <= from) return
  tcb.dsackFrom = from
  tcb.dsackTo = to
}

function compact(tcb: Tcb): void {
  tcb.received.compact()
  tcb.reassembly.compact()
  const left = tcb.received.chunkCount + tcb.reassembly.chunkCount
  tcb.compactAt = Math.max(tcb.chunkAllowance, 2 * left)
}
