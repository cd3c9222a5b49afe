// One direction of a path: rate, queue, delay and all that can happen to a datagram on the way.
import type { Scheduler } from './clock.js'
import { Datagram, type Fate } from './datagram.js'
import type { Random } from './random.js'

/** Whether to lose `datagram`, the `n`-th (from 1) since this rule was set. */
export type LossRule = (datagram: Datagram, n: number) => boolean

export interface LinkOptions {
  /** bit/s; headers of IP and UDP count. @default Infinity */
  rate: number
  /** What waits for the rate, and is being sent, at most, in bytes; more is dropped (drop-tail). @default Infinity */
  queue: number
  /** ms, one way. @default 1 */
  delay: number
  /** Up to so many ms more, evenly spread; the order is kept. @default 0 */
  jitter: number
  /** Share that is lost at random, 0 to 1. @default 0 */
  loss: number
  /** Loss in bursts (Gilbert-Elliott). @default null */
  burst: BurstLoss | null
  /** Share that is held back by `reorderDelay`, so that later ones overtake it, 0 to 1. @default 0 */
  reorder: number
  /** ms. @default 10 */
  reorderDelay: number
  /** Share that arrives twice, 0 to 1. @default 0 */
  duplicate: number
  /** Share that is damaged, 0 to 1: lost, as UDP's checksum makes it. @default 0 */
  corrupt: number
  /** Damaged ones arrive, with one to three bits turned over. @default false */
  undetected: boolean
  /** Longest IP packet, bytes; a longer one vanishes without a word. @default Infinity */
  mtu: number
  /** Times, [from, to) in ms of the clock, in which nothing gets through. @default [] */
  outages: readonly (readonly [from: number, to: number])[]
  /** Exactly which to lose: numbers, counted from 1 when this was set, or a rule. @default [] */
  lose: readonly number[] | LossRule
}

/** Two states, one of which loses: decided anew for each datagram. */
export interface BurstLoss {
  /** Probability to go from good to bad, 0 to 1. */
  enter: number
  /** Probability to go back, 0 to 1: a burst lasts 1 / leave datagrams on average. */
  leave: number
  /** Share that is lost in the bad state, 0 to 1. @default 1 */
  loss?: number
}

const PERFECT: LinkOptions = {
  rate: Infinity,
  queue: Infinity,
  delay: 1,
  jitter: 0,
  loss: 0,
  burst: null,
  reorder: 0,
  reorderDelay: 10,
  duplicate: 0,
  corrupt: 0,
  undetected: false,
  mtu: Infinity,
  outages: [],
  lose: [],
}

/** A rule that loses the first `count` datagrams for which `matches` holds. */
export function first(count: number, matches: (datagram: Datagram) => boolean): LossRule {
  let left = count
  return (datagram) => left > 0 && matches(datagram) && left-- > 0
}

export class Link {
  /** Datagrams that entered, that were handed on (copies count), and that were not. */
  readonly stats = { entered: 0, delivered: 0, lost: 0 }
  private current: LinkOptions = PERFECT
  private readonly clock: Scheduler
  private readonly random: Random
  private bad = false
  private judged = 0
  private busyUntil = -Infinity
  private lastArrival = -Infinity

  constructor(clock: Scheduler, random: Random, options: Partial<LinkOptions> = {}) {
    this.clock = clock
    this.random = random
    this.set(options)
  }

  get options(): Readonly<LinkOptions> {
    return this.current
  }

  /** Changes these options from now on; datagrams on their way stay as they are. @throws RangeError */
  set(options: Partial<LinkOptions>): this {
    check(options)
    const { rate } = this.current
    this.current = { ...this.current, ...options }
    if (options.lose !== undefined) this.judged = 0
    const now = this.clock.now()
    if (this.current.rate !== rate && this.busyUntil > now) {
      this.busyUntil = rate === Infinity ? now : now + ((this.busyUntil - now) * rate) / this.current.rate
    }
    return this
  }

  /** Bytes that wait for the rate, or are being sent, now. */
  get queued(): number {
    const { rate } = this.current
    return rate === Infinity ? 0 : (Math.max(0, this.busyUntil - this.clock.now()) * rate) / 8_000
  }

  /** Takes `datagram`; calls `deliver` at its time, for each copy, or never, and then its `fate` says why. */
  send(datagram: Datagram, deliver: (datagram: Datagram) => void): void {
    this.stats.entered++
    const { random } = this
    const { corrupt, undetected, jitter, reorder, reorderDelay, duplicate } = this.current
    const passed = this.pass(datagram)
    const damaged = random.chance(corrupt)
    if (typeof passed === 'string' || (damaged && !undetected)) {
      datagram.fate = typeof passed === 'string' ? passed : 'corrupt'
      this.stats.lost++
      return
    }
    let arrival = passed + (jitter > 0 ? random.next() * jitter : 0)
    if (random.chance(reorder)) arrival += reorderDelay
    else this.lastArrival = arrival = Math.max(arrival, this.lastArrival)

    this.deliverAt(arrival, damaged ? flip(datagram, random) : datagram, deliver, datagram)
    if (random.chance(duplicate)) this.deliverAt(arrival, again(datagram), deliver)
  }

  /** @returns when it arrives at the earliest, ms, or why it does not. */
  private pass(datagram: Datagram): number | Fate {
    const { rate, queue, delay } = this.current
    const refused = this.refuse(datagram)
    if (refused !== null) return refused
    let departure = this.clock.now()
    if (rate !== Infinity) {
      const { queued } = this
      // what is longer than the queue still gets through an idle link
      if (queued > 0 && queued + datagram.packetLength > queue) return 'queue full'
      departure = this.busyUntil = Math.max(departure, this.busyUntil) + (datagram.packetLength * 8_000) / rate
    }
    // lost on the wire: after the queue, so that what is lost has used the rate
    return this.isLost() ? 'lost' : departure + delay
  }

  private deliverAt(at: number, arriving: Datagram, deliver: (datagram: Datagram) => void, sent = arriving): void {
    this.clock.at(at, () => {
      this.stats.delivered++
      sent.fate = arriving.fate = 'delivered'
      sent.arrivedAt = arriving.arrivedAt = this.clock.now()
      deliver(arriving)
      sent.fate = arriving.fate // the machine called may have thought otherwise
    })
  }

  private refuse(datagram: Datagram): Fate | null {
    const { outages, lose, mtu } = this.current
    const now = this.clock.now()
    this.judged++
    const chosen = typeof lose === 'function' ? lose(datagram, this.judged) : lose.includes(this.judged)
    for (const [from, to] of outages) if (now >= from && now < to) return 'outage'
    if (chosen) return 'lost'
    return datagram.packetLength > mtu ? 'too long' : null
  }

  private isLost(): boolean {
    const { burst, loss } = this.current
    if (burst !== null) {
      this.bad = this.random.chance(this.bad ? 1 - burst.leave : burst.enter)
      if (this.bad && this.random.chance(burst.loss ?? 1)) return true
    }
    return this.random.chance(loss)
  }
}

function again(datagram: Datagram): Datagram {
  const { at, bytes, from, fromPort, to, toPort } = datagram
  return new Datagram(at, new Uint8Array(bytes), from, fromPort, to, toPort, true)
}

function flip(datagram: Datagram, random: Random): Datagram {
  const bytes = new Uint8Array(datagram.bytes)
  for (let bits = 1 + random.below(3); bits > 0 && bytes.length > 0; bits--) {
    bytes[random.below(bytes.length)] ^= 1 << random.below(8)
  }
  const { at, from, fromPort, to, toPort } = datagram
  return new Datagram(at, bytes, from, fromPort, to, toPort)
}

function check(options: Partial<LinkOptions>): void {
  for (const name of ['loss', 'reorder', 'duplicate', 'corrupt'] as const) between(name, options[name], 0, 1)
  for (const name of ['delay', 'jitter', 'reorderDelay'] as const) between(name, options[name], 0, Number.MAX_VALUE)
  for (const name of ['rate', 'queue', 'mtu'] as const) between(name, options[name], Number.MIN_VALUE, Infinity)
  if (options.burst) {
    for (const name of ['enter', 'leave', 'loss'] as const) between(`burst.${name}`, options.burst[name], 0, 1)
  }
}

function between(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (value >= least && value <= most)) return
  throw new RangeError(`${name} must be ${least} to ${most}, not ${value}`)
}
