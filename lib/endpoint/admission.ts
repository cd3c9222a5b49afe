// Who may live on an endpoint, and what each is charged for: the limits on connections, on those of one address, and on memory.
import { AddressCount } from './address-count.js'
import type { Channel } from './channel.js'
import type { Commons } from './commons.js'
import type { StackLimits } from './limits.js'

/** ms between two looks at all connections for what may be shed. */
const SHED_INTERVAL = 1000
/** Who has been silent for so long, ms, does not fill a hole. */
const SILENCE = 10_000

export class Admission {
  /** SYNs, or handshakes, that found no room: of connections, of those of their address, of memory. */
  refusedByLimit = 0
  refusedPerAddress = 0
  refusedByMemory = 0
  readonly commons: Commons
  private readonly limits: StackLimits
  private shedAt = Number.NEGATIVE_INFINITY
  private perAddress: AddressCount | null = null

  constructor(commons: Commons, limits: StackLimits) {
    this.commons = commons
    this.limits = limits
  }

  /** There is no room for a connection from `address` beside `channels` others. */
  isRefused(address: string, channels: number): boolean {
    if (channels >= this.limits.maxEndpointConnections) this.refusedByLimit++
    else if (this.commons.budget.isSpent) this.refusedByMemory++
    else if (this.perAddress?.isFull(address)) this.refusedPerAddress++
    else return false
    return true
  }

  /** Made-up addresses do not come so far: from here on it counts among those of its own. @returns false: there are too many. */
  established(channel: Channel): boolean {
    this.perAddress ??= new AddressCount(this.limits.maxConnectionsPerAddress)
    channel.counted = this.perAddress.add(channel.peerAddress)
    if (!channel.counted) this.refusedPerAddress++
    return channel.counted
  }

  /** It would be followed to `address`, and counts among those of that one. @returns false: there are too many. */
  moves(channel: Channel, address: string): boolean {
    const { perAddress } = this
    if (!channel.counted || perAddress === null) return true
    perAddress.remove(channel.peerAddress)
    if (perAddress.add(address)) return true
    perAddress.add(channel.peerAddress)
    this.refusedPerAddress++
    return false
  }

  /** Charges it for what its buffers take now. */
  account(channel: Channel): void {
    const change = channel.connection.memory - channel.memory
    if (change === 0) return
    channel.memory += change
    this.commons.budget.charge(change)
  }

  /** Memory is spent, and it is a while since all were asked to shed some. */
  wantsShedding(now: number): boolean {
    if (!this.commons.budget.isSpent || now - this.shedAt < SHED_INTERVAL) return false
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
    if (!channel.detached) this.commons.budget.orphans.add(channel)
  }

  left(channel: Channel): void {
    const { budget } = this.commons
    budget.orphans.delete(channel)
    budget.charge(-channel.memory)
    channel.memory = 0
    if (channel.counted) this.perAddress?.remove(channel.peerAddress)
  }
}
