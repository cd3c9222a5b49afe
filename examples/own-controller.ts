// A congestion control of one's own: it keeps a few packets in the queue and no more, in the manner of TCP Vegas (Brakmo, O'Malley, Peterson 1994).
import type { AckSample, CongestionAlgorithm, CongestionController } from 'tcp-over-udp/core'

class LowDelay implements CongestionController {
  window: number
  ssthresh = Number.POSITIVE_INFINITY
  pacingRate = Number.POSITIVE_INFINITY
  readonly ownsRecovery = false
  private mss: number

  constructor(mss: number) {
    this.mss = mss
    this.window = 10 * mss
  }

  get sendQuantum(): number {
    return 2 * this.mss
  }

  get phase(): string {
    return this.window < this.ssthresh ? 'slow start' : 'steady'
  }

  onAck(ack: AckSample): void {
    if (ack.srtt > 0) this.pacingRate = (1.25 * this.window) / ack.srtt
    if (ack.inRecovery || ack.appLimited || !(ack.rtt > 0)) return
    const queued = this.window * (1 - ack.minRtt / ack.rtt)
    if (this.window < this.ssthresh) {
      if (queued <= 4 * this.mss) this.window += ack.ackedBytes / 2
      else this.ssthresh = this.window = Math.max(this.window - queued, 2 * this.mss)
    } else if (ack.roundStart) {
      if (queued < 2 * this.mss) this.window += this.mss
      if (queued > 4 * this.mss) this.window = Math.max(this.window - this.mss, 2 * this.mss)
    }
  }

  onLoss(): void {
    this.ssthresh = this.window = Math.max(0.7 * this.window, 2 * this.mss)
  }

  onTimeout(): void {
    this.ssthresh = Math.max(this.window / 2, 2 * this.mss)
    this.window = this.mss
  }

  onMss(mss: number): void {
    this.mss = mss
  }

  // nothing to do when text leaves, when a single packet is lost, when a recovery ends, after a silence, or when a loss was none
  onSent(): void {}
  onPacketLost(): void {}
  onRecoveryEnd(): void {}
  onRestart(): void {}
  onUndo(): void {}
}

/** `connect({ port, host, congestionControl: lowDelay })` */
export const lowDelay: CongestionAlgorithm = { name: 'low-delay', create: (mss) => new LowDelay(mss) }
