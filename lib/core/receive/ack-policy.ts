// When to acknowledge: together with what came together, sooner while the sender's window grows by it, by 40 ms at the latest
// (RFC 9293 §3.8.6.3, RFC 5681 §4.2; decision 021).
import { DEFAULT_MSS } from '../../wire/options.js'

/** Linux's; RFC 9293 MUST-40 allows less than 500. */
const DELAY = 40
/** Segments acknowledged one by one while the sender is likely to be in slow start. */
const QUICK_SEGMENTS = 16
/** A pause after which the sender begins with a small window again. */
const IDLE = 1000
/** ms. */
const LATELY = 100
/** Duplicate ACKs owed at most: what one turn can be worth. */
const MAX_DUPLICATES = 64
/** No more than this part of the window, and so many segments, wait for an ACK. */
const SHARE_OF_WINDOW = 1 / 4
const MOST_SEGMENTS = 16

export class AckPolicy {
  /** An ACK is to leave with the next poll(). */
  now = false
  /** Further identical ACKs, for a sender that counts them (RFC 5681 §3.2). */
  duplicates = 0
  /** Text that waits for an ACK, and segments of it. */
  private bytes = 0
  private segments = 0
  private quick = QUICK_SEGMENTS
  private lastTextAt = 0
  /** What "full-sized" means here: the largest text seen, or the length of two in a row that more was to follow. */
  private fullSize = DEFAULT_MSS
  private lastLength = 0
  /** Largest text that the peer has sent lately, bytes: what a window has to open by. */
  peerSegment: number = DEFAULT_MSS
  /** And since when, ms, that of before is no longer "lately", and what it is since then. */
  private latelyAt = 0
  private latelyLargest = 0

  /**
   * Text in order arrived, in segments of `cut` bytes, or 0: in one; `pushed`: the last had PSH; `window`: bytes that may be received.
   * @returns when an ACK is due, ms; Infinity: it is due now.
   */
  onText(length: number, cut: number, pushed: boolean, window: number, now: number): number {
    let rest = length
    if (cut > 0) for (; rest > cut; rest -= cut) this.onSegment(cut, false, window, now)
    return this.onSegment(rest, pushed, window, now)
  }

  private onSegment(length: number, pushed: boolean, window: number, now: number): number {
    if (now - this.lastTextAt > IDLE) this.quick = QUICK_SEGMENTS
    this.lastTextAt = Math.floor(now)
    this.notePeerSegment(length, now)
    // options, or a path with a smaller MTU, may shorten what is full-sized
    if (length > this.fullSize || (!pushed && length === this.lastLength)) this.fullSize = length
    this.lastLength = pushed ? 0 : length
    this.bytes += length
    this.segments++
    if (this.quick > 0) this.quick--
    else if (this.bytes < 2 * this.fullSize && !this.isBehind(window)) return now + DELAY
    this.now = true // SHLD-19: at least every second full-sized segment
    return Number.POSITIVE_INFINITY
  }

  private notePeerSegment(length: number, now: number): void {
    if (now - this.latelyAt > LATELY) {
      this.peerSegment = Math.max(this.latelyLargest, DEFAULT_MSS)
      this.latelyAt = Math.floor(now)
      this.latelyLargest = 0
    }
    if (length > this.latelyLargest) this.latelyLargest = length
    if (length <= this.peerSegment) return
    // a path that has been found to take longer segments: the window may hold few of them
    if (length > 2 * this.peerSegment) this.quick = QUICK_SEGMENTS
    this.peerSegment = length
  }

  /** Text that fills a gap, or a part of it: an ACK at once (RFC 5681 §4.2). */
  onGapFilled(length: number): void {
    this.bytes += length
    this.segments++
    this.now = true
  }

  /**
   * It should leave before more is looked at: the sender waits for it, or draws from each for two segments what one for many would
   * not give it, since its window grows by them (RFC 5681 §3.1) or it looks for what is lost: `counts`.
   */
  isUrgent(window: number, counts: boolean): boolean {
    if (!this.now) return false
    return this.isBehind(window) || (counts && (this.bytes >= 2 * this.fullSize || this.duplicates > 0))
  }

  /** How many segments of `length` bytes may come as one: before the last of them an ACK cannot be urgent. `counts`: as for isUrgent(). */
  mostTogether(length: number, window: number, counts: boolean): number {
    // two of a length make it that of a full one
    const counted = counts ? 2 * Math.min(this.fullSize, length) : Number.POSITIVE_INFINITY
    const bytes = Math.min(window * SHARE_OF_WINDOW, counted) - this.bytes
    return Math.min(MOST_SEGMENTS - this.segments, Math.ceil(bytes / length))
  }

  private isBehind(window: number): boolean {
    return this.segments >= MOST_SEGMENTS || this.bytes >= window * SHARE_OF_WINDOW
  }

  /** Text out of order, or what was received already: an ACK for each (RFC 5681 §4.2). */
  onDuplicate(): void {
    if (this.now && this.duplicates < MAX_DUPLICATES) this.duplicates++
    this.now = true
  }

  /** Any segment with ACK left. */
  onAckSent(): void {
    this.bytes = 0
    this.segments = 0
    if (this.duplicates > 0) this.duplicates--
    else this.now = false
  }
}
