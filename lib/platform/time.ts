// Node's timers and clock as they were when this was loaded: a test that puts others in their place means its own code, and a stack
// that serves a whole process would never hear of those again.

export const setImmediate: typeof globalThis.setImmediate = globalThis.setImmediate
export const setTimeout: typeof globalThis.setTimeout = globalThis.setTimeout
export const clearTimeout: typeof globalThis.clearTimeout = globalThis.clearTimeout

const { queueMicrotask } = globalThis
const { nextTick } = process

/** Runs `run` after the ticks and after all promises: ticks that are asked for by a promise come once there is no promise left. */
export function afterTicks(run: () => void): void {
  nextTick(afterPromises, run)
}

function afterPromises(run: () => void): void {
  queueMicrotask(() => nextTick(run))
}

/** ms, monotonic, fractional. */
export const now: () => number = performance.now.bind(performance)
