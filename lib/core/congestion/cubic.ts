// CUBIC: a window that grows with the time since the last loss, not with the round trip (RFC 9438), and HyStart++ before it.
import type { AckSample, CongestionAlgorithm, CongestionController } from './controller.js'
import { HyStart } from './hystart.js'
import { INITIAL_SEGMENTS, withSegments } from './initial-window.js'

/** Segments per second cubed (§4.6). */
const C = 0.4
const BETA = 0.7
/** §4.3: what gives Reno's average rate with this β. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)
/** Without an ACK: round trips, and ms at least. */
const SILENT_ROUNDS = 4
const SILENCE = 1000

/** What congestion avoidance goes by, in segments and seconds, as the RFC has them. */
class Curve {
  wMax = 0
  wEst = 0
  k = 0
  origin = 0
  /** cwnd_prior */
  windowBefore = 0
  /** ms; NaN: congestion avoidance has not begun. */
  epochAt: number = Number.NaN

  copy(): Curve {
    return Object.assign(new Curve(), this)
  }

  begin(cwnd: number, now: number): void {
    this.epochAt = now
    this.wEst = cwnd
    this.origin = Math.max(this.wMax, cwnd)
    this.k = Math.cbrt((this.origin - cwnd) / C) // §4.2, equation (2)
  }

  at(seconds: number): number {
    return C * (seconds - this.k) ** 3 + this.origin // §4.2, equation (1)
  }
}

interface Before {
  readonly window: number
  readonly ssthresh: number
  readonly curve: Curve | null
}

class Cubic implements CongestionController {
  readonly ownsRecovery = false
  readonly ignoresRate = true
  window: number
  ssthresh: number
  private mss: number
  /** null before the first ACK of slow start. */
  private hystart: HyStart | null = null
  /** null before congestion avoidance, and before the first loss. */
  private curve: Curve | null = null
  private lastAckAt = 0
  /** Bytes that SACKs have named since SND.UNA moved. */
  private unadvanced = 0
  /** Since HyStart++ was asked. */
  private roundHasBegun = false
  private inFlight = 0
  /** ms; 0: no round trip has been seen. */
  private srtt = 0
  /** Most bytes in flight in this round trip, and in the one before. */
  private mostInFlight = 0
  private mostInFlightBefore = 0

  /** As it was before the last reduction; null: there was none. */
  private before: Before | null = null

  constructor(mss: number, ssthresh: number) {
    this.mss = mss
    this.ssthresh = ssthresh
    this.window = INITIAL_SEGMENTS * mss
  }

  get phase(): string {
    if (this.window >= this.ssthresh) return 'congestion avoidance'
    return this.hystart?.inCss ? 'conservative slow start' : 'slow start'
  }

  /** As Linux: twice the window in a round trip in slow start, 1.2 times after; always of the window as it is now. */
  get pacingRate(): number {
    if (this.srtt <= 0) return Number.POSITIVE_INFINITY
    return ((this.window < this.ssthresh / 2 ? 2 : 1.2) * this.window) / this.srtt
  }

  get sendQuantum(): number {
    // a path that carries nothing of ours takes an initial window at once (RFC 6928): a short message waits for no timer
    if (this.inFlight === 0 && this.window >= INITIAL_SEGMENTS * this.mss) return INITIAL_SEGMENTS * this.mss
    return Math.max(2 * this.mss, Math.min(this.pacingRate, 65_536))
  }

  onSent(_bytes: number, inFlight: number): void {
    this.inFlight = inFlight
    if (inFlight > this.mostInFlight) this.mostInFlight = inFlight
  }

  onAck(ack: AckSample, now: number): void {
    this.inFlight = ack.inFlight
    if (ack.roundStart) {
      this.mostInFlightBefore = this.mostInFlight
      this.mostInFlight = ack.inFlight
    }
    // what the user had to send once is not what the path carries now (RFC 9438 §4.6)
    if (ack.appLimited) this.mostInFlight = this.mostInFlightBefore = ack.inFlight
    this.srtt = ack.srtt
    const isSlowStart = this.window < this.ssthresh
    if (ack.roundStart && isSlowStart) this.roundHasBegun = true
    const elapsed = now - this.lastAckAt
    this.lastAckAt = now
    // §5.8: time without use is no time of growth, nor is a silence: the path was held, the clock jumped, the loop stood still
    const isIdle = ack.appLimited || elapsed > Math.max(SILENCE, SILENT_ROUNDS * ack.srtt)
    if (isIdle && this.curve !== null) this.curve.epochAt += elapsed
    if (ack.inRecovery || ack.appLimited) {
      this.unadvanced = 0
      return
    }
    this.unadvanced += ack.ackedBytes
    // RFC 3042 §2: what SACKs name makes the window grow once SND.UNA moves
    if (!ack.advanced) return
    if (isSlowStart) this.slowStart(ack, this.unadvanced)
    else this.avoidCongestion(ack, this.unadvanced, now)
    this.unadvanced = 0
  }

  onLoss(lostBytes: number, inFlight: number): void {
    this.reduce(inFlight + lostBytes)
    this.window = this.ssthresh
  }

  onTimeout(inFlight: number): void {
    this.reduce(inFlight)
    this.window = this.mss
    if (this.curve !== null) this.curve.wMax = 0 // RFC 9438 §4.8: from where avoidance begins, with K = 0
  }

  onRestart(): void {
    this.window = Math.min(this.window, INITIAL_SEGMENTS * this.mss) // RFC 5681 §4.1
    if (this.curve !== null) this.curve.epochAt = Number.NaN
  }

  onUndo(): void {
    const { before } = this
    if (before === null) return
    this.window = Math.max(this.window, before.window)
    this.ssthresh = before.ssthresh
    this.curve = before.curve?.copy() ?? null
  }

  onRecoveryEnd(): void {}

  onPacketLost(): void {}

  onMss(mss: number): void {
    this.window = withSegments(mss, this.mss, this.window)
    this.mss = mss
  }

  private slowStart(ack: AckSample, ackedBytes: number): void {
    // an ACK of what arrived before a time-out must not open the window from one segment to all of it
    const bytes = Math.min(ackedBytes, this.window)
    // RFC 9406 §4.3: HyStart++ for the first slow start only; later ssthresh tells where to stop
    const isFirst = this.ssthresh === Number.POSITIVE_INFINITY
    if (isFirst) this.hystart ??= new HyStart()
    const growth = isFirst && this.hystart !== null ? this.hystart.onAck(bytes, ack.rtt, this.roundHasBegun) : bytes
    this.roundHasBegun = false
    if (growth < 0) this.ssthresh = this.window
    else this.window = Math.min(this.window + growth, this.ssthresh)
  }

  private avoidCongestion(ack: AckSample, ackedBytes: number, now: number): void {
    this.curve ??= new Curve()
    const { curve } = this
    const cwnd = this.window / this.mss
    if (Number.isNaN(curve.epochAt)) curve.begin(cwnd, now)
    const t = (now - curve.epochAt) / 1000
    const rtt = ack.srtt / 1000
    const acked = ackedBytes / this.mss
    // §4.3, equation (4); past the window before the loss Reno's own slope
    const alpha = curve.wEst >= curve.windowBefore ? 1 : ALPHA
    curve.wEst += (alpha * acked) / cwnd
    if (curve.at(t) < curve.wEst) {
      this.window = Math.max(this.window, curve.wEst * this.mss)
      return
    }
    // §4.4, §4.5
    const target = Math.max(cwnd, Math.min(curve.at(t + rtt), 1.5 * cwnd))
    this.window += ((target - cwnd) / cwnd) * acked * this.mss
  }

  private reduce(flight: number): void {
    this.before = { window: this.window, ssthresh: this.ssthresh, curve: this.curve?.copy() ?? null }
    this.curve ??= new Curve()
    const { curve } = this
    const cwnd = this.window / this.mss
    curve.windowBefore = cwnd
    // §4.7, fast convergence
    curve.wMax = cwnd < curve.wMax ? (cwnd * (1 + BETA)) / 2 : cwnd
    // §4.6: not a window that was never used; but ACKs that come many at a time leave less in flight than the path has carried
    const basis = Math.min(this.window, Math.max(flight, this.mostInFlight, this.mostInFlightBefore))
    this.ssthresh = Math.max(basis * BETA, 2 * this.mss)
    curve.epochAt = Number.NaN
  }
}

export const CUBIC: CongestionAlgorithm = {
  name: 'cubic',
  create: (mss, _random, ssthresh = Number.POSITIVE_INFINITY) => new Cubic(mss, ssthresh),
}
