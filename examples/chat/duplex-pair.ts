// Two ends of a stream within one process: the host is a member of its own room like anybody else.
import { Duplex } from 'node:stream'

class End extends Duplex {
  peer: End | null = null
  #waiting: (() => void) | null = null

  override _read(): void {
    const done = this.peer?.takeWaiting()
    done?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.peer?.push(chunk)) done()
    else this.#waiting = done
  }

  override _final(done: () => void): void {
    this.peer?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.peer
    this.peer = null
    if (peer !== null && !peer.readableEnded) process.nextTick(() => peer.destroy())
    done(error)
  }

  takeWaiting(): (() => void) | null {
    const waiting = this.#waiting
    this.#waiting = null
    return waiting
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const a = new End({ allowHalfOpen: true })
  const b = new End({ allowHalfOpen: true })
  a.peer = b
  b.peer = a
  return [a, b]
}
