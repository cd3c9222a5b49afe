// The eleven states of RFC 9293 §3.3.2, the edges between them, and what may be asked of a state by name.

/** A state of RFC 9293 Figure 5, in the RFC's own spelling. */
export type State =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'

/** The legal edges: Figure 5, and from everywhere to CLOSED (RST, abort, time-out). */
export const EDGES: Readonly<Record<State, readonly State[]>> = {
  CLOSED: ['LISTEN', 'SYN-SENT', 'SYN-RECEIVED'],
  LISTEN: ['SYN-RECEIVED', 'SYN-SENT', 'CLOSED'],
  'SYN-SENT': ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSED'],
  'SYN-RECEIVED': ['ESTABLISHED', 'FIN-WAIT-1', 'LISTEN', 'CLOSED'],
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSED'],
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'CLOSED'],
  'FIN-WAIT-2': ['TIME-WAIT', 'CLOSED'],
  'CLOSE-WAIT': ['LAST-ACK', 'CLOSED'],
  CLOSING: ['TIME-WAIT', 'CLOSED'],
  'LAST-ACK': ['CLOSED'],
  'TIME-WAIT': ['CLOSED'],
}

/** The handshake is done: SYN-RECEIVED is not synchronized here, since the peer has not proved that it hears us. */
export function isSynchronized(state: State): boolean {
  switch (state) {
    case 'CLOSED':
    case 'LISTEN':
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      return false
    default:
      return true
  }
}

/** The connection is no more, but for what a record of TIME-WAIT does in its name. */
export function isOver(state: State): boolean {
  return state === 'CLOSED' || state === 'TIME-WAIT'
}

const RECEIVING: ReadonlySet<State> = new Set(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'])

/** Text may still arrive: the peer's FIN has not been taken (RFC 9293 §3.10.7.4, seventh). */
export function canReceive(state: State): boolean {
  return RECEIVING.has(state)
}

/** The user may still hand over text (RFC 9293 §3.10.2). */
export function canSend(state: State): boolean {
  return state === 'ESTABLISHED' || state === 'CLOSE-WAIT' || state === 'SYN-SENT' || state === 'SYN-RECEIVED'
}
