// Connections that were used once and wait: the memory of each, and what they do meanwhile, which is to be nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { machineCpu } from '../machine.js'
import { Pair } from '../pair.js'
import { EVERYBODY, KERNEL, OURS, UDX } from '../peers/by-name.js'
import { comparison, type Measured, profilingOf } from './comparison.js'

/** Connections before the base is taken: code and pools are there by then. */
const FIRST = 100
/** ms for what follows a connection's use: delayed ACKs, timers. */
const SETTLING = 500
/** ms that nothing happens. */
const QUIET = 2_000

export interface Idleness extends Measured {
  readonly opened: number
  /** Bytes of memory for each connection. */
  readonly clientMemory: number
  readonly serverMemory: number
  /** Of both ends while nothing happens, % of a core. */
  readonly cpu: number
  /** That came to the server meanwhile; NaN: nobody tells. */
  readonly datagrams: number
}

export const idle = comparison<Idleness>({
  name: 'idle',
  summary: 'connections that were used once and wait: memory, CPU, datagrams',
  quick: [KERNEL, UDX, OURS],
  full: EVERYBODY,
  columns: [
    { head: 'connections', figure: ({ opened }) => opened },
    { head: 'client KB each', figure: ({ clientMemory }) => clientMemory / 1024, spread: true },
    { head: 'server KB each', figure: ({ serverMemory }) => serverMemory / 1024, spread: true },
    { head: 'CPU % while idle', figure: ({ cpu }) => cpu },
    { head: 'datagrams while idle', figure: ({ datagrams }) => datagrams },
  ],
  describe: ({ connections }) => [
    `${connections} connections, each of which has carried a byte there and back (fewer where they take longer than 30 s): resident memory after`,
    `garbage collection, beyond that with ${FIRST} connections, which leaves out what the kernel keeps. Then ${QUIET / 1000} s in which nobody says anything.`,
  ],
  async measure(peer, settings) {
    const pair = new Pair(profilingOf(settings, 'idle', peer))
    try {
      await pair.start({ work: 'echo', peer, connections: 0, idle: FIRST })
      const base = await pair.mark('weighed')
      const opened = await pair.open(settings.connections)
      if (opened === 0) throw new Error('no connection could be opened')
      await sleep(SETTLING)
      const there = await pair.mark('weighed')
      const before = await pair.mark('fresh')
      const machine = machineCpu()
      await sleep(QUIET)
      const others = machineCpu() - machine
      const after = await pair.mark('summed up')
      const cpu = after.client.cpu - before.client.cpu + after.server.cpu - before.server.cpu
      return {
        opened,
        clientMemory: (there.client.memory - base.client.memory) / opened,
        serverMemory: (there.server.memory - base.server.memory) / opened,
        cpu: (cpu / QUIET) * 100,
        datagrams: (after.server.datagrams ?? Number.NaN) - (before.server.datagrams ?? Number.NaN),
        otherCores: Math.max(0, (others * 1000 - cpu) / QUIET),
      }
    } finally {
      await pair.stop()
    }
  },
})
