// What a connection leaves to those that come after it between the same hosts: temporal sharing (RFC 9040 §6).

/** What is known of a path. Times in ms, sizes in bytes. */
export interface PathMemory {
  /** RFC 6298. */
  readonly srtt: number
  readonly rttvar: number
  /** Where slow start should end; Infinity: no loss has told. */
  readonly ssthresh: number
}

/** A round trip that has become shorter is believed by this part, one that has become longer at once: an RTO must not be too short. */
const SHORTER = 1 / 8
const CALMER = 1 / 4

/** `old` with what was seen since, as Linux's tcp_update_metrics merges it. */
export function mergePathMemory(old: PathMemory, seen: PathMemory): PathMemory {
  const deviation = Math.max(Math.abs(old.srtt - seen.srtt) / 2, seen.rttvar)
  return {
    srtt: Math.max(seen.srtt, old.srtt + (seen.srtt - old.srtt) * SHORTER),
    rttvar: Math.max(deviation, old.rttvar + (deviation - old.rttvar) * CALMER),
    ssthresh: mergeSsthresh(old.ssthresh, seen.ssthresh),
  }
}

// one connection's bad luck is no property of the path
function mergeSsthresh(old: number, seen: number): number {
  if (seen === Number.POSITIVE_INFINITY) return old
  return old === Number.POSITIVE_INFINITY ? seen : (old + seen) / 2
}
