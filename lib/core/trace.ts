// An observer of one connection: what passes, which states it goes through, how it recovers. None by default, and free then.
import type { Segment } from '../wire/segment.js'
import type { State } from './state.js'

export { type Segment, SYN } from '../wire/segment.js'
export { segmentText } from '../wire/segment-text.js'

/**
 * What becomes of a range of the stream. It leaves for the first time, again after it was deemed lost, or again as a probe while
 * it may still be on its way; it has arrived; it is deemed lost; it is in the network after all: it was not lost, or the peer
 * does not hold what it said it held.
 */
export type FlightEvent = 'sent' | 'resent' | 'probed' | 'delivered' | 'lost' | 'found'

/** Loss recovery and congestion control at one moment. Times in ms, sizes in bytes, positions as offsets (SYN is 0). */
export interface RecoveryMetrics {
  cwnd: number
  /** Infinity: none. */
  ssthresh: number
  /** Bytes per ms; Infinity: unpaced. */
  pacingRate: number
  /** Sent, and neither known to have arrived nor deemed lost. */
  inFlight: number
  /** Deemed lost and not sent again. */
  lost: number
  /** Held by the peer above SND.UNA. */
  sacked: number
  /** 0 before the first sample. */
  srtt: number
  rttvar: number
  /** Infinity before the first sample. */
  minRtt: number
  /** The last sample; NaN before the first. */
  latestRtt: number
  /** In force, back-off included; and the expiries in a row. */
  rto: number
  backOffs: number
  sndUna: number
  sndNxt: number
  sndWnd: number
  /** How losses are being repaired: not at all, by SACK or duplicate ACKs, or after an RTO. */
  repair: 'open' | 'recovery' | 'loss'
  /** In the controller's own words; empty: it names none. */
  phase: string
}

/** Told as things happen; must not call back into the connection. `segment` is valid during the call only. */
export interface Trace {
  onSegmentSent(segment: Segment, now: number): void
  onSegmentReceived(segment: Segment, now: number): void
  onState(from: State, to: State): void
  /** Of the offsets from `from` up to `to`; SYN and FIN have one each. */
  onFlight?(event: FlightEvent, from: number, to: number): void
  /** After each segment, in or out, and each deadline. `metrics` is one record for all, filled anew for each call: keep nothing of it. */
  onRecovery?(metrics: RecoveryMetrics): void
}
