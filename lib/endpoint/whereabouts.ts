// What a connection is told of where it lives, and what it leaves behind for those that come later.
import type { Queue, Surroundings } from '../core/surroundings.js'
import type { Trace } from '../core/trace.js'
import type { Platform } from '../platform/platform.js'
import { isLoopback } from './address.js'
import type { Channel } from './channel.js'
import type { Commons } from './commons.js'
import type { HostCache } from './host-cache.js'

/** A stack's part of it. */
export interface Whereabouts {
  readonly platform: Platform
  readonly hosts: HostCache
  readonly trace: ((channel: Channel) => Trace | null) | null
}

export function surroundingsOf(
  channel: Channel,
  { platform, hosts, trace }: Whereabouts,
  { budget, defences }: Commons,
  queue: Queue,
): Surroundings {
  const { local, peerAddress, remembers } = channel
  return {
    trace: trace?.(channel) ?? null,
    memory: remembers ? hosts.recall(peerAddress, platform.now()) : null,
    link: local.link,
    room: local.room,
    budget,
    defences,
    queue,
    isLocal: isLoopback(peerAddress) || peerAddress === local.address,
    allocate: platform.allocate,
  }
}

/** What it has seen of its path. */
export function leaveBehind({ remembers, connection, peerAddress }: Channel, hosts: HostCache, now: number): void {
  const seen = remembers ? connection.pathMemory() : null
  if (seen !== null) hosts.learn(peerAddress, seen, now)
}
