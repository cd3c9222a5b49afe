// A path that silently drops large packets: after time-outs in a row smaller ones are tried, and later the large ones
// again, since an outage looks the same (RFC 4821 §7.7, RFC 8899 §4.3).

/** Payload plus options that fit 1200-byte packets over IPv6 (RFC 8899 §5.1.2's base), then RFC 9293's default MSS. */
const SIZES: readonly number[] = [1132, 536]
const EXPIRIES = 3
const FIRST_PROBE_AFTER = 5_000
/** RFC 8899 §5.1.1, PMTU_RAISE_TIMER. */
const LONGEST_PAUSE = 600_000

export class BlackHole {
  private expiries = 0
  /** The size to return to; 0: nothing was lowered. */
  private original = 0
  private probeAt: number = Number.POSITIVE_INFINITY
  private probeEnd = -1
  private pause = FIRST_PROBE_AFTER

  /** The retransmission timer expired at a segment of `size`, where `limit` is allowed. @returns what to allow from now on. */
  onTimeout(size: number, limit: number, now: number): number {
    const smaller = SIZES.find((candidate) => candidate < size)
    if (smaller === undefined || ++this.expiries < EXPIRIES) return limit
    this.expiries = 0
    if (this.original === 0) this.original = limit
    this.probeAt = now + this.pause
    this.probeEnd = -1
    return smaller
  }

  /** SND.UNA moved. @returns the size that has proved itself, or 0. */
  onProgress(sndUna: number): number {
    this.expiries = 0
    if (this.probeEnd < 0 || sndUna < this.probeEnd) return 0
    const proved = this.original
    this.probeEnd = -1
    this.original = 0
    this.pause = FIRST_PROBE_AFTER
    this.probeAt = Number.POSITIVE_INFINITY
    return proved
  }

  /** The size of the next segment, if it shall be a probe; 0: none. */
  probeSize(now: number): number {
    return now >= this.probeAt && this.probeEnd < 0 ? this.original : 0
  }

  onProbeSent(end: number, now: number): void {
    this.probeEnd = end
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE)
    this.probeAt = now + this.pause
  }

  /** Something from `from` on leaves again, in the small size: a probe that covers it proves nothing. */
  onRetransmit(from: number): void {
    if (from < this.probeEnd) this.probeEnd = -1
  }
}
