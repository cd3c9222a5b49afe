// What servers and listen() can be told: the options of node:net, and ours beside them.
import type { BlockList } from 'node:net'
import type { ListenTransportOptions, TransportOptions } from './options.js'

/** What a server can be told of all its connections. */
export interface ServerOpts extends TransportOptions, ListenTransportOptions {
  /** Keep the writable side of sockets open after the peer's FIN. @default false */
  allowHalfOpen?: boolean | undefined
  /** Sockets arrive paused. @default false */
  pauseOnConnect?: boolean | undefined
  /** Send small writes at once (Nagle off). @default false */
  noDelay?: boolean | undefined
  /** Probe idle connections. @default false */
  keepAlive?: boolean | undefined
  /** Idle ms before the first probe; 0: two hours. @default 0 */
  keepAliveInitialDelay?: number | undefined
  /** Bytes in the buffers of a socket's streams. @default Node's */
  highWaterMark?: number | undefined
  /** Addresses not to accept connections from. */
  blockList?: BlockList | undefined
  captureRejections?: boolean | undefined
}

/** Where to listen. */
export interface ListenOptions extends ListenTransportOptions {
  /** TCP port, 0 to 65535; 0: a free one. */
  port?: number | string | undefined
  /** A name or an IP address. @default '::', or '0.0.0.0' where there is no IPv6 */
  host?: string | undefined
  /** Half-open connections at most, 1 to 4096. @default 511 */
  backlog?: number | undefined
  exclusive?: boolean | undefined
  /** Under '::', no IPv4. @default false */
  ipv6Only?: boolean | undefined
  /** Aborting it closes the server. */
  signal?: AbortSignal | undefined
}

/** Both ends of a connection that `maxConnections` turned away. */
export interface DropArgument {
  localAddress?: string
  localPort?: number
  localFamily?: string
  remoteAddress?: string
  remotePort?: number
  remoteFamily?: string
}
