// Channels that are settled when the program has had its say (decision 029), and its immediates, too, where the end came with text (decision 040).
import type { Platform } from '../platform/platform.js'
import type { Channel } from './channel.js'

export class ProgramsTurn {
  private readonly platform: Platform
  /** Is given those whose time has come. */
  private readonly settle: (channels: readonly Channel[]) => void
  private awaited: Channel[] = []
  private awaiting = false
  private patient: Channel[] = []

  constructor(platform: Platform, settle: (channels: readonly Channel[]) => void) {
    this.platform = platform
    this.settle = settle
  }

  add(channel: Channel): void {
    this.awaited.push(channel)
  }

  /** What the program was to be told of those added has been told. */
  begin(): void {
    if (this.awaited.length === 0 || this.awaiting) return
    this.awaiting = true
    this.platform.afterTicks(this.onSpoken)
  }

  private readonly onSpoken = (): void => {
    const { awaited } = this
    this.awaiting = false
    this.awaited = []
    for (const channel of awaited) if (channel.patient) this.wait(channel)
    this.settle(awaited.filter((channel) => !channel.patient))
  }

  private wait(channel: Channel): void {
    if (this.patient.push(channel) === 1) this.platform.defer(this.onTurn)
  }

  private readonly onTurn = (): void => {
    const { patient } = this
    this.patient = []
    for (const channel of patient) channel.patient = false
    this.settle(patient)
  }
}
