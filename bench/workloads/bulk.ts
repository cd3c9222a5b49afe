// Bulk over loopback: bytes in one direction, as fast as they go.
import { type Duration, measureTask, type Profiling, type Window } from '../pair.js'
import { EVERYBODY, KERNEL, OURS, UDX } from '../peers/by-name.js'
import { isSkeleton, skeletonOf } from '../works/datagrams.js'
import { type Column, type Costs, comparison, type Measured, profilingOf } from './comparison.js'

/** The skeleton of the same datagrams is what ours is measured against. */
const SMALL = [`${OURS}:1440`, `${OURS}:1440-plain`]
export const SMALL_SKELETON: string = skeletonOf(1440)
const LITTLE_ROOM = [`${OURS}:small-buffer`, ...SMALL.map((name) => `${name}-small-buffer`)]

export interface Carried extends Measured {
  /** Mbit/s of payload at the receiver. */
  readonly rate: number
  /** Mbit/s that the busier end would carry with a core of its own. */
  readonly ratePerCore: number
  /** s of CPU of each end, per GB of payload. */
  readonly senderCpu: number
  readonly receiverCpu: number
}

export const cpuPerGb = ({ senderCpu, receiverCpu }: Carried): number => senderCpu + receiverCpu

function carriedIn({ start, end, clientCpu, serverCpu, otherCores }: Window): Carried {
  const bytes = end.server.count - start.server.count
  const megabits = (bytes * 8) / 1e6
  if (bytes === 0) throw new Error('nothing arrived')
  return {
    rate: megabits / ((end.server.at - start.server.at) / 1000),
    ratePerCore: megabits / Math.max(clientCpu, serverCpu),
    senderCpu: (clientCpu * 1e9) / bytes,
    receiverCpu: (serverCpu * 1e9) / bytes,
    otherCores,
  }
}

/** Bytes over so many connections, and what each of them had of these. */
export async function carry(
  peer: string,
  connections: number,
  duration: Duration,
  profiling?: Profiling,
): Promise<{ carried: Carried; shares: number[] }> {
  const work = isSkeleton(peer) ? 'datagrams' : 'stream'
  const window = await measureTask({ work, peer, connections }, duration, profiling)
  const before = window.start.server.shares
  const shares = window.end.server.shares.map((share, i) => share - (before[i] ?? 0))
  return { carried: carriedIn(window), shares }
}

export const costsOf = (title: string): Costs<Carried> => ({
  unit: 'ms per GB',
  of: [{ title, cost: ({ senderCpu, receiverCpu }) => [senderCpu * 1000, receiverCpu * 1000] }],
})

export const CARRIED: readonly Column<Carried>[] = [
  { head: 'Mbit/s', figure: ({ rate }) => rate, spread: true },
  { head: 'Mbit/s per core', figure: ({ ratePerCore }) => ratePerCore, spread: true },
  { head: 'CPU s/GB', figure: cpuPerGb, spread: true },
  { head: 'sender', figure: ({ senderCpu }) => senderCpu },
  { head: 'receiver', figure: ({ receiverCpu }) => receiverCpu },
]

export const bulk = comparison<Carried>({
  name: 'bulk',
  summary: 'one connection, as fast as it goes',
  quick: [KERNEL, UDX, OURS, ...SMALL, SMALL_SKELETON],
  full: [...EVERYBODY, ...SMALL, ...LITTLE_ROOM, `${OURS}:plain`, `${OURS}:bbr`, SMALL_SKELETON],
  profiled: [KERNEL, OURS, LITTLE_ROOM[0] as string, SMALL[1] as string, SMALL_SKELETON],
  costs: costsOf('bulk'),
  columns: CARRIED,
  describe: ({ seconds, warmUp }) => [
    `One connection over loopback, writes of 64 KiB, every byte checked: ${seconds} s after ${warmUp} s of warm-up. Per core: what the busier end would`,
    'carry with a core of its own; CPU: user and system, of both processes. `skeleton`: node:dgram without any protocol, with the datagrams that',
    'this MSS makes.',
  ],
  measure: async (peer, settings) => (await carry(peer, 1, settings, profilingOf(settings, 'bulk', peer))).carried,
})
