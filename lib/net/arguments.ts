// The argument forms of node:net and their checks: all that can be wrong is thrown before anything is opened.
import { ADDRCONFIG } from 'node:dns'
import net, {
  BlockList,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  type LookupFunction,
} from 'node:net'
import {
  badPort,
  invalidArgType,
  invalidArgValue,
  invalidIpAddress,
  missingConnectArgs,
  outOfRange,
  unsupported,
} from './errors.js'

/** The longest time that Node's timers take, ms. */
export const MAX_DELAY: number = 2 ** 31 - 1

export const NODE_MAJOR: number = Number(process.versions.node.split('.')[0])

// ---- single values, in Node's style

export function checkNumber(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
}

export function checkInteger(value: unknown, name: string, min: number, max: number): asserts value is number {
  checkNumber(value, name)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
}

export function checkBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value)
}

export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value)
}

/** As node:net takes it: what is falsy is none. */
export function checkBlockList(value: unknown): void {
  if (value && !(value instanceof BlockList)) throw invalidArgType('options.blockList', 'an net.BlockList', value)
}

export function checkSignal(value: unknown, name: string): void {
  if (value === undefined) return
  if (value === null || typeof value !== 'object' || !('aborted' in value)) {
    throw invalidArgType(name, 'an instance of AbortSignal', value)
  }
}

/** A port: a number, or a string that is one, hexadecimal included. */
function portOf(value: unknown, name: string): number {
  const port = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  const fits = typeof value === 'number' || typeof value === 'string'
  if (!fits || !Number.isInteger(port) || port < 0 || port > 65535) throw badPort(name, value)
  return port
}

/** What setTimeout() of a socket takes. @returns ms, 0 or 1 to 2^31 - 1; longer times are clipped with Node's warning. */
export function checkTimeout(value: unknown): number {
  checkNumber(value, 'msecs')
  if (value < 0 || !Number.isFinite(value)) throw outOfRange('msecs', 'a non-negative finite number', value)
  if (value > MAX_DELAY) {
    process.emitWarning(
      `${value} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${MAX_DELAY}.`,
      'TimeoutOverflowWarning',
    )
    return MAX_DELAY
  }
  return value > 0 && value < 1 ? 1 : value
}

/** A delay as setKeepAlive() takes it: what is no positive number means the default, 0. */
export function keepAliveDelay(value: unknown): number {
  const delay = Math.floor(Number(value))
  return delay > 0 ? Math.min(delay, MAX_DELAY) : 0
}

/** `keepAliveInitialDelay` among options. @returns ms, 0: the default. */
export function checkKeepAliveDelay(value: unknown): number {
  if (value === undefined) return 0
  checkNumber(value, 'options.keepAliveInitialDelay')
  return keepAliveDelay(value)
}

export function checkObjectModes(options: object | undefined): void {
  const modes = (options ?? {}) as Record<string, unknown>
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
    if (modes[name]) throw invalidArgValue(`options.${name}`, modes[name], 'is not supported')
  }
}

// ---- argument forms

type Callback = () => void
type OptionBag = Record<string | symbol, unknown>

const isPipeName = (value: unknown): value is string => typeof value === 'string' && !(Number(value) >= 0)

/** `(options[, cb])`, `(port[, host][, …][, cb])`, `(path[, …][, cb])` or `([cb])`, as options and callback. */
export function normalizeArguments(args: readonly unknown[]): [options: OptionBag, callback: Callback | null] {
  const [first] = args
  let options: OptionBag = {}
  if (args.length > 0) {
    if (typeof first === 'object' && first !== null) options = first as OptionBag
    else if (isPipeName(first)) options.path = first
    else {
      options.port = first
      if (typeof args[1] === 'string') options.host = args[1]
    }
  }
  const last = args[args.length - 1]
  return [options, typeof last === 'function' ? (last as Callback) : null]
}

/** What connect() is asked for, checked. */
export interface Destination {
  /** A name or an IP literal. */
  readonly host: string
  readonly port: number
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  /** 4 or 6: only that one. */
  readonly family: number | 'IPv4' | 'IPv6' | undefined
  readonly hints: number
  readonly lookup: LookupFunction | undefined
  /** Try a name's addresses in turn. */
  readonly autoSelectFamily: boolean
  /** ms for each attempt but the last. */
  readonly attemptTimeout: number
}

function familyOf(value: unknown): Destination['family'] {
  if (value === 'IPv4') return 4
  if (value === 'IPv6') return 6
  return value as Destination['family']
}

export function checkDestination(options: OptionBag): Destination {
  const { port, path, localAddress, localPort, autoSelectFamily, lookup } = options
  if (port === undefined && (path === undefined || path === null)) throw missingConnectArgs()
  if (path) {
    if (typeof path !== 'string') throw invalidArgType('options.path', 'of type string', path)
    throw unsupported('path')
  }
  const host = options.host || 'localhost'
  if (localAddress && !isIP(localAddress as string)) throw invalidIpAddress(localAddress)
  if (localPort) checkNumber(localPort, 'options.localPort')
  if (typeof port !== 'number' && typeof port !== 'string') {
    throw invalidArgType('options.port', 'one of type number or string', port)
  }
  if (autoSelectFamily !== undefined && autoSelectFamily !== null) {
    checkBoolean(autoSelectFamily, 'options.autoSelectFamily')
  }
  // older versions leave it to dns.lookup(), which calls it "hostname"
  if (NODE_MAJOR >= 22 && typeof host !== 'string') throw invalidArgType('options.host', 'of type string', host)
  const checkedPort = portOf(port, 'Port')
  const attemptTimeout = attemptTimeoutOf(options.autoSelectFamilyAttemptTimeout)
  const isLiteral = typeof host === 'string' && isIP(host) !== 0
  if (!isLiteral && lookup !== undefined && lookup !== null) checkFunction(lookup, 'options.lookup')
  const family = familyOf(options.family)
  const fixed = isLiteral || family === 4 || family === 6
  return {
    host: host as string, // whether it is one is dns.lookup's to say, as in node:net
    port: checkedPort,
    localAddress: (localAddress as string) || undefined,
    localPort: (localPort as number) || undefined,
    family,
    hints: (options.hints as number) || (fixed || process.platform === 'win32' ? 0 : ADDRCONFIG),
    lookup: (lookup as LookupFunction | undefined) ?? undefined,
    autoSelectFamily: !fixed && !localAddress && ((autoSelectFamily as boolean) ?? getDefaultAutoSelectFamily()),
    attemptTimeout,
  }
}

function attemptTimeoutOf(value: unknown): number {
  if (value === undefined || value === null) return getDefaultAutoSelectFamilyAttemptTimeout()
  checkInteger(value, 'options.autoSelectFamilyAttemptTimeout', 1, MAX_DELAY)
  return Math.max(10, value)
}

/** What listen() is asked for, checked. */
export interface ListenRequest {
  /** 0: a free one. */
  readonly port: number
  /** A name, an IP literal, or undefined: the wildcard. */
  readonly host: string | undefined
  /** 0: the default. */
  readonly backlog: number
  readonly ipv6Only: boolean
}

const numberIn = (value: unknown): number => {
  const number = Number(value)
  return number >= 0 ? number : 0
}

/** Of Node 24: a handle that is bound already. */
function isBoundSocket(value: object): boolean {
  const { BoundSocket } = net as { BoundSocket?: new () => object }
  return BoundSocket !== undefined && value instanceof BoundSocket
}

/** `options`: what normalizeArguments() made of `args`. */
export function checkListen(args: readonly unknown[], options: OptionBag): ListenRequest {
  checkSignal(options.signal, 'options.signal')
  if (options.handle || options._handle || isBoundSocket(options)) throw unsupported('handle')
  if (typeof options.fd === 'number' && options.fd >= 0) throw unsupported('fd')

  let { port } = options
  const absent = args.length === 0 || typeof args[0] === 'function'
  if (absent || port === null || (port === undefined && 'port' in options)) port = 0
  if (typeof port !== 'number' && typeof port !== 'string') {
    if (options.path && isPipeName(options.path)) throw unsupported('path')
    if (!('port' in options || 'path' in options)) {
      throw invalidArgValue('options', options, 'must have the property "port" or "path"')
    }
    throw invalidArgValue('options', options)
  }
  const fromArguments = numberIn(args[1]) || numberIn(args[2])
  return {
    port: portOf(port, 'options.port'),
    host: (options.host as string) || undefined,
    backlog: numberIn(options.backlog) || fromArguments,
    ipv6Only: Boolean(options.ipv6Only),
  }
}

/** A connection has no descriptor of its own. @throws ERR_TCP_OVER_UDP_UNSUPPORTED */
export function refuseHandles(options: unknown): void {
  if (typeof options === 'number') throw unsupported('fd')
  const { handle, fd } = (options ?? {}) as { handle?: unknown; fd?: unknown }
  if (handle) throw unsupported('handle')
  if (fd !== undefined) throw unsupported('fd')
}
