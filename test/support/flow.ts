// A transfer without an end through a simulated path, and what it did: rate, queue, repairs, phases of its controller.
import { createConfig } from '../../lib/core/config.js'
import { findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import type { Status } from '../../lib/core/status.js'
import type { RecoveryMetrics } from '../../lib/core/trace.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Link, type LinkOptions } from '../../lib/testing/link.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { CLIENT, PORT, SERVER } from './couple.js'

const CHUNK = new Uint8Array(65_536)
const SAMPLE_EVERY = 2

export interface Path {
  /** Towards the receiver, and back; the rate is shared by all flows. */
  readonly forth: Partial<LinkOptions>
  readonly back?: Partial<LinkOptions>
}

export interface Phase {
  readonly at: number
  readonly phase: string
}

export class Flow {
  readonly channel: Channel
  received = 0
  /** Each phase of the controller, with the time of its beginning. */
  readonly phases: Phase[] = []
  /** After each change: the last, and what a test keeps of them by `onMetrics`. */
  onMetrics: (metrics: RecoveryMetrics, now: number) => void = () => {}
  /** Bytes that the application still has; it writes as there is room. */
  left = Number.POSITIVE_INFINITY
  private readonly run: FlowRun

  constructor(run: FlowRun, address: string, control: string) {
    this.run = run
    const { stack } = run.network.host(address)
    stack.trace = () => ({
      onSegmentSent: () => {},
      onSegmentReceived: () => {},
      onState: () => {},
      onRecovery: (metrics) => this.note(metrics),
    })
    const congestion = findCongestionControl(control)
    if (congestion === undefined) throw new Error(`no ${control}`)
    this.channel = stack.connect({ address: SERVER, port: PORT }, createConfig({ congestion, ...run.config }), {
      onEvents: () => this.write(),
    })
  }

  get status(): Status {
    return this.channel.status()
  }

  write(): void {
    while (this.left > 0) {
      const taken = this.channel.send(this.left < CHUNK.length ? CHUNK.subarray(0, this.left) : CHUNK)
      if (taken === 0) return
      this.left -= taken
    }
  }

  private note(metrics: RecoveryMetrics): void {
    const { now } = this.run.network
    if (this.phases.at(-1)?.phase !== metrics.phase) this.phases.push({ at: now, phase: metrics.phase })
    this.onMetrics(metrics, now)
  }
}

export class FlowRun {
  readonly network: Network
  readonly flows: Flow[] = []
  readonly link: Link
  readonly config: Parameters<typeof createConfig>[0]
  /** What waited at the bottleneck, bytes, every few ms. */
  readonly queued: number[] = []
  private readonly path: Path

  constructor(path: Path, seed = 1, config: Parameters<typeof createConfig>[0] = {}, options: NetworkOptions = {}) {
    this.path = path
    this.config = config
    this.network = new Network({ capture: false, seed, ...options })
    this.link = new Link(this.network.clock, this.network.random.fork(), path.forth)
    const server = this.network.host(SERVER)
    server.stack.listen({ address: SERVER, port: PORT }, () => createConfig(config), {
      onConnection: (channel) => {
        const flow = this.flows[Number(channel.remoteAddress.split('.').at(-1)) - 101]
        channel.owner = {
          onEvents: () => {
            for (let chunk = channel.receive(); chunk !== null; chunk = channel.receive()) {
              if (flow !== undefined) flow.received += chunk.length
            }
          },
        }
      },
    })
    this.sample()
  }

  /** One more flow, from now on, by the congestion control of this name. */
  start(control: string): Flow {
    const address = CLIENT.replace(/\d+$/, String(101 + this.flows.length))
    const host = this.network.host(address)
    const server = this.network.host(SERVER)
    this.network.route(host, server, this.link)
    this.network.link(server, host).set(this.path.back ?? { ...this.path.forth, burst: null })
    const flow = new Flow(this, address, control)
    this.flows.push(flow)
    return flow
  }

  /** Lets `ms` pass. @returns bytes that each flow has delivered meanwhile. */
  run(ms: number): number[] {
    const before = this.flows.map((flow) => flow.received)
    this.network.advance(ms)
    return this.flows.map((flow, i) => flow.received - (before[i] ?? 0))
  }

  private sample(): void {
    this.queued.push(this.link.queued)
    this.network.clock.at(this.network.now + SAMPLE_EVERY, () => this.sample())
  }
}

/** The value that `share` of all lie below. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
