// The connections of an endpoint that wait for an answer to their SYN: what the machine says of a peer ends these, and no other (RFC 5927).
import type { Channel } from './channel.js'
import type { LocalSocket } from './local-socket.js'
import { Roster } from './roster.js'

/** What the machine may say of a peer that cannot be reached. */
const UNREACHABLE: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET', // Windows' name for a port unreachable
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'EACCES',
  'EPERM',
  'EINVAL',
])

/** An error of a UDP socket: the peer's address and port, if the machine tells them. */
export type SocketError = Error & { code?: unknown; address?: unknown; port?: unknown }

export class Attempts {
  private readonly channels: Roster<Channel> = new Roster()

  add(channel: Channel): void {
    channel.waits = this.channels.enter(channel)
  }

  /** It has been answered, or is over; it need not be one of them. @returns true: none is left. */
  remove(channel: Channel): boolean {
    // a listener has those that wait for it
    if (channel.acceptor === null) channel.waits = this.channels.leave(channel.waits)
    return this.channels.size === 0
  }

  /** A send through `local` failed: to the peer that `error` names, or to the only one. */
  failed(local: LocalSocket, error: SocketError): void {
    if (!UNREACHABLE.has(error.code)) return
    for (const channel of this.channels) {
      if (channel.local !== local) continue
      const isMeant = error.address === channel.peerAddress && error.port === channel.remoteUdpPort
      if (isMeant || local.peerAddress !== null) channel.unreachable(error)
    }
  }
}
