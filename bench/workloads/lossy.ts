// A transfer through a bad path, in real time over real UDP: the sender's platform loses and delays in both directions.
import { setTimeout as sleep } from 'node:timers/promises'
import { paths } from '../links/paths.js'
import type { Mark } from '../messages.js'
import { Pair } from '../pair.js'
import { OURS } from '../peers/by-name.js'
import { timeLeft } from '../progress.js'
import { digits, table } from '../table.js'
import type { Settings, Workload } from './workload.js'

const PATH = 'lossy'
const PEERS = [`${OURS}:bbr`, OURS]
/** ms that CUBIC may need. */
const PATIENCE = 3_600_000

async function watch(pair: Pair, over: Promise<{ mark: Mark }>, show: (received: number) => void): Promise<Mark> {
  over.catch(() => undefined) // it is heard of below, or a mark fails first
  for (;;) {
    const end = await Promise.race([over, sleep(1_000)])
    if (end !== undefined) return end.mark
    show((await pair.mark('fresh')).server.count)
  }
}

/** @returns seconds that the bytes took. */
async function once(peer: string, { megabytes, progress }: Settings): Promise<number> {
  const bytes = megabytes * 1e6
  const pair = new Pair()
  try {
    const { server: start } = await pair.start({ work: 'stream', peer, connections: 1, bytes, path: PATH })
    const began = performance.now()
    const end = await watch(pair, pair.server.hear('ended', PATIENCE), (received) => {
      const elapsed = performance.now() - began
      progress.show(
        `lossy: ${peer}, ${digits(received / 1e6)} of ${megabytes} MB, ${timeLeft(elapsed, received, bytes)}`,
      )
    })
    if (!end.intact) throw new Error('what arrived is not what was sent')
    if (end.count !== bytes) throw new Error(`${bytes} bytes were sent, ${end.count} arrived`)
    return (end.at - start.at) / 1_000
  } finally {
    await pair.stop()
  }
}

async function run(settings: Settings): Promise<string> {
  const { megabytes, progress, record } = settings
  const rows: string[][] = []
  for (const peer of PEERS) {
    const seconds = await once(peer, settings)
    record({ label: 'lossy', name: peer, seconds, megabytes })
    progress.step()
    rows.push([peer, digits(seconds), digits(megabytes / seconds), 'yes'])
  }
  return [
    `${megabytes} MB from one process to another over UDP, through a path of ${paths[PATH].summary}; every byte is checked.`,
    '',
    table(['peer', 's', 'MB/s', 'intact'], rows),
  ].join('\n')
}

export const lossy: Workload = {
  name: 'lossy',
  summary: `a transfer through ${paths[PATH].summary}`,
  steps: () => PEERS.length,
  run,
}
