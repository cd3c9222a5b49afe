// A small question and its answer, one after the other: what a trip takes, and what it costs.
import { type Duration, measureTask, type Profiling } from '../pair.js'
import { EVERYBODY, KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

export interface Trips extends Measured {
  /** A second, of all connections. */
  readonly rate: number
  /** µs of one. */
  readonly p50: number
  readonly p99: number
  /** µs of CPU of each end, per trip. */
  readonly clientCpu: number
  readonly serverCpu: number
}

export const cpuPerTrip = ({ clientCpu, serverCpu }: Trips): number => clientCpu + serverCpu

/** Trips on so many connections at once, with idle ones beside them. */
export async function travel(
  peer: string,
  connections: number,
  idle: number,
  duration: Duration,
  profiling?: Profiling,
): Promise<Trips> {
  const { start, end, clientCpu, serverCpu, otherCores } = await measureTask(
    { work: 'echo', peer, connections, idle },
    duration,
    profiling,
  )
  const { client } = end
  const trips = client.count - start.client.count
  if (trips === 0) throw new Error('nothing came back')
  return {
    rate: trips / ((client.at - start.client.at) / 1000),
    p50: (client.p50 ?? Number.NaN) * 1000,
    p99: (client.p99 ?? Number.NaN) * 1000,
    clientCpu: (clientCpu * 1e6) / trips,
    serverCpu: (serverCpu * 1e6) / trips,
    otherCores,
  }
}

export const pingpong = comparison<Trips>({
  name: 'pingpong',
  summary: '64 bytes there and back, one at a time',
  quick: [KERNEL, UDX, OURS],
  full: [...EVERYBODY, `${OURS}:plain`],
  costs: {
    unit: 'µs per trip',
    of: [{ title: 'pingpong', cost: ({ clientCpu, serverCpu }) => [clientCpu, serverCpu] }],
  },
  columns: [
    { head: 'trips/s', figure: ({ rate }) => rate, spread: true },
    { head: 'p50 µs', figure: ({ p50 }) => p50, spread: true },
    { head: 'p99 µs', figure: ({ p99 }) => p99, spread: true },
    { head: 'CPU µs per trip', figure: cpuPerTrip, spread: true },
    { head: 'client', figure: ({ clientCpu }) => clientCpu },
    { head: 'server', figure: ({ serverCpu }) => serverCpu },
  ],
  describe: ({ seconds, warmUp }) => [
    `64 bytes there and back over one connection, the next when the last is back, every byte checked: ${seconds} s after ${warmUp} s of warm-up.`,
    'CPU: user and system, of both processes.',
  ],
  measure: (peer, settings) => travel(peer, 1, 0, settings, profilingOf(settings, 'pingpong', peer)),
})
