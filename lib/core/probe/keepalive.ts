// Keep-alive: does an idle peer still live? RFC 9293 §3.8.4; counting as kernels do.

export class KeepAlive {
  private initialDelay: number
  private interval: number
  private count: number
  /** When the peer was last heard, ms; -Infinity: not yet. */
  heardAt: number = Number.NEGATIVE_INFINITY
  private probes = 0
  private isOn: boolean

  constructor(on: boolean, initialDelay: number, interval: number, count: number) {
    this.isOn = on
    this.initialDelay = initialDelay
    this.interval = interval
    this.count = count
  }

  get on(): boolean {
    return this.isOn
  }

  /** Times in ms. */
  configure(on: boolean, initialDelay: number, interval: number, count: number): void {
    this.isOn = on
    this.initialDelay = initialDelay
    this.interval = interval
    this.count = count
    this.probes = 0
  }

  /** ms of silence before the first probe. */
  get idleTime(): number {
    return this.initialDelay
  }

  /** Something arrived from the peer. */
  onHeard(now: number): void {
    this.heardAt = now
    this.probes = 0
  }

  /** When to look next, ms. */
  deadline(now: number): number {
    const wait = this.probes === 0 ? this.heardAt + this.initialDelay : now + this.interval
    return Math.max(wait, now)
  }

  /** The peer has been silent for long enough. */
  isDue(now: number): boolean {
    // the very sum that deadline() gives: a difference may round to less, and the clock would stand still
    return this.probes > 0 || now >= this.heardAt + this.initialDelay
  }

  /** @returns false: the probes are used up. */
  probe(): boolean {
    if (this.probes >= this.count) return false
    this.probes++
    return true
  }
}
