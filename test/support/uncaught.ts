// Exceptions that nobody catches, kept from the runner for as long as a test is about them.

/** @returns what was thrown out of callbacks, into the process, while `run` went on. */
export async function uncaughtDuring(run: () => Promise<void>): Promise<unknown[]> {
  const thrown: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error))
  try {
    await run()
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  return thrown
}
