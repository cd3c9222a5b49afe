// How long segments may be: real text asks the path for longer ones, from a safe size up, and a path that begins to swallow long ones
// is noticed (RFC 8899, RFC 4821). Sizes are payload plus options.

/** What fits 1200-byte packets over IPv6 (RFC 8899 §5.1.2's base), then RFC 9293's default MSS. */
const BASES: readonly number[] = [1132, 536]
/** Time-outs in a row before the size is suspected (RFC 8899 §4.3). */
const EXPIRIES = 3
/** Probes of a size that are lost before it has failed (RFC 8899 §5.1.2, MAX_PROBES). */
const MOST_PROBES = 3
/** A size that has failed is not tried again for so long, ms (RFC 8899 §5.1.1, PMTU_RAISE_TIMER). */
const LONGEST_PAUSE = 600_000
/** After a black hole, which may have been an outage, the first look is sooner, ms. */
const FIRST_PAUSE = 5_000
/** Headers of IPv6, UDP and TCP: with those of IPv4 a little more would fit. */
const HEADERS = 68
/** Packets that networks are made for, bytes; between them the search goes on by halves. */
const USUAL: readonly number[] = [9000, 4352, 2002, 1500, 1492, 1480, 1400, 1280].map((packet) => packet - HEADERS)
/** Closer than this the search is over (RFC 4821 §7.4). */
const CLOSE = 32
/** Longer than any segment. */
const NONE = 65_536

export class PathMtu {
  /** The longest that both ends and the link here allow; 0: not known yet. */
  private ceiling = 0
  /** The shortest that has failed, and until when that counts, ms; NONE: none has. */
  private failed: number = NONE
  private failedUntil = 0
  /** No probe before this, ms. */
  private nextAt = 0
  private pause = FIRST_PAUSE
  /** The probe on its way: its offsets; end < 0: none is. Its size, or that of the last one. */
  private from = -1
  private end = -1
  private size = 0
  /** Probes lost of that size. */
  private losses = 0
  private expiries = 0
  /** The timer has expired at something longer than what is safe, and nothing as long has arrived since. */
  private isDoubted = false
  /** It was lowered, and nothing has been acknowledged since: what is heard now is of longer segments still. */
  private settling = false

  /** `ceiling`: where the search ends. */
  begin(ceiling: number): void {
    this.ceiling = ceiling
  }

  /** Another path: nothing has failed on it yet. */
  restart(): void {
    this.failed = NONE
    this.nextAt = 0
    this.pause = FIRST_PAUSE
    this.end = -1
    this.losses = 0
    this.expiries = 0
    this.isDoubted = false
    this.settling = false
  }

  /** Where a search begins, if `safe` may be relied on. */
  start(safe: number): number {
    return Math.min(this.ceiling, safe)
  }

  /** Whether the path may be asked for more than `limit` now. */
  mayProbe(limit: number, now: number): boolean {
    return limit < this.ceiling && this.end < 0 && now >= this.nextAt
  }

  /** The size of the next segment, if it shall be a probe while `limit` is allowed, of `most` bytes at most; 0: none. */
  probeSize(limit: number, most: number, now: number): number {
    if (!this.mayProbe(limit, now) || limit + CLOSE > most) return 0
    if (now >= this.failedUntil) this.failed = NONE
    const size = this.candidate(limit, most)
    if (size === 0) this.nextAt = this.failedUntil
    return size
  }

  /** It leaves, as the text from `from` to `end`. */
  onProbeSent(from: number, end: number, size: number): void {
    if (size !== this.size) this.losses = 0
    this.from = from
    this.end = end
    this.size = size
  }

  /** Whether this is the probe on its way. */
  isProbe(from: number, end: number): boolean {
    return end === this.end && from === this.from
  }

  /** There is one on its way. */
  get isProbing(): boolean {
    return this.end >= 0
  }

  /** It is lost, which says nothing about congestion (RFC 8899 §3, 7). */
  onProbeLost(now: number): void {
    this.end = -1
    if (++this.losses >= MOST_PROBES) this.fail(this.size, now)
  }

  /** The machine has not let it out: no link takes it (EMSGSIZE), which ends the search for that size at once. */
  onProbeTooLong(now: number): void {
    this.end = -1
    this.fail(this.size, now)
  }

  /** The machine has not let out a segment that is no probe, where `limit` is allowed. @returns what to allow from now on. */
  onTooLong(limit: number, now: number): number {
    return this.settling ? limit : this.lower(limit, limit, now)
  }

  /** The retransmission timer expired at a segment of `size`, where `limit` is allowed and `safe` may be relied on. @returns what to allow from now on. */
  onTimeout(size: number, limit: number, safe: number, now: number): number {
    if (size > safe) this.isDoubted = true
    if (size <= (BASES[BASES.length - 1] as number) || ++this.expiries < EXPIRIES) return limit
    this.expiries = 0
    this.isDoubted = false
    return this.lower(size, limit, now)
  }

  /** SND.UNA moved. @returns the size that has proved itself, or 0. */
  onProgress(sndUna: number): number {
    // RFC 8899 §4.3: that what is shorter arrives says nothing of what is long
    if (!this.isDoubted) this.expiries = 0
    this.settling = false
    if (this.end < 0 || sndUna < this.end) return 0
    this.end = -1
    this.losses = 0
    this.pause = FIRST_PAUSE
    return this.size
  }

  /** Text of `length` bytes has arrived. */
  onDelivered(length: number, safe: number): void {
    if (length > safe) this.isDoubted = false
  }

  /** Something from `from` on leaves again, in the small size: a probe that covers it proves nothing. */
  onRetransmit(from: number): void {
    if (from >= this.from && from < this.end) this.end = -1
  }

  private lower(size: number, limit: number, now: number): number {
    const smaller = BASES.find((base) => base < size)
    if (smaller === undefined) return limit
    this.end = -1
    this.settling = true
    this.nextAt = now + this.pause
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE)
    return smaller
  }

  private fail(size: number, now: number): void {
    this.losses = 0
    this.failed = Math.min(this.failed, size)
    this.failedUntil = now + LONGEST_PAUSE
    this.nextAt = now
  }

  private candidate(limit: number, most: number): number {
    const { failed, size } = this
    // one loss may be anything: as windows grow another size would fit each time, and none of them would ever have failed
    if (this.losses > 0 && size > limit && size <= most) return size
    // most paths take what the links at their ends take: one look settles it
    if (failed > this.ceiling) return Math.min(this.ceiling, most)
    for (const usual of USUAL) if (usual < failed && usual > limit && usual <= most) return usual
    return failed - limit > CLOSE ? Math.min((limit + failed) >> 1, most) : 0
  }
}
