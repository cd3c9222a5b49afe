// A transfer through a bad path, in real time over real UDP: the sender's platform loses and delays in both directions.
import { setTimeout as sleep } from 'node:timers/promises'
import { paths } from '../links/paths.js'
import type { Peer } from '../peers/peer.js'
import { tcpOverUdp, tcpOverUdpBbr } from '../peers/tcp-over-udp.js'
import { digits, table } from '../table.js'
import { type Ends, Transfer } from '../transfer.js'
import type { Settings, Workload } from './workload.js'

const PATH = 'lossy'

async function watch(transfer: Transfer, over: Promise<Ends>, show: (received: number) => void): Promise<Ends> {
  over.catch(() => undefined) // it is heard of below, or a mark fails first
  for (;;) {
    const end = await Promise.race([over, sleep(1_000)])
    if (end !== undefined) return end
    show((await transfer.mark()).receiver.bytes)
  }
}

/** @returns seconds that the bytes took. */
async function once(peer: Peer, { megabytes, progress }: Settings): Promise<number> {
  const transfer = new Transfer()
  try {
    const start = await transfer.start({ peer: peer.name, path: PATH, bytes: megabytes * 1e6 })
    const began = performance.now()
    const end = await watch(transfer, transfer.finish(), (received) => {
      const elapsed = (performance.now() - began) / 1_000
      const left = digits((elapsed * (megabytes * 1e6 - received)) / received)
      progress(
        `lossy: ${peer.name}, ${digits(received / 1e6)} of ${megabytes} MB, ${digits(elapsed)} s, about ${left} s left`,
      )
    })
    return (end.receiver.at - start.receiver.at) / 1_000
  } finally {
    transfer.kill()
  }
}

async function run(settings: Settings): Promise<string> {
  const { megabytes } = settings
  const rows: string[][] = []
  for (const peer of [tcpOverUdpBbr, tcpOverUdp]) {
    const seconds = await once(peer, settings)
    rows.push([`${peer.name} (${peer.summary})`, digits(seconds), digits(megabytes / seconds), 'yes'])
  }
  return [
    `${megabytes} MB from one process to another over UDP, through a path of ${paths[PATH].summary}; every byte is checked.`,
    '',
    table(['peer', 's', 'MB/s', 'intact'], rows),
  ].join('\n')
}

export const lossy: Workload = { name: 'lossy', summary: `a transfer through ${paths[PATH].summary}`, run }
