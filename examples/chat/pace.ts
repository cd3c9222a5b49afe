// How many bytes of a file may be on their way, so that a line typed meanwhile waits a second at most behind them.
const SMALLEST = 16 * 1024
const LARGEST = 4 * 1024 * 1024
const LONG = 1000 // ms

export class Pace {
  /** Bytes that may be sent and not yet acknowledged. */
  window = 4 * SMALLEST
  #shrunkAt = 0

  /** So many bytes, sent at a time of performance.now(), have just been acknowledged. */
  acknowledged(bytes: number, sentAt: number): void {
    const now = performance.now()
    if (now - sentAt < LONG / 2) {
      this.window = Math.min(LARGEST, this.window + bytes)
    } else if (now - sentAt > LONG && sentAt > this.#shrunkAt) {
      this.#shrunkAt = now // what left before this tells nothing about the new window
      this.window = Math.max(SMALLEST, this.window / 2)
    }
  }
}
