// The window that a connection begins with (RFC 6928), while nothing has changed it.

/** RFC 6928 §2 bounds them by 14,600 bytes, for Ethernet; longer segments keep ten of them, as kernels do. */
export const INITIAL_SEGMENTS = 10

/** What `window` is once segments are `mss` bytes instead of `before`: an initial window, or a loss window, follows them. */
export function withSegments(mss: number, before: number, window: number): number {
  if (window === INITIAL_SEGMENTS * before) return INITIAL_SEGMENTS * mss
  return window === before ? mss : window
}
