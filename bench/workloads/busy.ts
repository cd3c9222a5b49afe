// Busy connections among many idle ones: what the idle ones cost them.
import { setTimeout as sleep } from 'node:timers/promises'
import { machineCpu } from '../machine.js'
import { type Ends, Pair } from '../pair.js'
import { KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

const BUSY = 100
/** Pieces of a measurement, in which those alone and those among idle ones take turns. */
const TURNS = 4

export interface Busyness extends Measured {
  /** Trips a second of those that are busy, alone and among the idle ones. */
  readonly alone: number
  readonly among: number
  /** µs of CPU of both ends, per trip. */
  readonly aloneCpu: number
  readonly amongCpu: number
}

/** Two processes that work only when it is their turn. */
class Shift {
  private readonly pair: Pair
  private trips = 0
  /** ms */
  private time = 0
  private cpu = 0

  constructor(pair: Pair) {
    this.pair = pair
  }

  async begin(peer: string, idle: number): Promise<void> {
    await this.pair.start({ work: 'echo', peer, connections: BUSY, idle })
    this.pair.client.say({ kind: 'rest' })
  }

  /** Works for `ms`; counts it unless it is to warm up. */
  async work(ms: number, counted: boolean): Promise<void> {
    const { client } = this.pair
    client.say({ kind: 'go' })
    const start = await this.pair.mark('fresh')
    await sleep(ms)
    const end = await this.pair.mark('summed up')
    client.say({ kind: 'rest' })
    if (counted) this.count(start, end)
  }

  get rate(): number {
    return (this.trips / this.time) * 1000
  }

  get cpuPerTrip(): number {
    return (this.cpu * 1000) / this.trips
  }

  /** s */
  get spent(): number {
    return this.cpu / 1000
  }

  private count(start: Ends, end: Ends): void {
    this.trips += end.client.count - start.client.count
    this.time += end.client.at - start.client.at
    this.cpu += end.client.cpu - start.client.cpu + end.server.cpu - start.server.cpu
  }
}

export const busy = comparison<Busyness>({
  name: 'busy',
  summary: `${BUSY} busy connections among idle ones, beside ${BUSY} alone`,
  quick: [OURS],
  full: [KERNEL, UDX, OURS],
  columns: [
    { head: 'trips/s alone', figure: ({ alone }) => alone, spread: true },
    { head: 'among idle ones', figure: ({ among }) => among, spread: true },
    { head: '× alone', figure: ({ alone, among }) => among / alone, spread: true },
    { head: 'CPU µs per trip alone', figure: ({ aloneCpu }) => aloneCpu },
    { head: 'CPU among idle ones', figure: ({ amongCpu }) => amongCpu },
    { head: 'CPU × alone', figure: ({ aloneCpu, amongCpu }) => amongCpu / aloneCpu, spread: true },
  ],
  describe: ({ connections, seconds, warmUp }) => [
    `64 bytes there and back on each of ${BUSY} connections at once, alone and beside ${connections} idle ones that were used once, every byte checked: ${seconds} s`,
    `each after ${warmUp} s of warm-up, in processes of their own that take ${TURNS} turns while the others rest. Small segments show best what it costs to look up`,
    'connections and timers.',
  ],
  async measure(peer, settings) {
    const { seconds, warmUp, connections } = settings
    const pairs = ['alone', 'among'].map((side) => new Pair(profilingOf(settings, `busy-${side}`, peer)))
    try {
      const [alone, among] = pairs.map((pair) => new Shift(pair))
      await alone.begin(peer, 0)
      await among.begin(peer, connections)
      for (const shift of [alone, among]) await shift.work(warmUp * 1000, false)
      const machine = machineCpu()
      const began = performance.now()
      for (let turn = 0; turn < TURNS; turn++) {
        for (const shift of turn % 2 === 0 ? [alone, among] : [among, alone]) {
          await shift.work((seconds * 1000) / TURNS, true)
        }
      }
      const others = machineCpu() - machine - alone.spent - among.spent
      return {
        alone: alone.rate,
        among: among.rate,
        aloneCpu: alone.cpuPerTrip,
        amongCpu: among.cpuPerTrip,
        otherCores: Math.max(0, (others * 1000) / (performance.now() - began)),
      }
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()))
    }
  },
})
