// Zero-window probes: as long as the peer answers, for ever (RFC 9293 §3.8.6.1, MUST-36, MUST-37).

export class Persist {
  /** Probes since the window closed: the interval grows with them. */
  private sent = 0
  /** Probes since the peer was last heard. */
  private unanswered = 0

  /** ms to the next probe. */
  interval(rto: number, maxRto: number): number {
    return Math.min(rto * 2 ** this.sent, maxRto)
  }

  onProbe(): void {
    this.sent++
    this.unanswered++
  }

  /** Since the window closed. */
  get probes(): number {
    return this.sent
  }

  get unansweredProbes(): number {
    return this.unanswered
  }

  onHeard(): void {
    this.unanswered = 0
  }

  /** The window is open again. */
  reset(): void {
    this.sent = 0
    this.unanswered = 0
  }
}
