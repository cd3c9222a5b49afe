// What was dropped, doubted or left unanswered on all connections of an endpoint: how an operator sees an attack.

/** Counters, since the endpoint was bound. One object for all connections of an endpoint. */
export class Defences {
  /** Segments outside the receive window: old, or blind (RFC 9293 §3.10.7.4, first). */
  outOfWindow = 0
  /** RSTs outside the window, dropped, and in it but not at its left edge, doubted (RFC 5961 §3). */
  resetsDropped = 0
  resetsDoubted = 0
  /** SYNs for a connection that lives (RFC 5961 §4). */
  synsDoubted = 0
  /** ACKs of what was never sent, or is longer ago than any window (RFC 5961 §5). */
  acksDoubted = 0
  /** Segments older than the newest, by their timestamps (PAWS), and segments without the timestamps that were agreed on (RFC 7323 §5.3, §3.2). */
  timestampsOld = 0
  timestampsMissing = 0
  /** Challenge ACKs, and RSTs for what a handshake did not ask for, that left, and that the allowance kept back (RFC 5961 §7). */
  challengesSent = 0
  challengesSuppressed = 0
  /** SACK blocks that would have cut segments into more pieces than may be held. */
  sacksRefused = 0
  /** Segments whose text was not kept for want of memory: it will come again. */
  textRefused = 0
  /** Connections whose text above a hole was let go, memory being spent and their peer silent. */
  textShed = 0
  /** SYNs that were not answered: there is no room for their connections. */
  synsDropped = 0
  /** SYNs that found the queue full and were answered with a cookie, and those that became connections. */
  cookiesSent = 0
  cookiesRedeemed = 0
  /** SYN,ACKs that were not sent again, the queue being crowded. */
  synAcksWithheld = 0
}

export type DefenceCounts = Readonly<Record<keyof Defences, number>>
