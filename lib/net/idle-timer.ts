// The clock behind a socket's 'timeout' event: armed once per idle period, asked again when it rings.
import type { Alarm, Platform } from '../platform/platform.js'

/** Rings `delay` ms after the last touch(); then not again before the next one. It never holds the process. */
export class IdleTimer {
  private readonly platform: Platform
  private readonly delay: number
  private readonly idle: () => void
  private readonly alarm: Alarm
  private touchedAt: number
  private armed = true

  /** `delay`: ms, more than 0. */
  constructor(platform: Platform, delay: number, idle: () => void) {
    this.platform = platform
    this.delay = delay
    this.idle = idle
    this.touchedAt = platform.now()
    this.alarm = platform.alarm(() => this.ring())
    this.alarm.unref()
    this.alarm.set(this.touchedAt + delay)
  }

  /** Something has happened. */
  touch(): void {
    this.touchedAt = this.platform.now()
    if (this.armed) return
    this.armed = true
    this.alarm.set(this.touchedAt + this.delay)
  }

  stop(): void {
    this.alarm.clear()
  }

  private ring(): void {
    const due = this.touchedAt + this.delay
    if (this.platform.now() < due) {
      this.alarm.set(due)
      return
    }
    this.armed = false
    this.idle()
  }
}
