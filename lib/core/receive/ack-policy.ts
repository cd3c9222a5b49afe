// When to acknowledge: delayed by 40 ms at most, at once where the sender waits for it (RFC 9293 §3.8.6.3, RFC 5681 §4.2).

/** Linux's; RFC 9293 MUST-40 allows less than 500. */
const DELAY = 40
/** Segments acknowledged one by one while the sender is likely to be in slow start. */
const QUICK_SEGMENTS = 16
/** A pause after which the sender begins with a small window again. */
const IDLE = 1000
/** Duplicate ACKs owed at most: what one turn can be worth. */
const MAX_DUPLICATES = 64

export class AckPolicy {
  /** An ACK is to leave with the next poll(). */
  now = false
  /** Further identical ACKs, for a sender that counts them (RFC 5681 §3.2). */
  duplicates = 0
  private bytes = 0
  private quick = QUICK_SEGMENTS
  private lastTextAt = 0
  /** What "full-sized" means here: the largest text seen, or the length of two in a row that more was to follow. */
  private fullSize = 536
  private lastLength = 0
  /** Largest text seen from the peer, bytes: what a window has to open by. */
  peerSegment = 536

  /** Text in order arrived; `pushed`: with PSH. @returns when an ACK is due, ms; Infinity: it is due now. */
  onText(length: number, pushed: boolean, now: number): number {
    if (now - this.lastTextAt > IDLE) this.quick = QUICK_SEGMENTS
    this.lastTextAt = now
    if (length > this.peerSegment) {
      // a path that has been found to take longer segments: the window may hold few of them
      if (length > 2 * this.peerSegment) this.quick = QUICK_SEGMENTS
      this.peerSegment = length
    }
    // options, or a path with a smaller MTU, may shorten what is full-sized
    if (length > this.fullSize || (!pushed && length === this.lastLength)) this.fullSize = length
    this.lastLength = pushed ? 0 : length
    this.bytes += length
    if (this.quick > 0) this.quick--
    else if (this.bytes < 2 * this.fullSize) return now + DELAY
    this.now = true // SHLD-19: at least every second full-sized segment
    return Number.POSITIVE_INFINITY
  }

  /** Text out of order, or what was received already: an ACK for each (RFC 5681 §4.2). */
  onDuplicate(): void {
    if (this.now && this.duplicates < MAX_DUPLICATES) this.duplicates++
    this.now = true
  }

  /** Any segment with ACK left. */
  onAckSent(): void {
    this.bytes = 0
    if (this.duplicates > 0) this.duplicates--
    else this.now = false
  }
}
