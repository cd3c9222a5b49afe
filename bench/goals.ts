// What the measurements over loopback are to show, each beside what they did show, and all peers at a glance.
import { Expectations } from './expectations.js'
import { EVERYBODY, isOurs, KERNEL, OURS, UDX } from './peers/by-name.js'
import type { Panel } from './plots/bars.js'
import { digits, fine, median } from './table.js'
import { type Carried, cpuPerGb, SMALL_SKELETON } from './workloads/bulk.js'
import type { Busyness } from './workloads/busy.js'
import type { Lives } from './workloads/connections.js'
import type { FanIn } from './workloads/fanin.js'
import type { Idleness } from './workloads/idle.js'
import type { Messages } from './workloads/messages.js'
import { cpuPerTrip, type Trips } from './workloads/pingpong.js'

type Bound = 'least' | 'most'

/** Who is drawn, from the top. */
const DRAWN = [
  KERNEL,
  OURS,
  `${OURS}:1440`,
  `${OURS}:1440-plain`,
  ...EVERYBODY.filter((name) => !isOurs(name) && name !== KERNEL),
]

const KILOBYTE = 1024
/** % of a core: what two questions of the benchmark cost is a tenth of it. */
const NO_CPU = 0.1

export class Goals extends Expectations {
  text(): string {
    for (const room of ['', 'small-buffer']) this.bulk(room)
    this.cost()
    this.pingpong()
    this.connections()
    this.fanin()
    this.idle()
    this.busy()
    this.messages()
    return [
      `${this.held} Ratios are of the same round, and medians of these; "per core" as in the sections of these workloads.`,
      '',
      this.table,
    ].join('\n')
  }

  /** All peers at a glance. */
  panels(): Panel[] {
    const panels = [
      this.panel('Bulk, Mbit/s per core', 'bulk', ({ ratePerCore }: Carried) => ratePerCore),
      this.panel('Trips of 64 bytes a second', 'pingpong', ({ rate }: Trips) => rate),
      this.panel('Connections a second', 'connections', ({ rate }: Lives) => rate),
      this.panel(
        'KB for an idle connection, both ends (less is better)',
        'idle',
        ({ clientMemory, serverMemory }: Idleness) => (clientMemory + serverMemory) / KILOBYTE,
      ),
    ]
    return panels.filter(({ bars }) => bars.length > 0)
  }

  private panel<T>(title: string, label: string, figure: (value: T) => number): Panel {
    const bars = DRAWN.map((name) => ({ name, value: this.value(label, name, figure), isOurs: isOurs(name) }))
    return {
      title,
      bars: bars.filter(({ value }) => !Number.isNaN(value)).map((bar) => ({ ...bar, text: digits(bar.value) })),
    }
  }

  /** Ours beside another. */
  private beside<T>(
    label: string,
    [name, other]: readonly [string, string],
    what: string,
    figure: (value: T) => number,
    bound: Bound,
    limit: number,
  ): void {
    const ratio = median(this.ratios(label, name, other, figure))
    const holds = bound === 'least' ? ratio >= limit : ratio <= limit
    const shown = name === OURS ? '' : ` of \`${name}\``
    this.add(`${label}: ${what}${shown}, × ${other}`, `${bound === 'least' ? '>=' : '<='} ${limit}`, ratio, holds, fine)
  }

  private bulk(room: string): void {
    const named = (...words: string[]): string => {
      const all = [...words, room].filter((word) => word !== '')
      return all.length === 0 ? OURS : `${OURS}:${all.join('-')}`
    }
    const perCore = (name: string, other: string, limit: number): void =>
      this.beside('bulk', [name, other], 'per core', ({ ratePerCore }: Carried) => ratePerCore, 'least', limit)
    perCore(named(), KERNEL, 0.9)
    perCore(named('1440'), UDX, 5)
    perCore(named('1440'), KERNEL, 0.25)
    perCore(named('1440', 'plain'), UDX, 1.2)
    perCore(named('1440', 'plain'), SMALL_SKELETON, 0.85)
  }

  private cost(): void {
    this.beside('bulk', [OURS, KERNEL], 'CPU per GB', cpuPerGb, 'most', 1.3)
    this.beside('bulk', [OURS, UDX], 'CPU per GB', cpuPerGb, 'most', 0.1)
  }

  private pingpong(): void {
    for (const other of [KERNEL, UDX]) {
      this.beside('pingpong', [OURS, other], 'trips/s', ({ rate }: Trips) => rate, 'least', 1)
      this.beside('pingpong', [OURS, other], 'p50', ({ p50 }: Trips) => p50, 'most', 1)
      this.beside('pingpong', [OURS, other], 'p99', ({ p99 }: Trips) => p99, 'most', 1)
    }
    this.beside('pingpong', [OURS, KERNEL], 'CPU per trip', cpuPerTrip, 'most', 1.2)
  }

  private connections(): void {
    const rate = (other: string, limit: number): void => {
      this.beside('connections', [OURS, other], 'connections/s', (value: Lives) => value.rate, 'least', limit)
      const young = 'connections/s of young processes'
      this.beside('connections', [OURS, other], young, (value: Lives) => value.youngRate, 'least', limit)
    }
    rate(UDX, 1)
    rate(KERNEL, 0.8)
  }

  private fanin(): void {
    const together = this.value('fanin', OURS, ({ rate, single }: FanIn) => rate / single)
    this.add('fanin: total, × one connection', '>= 0.9', together, together >= 0.9, fine)
    const evenness = this.value('fanin', OURS, (value: FanIn) => value.evenness)
    this.add('fanin: Jain', '>= 0.95', evenness, evenness >= 0.95, fine)
  }

  private idle(): void {
    const of = (figure: (value: Idleness) => number): number => this.value('idle', OURS, figure)
    const count = of(({ opened }) => opened)
    for (const [side, bytes] of [
      ['client', of(({ clientMemory }) => clientMemory)],
      ['server', of(({ serverMemory }) => serverMemory)],
    ] as const) {
      this.add(`idle: ${count} connections, ${side} KB each`, '<= 8', bytes / KILOBYTE, bytes <= 8 * KILOBYTE)
    }
    const datagrams = of((value) => value.datagrams)
    this.add('idle: datagrams while idle', '0', datagrams, datagrams === 0)
    const cpu = of((value) => value.cpu)
    this.add('idle: CPU % while idle', `< ${NO_CPU}`, cpu, cpu < NO_CPU)
  }

  private busy(): void {
    const kept = this.value('busy', OURS, ({ alone, among }: Busyness) => among / alone)
    this.add('busy: trips/s among idle connections, × alone', '> 0.95', kept, kept > 0.95, fine)
  }

  private messages(): void {
    const rate = this.value('messages', OURS, (value: Messages) => value.rate)
    const ratio = median(this.ratios('messages', OURS, KERNEL, (value: Messages) => value.rate))
    const holds = rate >= 1e6 || ratio >= 0.7
    this.add(
      `messages/s, or × ${KERNEL}`,
      '>= 1000000, or >= 0.7',
      rate,
      holds,
      (one) => `${digits(one)}, ${fine(ratio)}`,
    )
  }
}
