// A datagram handler that keeps what it hears.
import type { DatagramHandler } from '../../lib/platform/platform.js'

/** Who tells the time. */
interface Timekeeper {
  readonly now: number
}

export class Inbox {
  readonly all: { bytes: Uint8Array; from: string; port: number; at: number }[] = []
  readonly errors: (Error & { code?: string; syscall?: string; errno?: number })[] = []
  drains = 0

  on(time: Timekeeper): DatagramHandler {
    return {
      onDatagram: (bytes, start, end, from, port) =>
        void this.all.push({ bytes: bytes.subarray(start, end), from, port, at: time.now }),
      onQuiet: () => {},
      onDrain: () => void this.drains++,
      onError: (error) => void this.errors.push(error),
    }
  }

  /** What was heard, as text. */
  get texts(): string[] {
    return this.all.map(({ bytes }) => new TextDecoder().decode(bytes))
  }
}
