// Who may live on an endpoint, and what each is charged for: the limits on connections, on those of one address, and on memory.
import { AddressCount } from './address-count.js'
import type { BufferBudget } from './budget.js'
import type { Channel } from './channel.js'
import type { Counts } from './counts.js'
import type { StackLimits } from './limits.js'

/** ms between two looks at all connections for what may be shed. */
const SHED_INTERVAL = 1000
/** Who has been silent for so long, ms, does not fill a hole. */
const SILENCE = 10_000

export class Admission {
  private readonly counts: Counts
  private readonly budget: BufferBudget
  private readonly limits: StackLimits
  private shedAt = Number.NEGATIVE_INFINITY
  private perAddress: AddressCount | null = null

  constructor(counts: Counts, budget: BufferBudget, limits: StackLimits) {
    this.counts = counts
    this.budget = budget
    this.limits = limits
  }

  /** There is no room for a connection from `address` beside `channels` others. */
  isRefused(address: string, channels: number): boolean {
    if (channels >= this.limits.maxEndpointConnections) this.counts.refusedByLimit++
    else if (this.budget.isSpent) this.counts.refusedByMemory++
    else if (this.perAddress?.isFull(address)) this.counts.refusedPerAddress++
    else return false
    return true
  }

  /** Made-up addresses do not come so far: from here on it counts among those of its own. @returns false: there are too many. */
  established(channel: Channel): boolean {
    this.perAddress ??= new AddressCount(this.limits.maxConnectionsPerAddress)
    channel.counted = this.perAddress.add(channel.peerAddress)
    if (!channel.counted) this.counts.refusedPerAddress++
    return channel.counted
  }

  /** It would be followed to `address`, and counts among those of that one. @returns false: there are too many. */
  moves(channel: Channel, address: string): boolean {
    const { perAddress } = this
    if (!channel.counted || perAddress === null) return true
    perAddress.remove(channel.peerAddress)
    if (perAddress.add(address)) return true
    perAddress.add(channel.peerAddress)
    this.counts.refusedPerAddress++
    return false
  }

  /** Charges it for what its buffers take now. */
  account(channel: Channel): void {
    const change = channel.connection.memory - channel.memory
    if (change === 0) return
    channel.memory += change
    this.budget.charge(change)
  }

  /** Memory is spent, and it is a while since all `channels` of an endpoint were asked to shed some; one alone is soon asked. */
  wantsShedding(channels: number, now: number): boolean {
    if (!this.budget.isSpent || channels === 0) return false
    if (channels === 1) return true
    if (now - this.shedAt < SHED_INTERVAL) return false
    this.shedAt = now
    return true
  }

  /** Lets go of what `channel` holds above a hole, if its peer does nothing to fill it. */
  shed(channel: Channel, now: number): void {
    channel.connection.shed(now - SILENCE)
    this.account(channel)
  }

  /** Its owner is gone. */
  released(channel: Channel): void {
    if (!channel.detached) this.budget.orphaned(channel)
  }

  left(channel: Channel): void {
    const { budget } = this
    budget.left(channel)
    budget.charge(-channel.memory)
    channel.memory = 0
    if (channel.counted) this.perAddress?.remove(channel.peerAddress)
  }
}
