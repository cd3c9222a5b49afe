// A week of a server in virtual time, and one connection whose sequence numbers go round several times.
import { LongLife } from '../support/long-life.js'
import { memoryInUse } from '../support/memory.js'
import { Wrapping } from '../support/wrap.js'
import { Progress } from './progress.js'

const DAY = 86_400_000
const HOUR = DAY / 24
/** Between two that come and go, ms. */
const CHURN = 10_000
/** Memory may be so much more at the end than after the second day, when all has been used once: what the collector leaves. */
const NOISE = 1_000_000
const WARM_DAYS = 2

export interface VirtualSoak {
  readonly days: number
  readonly connections: number
  readonly gigabytes: number
}

/** @returns what is not as it should be. */
export async function soakInVirtualTime({ days, connections, gigabytes }: VirtualSoak): Promise<string[]> {
  return [...(await soakWorld(days, connections)), ...soakVolume(gigabytes * 1e9)]
}

async function soakWorld(days: number, connections: number): Promise<string[]> {
  const began = performance.now()
  const life = new LongLife({ connections, churn: CHURN, loss: 0.01 })
  const progress = new Progress(24 * days, 'hours')
  const memory: number[] = []
  const living: number[] = []
  for (let hour = 1; hour <= 24 * days; hour++) {
    life.network.advance(HOUR)
    if (hour % 24 === 0) {
      memory.push(await memoryInUse())
      living.push(life.listener.getStats().connections)
    }
    progress.at(hour, `${life.gone} came and went`)
  }
  progress.close()
  const { listener } = life
  const stats = listener.getStats()
  const leftovers = life.end()
  const warm = memory[WARM_DAYS - 1] ?? memory[0] ?? 0
  const last = memory.at(-1) ?? 0
  const seconds = (performance.now() - began) / 1000
  console.log(
    `${days} days with ${connections} connections in ${seconds.toFixed(0)} s: ${life.stayed} of those that stay are alive, ` +
      `${life.gone} came and went (${life.failed} failed, ${life.wrong} wrong), ${life.halfOpen} half-open SYNs, ${life.vanished} died; ` +
      `memory ${memory.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' ')} MiB day by day; ` +
      `server connections ${living.join(' ')}; ${stats.timeWait} in TIME-WAIT; ${leftovers} sockets and alarms left when all had gone`,
  )
  return [
    ...(last - warm > NOISE ? [`memory grew by ${last - warm} bytes`] : []),
    ...life.reasons.slice(0, 5),
    ...(life.wrong > 0 ? ['bytes are missing'] : []),
    ...(stats.connections > connections + 100 ? ['connections stayed'] : []),
    ...(life.stayed < connections ? [`${connections - life.stayed} that stay died`] : []),
    ...(leftovers > 0 ? ['something is left'] : []),
  ]
}

function soakVolume(bytes: number): string[] {
  const began = performance.now()
  const network = { mtu: 65_535, link: { delay: 1 } }
  const wrapping = new Wrapping({ network, iss: 0xffff_0000, timestamp: 0xffff_ff00, config: { mss: 65_495 } })
  const progress = new Progress(Math.ceil(bytes / 1e6), 'MB')
  const step = 100e6
  for (let at = 0; at < bytes; at += step) {
    wrapping.send(Math.min(step, bytes - at))
    wrapping.network.advanceUntil(
      () => wrapping.received === wrapping.sent && wrapping.sent >= Math.min(at + step, bytes),
      600_000,
    )
    progress.at(Math.floor(wrapping.received / 1e6))
  }
  progress.close()
  const rounds = Math.floor((bytes + 0xffff_0000) / 2 ** 32)
  const seconds = (performance.now() - began) / 1000
  const { segmentsRetransmitted, pawsDrops } = wrapping.client.status()
  console.log(
    `${(wrapping.received / 1e9).toFixed(1)} GB on one connection in ${seconds.toFixed(0)} s: its sequence numbers went round ${rounds} times, ` +
      `every byte was right, ${segmentsRetransmitted} retransmissions, ${pawsDrops} dropped by PAWS`,
  )
  return wrapping.received < bytes ? ['bytes are missing'] : []
}
