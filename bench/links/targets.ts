// What the measurements over links are to show, each beside what they did show, and all links at a glance: made from the files
// that --json writes.
import { Expectations } from '../expectations.js'
import { digits, fine, table } from '../table.js'
import type { FlowResult } from './flow.js'
import { kernelControl, REFERENCES } from './peers.js'
import { ackPaths, isLossy, profiles, reordering } from './profiles.js'
import { evenness, type Shares, share } from './workloads/fairness.js'
import { sizeName } from './workloads/file.js'
import { needless } from './workloads/reorder.js'

const OURS = 'ours:bbr'
const KERNEL = 'kernel:bbr'
const GLANCE = [...REFERENCES, OURS, 'ours:cubic']
const KERNELS = REFERENCES.filter((name) => kernelControl(name) !== undefined)
/** The link's own packets and ours differ by 8 bytes of UDP in 1,500: 0.55 %. */
const CLEAN_SHARE = 0.985
/** ms from the first packet that the link carries. */
const SOON = { time: 1_000, profiles: ['broadband', 'lossy-wifi', 'mobile'] }
const SIZES = [1 << 16, 1 << 20, 8 << 20].map(sizeName)
const SHARED = ['broadband', 'bufferbloat']

export class Targets extends Expectations {
  /** A table of all targets. */
  text(): string {
    for (const name of Object.keys(profiles)) this.goodput(name)
    for (const name of Object.keys(profiles)) this.outage(name)
    for (const name of Object.keys(reordering)) this.reordering(name)
    for (const name of Object.keys(profiles)) for (const size of SIZES) this.file(name, size)
    for (const name of SHARED) this.fairness(name)
    for (const name of Object.keys(ackPaths)) for (const control of ['bbr', 'cubic']) this.ackPath(name, control)
    return [
      `${this.held} Medians, from the sections of this page; ours is \`congestionControl: 'bbr'\` unless it is named.`,
      '',
      this.table,
      ...this.atAGlance('Goodput of one flow, % of the link', (value, rate) => (value.rate / rate) * 100, digits),
      ...this.atAGlance('Delay added, 95th percentile, ms', (value) => value.addedP95, digits),
      ...this.atAGlance('Bytes sent per byte delivered', (value) => value.sentPerDelivered, fine),
    ].join('\n')
  }

  private atAGlance(
    title: string,
    figure: (value: FlowResult, rate: number) => number,
    show: (value: number) => string,
  ): string[] {
    const rows = Object.entries(profiles).map(([name, { rate }]) => [
      name,
      ...GLANCE.map((peer) => show(this.value(`links ${name}`, peer, (value: FlowResult) => figure(value, rate)))),
    ])
    return ['', `${title}:`, '', table(['link', ...GLANCE], rows)]
  }

  private goodput(name: string): void {
    const label = `links ${name}`
    const of = (peer: string, figure: (value: FlowResult) => number): number => this.value(label, peer, figure)
    const best = Math.max(...REFERENCES.map((peer) => of(peer, ({ rate }) => rate)).filter((rate) => rate > 0))
    const ratio = of(OURS, ({ rate }) => rate) / best
    const least = isLossy(profiles[name]) ? 1 : CLEAN_SHARE
    this.add(`${name}: goodput, × the best other`, `>= ${least}`, ratio, ratio >= least, fine)
    const [delay, kernelDelay] = [OURS, KERNEL].map((peer) => of(peer, ({ addedP95 }) => addedP95))
    this.add(`${name}: delay added, p95, ms`, `<= ${digits(kernelDelay)}`, delay, delay <= kernelDelay)
    if (!isLossy(profiles[name])) return
    const [cost, kernelCost] = [OURS, KERNEL].map((peer) => of(peer, ({ sentPerDelivered }) => sentPerDelivered))
    const most = kernelCost + 0.02
    this.add(`${name}: sent per delivered`, `<= ${fine(most)}`, cost, cost <= most, fine)
  }

  private outage(name: string): void {
    const label = `outage ${name}`
    const of = (peer: string, figure: (value: { recovered: number; back: number }) => number): number =>
      this.value(label, peer, figure)
    if (SOON.profiles.includes(name)) {
      const time = of(OURS, ({ recovered }) => recovered)
      this.add(`${label}: full rate after the first packet, ms`, `<= ${SOON.time}`, time, time <= SOON.time)
    }
    const [time, kernelTime] = [OURS, KERNEL].map((peer) => of(peer, ({ back }) => back))
    this.add(
      `${label}: full rate after its end, ms`,
      `<= ${digits(1.1 * kernelTime)}`,
      time,
      !(time > 1.1 * kernelTime),
    )
  }

  private reordering(name: string): void {
    const label = `reorder ${name}`
    const part = this.value(label, OURS, ({ rate }: FlowResult) => rate) / reordering[name].rate
    this.add(`${label}: share of the link`, '>= 0.95', part, part >= 0.95, fine)
    const inVain = this.value(label, OURS, needless)
    this.add(`${label}: needless retransmissions, %`, '< 0.1', inVain, inVain < 0.1)
  }

  private file(name: string, size: string): void {
    const label = `file ${name} ${size}`
    const of = (peer: string): number => this.value(label, peer, ({ times }: { times: readonly number[] }) => times)
    const ratio = of(OURS) / Math.min(...KERNELS.map(of).filter((time) => time > 0))
    this.add(`${label}: time, × the best kernel's`, '<= 1.05', ratio, ratio <= 1.05, fine)
  }

  private fairness(name: string): void {
    const label = `fairness ${name}`
    const of = (pair: string, figure: (value: Shares) => number): number => this.value(label, pair, figure)
    for (const control of ['bbr', 'cubic', 'reno']) {
      const index = of(`ours:${control} + ours:${control}`, evenness)
      this.add(`${label}: two of ours with ${control}, Jain`, '>= 0.95', index, index >= 0.95, fine)
    }
    for (const control of ['cubic', 'reno']) {
      const ours = of(`ours:${control} + kernel:${control}`, share)
      this.add(
        `${label}: our ${control} beside the kernel's, our share`,
        '0.33 to 0.67',
        ours,
        ours >= 0.33 && ours <= 0.67,
        fine,
      )
    }
    for (const [mine, theirs] of [
      ['bbr', 'cubic'],
      ['cubic', 'bbr'],
    ]) {
      const ours = of(`ours:${mine} + kernel:${theirs}`, share)
      const most = Math.abs(of(`kernel:${mine} + kernel:${theirs}`, share) - 0.5) + 0.05
      const target = `${fine(Math.max(0, 0.5 - most))} to ${fine(Math.min(1, 0.5 + most))}`
      this.add(
        `${label}: our ${mine} beside the kernel's ${theirs}, our share`,
        target,
        ours,
        Math.abs(ours - 0.5) <= most,
        fine,
      )
    }
  }

  private ackPath(name: string, control: string): void {
    const label = `ackpath ${name}`
    const rate = (peer: string): number => this.value(label, peer, (value: FlowResult) => value.rate)
    const ratio = rate(`ours:${control}`) / rate(`kernel:${control}`)
    this.add(`${label}: goodput of ${control}, × the kernel's`, '>= 1', ratio, ratio >= 1, fine)
  }
}
