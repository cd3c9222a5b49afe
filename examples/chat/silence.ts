// How long nothing has come over a connection, counted in ticks: a process that was stopped itself counts one.
import type { Duplex } from 'node:stream'
import type { Socket } from 'tcp-over-udp'
import { PING_EVERY } from './protocol.js'

export class Silence {
  /** Ticks in a row without a sign of life. */
  length = 0
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  /** To be called every PING_EVERY ms. */
  tick(): void {
    // The bare ACKs and retransmissions of TCP count: on a bad path, messages wait for the one that was lost.
    const info = 'getInfo' in this.#stream ? (this.#stream as Socket).getInfo() : null
    if (info === null || info.lastHeard < 1.5 * PING_EVERY) this.length = 0
    else this.length++
  }
}

/** Ends a connection whose peer is gone: what waits for it need not be sent again and again. */
export function reset(stream: Duplex): void {
  if ('resetAndDestroy' in stream) (stream as Socket).resetAndDestroy()
  else stream.destroy()
}
