// How much of a file may wait in a connection: about a quarter of a second's worth, so that a line typed meanwhile is not stuck.
import type { Duplex } from 'node:stream'
import type { Socket } from 'tcp-over-udp'

const LEAST = 16 * 1024
const MOST = 1024 * 1024
const WITHOUT_KNOWLEDGE = 256 * 1024
const AHEAD = 250 // ms
const MEASURED_OVER = 200 // ms

export class Pace {
  readonly #stream: Duplex
  #rate = 0 // bytes per ms
  #since = performance.now()
  #bytes = 0

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  /** Whether another piece may be sent while so many bytes are not acknowledged yet. To be asked once a turn. */
  hasRoom(inFlight: number): boolean {
    if (inFlight === 0) return true
    const info = 'getInfo' in this.#stream ? (this.#stream as Socket).getInfo() : null
    if (info === null) return inFlight < WITHOUT_KNOWLEDGE
    // What has left cannot be overtaken; what has not is what the next line would wait for.
    const waiting = info.notSent + this.#stream.writableLength
    return waiting < Math.min(MOST, Math.max(LEAST, AHEAD * this.#rate))
  }

  acknowledged(bytes: number): void {
    this.#bytes += bytes
    const elapsed = performance.now() - this.#since
    if (elapsed < MEASURED_OVER) return
    this.#rate = this.#bytes / elapsed
    this.#bytes = 0
    this.#since += elapsed
  }
}
