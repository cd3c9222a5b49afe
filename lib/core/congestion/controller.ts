// What a congestion control is told and what it answers: numbers in, numbers out; it never sees the connection.

/** One connection's congestion control. Sizes in bytes, times in ms, rates in bytes per ms. */
export interface CongestionController {
  /** Bytes that may be in flight. */
  readonly window: number
  /** Slow start ends here; Infinity before the first loss (RFC 5681 §3.1). */
  readonly ssthresh: number
  /** Bytes per ms; Infinity: unpaced. */
  readonly pacingRate: number
  /** Bytes that may leave in one go when paced. */
  readonly sendQuantum: number
  /** `window` is meant for recoveries too; false: proportional rate reduction shapes them (RFC 9937). */
  readonly ownsRecovery: boolean
  /** It does not look at what samples and packets say of the delivery rate, which is not measured then. @default false */
  readonly ignoresRate?: boolean
  /** What it is about, in its own words, for those who watch: 'slow start', for one. */
  readonly phase?: string
  /** `bytes` have left; `inFlight` counts them. */
  onSent(bytes: number, inFlight: number, now: number): void
  onAck(ack: AckSample, now: number): void
  /** For each packet deemed lost. */
  onPacketLost(packet: LostPacket): void
  /** Once per recovery, as it begins; `inFlight`: unacknowledged and not deemed lost, so with what SACKs named. */
  onLoss(lostBytes: number, inFlight: number, now: number): void
  /** What was outstanding when the recovery began has arrived. */
  onRecoveryEnd(now: number): void
  /** The retransmission timer expired; `inFlight`: as it was before all of it was deemed lost. */
  onTimeout(inFlight: number, now: number): void
  /** Sending resumes after a silence longer than the RTO (RFC 5681 §4.1). */
  onRestart(now: number): void
  /** The last reduction was for nothing. */
  onUndo(now: number): void
  /** Segments are longer, or shorter, from now on: the window stays what it is in bytes, but for the initial one (RFC 4821 §7.6). */
  onMss(mss: number): void
}

/**
 * A congestion control by name: an extension point. `random` gives 0 <= x < 1; `ssthresh`: what an earlier connection on the
 * path left, bytes, Infinity if nothing (RFC 9040 §6).
 */
export interface CongestionAlgorithm {
  readonly name: string
  create(mss: number, random: () => number, ssthresh?: number): CongestionController
}

/** A packet deemed lost. One object, refilled for each: nothing of it is to be kept. */
export interface LostPacket {
  size: number
  // ---- of the delivery rate
  /** Bytes in flight once it had been sent, itself included. */
  txInFlight: number
  /** Bytes lost since it was sent, itself included. */
  lostSince: number
  /** Bytes delivered by this connection so far. */
  delivered: number
  /** It was sent while the sender had too little to send. */
  appLimited: boolean
}

/** What one ACK brought. One object, refilled for each ACK: nothing of it is to be kept. */
export interface AckSample {
  /** Bytes newly acknowledged, cumulatively or by SACK. */
  ackedBytes: number
  /** Bytes newly marked lost. */
  lostBytes: number
  /** Bytes in flight after this ACK. */
  inFlight: number
  // ---- of the delivery rate
  /** Bytes per ms, of the newest packet that this ACK delivered; NaN: no sample (draft-cheng-iccrg-delivery-rate-estimation). */
  deliveryRate: number
  /** That packet was sent while the sender had too little to send. */
  rateAppLimited: boolean
  /** Bytes delivered by this connection so far, and when that packet was sent. */
  delivered: number
  priorDelivered: number
  /** Bytes delivered, and lost, between its sending and now. */
  deliveredInSample: number
  lostInSample: number
  /** Bytes in flight once it had been sent. */
  txInFlight: number
  // ---- of the rest
  /** ms; NaN: no sample. */
  rtt: number
  srtt: number
  minRtt: number
  /** The congestion window was not what limited the sender: no evidence for a larger window (RFC 7661 §4.3). */
  appLimited: boolean
  /** A round trip has passed since the last one began. */
  roundStart: boolean
  inRecovery: boolean
  /** SND.UNA moved: only then may a window grow by RFC 5681 §3.1 (RFC 3042 §2: not upon a duplicate ACK). */
  advanced: boolean
}
