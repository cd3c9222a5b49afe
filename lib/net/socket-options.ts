// What sockets and connect() can be told: the options of node:net, and ours beside them.
import type { BlockList, LookupFunction } from 'node:net'
import type { DuplexOptions } from 'node:stream'
import type { ConnectTransportOptions } from './options.js'
import type { OnReadOpts } from './own-memory.js'

/** What a new Socket can be told; connect() takes the same. */
export interface SocketConstructorOpts extends ConnectTransportOptions {
  /** Keep the writable side open after the peer's FIN. @default false */
  allowHalfOpen?: boolean | undefined
  /** Send small writes at once (Nagle off). @default false */
  noDelay?: boolean | undefined
  /** Probe an idle connection. @default false */
  keepAlive?: boolean | undefined
  /** Idle ms before the first probe; 0: two hours. @default 0 */
  keepAliveInitialDelay?: number | undefined
  /** Bytes in the stream's own buffers, for both directions or for one. @default Node's */
  highWaterMark?: number | undefined
  readableHighWaterMark?: number | undefined
  writableHighWaterMark?: number | undefined
  readable?: boolean | undefined
  writable?: boolean | undefined
  /** Aborting it destroys the socket. */
  signal?: AbortSignal | undefined
  /** Read into memory of your own instead of through 'data'. */
  onread?: OnReadOpts | undefined
  /** Addresses not to connect to. */
  blockList?: BlockList | undefined
  /** A listener's promise that rejects destroys the socket. @default events.captureRejections */
  captureRejections?: boolean | undefined
}

/** As the types of Node 20 name it. */
export type ConnectOpts = Pick<SocketConstructorOpts, 'onread'>

/** What setKeepAlive() can be told in one object. */
export interface KeepAliveOpts {
  /** @default false */
  enable?: boolean | undefined
  /** Idle ms before the first probe. @default 7200000, or what `keepAliveInitialDelay` said */
  initialDelay?: number | undefined
  /** ms between unanswered probes. @default 75000, or what `keepAliveInterval` said */
  interval?: number | undefined
  /** Unanswered probes before ETIMEDOUT, 255 at most. @default 9, or what `keepAliveCount` said */
  count?: number | undefined
}

/** Where to connect to. */
export interface SocketConnectOpts extends ConnectTransportOptions {
  /** TCP port, 0 to 65535, as a number or in digits. */
  port: number | string
  /** A name or an IP address. @default 'localhost' */
  host?: string | undefined
  localAddress?: string | undefined
  localPort?: number | undefined
  /** 4 or 6: only such addresses of a name; 0: either. @default 0 */
  family?: number | 'IPv4' | 'IPv6' | undefined
  hints?: number | undefined
  /** @default dns.lookup */
  lookup?: LookupFunction | undefined
  /** Try the addresses of a name in turn. @default net.getDefaultAutoSelectFamily() */
  autoSelectFamily?: boolean | undefined
  /** ms for each attempt but the last, 10 or more. @default net.getDefaultAutoSelectFamilyAttemptTimeout() */
  autoSelectFamilyAttemptTimeout?: number | undefined
}

/** All that connect() takes. */
export interface NetConnectOpts extends SocketConstructorOpts, SocketConnectOpts {
  /** ms, as setTimeout() takes it, from the start on. */
  timeout?: number | undefined
}

/** Of the options those that are the stream's. Copied by name: a copy of all, and others added to it, takes longer than the rest. */
export function duplexOptions(options: DuplexOptions & SocketConstructorOpts): DuplexOptions {
  return {
    allowHalfOpen: Boolean(options.allowHalfOpen),
    // net's own 'close' says whether there was an error
    emitClose: false,
    autoDestroy: true,
    decodeStrings: true,
    // signal: an aborted one would destroy what is not there yet
    readable: options.readable,
    writable: options.writable,
    highWaterMark: options.highWaterMark,
    readableHighWaterMark: options.readableHighWaterMark,
    writableHighWaterMark: options.writableHighWaterMark,
    encoding: options.encoding,
    defaultEncoding: options.defaultEncoding,
    captureRejections: options.captureRejections,
    construct: options.construct,
    read: options.read,
    write: options.write,
    writev: options.writev,
    final: options.final,
    destroy: options.destroy,
  } as DuplexOptions & SocketConstructorOpts
}
