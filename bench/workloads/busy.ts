// Busy connections among many idle ones: what the idle ones cost them.
import { WARM_UP } from '../pair.js'
import { KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'
import { cpuPerTrip, travel } from './pingpong.js'

const BUSY = 100

export interface Busyness extends Measured {
  /** Trips a second of those that are busy, alone and among the idle ones. */
  readonly alone: number
  readonly among: number
  /** µs of CPU of both ends, per trip. */
  readonly aloneCpu: number
  readonly amongCpu: number
}

export const busy = comparison<Busyness>({
  name: 'busy',
  summary: `${BUSY} busy connections among idle ones, beside ${BUSY} alone`,
  quick: [KERNEL, OURS],
  full: [KERNEL, UDX, OURS],
  columns: [
    { head: 'trips/s alone', figure: ({ alone }) => alone, spread: true },
    { head: 'among idle ones', figure: ({ among }) => among, spread: true },
    { head: 'ratio', figure: ({ alone, among }) => among / alone, spread: true },
    { head: 'CPU µs per trip alone', figure: ({ aloneCpu }) => aloneCpu },
    { head: 'among idle ones', figure: ({ amongCpu }) => amongCpu },
    { head: 'ratio', figure: ({ aloneCpu, amongCpu }) => amongCpu / aloneCpu, spread: true },
  ],
  describe: ({ connections, seconds }) => [
    `64 bytes there and back on each of ${BUSY} connections at once, alone and then beside ${connections} idle ones that were used once, every byte checked:`,
    `${seconds} s after ${WARM_UP / 1000} s of warm-up. Small segments show best what looking up connections and timers costs.`,
  ],
  async measure(peer, settings) {
    const { seconds, connections } = settings
    const alone = await travel(peer, BUSY, 0, seconds, profilingOf(settings, `busy-alone-${peer}`))
    const among = await travel(peer, BUSY, connections, seconds, profilingOf(settings, `busy-${peer}`))
    return {
      alone: alone.rate,
      among: among.rate,
      aloneCpu: cpuPerTrip(alone),
      amongCpu: cpuPerTrip(among),
      otherCores: (alone.otherCores + among.otherCores) / 2,
    }
  },
})
