// NewReno: RFC 5681 with the initial window of RFC 6928 and appropriate byte counting (RFC 3465).
import type { AckSample, CongestionAlgorithm, CongestionController } from './controller.js'
import { INITIAL_SEGMENTS, withSegments } from './initial-window.js'

class NewReno implements CongestionController {
  window: number
  ssthresh: number
  readonly pacingRate = Number.POSITIVE_INFINITY
  readonly sendQuantum = Number.POSITIVE_INFINITY
  readonly ownsRecovery = false
  readonly ignoresRate = true
  private mss: number
  private credit = 0
  private windowBefore = 0
  private ssthreshBefore = 0

  constructor(mss: number, ssthresh: number) {
    this.mss = mss
    this.ssthresh = ssthresh
    this.window = INITIAL_SEGMENTS * mss
  }

  get phase(): string {
    return this.window < this.ssthresh ? 'slow start' : 'congestion avoidance'
  }

  onSent(): void {}

  onAck(ack: AckSample): void {
    if (ack.inRecovery || ack.appLimited || !ack.advanced) return
    let bytes = ack.ackedBytes
    if (this.window < this.ssthresh) {
      // RFC 5681 §3.1 (2): at most doubled by an ACK, though it may tell of all that arrived before a time-out
      const grown = Math.min(2 * this.window, this.window + bytes, this.ssthresh)
      bytes = grown < this.ssthresh ? 0 : bytes - (grown - this.window)
      this.window = grown
    }
    if (bytes === 0) return
    // RFC 5681 §3.1 (3), RFC 3465 §2.1: a segment for each window of bytes acknowledged
    this.credit += bytes
    if (this.credit >= this.window) {
      this.credit -= this.window
      this.window += this.mss
    }
  }

  onLoss(lostBytes: number, inFlight: number): void {
    this.remember()
    this.ssthresh = Math.max((inFlight + lostBytes) / 2, 2 * this.mss) // RFC 5681 equation (4)
    this.window = this.ssthresh
    this.credit = 0
  }

  onTimeout(inFlight: number): void {
    this.remember()
    this.ssthresh = Math.max(inFlight / 2, 2 * this.mss)
    this.window = this.mss // the loss window, RFC 5681 §3.1
    this.credit = 0
  }

  onRestart(): void {
    this.window = Math.min(this.window, INITIAL_SEGMENTS * this.mss) // RFC 5681 §4.1
    this.credit = 0
  }

  onPacketLost(): void {}

  onRecoveryEnd(): void {}

  onUndo(): void {
    this.window = Math.max(this.window, this.windowBefore)
    this.ssthresh = this.ssthreshBefore
  }

  onMss(mss: number): void {
    this.window = withSegments(mss, this.mss, this.window)
    this.mss = mss
  }

  private remember(): void {
    this.windowBefore = this.window
    this.ssthreshBefore = this.ssthresh
  }
}

export const NEWRENO: CongestionAlgorithm = {
  name: 'reno',
  create: (mss, _random, ssthresh = Number.POSITIVE_INFINITY) => new NewReno(mss, ssthresh),
}
