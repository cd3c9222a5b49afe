// Node's timers and clock as they were when this was loaded: a test that puts others in their place means its own code, and a stack
// that serves a whole process would never hear of those again.

export const setImmediate: typeof globalThis.setImmediate = globalThis.setImmediate
export const setTimeout: typeof globalThis.setTimeout = globalThis.setTimeout
export const clearTimeout: typeof globalThis.clearTimeout = globalThis.clearTimeout

/** ms, monotonic, fractional. */
export const now: () => number = performance.now.bind(performance)
