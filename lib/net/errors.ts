// Errors as node:net makes them: argument errors with Node's codes and texts, system errors with errno and syscall.
import { getSystemErrorMap, inspect } from 'node:util'
import type { CloseReason } from '../core/tcb.js'

/** An error with one of Node's codes or of ours. */
export interface CodedError extends Error {
  code: string
}

/** An error of a system call, as node:net has it. */
export interface SystemError extends CodedError {
  /** Negative, as libuv has it; undefined for a code that this machine does not know. */
  errno?: number | undefined
  syscall: string
  address?: string
  port?: number
  localAddress?: string
  localPort?: number
}

type ErrorClass = new (message: string) => Error

/** An error that prints as `TypeError [CODE]: …`, with `code` as its one own visible property. */
function coded(Class: ErrorClass, code: string, message: string, since: (...args: never[]) => unknown): CodedError {
  const error = new Class(message)
  Error.captureStackTrace?.(error, since)
  const { name } = error
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true, writable: true })
  // V8 formats the first line of the stack, with the name as it is now, when it is first read
  void error.stack
  delete (error as { name?: string }).name
  Object.defineProperty(error, 'toString', {
    value: () => `${name} [${code}]: ${error.message}`,
    configurable: true,
    writable: true,
  })
  return Object.assign(error, { code })
}

/** How Node's messages describe a value: `type number (5)`, `an instance of Array`, `null`. */
function received(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  switch (typeof value) {
    case 'function':
      return `function ${value.name}`
    case 'object': {
      const name = (value.constructor as { name?: string } | undefined)?.name
      return name !== undefined ? `an instance of ${name}` : inspect(value, { depth: -1 })
    }
    case 'string': {
      const shown = value.length > 28 ? `${value.slice(0, 25)}...` : value
      return `type string (${shown.includes("'") ? JSON.stringify(shown) : `'${shown}'`})`
    }
    case 'bigint':
      return `type bigint (${value}n)`
    case 'number':
      return `type number (${Object.is(value, -0) ? '-0' : value})`
    default:
      return `type ${typeof value} (${String(value)})`
  }
}

const kindOf = (name: string): string => (name.includes('.') ? 'property' : 'argument')

/** `expected` as it stands in the message: `of type number`, `an instance of Stack`. */
export function invalidArgType(name: string, expected: string, value: unknown): CodedError {
  const message = `The "${name}" ${kindOf(name)} must be ${expected}. Received ${received(value)}`
  return coded(TypeError, 'ERR_INVALID_ARG_TYPE', message, invalidArgType)
}

export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): CodedError {
  const shown = inspect(value)
  const cut = shown.length > 128 ? `${shown.slice(0, 128)}...` : shown
  const message = `The ${kindOf(name)} '${name}' ${reason}. Received ${cut}`
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', message, invalidArgValue)
}

export function outOfRange(name: string, range: string, value: unknown): CodedError {
  const large = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32
  const shown = large ? String(value).replace(/(?<=\d)(?=(\d{3})+$)/g, '_') : inspect(value)
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`
  return coded(RangeError, 'ERR_OUT_OF_RANGE', message, outOfRange)
}

export function badPort(name: string, value: unknown): CodedError {
  const message = `${name} should be >= 0 and < 65536. Received ${received(value)}.`
  return coded(RangeError, 'ERR_SOCKET_BAD_PORT', message, badPort)
}

export function missingConnectArgs(): CodedError {
  const message = 'The "options" or "port" or "path" argument must be specified'
  return coded(TypeError, 'ERR_MISSING_ARGS', message, missingConnectArgs)
}

export function invalidIpAddress(address: unknown): CodedError {
  return coded(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${String(address)}`, invalidIpAddress)
}

/** A lookup that answered with a family that is neither 4 nor 6. */
export function invalidAddressFamily(family: unknown, host: unknown, port: unknown): CodedError {
  const message = `Invalid address family: ${String(family)} ${String(host)}:${String(port)}`
  const error = coded(RangeError, 'ERR_INVALID_ADDRESS_FAMILY', message, invalidAddressFamily)
  return Object.assign(error, { host, port })
}

const UNSUPPORTED = {
  path: 'unix sockets and pipes are not supported: there are none over UDP',
  fd: 'file descriptors are not supported: a connection over UDP has none of its own',
  handle: 'handles are not supported: a connection over UDP has none',
  onread: 'onread is not supported over TLS: Node ignores it there, and what comes here is enciphered',
} as const

/** What node:net can and a transport over UDP cannot. */
export function unsupported(what: keyof typeof UNSUPPORTED): CodedError {
  return coded(Error, 'ERR_TCP_OVER_UDP_UNSUPPORTED', UNSUPPORTED[what], unsupported)
}

const TEXTS = {
  ERR_SERVER_ALREADY_LISTEN: 'Listen method has been called more than once without closing.',
  ERR_SERVER_NOT_RUNNING: 'Server is not running.',
  ERR_SOCKET_CLOSED: 'Socket is closed',
  ERR_STREAM_DESTROYED: 'Cannot call write after a stream was destroyed',
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: 'Socket closed before the connection was established',
} as const

/** An error whose code says all. */
export function plainError(code: keyof typeof TEXTS): CodedError {
  return coded(Error, code, TEXTS[code], plainError)
}

export function ipBlocked(address: string): CodedError {
  return coded(Error, 'ERR_IP_BLOCKED', `IP(${address}) is blocked by net.BlockList`, ipBlocked)
}

/** A write after the peer's FIN ended this side too. */
export function endedByPeer(): CodedError {
  const error = new Error('This socket has been ended by the other party')
  Error.captureStackTrace?.(error, endedByPeer)
  return Object.assign(error, { code: 'EPIPE' })
}

let systemErrors: Map<string, readonly [errno: number, text: string]> | null = null

/** errno and text of a code on this machine. */
function systemError(code: string): readonly [errno: number | undefined, text: string] {
  systemErrors ??= new Map([...getSystemErrorMap()].map(([errno, [name, text]]) => [name, [errno, text]] as const))
  return systemErrors.get(code) ?? [undefined, 'unknown error']
}

/** ` address:port`, as it ends a message. */
function hostPort(address: string | undefined, port: number | undefined): string {
  if (port !== undefined && port > 0) return ` ${address}:${port}`
  return address ? ` ${address}` : ''
}

function systemErrorAt(message: string, code: string, syscall: string, address?: string, port?: number): SystemError {
  const made: SystemError = Object.assign(new Error(message), { errno: systemError(code)[0], code, syscall })
  if (address !== undefined) made.address = address
  if (port) made.port = port
  return made
}

/** `connect ECONNREFUSED 127.0.0.1:80`, with the local end if it was asked for. */
export function connectError(
  code: string,
  address: string,
  port: number,
  localAddress?: string,
  localPort?: number,
): SystemError {
  const message = `connect ${code}${hostPort(address, port)}`
  if (!localAddress || !localPort) return systemErrorAt(message, code, 'connect', address, port)
  const local = ` - Local (${localAddress}:${localPort})`
  const error = systemErrorAt(message + local, code, 'connect', address, port)
  return Object.assign(error, { localAddress, localPort })
}

/** `connect ENETUNREACH 192.0.2.1:80 - Local (0.0.0.0:0)`: no SYN could leave; the local end stands in the message alone. */
export function connectErrorAtOnce(code: string, address: string, port: number, local: string): SystemError {
  const message = `connect ${code}${hostPort(address, port)} - Local (${local})`
  return systemErrorAt(message, code, 'connect', address, port)
}

/** `bind EADDRINUSE 127.0.0.1:80`: the local end of a connect() cannot be had. */
export function bindError(code: string, localAddress: string | undefined, localPort: number | undefined): SystemError {
  return systemErrorAt(`bind ${code}${hostPort(localAddress, localPort)}`, code, 'bind', localAddress, localPort)
}

/** `listen EADDRINUSE: address already in use 127.0.0.1:80`. */
export function listenError(code: string, address: string, port: number): SystemError {
  const message = `listen ${code}: ${systemError(code)[1]}${hostPort(address, port)}`
  return systemErrorAt(message, code, 'listen', address, port)
}

/** `read ECONNRESET`: what ended a connection. */
export function readError(code: string): SystemError {
  return systemErrorAt(`read ${code}`, code, 'read')
}

const CODES: Readonly<Record<CloseReason, string>> = {
  refused: 'ECONNREFUSED',
  reset: 'ECONNRESET',
  'timed-out': 'ETIMEDOUT',
  aborted: 'ECONNABORTED',
}

/** The code of the machine's own error if there is one, else that of the core's reason. */
export function codeOf(reason: CloseReason, error: Error | null): string {
  return codeIn(error) ?? CODES[reason]
}

/** The code that an error carries, if any. */
export function codeIn(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
