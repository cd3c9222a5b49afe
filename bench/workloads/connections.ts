// Connections that live briefly: how many a second, what one takes, and what it costs.
import type { Task } from '../messages.js'
import { type Ends, measureTask, type Window } from '../pair.js'
import { EVERYBODY, KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

/** At the same time. */
const ABREAST = 8
/** s after which processes are cold no more, and not young any more. */
const COLD = 1
const YOUNG = 3
/** A life runs through most of the code, and most of that once: so many warm-ups of others. */
const WARM_UPS = 2

/** ms of CPU of each end, per connection. */
interface Cost {
  readonly clientCpu: number
  readonly serverCpu: number
}

export interface Lives extends Measured, Cost {
  /** A second. */
  readonly rate: number
  /** A second, in the first after the processes began; and in the second and third, NaN: they were not waited for. */
  readonly coldRate: number
  readonly youngRate: number
  /** ms of one. */
  readonly p50: number
  readonly p99: number
  /** Of young processes, where they are profiled. */
  readonly youth: Cost | undefined
  /** Connections that came to nothing. */
  readonly failed: number
}

/** s; of a short warm-up those that lie within it, and its end. */
function momentsOf(warmUp: number): number[] {
  return [...[COLD, YOUNG].filter((moment) => moment < warmUp), warmUp]
}

const micros = ({ clientCpu, serverCpu }: Cost): [number, number] => [clientCpu * 1e3, serverCpu * 1e3]

function cpuPerLife({ start, end, clientCpu, serverCpu }: Window): Cost {
  const count = end.client.count - start.client.count
  if (count === 0) throw new Error('no connection came to its end')
  return { clientCpu: (clientCpu * 1e3) / count, serverCpu: (serverCpu * 1e3) / count }
}

function rateBetween({ client: from }: Ends, { client: to }: Ends): number {
  return (to.count - from.count) / ((to.at - from.at) / 1000)
}

export const connections = comparison<Lives>({
  name: 'connections',
  summary: `connect, a byte there and back, end, close: ${ABREAST} at a time`,
  quick: [KERNEL, UDX, OURS],
  full: [...EVERYBODY, `${OURS}:plain`],
  costs: {
    unit: 'µs per connection',
    of: [
      { title: 'connections', cost: micros },
      { title: 'connections-young', cost: ({ youth }) => (youth ? micros(youth) : [Number.NaN, Number.NaN]) },
    ],
  },
  columns: [
    { head: 'connections/s', figure: ({ rate }) => rate, spread: true },
    { head: 'cold', figure: ({ coldRate }) => coldRate },
    { head: 'young', figure: ({ youngRate }) => youngRate },
    { head: 'p50 ms', figure: ({ p50 }) => p50, spread: true },
    { head: 'p99 ms', figure: ({ p99 }) => p99, spread: true },
    { head: 'client CPU ms', figure: ({ clientCpu }) => clientCpu },
    { head: 'server CPU ms', figure: ({ serverCpu }) => serverCpu },
    { head: 'came to nothing', figure: ({ failed }) => failed },
  ],
  describe: ({ seconds, warmUp }) => [
    `Connect, a byte there and back, end, the other side's end: ${ABREAST} connections at a time, ${seconds} s after ${WARM_UPS * warmUp} s of warm-up; a ms is of the`,
    'whole life, CPU for each connection. Cold: in the first second of both processes; young: in the second and third.',
  ],
  async measure(peer, settings) {
    const task: Task = { work: 'brief', peer, connections: ABREAST }
    const window = await measureTask(
      task,
      settings,
      profilingOf(settings, 'connections', peer),
      momentsOf(WARM_UPS * settings.warmUp),
    )
    const profiled = profilingOf(settings, 'connections-young', peer)
    const { began, moments, start, end, otherCores } = window
    const { client } = end
    const [cold, young, settled] = moments as [Ends, Ends?, Ends?]
    return {
      rate: rateBetween(start, end),
      coldRate: rateBetween(began, cold),
      youngRate: young === undefined || settled === undefined ? Number.NaN : rateBetween(cold, young),
      p50: client.p50 ?? Number.NaN,
      p99: client.p99 ?? Number.NaN,
      ...cpuPerLife(window),
      youth: profiled && cpuPerLife(await measureTask(task, { ...settings, seconds: YOUNG - COLD }, profiled, [COLD])),
      failed: client.failed,
      otherCores,
    }
  },
})
