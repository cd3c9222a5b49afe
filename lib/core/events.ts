// What a connection tells its owner: bits, each raised at most once between two calls of takeEvents().

/** ESTABLISHED is reached. */
export const CONNECTED = 1
/** Bytes in order wait for receive(). */
export const READABLE = 2
/** The peer's FIN has come after all its bytes; what is unread stays readable. */
export const ENDED = 4
/** There is room again, after a send() that fell short. */
export const WRITABLE = 8
/** SND.UNA has moved. */
export const ACKED = 16
/** CLOSED or TIME-WAIT is reached: both directions are over; `reason` says why if it was not by FINs. */
export const CLOSED = 32
