// What a stack drops, told to whoever subscribes to the diagnostics channel 'tcp-over-udp.drops': how an operator sees an attack.
import { channel } from 'node:diagnostics_channel'
import type { Stack } from '../endpoint/stack.js'

/**
 * A message of the channel 'tcp-over-udp.drops': at most one a second for each stack, as long as datagrams come and there is news.
 * `counts` has the counters of `stack.getTotals()` that have grown, and by how much in the last `ms`; `dropped` without that of clients'
 * own sockets.
 */
export interface DropsMessage {
  readonly stack: Stack
  readonly counts: Readonly<Record<string, number>>
  readonly ms: number
}

const drops = channel('tcp-over-udp.drops')
const installed: WeakSet<Stack> = new WeakSet()

/** Has `stack` tell of its drops. */
export function installDropsReport(stack: Stack): void {
  if (installed.has(stack)) return
  installed.add(stack)
  stack.observeDrops({
    get isWatching() {
      return drops.hasSubscribers
    },
    onDrops(counts, ms) {
      const message: DropsMessage = { stack, counts, ms }
      drops.publish(message)
    },
  })
}
