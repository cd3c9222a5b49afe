// One flow over a fresh link, measured from its first byte on.
import { setTimeout as sleep } from 'node:timers/promises'
import { machineCpu } from '../machine.js'
import { openEnds, startFlow } from './ends.js'
import { Link, type LinkStats, probeBytes, type Trips } from './link.js'
import type { Mark } from './messages.js'
import { kernelControl } from './peers.js'
import type { Profile } from './profiles.js'

export interface FlowResult {
  /** Mbit/s of payload, all the time and in its second half. */
  readonly rate: number
  readonly laterRate: number
  /** What the probes' round trips exceed the bare link's by, ms; NaN: not probed. */
  readonly addedP50: number
  readonly addedP95: number
  /** Bytes of IP that the sender gave the link for each byte of payload that arrived; what is under way counts as neither. */
  readonly sentPerDelivered: number
  /** s of CPU of both ends, per GB of payload. */
  readonly cpuPerGb: number
  /** Mbit/s that the busier end would carry with a core of its own. */
  readonly ratePerCore: number
  /** Cores that others kept busy meanwhile. */
  readonly otherCores: number
  /** Packets that the link lost, in queues or by chance. */
  readonly lost: number
  readonly segments: number
  readonly retransmitted: number
}

export interface FlowOptions {
  readonly profile: Profile
  readonly peer: string
  readonly seed: number
  readonly seconds: number
  /** Measure round trips beside it. */
  readonly probed: boolean
}

interface Snapshot {
  readonly sender: Mark
  readonly receiver: Mark
  readonly link: LinkStats
  readonly machine: number
}

function resultOf(
  { seconds }: FlowOptions,
  start: Snapshot,
  middle: Mark,
  end: Snapshot,
): Omit<FlowResult, 'addedP50' | 'addedP95'> {
  const { receiver, sender, link } = end
  if (!receiver.intact) throw new Error('what arrived is not what was sent')
  const bytes = receiver.bytes - start.receiver.bytes
  const time = receiver.at - start.receiver.at
  const sendingCpu = sender.cpu - start.sender.cpu
  const receivingCpu = receiver.cpu - start.receiver.cpu
  const rate = (bytes * 8) / 1e3 / time
  const emulatorCpu = link.cpuSeconds - start.link.cpuSeconds
  const cores = end.machine - start.machine - emulatorCpu - (sendingCpu + receivingCpu) / 1e3
  const given = link.up.inBytes - link.up.heldBytes
  return {
    rate,
    laterRate: ((receiver.bytes - middle.bytes) * 8) / 1e3 / (receiver.at - middle.at),
    sentPerDelivered: given / receiver.bytes,
    cpuPerGb: ((sendingCpu + receivingCpu) * 1e6) / bytes,
    ratePerCore: (rate * time) / Math.max(sendingCpu, receivingCpu),
    otherCores: Math.max(0, cores / seconds),
    lost: link.up.lostQueue + link.up.lostRandom,
    segments: sender.segments?.sent ?? Number.NaN,
    retransmitted: sender.segments?.retransmitted ?? Number.NaN,
  }
}

export async function measureFlow(options: FlowOptions): Promise<FlowResult> {
  const { profile, peer, seed, seconds, probed } = options
  const link = await Link.open(profile, seed, [kernelControl(peer)])
  try {
    const flow = await startFlow(link, peer, await openEnds(link, peer))
    const { sender, receiver, sending, receiving } = flow
    const start = { sender: sending, receiver: receiving, link: await link.stats(), machine: machineCpu() }
    const trips: Promise<Trips | undefined> = probed ? link.trips(seconds * 1000) : Promise.resolve(undefined)
    trips.catch(() => undefined)
    await sleep(seconds * 500)
    const middle = await receiver.mark()
    await sleep(seconds * 500)
    const [atSender, atReceiver, atLink] = await Promise.all([sender.mark(), receiver.mark(), link.stats()])
    const end = { sender: atSender, receiver: atReceiver, link: atLink, machine: machineCpu() }
    const result = resultOf(options, start, middle, end)
    const { sent = 0, p50 = Number.NaN, p95 = Number.NaN } = (await trips) ?? {}
    const base = 2 * profile.delay
    return {
      ...result,
      sentPerDelivered: result.sentPerDelivered - probeBytes(sent) / atReceiver.bytes,
      addedP50: p50 - base,
      addedP95: p95 - base,
    }
  } finally {
    link.close()
  }
}
