// How much may wait unsent: enough for a turn of the loop at any rate, and no more than the path takes soon (as Linux's tcp_notsent_lowat).

const LEAST = 128 * 1024
const MOST = 512 * 1024
/** An ACK of a whole window lets as much leave before the writer is heard again; it is woken while a quarter is free. */
const WINDOWS = 2
/** ms: a path that is faster than the loop takes several windows before the writer has its turn. */
const TURN = 10

/**
 * Whole bytes that may be queued without leaving, while `cwnd` may be in flight for `srtt` ms; 0: no sample yet.
 * What was sent is held by the congestion window: so a connection's memory follows the path by itself.
 */
export function notSentLimit(cwnd: number, srtt: number): number {
  const windows = srtt > 0 ? WINDOWS * Math.max(1, TURN / srtt) : WINDOWS
  const wanted = cwnd * windows
  // also of a window that is no number: the user may have brought the controller
  return wanted > LEAST ? Math.floor(Math.min(wanted, MOST)) : LEAST
}

/** Bytes that a write may add to `waiting`. One that finds nothing waiting is buried under nothing: of it more may be taken. */
export function notSentRoom(waiting: number, limit: number): number {
  return Math.max(0, (waiting === 0 ? MOST : limit) - waiting)
}
