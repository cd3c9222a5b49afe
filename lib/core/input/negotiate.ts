// What the peer's SYN agrees to: MSS, window scale, SACK, timestamps (RFC 9293 §3.7.1, RFC 7323, RFC 2018).
import { DEFAULT_MSS, MAX_SHIFT } from '../../wire/options.js'
import { HEADER_LENGTH, MAX_DATAGRAM, type Segment } from '../../wire/segment.js'
import type { Tcb } from '../tcb.js'

/** Room for the options and some text, whatever a peer claims. */
const SMALLEST_MSS = 64

export function negotiate(tcb: Tcb, syn: Segment, now: number): void {
  const { config, pathMtu, link } = tcb
  tcb.irs = syn.seq | 0
  tcb.rcvNxt = 1
  const peerMss = Math.max(syn.mss || DEFAULT_MSS, SMALLEST_MSS)
  if (config.windowScaling && syn.windowScale >= 0) {
    tcb.scaling = true
    tcb.sndScale = Math.min(syn.windowScale, MAX_SHIFT)
    tcb.window.enableScaling()
  }
  tcb.sackPermitted = config.sack && syn.sackPermitted
  if (config.timestamps && syn.hasTimestamps) {
    tcb.timestamps = true
    tcb.tsRecent = tcb.tsOld = tcb.tsOldNext = syn.tsVal | 0
    tcb.tsRecentAt = Math.floor(now)
  }
  const ceiling = Math.min(peerMss, tcb.offeredMss, MAX_DATAGRAM - HEADER_LENGTH)
  pathMtu.begin(ceiling)
  tcb.setSegmentLimit(pathMtu.start(link.safe))
  tcb.sndWnd = syn.window // never scaled in a SYN (RFC 7323 §2.2)
  tcb.maxSndWnd = Math.max(tcb.maxSndWnd, tcb.sndWnd)
  tcb.sndWl1 = 0
  tcb.keepalive.onHeard(now)
}
