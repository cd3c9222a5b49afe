// What a connection counts, in the spirit of Linux's tcp_info.

/** Counters, from the first SYN on. */
export class Stats {
  segmentsSent = 0
  segmentsReceived = 0
  /** Text bytes that left again. */
  bytesRetransmitted = 0
  segmentsRetransmitted = 0
  timeouts = 0
  recoveries = 0
  /** Reductions that were taken back. */
  undos = 0
  tailProbes = 0
  /** Arrivals that were received already, wholly or in part. */
  duplicates = 0
  outOfOrder = 0
  pawsDrops = 0
  challengeAcks = 0
  zeroWindowProbes = 0
  keepAliveProbes = 0
  natKeepAlives = 0
  /** D-SACKs received: something of ours arrived twice. */
  dsacks = 0
}
