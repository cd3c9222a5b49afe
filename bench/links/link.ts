// An emulated link: two namespaces with the emulator between them, and the round trip measured across it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Namespace } from './namespaces.js'
import { emulatorArguments, type Profile } from './profiles.js'
import { tool } from './tools.js'

const DEVICE = 'path0'
const CLIENT = '10.77.0.1'
/** One for each flow: the route to it names the kernel's congestion control. */
const SERVERS = ['10.77.1.1', '10.77.1.2'] as const
const PROBE_PORT = 9
/** ms between probes, and the bytes of one. */
const PROBE_INTERVAL = 20
const PROBE_SIZE = 64
/** Of IP and UDP. */
const HEADERS = 28
/** ms */
const START_TIME = 10_000

export interface DirectionStats {
  readonly inPackets: number
  readonly inBytes: number
  readonly outPackets: number
  readonly outBytes: number
  /** Not there yet. */
  readonly heldBytes: number
  readonly lostQueue: number
  readonly lostRandom: number
  readonly lostOutage: number
}

/** Times in ms, on the clock of process.hrtime(). */
export interface LinkStats {
  readonly up: DirectionStats
  readonly down: DirectionStats
  readonly cpuSeconds: number
  readonly outage: {
    readonly from: number
    readonly until: number
    /** When the first data came afterwards that was not lost; 0: not yet. */
    readonly carriedAt: number
    /** When the sender tried during the outage, ms from its begin. */
    readonly tries: readonly number[]
  }
}

/** ms; of all probes that came back. */
export interface Trips {
  readonly sent: number
  readonly back: number
  readonly p50: number
  readonly p95: number
}

/** What probes have sent, bytes of IP. */
export const probeBytes = (sent: number): number => sent * (PROBE_SIZE + HEADERS)

export type Side = 'server' | 'client'

export class Link {
  readonly addresses: readonly string[] = SERVERS
  private readonly server: Namespace
  private readonly client: Namespace
  private readonly emulator: ChildProcess
  private readonly waiting: ((stats: LinkStats) => void)[] = []

  /** `kernels`: the congestion control of kernel TCP to each address; absent: the machine's. */
  static async open(profile: Profile, seed: number, kernels: readonly (string | undefined)[] = []): Promise<Link> {
    const link = new Link(profile, seed)
    try {
      await link.begin(kernels)
      return link
    } catch (error) {
      link.close()
      throw error
    }
  }

  private constructor(profile: Profile, seed: number) {
    const emulator = tool('emulator')
    this.server = new Namespace('server')
    this.client = new Namespace('client')
    const args = ['--server', this.server.name, '--client', this.client.name, '--device', DEVICE, '--seed', `${seed}`]
    this.emulator = spawn(emulator, [...args, ...emulatorArguments(profile)], { stdio: ['pipe', 'pipe', 'inherit'] })
  }

  /** A process of Node on one side, with a channel for messages. */
  fork(side: Side, file: string): ChildProcess {
    return this[side].spawn(process.execPath, [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  stats(): Promise<LinkStats> {
    this.emulator.stdin?.write('stats\n')
    return new Promise((done) => this.waiting.push(done))
  }

  /** Takes the link down for `ms` from now on. */
  breakFor(ms: number): void {
    this.emulator.stdin?.write(`outage ${ms}\n`)
  }

  /** Round trips while something else goes on, for `ms` and until the last is back. */
  async trips(ms: number): Promise<Trips> {
    const probe = tool('probe')
    const [address] = this.addresses
    const echo = this.server.spawn(probe, ['echo', address, `${PROBE_PORT}`], { stdio: 'ignore' })
    const count = Math.ceil(ms / PROBE_INTERVAL)
    const args = ['trip', address, `${PROBE_PORT}`, `${count}`, `${PROBE_INTERVAL}`, `${PROBE_SIZE}`]
    const child = this.client.spawn(probe, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
    })
    await once(child, 'close')
    echo.kill('SIGKILL')
    if (text === '') throw new Error('the probe has ended')
    return JSON.parse(text)
  }

  close(): void {
    this.emulator.kill('SIGKILL')
    this.client.close()
    this.server.close()
  }

  private async begin(kernels: readonly (string | undefined)[]): Promise<void> {
    const { emulator } = this
    const ended = once(emulator, 'exit').then(() => {
      throw new Error('the emulator has ended')
    })
    ended.catch(() => undefined)
    emulator.stdin?.on('error', () => undefined)
    const ready = new Promise<void>((done) => {
      createInterface({ input: emulator.stdout! }).on('line', (line) => {
        if (line === 'ready') done()
        else this.waiting.shift()?.(JSON.parse(line))
      })
    })
    const late = sleep(START_TIME, undefined, { ref: false }).then(() => {
      throw new Error('the emulator does not begin')
    })
    await Promise.race([ready, ended, late])
    const common = [
      'ip link set lo up',
      `echo 1 > /proc/sys/net/ipv6/conf/${DEVICE}/disable_ipv6 || true`,
      `ip link set ${DEVICE} mtu 1500 txqueuelen 10000 up`,
      // so that a connection learns nothing from the one before
      'echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save',
    ]
    const here = (address: string): string => `ip addr add ${address}/32 dev ${DEVICE}`
    this.server.run([...common, ...SERVERS.map(here), `ip route add ${CLIENT} dev ${DEVICE} src ${SERVERS[0]}`])
    this.client.run([
      ...common,
      here(CLIENT),
      // an attribute of the route, since the sysctl of a namespace takes only what every user may choose
      ...SERVERS.map((address, i) => {
        const control = kernels[i] === undefined ? '' : ` congctl ${kernels[i]}`
        return `ip route add ${address} dev ${DEVICE} src ${CLIENT}${control}`
      }),
    ])
  }
}
