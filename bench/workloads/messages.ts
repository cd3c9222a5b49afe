// Small messages through MessageStream: over our socket, and over that of node:net.
import { measureTask } from '../pair.js'
import { KERNEL, OURS } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

export interface Messages extends Measured {
  /** A second, at the receiver. */
  readonly rate: number
  /** A second, that the busier end would take with a core of its own. */
  readonly ratePerCore: number
}

export const messages = comparison<Messages>({
  name: 'messages',
  summary: 'messages of 100 bytes, as fast as they go',
  quick: [KERNEL, OURS],
  full: [KERNEL, OURS, `${OURS}:plain`],
  columns: [
    { head: 'messages/s', figure: ({ rate }) => rate, spread: true },
    { head: 'per core', figure: ({ ratePerCore }) => ratePerCore, spread: true },
  ],
  describe: ({ seconds, warmUp }) => [
    `Messages of 100 bytes by post() of a MessageStream over a socket of ours, and of the very same MessageStream over one of node:net; each`,
    `compared with what was sent: ${seconds} s after ${warmUp} s of warm-up. Per core: of the busier end.`,
  ],
  async measure(peer, settings) {
    const { start, end, clientCpu, serverCpu, otherCores } = await measureTask(
      { work: 'framed', peer, connections: 1 },
      settings,
      profilingOf(settings, 'messages', peer),
    )
    const count = end.server.count - start.server.count
    if (count === 0) throw new Error('nothing arrived')
    return {
      rate: count / ((end.server.at - start.server.at) / 1000),
      ratePerCore: count / Math.max(clientCpu, serverCpu),
      otherCores,
    }
  },
})
