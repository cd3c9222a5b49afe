// How much text a segment may take: beside its options, of the windows, and as a probe of the path.
import { optionsLength } from '../wire/options.js'
import type { Segment } from '../wire/segment.js'
import { congestionWindow, pipe } from './repair.js'
import type { Tcb } from './tcb.js'

/** A window is to hold so many. */
const SEGMENTS_OF_WINDOW = 4

/** Text that fits beside the options of `out` (RFC 6691), and is no larger part of the windows than losses, and ACKs, can do with. */
export function textLimit(tcb: Tcb, out: Segment): number {
  const limit = out.sackCount > 0 ? tcb.segmentLimit - optionsLength(out) : tcb.sendMss
  return limit <= safeText(tcb) ? limit : Math.min(limit, longestOf(tcb))
}

/** Segments longer than any path takes are for windows that hold several of them (RFC 5681 §3.2 needs three behind a lost one). */
function longestOf(tcb: Tcb): number {
  return Math.max(safeText(tcb), Math.floor(Math.min(congestionWindow(tcb), tcb.sndWnd) / SEGMENTS_OF_WINDOW))
}

/** A probe's length, if the path is to be asked with one now, and there is text for it; else textLimit(). */
export function probeLimit(tcb: Tcb, out: Segment, available: number, now: number): number {
  const limit = textLimit(tcb, out)
  if (out.sackCount > 0 || isInDoubt(tcb) || !tcb.pathMtu.mayProbe(tcb.segmentLimit, now)) return limit
  const { usualOptions: options } = tcb
  const size = tcb.pathMtu.probeSize(tcb.segmentLimit, longestOf(tcb) + options, now)
  const text = size - options
  if (size === 0 || available < text) return limit
  const window = congestionWindow(tcb)
  // ACKs never free as much at a time as a probe takes: it waits for its room, if the window holds several of it
  return pipe(tcb) + text <= window || SEGMENTS_OF_WINDOW * text <= window ? text : limit
}

/** Something is lost, or may be: what leaves now is to draw ACKs that tell, and a probe would wait for its room (RFC 3042). */
function isInDoubt({ repair, dupAcks, scoreboard }: Tcb): boolean {
  return repair !== 'open' || dupAcks > 0 || scoreboard.sackedBytes > 0
}

/** What any path takes, beside the usual options. */
function safeText({ link, usualOptions }: Tcb): number {
  return link.safe - usualOptions
}
