// A Platform around another whose clock jumps or stands still and whose sends fail, when it is told to.
import type { Alarm, DatagramHandler, DatagramSocket, LocalAddress, Platform } from '../../lib/platform/platform.js'

/** ms: an alarm that rings rings late enough, whatever the sum of two clocks is rounded to. */
const ROUNDING = 1e-6

interface SetAlarm {
  /** On the faulty clock; Infinity: not set. */
  at: number
  readonly inner: Alarm
  readonly ring: () => void
}

export class FaultyPlatform {
  /** The error that a send of so many bytes fails with, told later as machines do; null: it leaves. */
  refuse: (length: number) => string | null = () => null
  refused = 0
  readonly platform: Platform
  private readonly inner: Platform
  private offset = 0
  private frozenAt: number | null = null
  private readonly alarms: Set<SetAlarm> = new Set()

  constructor(inner: Platform) {
    this.inner = inner
    const own = {
      now: () => this.now(),
      alarm: (ring: () => void) => this.alarm(ring),
      bind: (local: LocalAddress, handler: DatagramHandler) => this.bind(local, handler),
    }
    this.platform = Object.assign(Object.create(inner) as Platform, own)
  }

  private now(): number {
    return this.frozenAt ?? this.inner.now() + this.offset
  }

  /** The clock is `ms` later at once, and so is all that waits for it. */
  jump(ms: number): void {
    this.offset += ms
    for (const alarm of this.alarms) this.arm(alarm)
  }

  /** The clock stands still, as while a machine sleeps, until go(): nothing rings. */
  stall(): void {
    this.frozenAt = this.now()
    for (const { inner } of this.alarms) inner.clear()
  }

  /** Goes on from where it stood. */
  go(): void {
    if (this.frozenAt !== null) this.offset = this.frozenAt - this.inner.now()
    this.frozenAt = null
    for (const alarm of this.alarms) this.arm(alarm)
  }

  private arm(alarm: SetAlarm): void {
    if (this.frozenAt !== null) return
    alarm.inner.set(
      alarm.at === Number.POSITIVE_INFINITY ? alarm.at : Math.max(alarm.at - this.offset + ROUNDING, this.inner.now()),
    )
  }

  private alarm(ring: () => void): Alarm {
    const set: SetAlarm = {
      at: Number.POSITIVE_INFINITY,
      ring,
      inner: this.inner.alarm(() => {
        set.at = Number.POSITIVE_INFINITY
        ring()
      }),
    }
    this.alarms.add(set)
    return {
      set: (at) => {
        set.at = at
        this.arm(set)
      },
      clear: () => {
        set.at = Number.POSITIVE_INFINITY
        set.inner.clear()
      },
      ref: () => set.inner.ref(),
      unref: () => set.inner.unref(),
    }
  }

  private bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket {
    const socket = this.inner.bind(local, handler)
    const send = (parts: readonly Uint8Array[], address: string, port: number): boolean => {
      const code = this.refuse(parts.reduce((sum, part) => sum + part.length, 0))
      if (code === null) return socket.send(parts, address, port)
      this.refused++
      const error = Object.assign(new Error(`send ${code} ${address}:${port}`), {
        code,
        syscall: 'send',
        address,
        port,
      })
      this.inner.defer(() => handler.onError(error))
      return true
    }
    return Object.assign(Object.create(socket) as DatagramSocket, { send, reserve: undefined })
  }
}
