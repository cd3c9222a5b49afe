// Was the reduction for nothing? By timestamps (Eifel, RFC 3522), by original data that arrived after an RTO (F-RTO, RFC 5682),
// and by D-SACKs for all that was sent twice (RFC 3708).
import type { Flight } from '../send/flight.js'

/** So many repetitions of one repair are watched; with more of them D-SACKs decide nothing. */
const MOST_WATCHED = 1024

export class Undo {
  private active = false
  private beganAt = 0
  /** Left and right offset of each repetition of the repair that the peer has not reported as a duplicate. */
  private readonly watched: number[] = []
  private isTooMuch = false
  private retransmitted = false
  private originalArrived = false
  /** RFC 5682 §3.1: 1: an RTO expired; 2: then SND.UNA moved, and what the next ACK tells decides; 0: no such question. */
  private step = 0
  private originalsTell = false

  /** A repair begins; a time-out within a recovery is judged on its own, but what was sent twice counts on. */
  begin(afterTimeout: boolean, now: number): void {
    // in a recovery what was not repeated may arrive without saying anything about what was (RFC 5682 §2.1)
    this.step = afterTimeout && !this.active ? 1 : 0
    if (!this.active) {
      this.watched.length = 0
      this.isTooMuch = false
    }
    this.active = true
    this.beganAt = now
    this.retransmitted = false
    this.originalArrived = false
  }

  /** D-SACKs for what it sent may still come: the last repetition left after all that ended it. */
  end(): void {
    this.active = false
    this.step = 0
  }

  /** Nothing is left to be taken back. */
  forget(): void {
    this.end()
    this.retransmitted = false
  }

  /** The text from `from` to `to` leaves again. `holesAreTold`: the peer has SACK. */
  onRetransmit(from: number, to: number, holesAreTold: boolean): void {
    this.retransmitted = true
    // there was no new text to send: what the next ACK uncovers may have waited for this (RFC 5682 §2.1 step 2b)
    if (this.step === 2 && !holesAreTold) this.step = 0
    if (this.watched.length < 2 * MOST_WATCHED) this.watched.push(from, to)
    else this.isTooMuch = true
  }

  /** The peer has the text from `from` to `to` twice; a copy that the network made is none of ours (RFC 3708 §2.1). */
  onDuplicateSack(from: number, to: number): void {
    const { watched } = this
    for (let at = from; at < to; ) {
      let i = 0
      while (i < watched.length && watched[i] !== at) i += 2
      const end = watched[i + 1]
      if (end === undefined || end > to) return
      watched.splice(i, 2)
      at = end
    }
  }

  /**
   * Before the flights of an ACK are delivered. What the first one after the RTO uncovers may have waited at the peer for the
   * repetition, and if it does not cover all of that the loss was one (RFC 5682 §2.1 step 2). `wouldHaveTold`: a peer that holds
   * text would have told of it before.
   */
  onAck(coversRepetition: boolean, wouldHaveTold: boolean): void {
    this.originalsTell = this.step === 2 || (this.step === 1 && coversRepetition && wouldHaveTold)
    if (this.step !== 0) this.step = this.step === 1 && coversRepetition ? 2 : 0
  }

  /** RFC 5682 §3.1 step 2b: text that is new is sent rather than what may not be lost, so that the next ACK can tell. */
  get wantsNewText(): boolean {
    return this.step === 2
  }

  onDelivered(flight: Flight): void {
    // it left before the RTO expired and never again, and here it is (RFC 5682 §3.1 step 3)
    if (this.originalsTell && !flight.retransmitted && flight.sentAt < this.beganAt) this.originalArrived = true
  }

  /** SND.UNA moved past a flight that had left again at `resentAt`, by an ACK that answers what left at `echoAt` (RFC 3522 §3.2). */
  onAdvance(resentAt: number, echoAt: number): void {
    if (resentAt >= this.beganAt && resentAt !== Number.POSITIVE_INFINITY && echoAt <= Math.floor(resentAt)) {
      this.originalArrived = true
    }
  }

  private get isAllTwice(): boolean {
    return this.watched.length === 0 && !this.isTooMuch
  }

  /** Anything has been sent again; without that, what was deemed lost can only arrive because it was not. */
  get hasRepeated(): boolean {
    return this.retransmitted
  }

  get isSpurious(): boolean {
    return this.retransmitted && ((this.active && this.originalArrived) || this.isAllTwice)
  }
}
