// Bulk over loopback: one connection between two processes, this package beside node:net, taking turns.
import { cpus, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { peers } from '../peers/by-name.js'
import { spread, table } from '../table.js'
import { type Ends, Transfer } from '../transfer.js'
import type { Settings, Workload } from './workload.js'

/** ms before anything is counted: code is compiled, windows open. */
const WARM_UP = 1_000

interface Result {
  /** MB/s, at the receiver. */
  readonly rate: number
  /** s of CPU per GB. */
  readonly senderCpu: number
  readonly receiverCpu: number
}

function between(start: Ends, end: Ends): Result {
  const received = end.receiver.bytes - start.receiver.bytes
  return {
    rate: received / 1e3 / (end.receiver.at - start.receiver.at),
    senderCpu: ((end.sender.cpu - start.sender.cpu) * 1e6) / received,
    receiverCpu: ((end.receiver.cpu - start.receiver.cpu) * 1e6) / received,
  }
}

async function measure(peer: string, seconds: number): Promise<Result> {
  const transfer = new Transfer()
  try {
    await transfer.start({ peer })
    await sleep(WARM_UP)
    const start = await transfer.mark()
    await sleep(seconds * 1_000)
    const end = await transfer.mark()
    transfer.stop()
    await transfer.finish()
    return between(start, end)
  } finally {
    transfer.kill()
  }
}

async function run({ repetitions, seconds, progress }: Settings): Promise<string> {
  // what others do on the machine takes from both, not evenly
  const [load] = loadavg()
  const results = new Map<string, Result[]>(peers.map(({ name }) => [name, []]))
  for (let i = 1; i <= repetitions; i++) {
    for (const { name } of peers) {
      progress(`bulk: ${name}, ${i} of ${repetitions}`)
      results.get(name)?.push(await measure(name, seconds))
    }
  }
  const rows = peers.map(({ name, summary }) => {
    const all = results.get(name) ?? []
    return [
      `${name} (${summary})`,
      spread(all.map(({ rate }) => rate)),
      spread(all.map(({ senderCpu }) => senderCpu)),
      spread(all.map(({ receiverCpu }) => receiverCpu)),
    ]
  })
  return [
    `One connection over loopback, a process at each end, ${seconds} s after ${WARM_UP / 1_000} s of warm-up; every byte is checked.`,
    `Median of ${repetitions} (least to most), the peers taking turns. Load of the machine as it began: ${load.toFixed(1)} on ${cpus().length} cores.`,
    '',
    table(['peer', 'MB/s', 'sender CPU s/GB', 'receiver CPU s/GB'], rows),
  ].join('\n')
}

export const bulk: Workload = { name: 'bulk', summary: 'one connection over loopback, beside node:net', run }
