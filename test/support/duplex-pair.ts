// Two Duplex streams back to back: what one writes the other reads, with backpressure and half-close.
import { Duplex } from 'node:stream'

class PairEnd extends Duplex {
  peer!: PairEnd
  #resumePeer: (() => void) | null = null

  override _read(): void {
    const resume = this.#resumePeer
    this.#resumePeer = null
    resume?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.peer.push(chunk)) process.nextTick(done)
    else this.peer.#resumePeer = done
  }

  override _final(done: () => void): void {
    this.peer.push(null)
    done()
  }
}

/** Two ends that stay open for the other's answer after their own end(). */
export function duplexPair(): [Duplex, Duplex] {
  const a = new PairEnd({ allowHalfOpen: true })
  const b = new PairEnd({ allowHalfOpen: true })
  a.peer = b
  b.peer = a
  return [a, b]
}
