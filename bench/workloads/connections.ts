// Connections that live briefly: how many a second, what one takes, and what it costs.
import { measureTask, WARM_UP } from '../pair.js'
import { EVERYBODY, KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

/** At the same time. */
const ABREAST = 8

export interface Lives extends Measured {
  /** A second. */
  readonly rate: number
  /** A second, in the first after the processes began. */
  readonly coldRate: number
  /** ms of one. */
  readonly p50: number
  readonly p99: number
  /** ms of CPU of each end, per connection. */
  readonly clientCpu: number
  readonly serverCpu: number
  /** Connections that came to nothing. */
  readonly failed: number
}

export const connections = comparison<Lives>({
  name: 'connections',
  summary: `connect, a byte there and back, end, close: ${ABREAST} at a time`,
  quick: [KERNEL, UDX, OURS],
  full: [...EVERYBODY, `${OURS}:plain`],
  columns: [
    { head: 'connections/s', figure: ({ rate }) => rate, spread: true },
    { head: 'cold', figure: ({ coldRate }) => coldRate },
    { head: 'p50 ms', figure: ({ p50 }) => p50, spread: true },
    { head: 'p99 ms', figure: ({ p99 }) => p99, spread: true },
    { head: 'client CPU ms', figure: ({ clientCpu }) => clientCpu },
    { head: 'server CPU ms', figure: ({ serverCpu }) => serverCpu },
    { head: 'came to nothing', figure: ({ failed }) => failed },
  ],
  describe: ({ seconds }) => [
    `Connect, a byte there and back, end, the other side's end: ${ABREAST} connections at a time, ${seconds} s after ${WARM_UP / 1000} s of warm-up; a ms is of the`,
    'whole life, CPU for each connection. Cold: in the second that the others leave out.',
  ],
  async measure(peer, settings) {
    const window = await measureTask(
      { work: 'brief', peer, connections: ABREAST },
      settings.seconds,
      profilingOf(settings, `connections-${peer}`),
    )
    const { began, start, end, clientCpu, serverCpu, otherCores } = window
    const { client } = end
    const count = client.count - start.client.count
    if (count === 0) throw new Error('no connection came to its end')
    return {
      rate: count / ((client.at - start.client.at) / 1000),
      coldRate: (start.client.count - began.client.count) / ((start.client.at - began.client.at) / 1000),
      p50: client.p50 ?? Number.NaN,
      p99: client.p99 ?? Number.NaN,
      clientCpu: (clientCpu * 1e3) / count,
      serverCpu: (serverCpu * 1e3) / count,
      failed: client.failed,
      otherCores,
    }
  },
})
