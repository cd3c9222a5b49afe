// An alarm by setTimeout, moved only to an earlier time: when it rings too early, it is set anew.
import type { Alarm } from './platform.js'
import { clearTimeout, now, setTimeout } from './time.js'

const MAX_TIMEOUT = 2 ** 31 - 1

export class TimeoutAlarm implements Alarm {
  private readonly onRing: () => void
  private timer: NodeJS.Timeout | null = null
  private timerAt = Number.POSITIVE_INFINITY
  private at = Number.POSITIVE_INFINITY
  private refd = true

  constructor(onRing: () => void) {
    this.onRing = onRing
  }

  set(at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.clear()
      return
    }
    this.at = at
    if (this.timer !== null) {
      if (this.timerAt <= at) return
      clearTimeout(this.timer)
    }
    this.start()
  }

  clear(): void {
    this.at = Number.POSITIVE_INFINITY
    this.timerAt = Number.POSITIVE_INFINITY
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  ref(): void {
    this.refd = true
    this.timer?.ref()
  }

  unref(): void {
    this.refd = false
    this.timer?.unref()
  }

  private start(): void {
    const delay = Math.min(Math.max(1, Math.ceil(this.at - now())), MAX_TIMEOUT)
    this.timerAt = this.at
    this.timer = setTimeout(this.ring, delay)
    if (!this.refd) this.timer.unref()
  }

  private readonly ring = (): void => {
    this.timer = null
    this.timerAt = Number.POSITIVE_INFINITY
    if (this.at === Number.POSITIVE_INFINITY) return
    if (this.at > now() + 1) {
      this.start()
      return
    }
    this.at = Number.POSITIVE_INFINITY
    this.onRing()
  }
}
