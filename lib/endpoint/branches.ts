// UDP sockets of an endpoint for one peer each, which has more to send than its part of a shared socket takes (decision 020).
import type { Platform } from '../platform/platform.js'
import { add } from './binding.js'
import type { Channel } from './channel.js'
import { type DatagramSink, LocalSocket } from './local-socket.js'

/** Of an endpoint, and of the descriptors that the process may have open. */
const MOST = 256
const SHARE = 1 / 8
/** ms without a datagram, after which one is for somebody else if there can be no more. */
const SILENCE = 100
/** Bytes to ask for: some of the longest segments. */
const BUFFER = 262_144
/** It is worth it for who has less than this part of that as things are, or less than those who have one. */
const WORTH = 1 / 2

export class Branches {
  /** Each with those who hear through it: all of its peer that have been heard since. */
  private readonly all: Map<LocalSocket, Set<Channel>> = new Map()
  private readonly platform: Platform
  private readonly sink: DatagramSink
  private silentAt = Number.NEGATIVE_INFINITY
  /** By those that are gone. */
  private droppedBefore: number | undefined = 0

  constructor(platform: Platform, sink: DatagramSink) {
    this.platform = platform
    this.sink = sink
  }

  get size(): number {
    return this.all.size
  }

  /** Datagrams that found no room in any of them; undefined: the machine does not say. */
  get dropped(): number | undefined {
    let sum = this.droppedBefore
    for (const branch of this.all.keys()) sum = add(sum, branch.dropped)
    return sum
  }

  /** A branch for `channel`, which has more to receive than its part of its socket's buffer takes; unless it would gain little. */
  make(channel: Channel, now: number): void {
    const { local, peerAddress, remoteUdpPort } = channel
    const { room } = local
    if (!local.canBranch || !room.isShared || (room.bytes >= BUFFER * WORTH && !room.isBehind)) return
    if (this.all.size >= this.most) this.dropSilent(now)
    if (this.all.size >= this.most) return
    const peer = { address: peerAddress, port: remoteUdpPort }
    const recvBufferSize = Math.min(BUFFER, local.askedBuffer)
    try {
      const { address, port } = local
      const branch = new LocalSocket(this.platform, { address, port, peer, recvBufferSize }, this.sink, local)
      branch.unref()
      branch.heardAt = Math.ceil(now)
      this.all.set(branch, new Set())
      this.move(channel, branch)
    } catch {
      // as before, then
    }
  }

  /** `channel` hears through `local` now: the address that was called, or its peer, has got a socket of its own since. */
  move(channel: Channel, local: LocalSocket): void {
    // what had come to its home before there was a branch, or comes to the branch of another before that is one
    if (channel.local.home === local || !local.isFor(channel.peerAddress, channel.remoteUdpPort)) return
    this.leave(channel)
    this.all.get(local)?.add(channel)
    channel.local = local
    channel.connection.setRoom(local.room)
  }

  /** It hears no longer through its branch, if it has one; the last closes it. */
  leave(channel: Channel): void {
    const branch = channel.local
    const users = this.all.get(branch)
    if (users === undefined) return
    users.delete(channel)
    channel.local = branch.home
    channel.connection.setRoom(branch.home.room)
    if (users.size > 0) return
    this.all.delete(branch)
    this.droppedBefore = add(this.droppedBefore, branch.dropped)
    branch.close()
  }

  close(): void {
    for (const branch of this.all.keys()) branch.close()
  }

  private get most(): number {
    return Math.min(MOST, (this.platform.descriptorLimit ?? Number.POSITIVE_INFINITY) * SHARE)
  }

  /** One that has heard nothing for a while is given up; looked for now and then. */
  private dropSilent(now: number): void {
    if (now - this.silentAt < SILENCE) return
    this.silentAt = now
    for (const [branch, users] of this.all) {
      if (now - branch.heardAt <= SILENCE) continue
      for (const user of users) {
        this.leave(user)
        // it may have waited for the branch to drain
        user.host.changed(user)
      }
      return
    }
  }
}
