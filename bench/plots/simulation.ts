// One transfer through the simulated network, with the sender's event log: the run that a plot is made of.
import { createConfig } from '../../lib/core/config.js'
import type { CongestionAlgorithm } from '../../lib/core/congestion/controller.js'
import { EventLog } from '../../lib/core/event-log.js'
import type { Status } from '../../lib/core/status.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { Network } from '../../lib/testing/network.js'
import type { Profile, Shape } from '../links/profiles.js'

export interface Run {
  readonly congestion: CongestionAlgorithm
  readonly seed: number
  /** Virtual time, from the SYN on. */
  readonly seconds: number
  /** To send before closing; Infinity: as long as the run lasts. */
  readonly bytes: number
  /** From the sender to the receiver, and back. */
  readonly there: Partial<LinkOptions>
  readonly back: Partial<LinkOptions>
  readonly title: string
  /** Takes the event log, record by record. */
  readonly write: (record: string) => void
}

export interface Outcome {
  readonly status: Status
  /** Bytes that the receiving program was given. */
  readonly received: number
  /** When the last of them came, s after the SYN. */
  readonly took: number
}

const SENDER = '10.0.0.1'
const RECEIVER = '10.0.0.2'
const PORT = 9000
/** What the receiver's buffer must not limit: a second of 1 Gbit/s and more. */
const BUFFER = 192 * 2 ** 20

export function simulate({ congestion, seed, seconds, bytes, there, back, title, write }: Run): Outcome {
  const network = new Network({ seed, capture: false })
  const here = network.host(SENDER)
  const far = network.host(RECEIVER)
  network.path(here, far, there, back)
  here.stack.trace = () => new EventLog({ now: () => network.now, write, title, vantagePoint: 'client' })
  const config = createConfig({ congestion, sendBuffer: BUFFER, maxReceiveBuffer: BUFFER })

  let received = 0
  let lastAt = 0
  const read = (channel: Channel): void => {
    for (let chunk = channel.receive(); chunk !== null; chunk = channel.receive()) {
      received += chunk.length
      lastAt = network.now
    }
  }
  far.stack.listen({ address: RECEIVER, port: PORT }, () => config, {
    onConnection: (channel) => {
      channel.owner = { onEvents: () => read(channel) }
      read(channel)
    },
  })
  let left = bytes
  const chunk = new Uint8Array(65_536)
  const sender: Channel = here.stack.connect({ address: RECEIVER, port: PORT }, config, {
    onEvents: () => {
      if (sender.state !== 'ESTABLISHED') return
      while (left > 0) {
        const taken = sender.send(left < chunk.length ? chunk.subarray(0, left) : chunk)
        if (taken === 0) return
        left -= taken
      }
      sender.close()
    },
  })
  network.advance(seconds * 1000)
  return { status: sender.status(), received, took: lastAt / 1000 }
}

/** The link options that come nearest to a profile: of the way there, and of the way back. */
export function linksOf(profile: Profile): [there: Partial<LinkOptions>, back: Partial<LinkOptions>] {
  const { up = {}, down = {} } = profile
  return [optionsOf({ ...profile, ...up }), optionsOf({ ...profile, ...down })]
}

function optionsOf(shape: Shape): Partial<LinkOptions> {
  const { rate = 0, delay = 0, jitter = 0, jitterPeriod, loss = 0, burstLoss, queueBytes = Infinity, late } = shape
  const options: Partial<LinkOptions> = {
    rate: rate > 0 ? rate * 1e6 : Infinity,
    queue: queueBytes,
    delay: Math.max(0, delay - jitter),
    loss: loss / 100,
  }
  // the simulated link keeps the order but for what it is told to hold back
  if (jitterPeriod === 0) Object.assign(options, { reorder: 0.5, reorderDelay: 2 * jitter })
  else options.jitter = 2 * jitter
  if (late !== undefined) Object.assign(options, { reorder: late[0] / 100, reorderDelay: late[1] })
  if (burstLoss !== undefined) {
    const [share, length] = [burstLoss[0] / 100, burstLoss[1]]
    options.burst = { enter: share / (length * (1 - share)), leave: 1 / length }
  }
  return options
}
