// Where to connect to and where to listen.

/** How the UDP sockets of an endpoint are made. */
export interface SocketChoices {
  /** SO_RCVBUF to ask for, bytes. @default 4194304 */
  recvBufferSize?: number | undefined
  /** Many datagrams a call, where the machine can do that. @default true */
  offload?: boolean | undefined
}

export interface ConnectTarget extends SocketChoices {
  /** An IP literal. */
  address: string
  /** TCP port of the peer. */
  port: number
  /** UDP port of the peer. @default port */
  udpPort?: number | undefined
  localAddress?: string | undefined
  /** TCP port to connect from; also the UDP port, unless `localUdpPort` says otherwise. @default the UDP port, or a random one if that is shared */
  localPort?: number | undefined
  /** UDP port to connect from, shared with whatever this stack has on it. @default a free one, for this connection alone */
  localUdpPort?: number | undefined
  /** Begin with what earlier connections with that host have left of the path, and leave the same. @default false (RFC 9040) */
  hostCache?: boolean | undefined
}

export interface ListenTarget extends SocketChoices {
  /** An IP literal; '::' takes IPv4 too unless `ipv6Only`. */
  address: string
  /** TCP port; 0: a free one. */
  port: number
  /** UDP port; 0: a free one. @default port */
  udpPort?: number | undefined
  /** Half-open connections at most, 1 to 4096; 0: the default. @default 511 */
  backlog?: number | undefined
  ipv6Only?: boolean | undefined
  /** Several processes may take the UDP port; it is kept until this one ends, unless `timeWait` is 'release' (decision 022). */
  reusePort?: boolean | undefined
  /** Begin with what earlier connections with that host have left of the path, and leave the same. @default false (RFC 9040) */
  hostCache?: boolean | undefined
  /** What happens to TIME-WAIT records when the last connection after close() has ended. @default 'keep' */
  timeWait?: 'keep' | 'release' | undefined
}

/** SO_RCVBUF that is asked for if nothing else is said: the default of many systems loses half of a burst. */
const RECEIVE_BUFFER: number = 4 * 2 ** 20

let latest: Required<SocketChoices> = { recvBufferSize: RECEIVE_BUFFER, offload: true }

/** What is chosen, and what is not: of those who choose the same one after the other, the same object. */
export function socketChoices(chosen: SocketChoices): Readonly<Required<SocketChoices>> {
  const { recvBufferSize = RECEIVE_BUFFER, offload = true } = chosen
  if (recvBufferSize !== latest.recvBufferSize || offload !== latest.offload) latest = { recvBufferSize, offload }
  return latest
}
