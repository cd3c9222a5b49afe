// Our own options beside those of node:net: what they mean, their ranges, and the core's Config made of them.
import { type Config, createConfig } from '../core/config.js'
import { type CongestionControlName, congestionControls, findCongestionControl } from '../core/congestion/algorithms.js'
import type { CongestionAlgorithm } from '../core/congestion/controller.js'
import { Stack } from '../endpoint/stack.js'
import { checkBoolean, checkInteger, MAX_DELAY } from './arguments.js'
import { invalidArgType, invalidArgValue } from './errors.js'

/** How a connection behaves. All are optional; a wrong type throws ERR_INVALID_ARG_TYPE, a number out of range ERR_OUT_OF_RANGE, a name that is none ERR_INVALID_ARG_VALUE. */
export interface TransportOptions {
  /** The stack to live on: the machine's, or one of `tcp-over-udp/testing`. @default the machine's */
  stack?: Stack | undefined
  /** Whole time for connecting, ms, 0 to 2^31 - 1; 0: only `maxRetries` limits it. @default 0 */
  connectTimeout?: number | undefined
  /** Retransmission time-out before the first round-trip sample, ms, 1 to 2^31 - 1. @default 1000 (RFC 6298 §2.1) */
  initialRto?: number | undefined
  /** Lower bound of the retransmission time-out, ms, 1 to `maxRto`. @default 200, or `maxRto` if that is less */
  minRto?: number | undefined
  /** Upper bound of the retransmission time-out and of its back-off, ms, `minRto` to 2^31 - 1. @default 60000 (RFC 6298 §2.5) */
  maxRto?: number | undefined
  /**
   * Retransmissions of one segment, or unanswered window probes, before ETIMEDOUT, 1 to 255; progress starts the count anew.
   * A SYN,ACK is sent again 6 times at most. @default 15 for data and FIN, 7 for a SYN, 5 for a SYN,ACK (RFC 9293 §3.8.3)
   */
  maxRetries?: number | undefined
  /** Between unanswered keep-alive probes, ms, 1 to 2^31 - 1. @default 75000 */
  keepAliveInterval?: number | undefined
  /** Unanswered keep-alive probes before ETIMEDOUT, 1 to 255. @default 9 (RFC 9293 §3.8.4) */
  keepAliveCount?: number | undefined
  /**
   * Longest time in which a connection sends nothing, so that a NAT on the way keeps its mapping, ms, 0 to 2^31 - 1; 0: off. Behind a
   * NAT 25000 is right (RFC 4787 REQ-5: mappings may go after two minutes, and many go after 30 s). It ends no connection. @default 0
   */
  natKeepAlive?: number | undefined
  /**
   * Follow a peer whose UDP address or port has changed, as behind a NAT that forgot it, once the new path has proved itself. Both ends
   * have to ask for it, and to have `timestamps`. With it connect() does not hear of a closed UDP port (ICMP): it ends by ETIMEDOUT then.
   * @default false
   */
  followPeer?: boolean | undefined
  /** Time without progress, with data waiting, before ETIMEDOUT, ms, 0 to 2^31 - 1; 0: off. @default 0 (RFC 9293 §3.9.1) */
  userTimeout?: number | undefined
  /** Maximum segment lifetime, ms, 0 to 2^31 - 1; TIME-WAIT lasts twice this. @default 30000 */
  msl?: number | undefined
  /**
   * Longest time without progress that unacknowledged data or FIN hold the process after the socket is destroyed,
   * ms, 0 to 2^31 - 1; 0: not at all. @default 5000
   */
  lingerTimeout?: number | undefined
  /** Bytes written and not yet acknowledged, 1 to 2^31 - 1; of these 128 to 512 KiB may wait unsent. @default 16777216 */
  sendBuffer?: number | undefined
  /** Upper limit of the receive window, bytes, 1 to 2^31 - 1. @default 12582912 */
  maxReceiveBuffer?: number | undefined
  /** Size of the kernel's receive buffer to ask for (SO_RCVBUF), bytes, 0 to 2^31 - 1. @default 4194304 */
  recvBufferSize?: number | undefined
  /**
   * Send and receive many datagrams with one call (Linux, with the package `koffi` installed); else, or with false, node:dgram alone
   * does it, one by one. @default true
   */
  offload?: boolean | undefined
  /** Largest payload plus options of a segment, bytes, 536 to 65495. @default what `mtu` and the path allow: 1452 over Ethernet and IPv4 */
  mss?: number | undefined
  /** Largest IP packet, bytes, 576 to 65535. @default that of the local interface */
  mtu?: number | undefined
  /**
   * Begin with the round trip and slow-start threshold that earlier connections with the same host had, and leave the same.
   * @default false (RFC 9040)
   */
  hostCache?: boolean | undefined
  /** By name, or one of your own. @default 'cubic' (RFC 9438) */
  congestionControl?: CongestionControlName | CongestionAlgorithm | undefined
  /** Offer and accept window scaling. @default true (RFC 7323 §2) */
  windowScaling?: boolean | undefined
  /** Offer and accept timestamps. @default true (RFC 7323 §3) */
  timestamps?: boolean | undefined
  /** Offer and accept selective acknowledgments. @default true (RFC 2018) */
  sack?: boolean | undefined
}

/** Where a connection goes and comes from, in UDP's ports. */
export interface ConnectTransportOptions extends TransportOptions {
  /** UDP port to send to, where it differs from the TCP port, 0 to 65535. @default `port` */
  udpPort?: number | undefined
  /** UDP port to send from, 0 to 65535; shared if the stack has it bound already. @default `localPort`, or any free one */
  localUdpPort?: number | undefined
}

/** Where a server listens, in UDP's ports. */
export interface ListenTransportOptions {
  /** UDP port to bind, where it differs from the TCP port, 0 to 65535. @default `port` */
  udpPort?: number | undefined
  /**
   * Share the UDP port with other processes and threads that ask for it too: the system gives each its peers, as long as none of them
   * leaves or joins (docs/scaling.md). Needs Node 22.12 or 23.1, or koffi on Linux; elsewhere 'error' is ENOTSUP. @default false
   */
  reusePort?: boolean | undefined
  /** What close() does with TIME-WAIT records: keep them and the UDP port, or release both. @default 'keep' */
  timeWait?: 'keep' | 'release' | undefined
  /** Many datagrams with one call, where the machine can do that. @default true */
  offload?: boolean | undefined
  /** Size of the kernel's receive buffer to ask for (SO_RCVBUF), bytes, 0 to 2^31 - 1. @default 4194304 */
  recvBufferSize?: number | undefined
}

/** Options that were checked; undefined: not chosen. */
export type Transport = Readonly<ConnectTransportOptions & ListenTransportOptions>

/** No SYN of ours names less. */
const MIN_MSS = 536
const MOST = 65_535
const DEFAULT_LINGER_TIMEOUT = 5000
const DEFAULT_MIN_RTO = 200
const DEFAULT_MAX_RTO = 60_000
const MOST_SYN_ACK_RETRIES = 6

/** @returns what is chosen by `value`. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE. */
type Check = (value: unknown, name: string) => unknown

const integer =
  (min: number, max: number): Check =>
  (value, name) => {
    checkInteger(value, name, min, max)
    return value
  }

const boolean: Check = (value, name) => {
  checkBoolean(value, name)
  return value
}

const CHECKS: ReadonlyMap<string, Check> = new Map<keyof Transport, Check>([
  ['connectTimeout', integer(0, MAX_DELAY)],
  ['initialRto', integer(1, MAX_DELAY)],
  ['minRto', integer(1, MAX_DELAY)],
  ['maxRto', integer(1, MAX_DELAY)],
  ['maxRetries', integer(1, 255)],
  ['keepAliveInterval', integer(1, MAX_DELAY)],
  ['keepAliveCount', integer(1, 255)],
  ['natKeepAlive', integer(0, MAX_DELAY)],
  ['userTimeout', integer(0, MAX_DELAY)],
  ['msl', integer(0, MAX_DELAY)],
  ['lingerTimeout', integer(0, MAX_DELAY)],
  ['sendBuffer', integer(1, 2 ** 31 - 1)],
  ['maxReceiveBuffer', integer(1, 2 ** 31 - 1)],
  ['recvBufferSize', integer(0, 2 ** 31 - 1)],
  ['mss', integer(536, 65495)],
  ['mtu', integer(576, 65535)],
  ['udpPort', integer(0, 65535)],
  ['localUdpPort', integer(0, 65535)],
  ['windowScaling', boolean],
  ['timestamps', boolean],
  ['sack', boolean],
  ['reusePort', boolean],
  ['hostCache', boolean],
  ['offload', boolean],
  ['followPeer', boolean],
  ['stack', checkStack],
  ['timeWait', checkTimeWait],
  ['congestionControl', algorithmOf],
])

/** Nothing is chosen. */
const DEFAULTS: Transport = Object.freeze({})

/** `base` with what `options` choose over it; `base` itself if that is nothing. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE. */
export function resolveTransport(options: object | null | undefined, base: Transport = DEFAULTS): Transport {
  const given = (options ?? DEFAULTS) as Record<string, unknown>
  let chosen: Record<string, unknown> | null = null
  // also what options inherit, as node:net takes them
  for (const name in given) {
    const check = CHECKS.get(name)
    if (check === undefined || given[name] === undefined) continue
    chosen ??= { ...base }
    chosen[name] = check(given[name], `options.${name}`)
  }
  if (chosen === null) return base
  const { minRto, maxRto } = chosen as Transport
  if (minRto !== undefined && maxRto !== undefined) checkInteger(minRto, 'options.minRto', 1, maxRto)
  return chosen
}

function checkStack(value: unknown, name: string): Stack {
  if (!(value instanceof Stack)) throw invalidArgType(name, 'an instance of Stack', value)
  return value
}

function checkTimeWait(value: unknown, name: string): unknown {
  if (value !== 'keep' && value !== 'release') throw invalidArgValue(name, value, "must be one of: 'keep', 'release'")
  return value
}

function algorithmOf(value: unknown, name: string): CongestionAlgorithm {
  if (typeof value === 'string') {
    const found = findCongestionControl(value)
    if (found !== undefined) return found
    const names = congestionControls.map((name) => `'${name}'`).join(', ')
    throw invalidArgValue(name, value, `must be one of: ${names}`)
  }
  const algorithm = value as Partial<CongestionAlgorithm> | null
  if (typeof algorithm !== 'object' || algorithm === null || typeof algorithm.create !== 'function') {
    throw invalidArgType(name, 'of type string or a congestion algorithm', value)
  }
  return algorithm as CongestionAlgorithm
}

/** What the methods of a socket switch, as it stands when the connection is made. */
export interface Switches {
  readonly noDelay: boolean
  readonly keepAlive: boolean
  /** ms; 0: the default. */
  readonly keepAliveInitialDelay: number
  /** ms, and how many; 0: as the options say. */
  readonly keepAliveInterval: number
  readonly keepAliveCount: number
}

/** None of them was touched. */
export const SWITCHES: Switches = Object.freeze({
  noDelay: false,
  keepAlive: false,
  keepAliveInitialDelay: 0,
  keepAliveInterval: 0,
  keepAliveCount: 0,
})

const WITHOUT_NAGLE: Switches = Object.freeze({ ...SWITCHES, noDelay: true })

/** `chosen` over `switches`: nothing is made for those that most sockets have. */
export function switched(switches: Switches, chosen: Partial<Switches>): Switches {
  const all = { ...switches, ...chosen }
  const isUsual = !all.keepAlive && all.keepAliveInitialDelay + all.keepAliveInterval + all.keepAliveCount === 0
  if (!isUsual) return all
  return all.noDelay ? WITHOUT_NAGLE : SWITCHES
}

/** Made before, of the same choices: connections that are alike share one. */
const made: WeakMap<Transport, Map<number, Config>> = new WeakMap()
/** Of one transport. */
const MOST_MADE = 16

/** The core's configuration of a connection over IPv4 or IPv6. */
export function configOf(transport: Transport, family: number, switches: Switches): Config {
  const { noDelay, keepAlive, keepAliveInitialDelay, keepAliveInterval, keepAliveCount } = switches
  if (keepAliveInterval !== 0 || keepAliveCount !== 0) return makeConfig(transport, family, switches)
  let alike = made.get(transport)
  if (alike === undefined) {
    alike = new Map()
    made.set(transport, alike)
  }
  const key = 8 * keepAliveInitialDelay + (family === 6 ? 4 : 0) + (noDelay ? 2 : 0) + (keepAlive ? 1 : 0)
  let config = alike.get(key)
  if (config === undefined) {
    config = makeConfig(transport, family, switches)
    if (alike.size === MOST_MADE) alike.clear()
    alike.set(key, config)
  }
  return config
}

/** The same, made anew. */
export function makeConfig(transport: Transport, family: number, switches: Switches): Config {
  const { maxRetries, minRto, maxRto, congestionControl } = transport
  return createConfig({
    mss: Math.min(transport.mss ?? 65495, mssOf(transport.mtu ?? MOST, family)),
    noDelay: switches.noDelay,
    keepAlive: switches.keepAlive,
    keepAliveInitialDelay: switches.keepAliveInitialDelay || undefined,
    keepAliveInterval: switches.keepAliveInterval || transport.keepAliveInterval,
    keepAliveCount: switches.keepAliveCount || transport.keepAliveCount,
    natKeepAlive: transport.natKeepAlive,
    followPeer: transport.followPeer,
    connectTimeout: transport.connectTimeout,
    initialRto: transport.initialRto,
    minRto: minRto ?? Math.min(DEFAULT_MIN_RTO, maxRto ?? DEFAULT_MIN_RTO),
    maxRto: maxRto ?? Math.max(DEFAULT_MAX_RTO, minRto ?? 0),
    maxRetries,
    maxSynRetries: maxRetries,
    // a SYN may be made up: seven answers at most
    maxSynAckRetries: maxRetries === undefined ? undefined : Math.min(maxRetries, MOST_SYN_ACK_RETRIES),
    userTimeout: transport.userTimeout,
    msl: transport.msl,
    sendBuffer: transport.sendBuffer,
    maxReceiveBuffer: transport.maxReceiveBuffer,
    windowScaling: transport.windowScaling,
    timestamps: transport.timestamps,
    sack: transport.sack,
    congestion: congestionControl as CongestionAlgorithm | undefined,
  })
}

/** What is left of an IP packet for text and options, between the headers of IP and UDP and that of TCP. */
function mssOf(mtu: number, family: number): number {
  return Math.max(MIN_MSS, mtu - (family === 6 ? 48 : 28) - 20)
}

/** Longest time without progress that what is unacknowledged holds the process, ms. */
export function lingerTimeoutOf(transport: Transport): number {
  return transport.lingerTimeout ?? DEFAULT_LINGER_TIMEOUT
}
