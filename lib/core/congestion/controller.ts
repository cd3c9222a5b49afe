// What a congestion control is told and what it answers: numbers in, numbers out; it never sees the connection.

/** One connection's congestion control. Sizes in bytes, times in ms, rates in bytes per ms. */
export interface CongestionController {
  /** Bytes that may be in flight. */
  readonly window: number
  /** Slow start ends here; Infinity before the first loss (RFC 5681 §3.1). */
  readonly ssthresh: number
  /** Bytes per ms; Infinity: unpaced. */
  readonly pacingRate: number
  /** `bytes` have left; `inFlight` counts them. */
  onSent(bytes: number, inFlight: number, now: number): void
  onAck(ack: AckSample, now: number): void
  /** Once per recovery, as it begins. */
  onLoss(lostBytes: number, inFlight: number, now: number): void
  /** The retransmission timer expired. */
  onTimeout(inFlight: number, now: number): void
  /** Sending resumes after a silence longer than the RTO (RFC 5681 §4.1). */
  onRestart(now: number): void
  /** The last reduction was for nothing. */
  onUndo(now: number): void
  onMss(mss: number): void
}

/** A congestion control by name: an extension point. `random` gives 0 <= x < 1. */
export interface CongestionAlgorithm {
  readonly name: string
  create(mss: number, random: () => number): CongestionController
}

/** What one ACK brought. One per connection, refilled for each ACK. */
export interface AckSample {
  /** Bytes newly acknowledged, cumulatively or by SACK. */
  ackedBytes: number
  /** Bytes newly marked lost. */
  lostBytes: number
  /** Bytes in flight after this ACK. */
  inFlight: number
  /** Bytes per ms; NaN: no sample. */
  deliveryRate: number
  /** ms; NaN: no sample. */
  rtt: number
  srtt: number
  minRtt: number
  /** The sender had less to send than the window allowed: no evidence for a larger window (RFC 7661 §4.3). */
  appLimited: boolean
  /** A round trip has passed since the last one began. */
  roundStart: boolean
  inRecovery: boolean
  /** SND.UNA moved: only then may a window grow by RFC 5681 §3.1 (RFC 3042 §2: not upon a duplicate ACK). */
  advanced: boolean
}
