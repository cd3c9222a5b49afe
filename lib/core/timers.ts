// The deadlines of one connection by name, absolute ms; Infinity: not set.

export class Timers {
  /** RTO (RFC 6298), also for SYN and FIN. */
  retransmit: number = Number.POSITIVE_INFINITY
  /** Tail loss probe (RFC 8985 §7.2). */
  tailProbe: number = Number.POSITIVE_INFINITY
  /** When the pacer lets the next segment go. */
  pacing: number = Number.POSITIVE_INFINITY
  /** RACK's reordering window (RFC 8985 §6.2). */
  reorder: number = Number.POSITIVE_INFINITY
  /** Delayed ACK (RFC 9293 §3.8.6.3). */
  delayedAck: number = Number.POSITIVE_INFINITY
  /** Zero-window probe (RFC 9293 §3.8.6.1). */
  persist: number = Number.POSITIVE_INFINITY
  keepalive: number = Number.POSITIVE_INFINITY
  /** Whole time for connecting. */
  connect: number = Number.POSITIVE_INFINITY
  /** USER TIMEOUT (RFC 9293 §3.10.8). */
  userTimeout: number = Number.POSITIVE_INFINITY
  /** FIN-WAIT-2 without a reader. */
  finWait2: number = Number.POSITIVE_INFINITY

  /** The earliest deadline. */
  get next(): number {
    return Math.min(
      this.retransmit,
      this.tailProbe,
      this.pacing,
      this.reorder,
      this.delayedAck,
      this.persist,
      this.keepalive,
      this.connect,
      this.userTimeout,
      this.finWait2,
    )
  }

  clear(): void {
    this.retransmit = Number.POSITIVE_INFINITY
    this.tailProbe = Number.POSITIVE_INFINITY
    this.pacing = Number.POSITIVE_INFINITY
    this.reorder = Number.POSITIVE_INFINITY
    this.delayedAck = Number.POSITIVE_INFINITY
    this.persist = Number.POSITIVE_INFINITY
    this.keepalive = Number.POSITIVE_INFINITY
    this.connect = Number.POSITIVE_INFINITY
    this.userTimeout = Number.POSITIVE_INFINITY
    this.finWait2 = Number.POSITIVE_INFINITY
  }
}
