// Server: a TCP listener with the face of node:net's, an EventEmitter over a listener of the stack.
import {
  type Channel as DiagnosticsChannel,
  channel as diagnosticsChannel,
  tracingChannel,
} from 'node:diagnostics_channel'
import dns from 'node:dns'
import { captureRejectionSymbol, EventEmitter } from 'node:events'
import { type AddressInfo, type BlockList, isIP } from 'node:net'
import { getDefaultHighWaterMark } from 'node:stream'
import { promisify } from 'node:util'
import type { Config } from '../core/config.js'
import type { Channel } from '../endpoint/channel.js'
import type { Listener, ListenerStats } from '../endpoint/listener.js'
import type { Stack } from '../endpoint/stack.js'
import type { ListenTarget } from '../endpoint/target.js'
import {
  checkBlockList,
  checkFunction,
  checkKeepAliveDelay,
  checkListen,
  checkNumber,
  type ListenRequest,
  NODE_MAJOR,
  normalizeArguments,
} from './arguments.js'
import { callable } from './callable.js'
import { installTrace } from './debug-trace.js'
import { defaultStack } from './default-stack.js'
import { installDropsReport } from './drops-report.js'
import { codeIn, invalidArgType, listenError, plainError } from './errors.js'
import type { Hears, HearsAnything } from './events.js'
import {
  type ConnectTransportOptions,
  configOf,
  lingerTimeoutOf,
  resolveTransport,
  SWITCHES,
  type Transport,
} from './options.js'
import { Scope } from './scope.js'
import type { DropArgument, ListenOptions, ServerOpts } from './server-options.js'
import { connect, familyOf, type Socket, SocketBase, VIA } from './socket.js'
import type { NetConnectOpts } from './socket-options.js'

/** Events of a Server. */
export interface ServerEvents {
  /** The server listens no more and its last connection has ended. */
  close: []
  connection: [socket: Socket]
  /** A connection was one too many. */
  drop: [data?: DropArgument]
  error: [error: Error]
  listening: []
}

/** What a machine without IPv6 says. */
const NO_IPV6: ReadonlySet<string | undefined> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'ENOTSUP'])

const serverSockets = diagnosticsChannel('net.server.socket')
const listens = tracingChannel('net.server.listen')

export class ServerBase extends EventEmitter {
  /** Connections at most; beyond it new ones are closed at once, with 'drop'. undefined: no limit; 0: none at all, before Node 21 no limit. */
  maxConnections: number | undefined = undefined
  allowHalfOpen: boolean
  pauseOnConnect: boolean
  noDelay: boolean
  keepAlive: boolean
  /** ms */
  keepAliveInitialDelay: number
  highWaterMark: number
  /** Addresses that it does not accept from; absent unless given. */
  declare blockList?: BlockList

  readonly #transport: Transport
  /** Where it listens, or listened last. */
  #stack: Stack | undefined = undefined
  #listener: Listener | null = null
  #connections = 0
  #held = true
  /** Counts the calls of listen() and close(): a lookup of an earlier one has no effect. */
  #turn = 0

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE */
  constructor(options?: ServerOpts | ((socket: Socket) => void) | null, connectionListener?: (socket: Socket) => void) {
    if (options !== null && options !== undefined && typeof options !== 'object' && typeof options !== 'function') {
      throw invalidArgType('options', 'of type object', options)
    }
    const given: ServerOpts = typeof options === 'object' && options !== null ? options : {}
    const listener = typeof options === 'function' ? options : connectionListener
    checkBlockList(given.blockList)
    const keepAliveInitialDelay = checkKeepAliveDelay(given.keepAliveInitialDelay)
    if (given.highWaterMark !== undefined) checkNumber(given.highWaterMark, 'options.highWaterMark')
    const transport = resolveTransport(given)
    super(given.captureRejections ? { captureRejections: true } : undefined)
    this.#transport = transport
    if (given.blockList) this.blockList = given.blockList
    this.allowHalfOpen = Boolean(given.allowHalfOpen)
    this.pauseOnConnect = Boolean(given.pauseOnConnect)
    this.noDelay = Boolean(given.noDelay)
    this.keepAlive = Boolean(given.keepAlive)
    this.keepAliveInitialDelay = keepAliveInitialDelay
    const { highWaterMark } = given
    this.highWaterMark =
      highWaterMark !== undefined && highWaterMark >= 0 ? highWaterMark : getDefaultHighWaterMark(false)
    if (typeof listener === 'function') this.on('connection', listener)
  }

  // ---- listening

  /**
   * Binds at once, unless `host` is a name; 'listening' or 'error' follow.
   * @throws ERR_SERVER_ALREADY_LISTEN, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE,
   * ERR_TCP_OVER_UDP_UNSUPPORTED (path, fd, handle)
   */
  listen(port?: number | string, host?: string, backlog?: number, listener?: () => void): this
  listen(port?: number | string, host?: string, listener?: () => void): this
  listen(port?: number | string, backlog?: number, listener?: () => void): this
  listen(port?: number | string | null, listener?: () => void): this
  listen(options: ListenOptions, listener?: () => void): this
  listen(listener?: () => void): this
  listen(...args: unknown[]): this {
    if (this.#listener !== null) throw plainError('ERR_SERVER_ALREADY_LISTEN')
    const [options, callback] = normalizeArguments(args)
    this.#tell(listens.asyncStart, { options })
    // before anything is checked: after a call that throws it stays for a later one
    if (callback !== null) this.once('listening', callback)
    const request = checkListen(args, options)
    const transport = resolveTransport(options, this.#transport)
    const turn = ++this.#turn
    this.#closeOnAbort(options.signal as AbortSignal | undefined)
    const { host } = request
    if (host === undefined) {
      this.#bindWildcard(request, transport)
    } else if (isLiteral(host)) {
      this.#bind(host, request, transport)
    } else {
      dns.lookup(host, (error, address) => {
        if (turn !== this.#turn) return
        if (error) this.emit('error', error)
        else this.#bind(address, request, transport)
      })
    }
    return this
  }

  #closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    if (signal.aborted) {
      process.nextTick(() => this.close())
      return
    }
    const close = (): void => void this.close()
    signal.addEventListener('abort', close, { once: true })
    this.once('close', () => signal.removeEventListener('abort', close))
  }

  #bindWildcard(request: ListenRequest, transport: Transport): void {
    try {
      this.#open('::', request, transport)
    } catch (error) {
      if (NO_IPV6.has(codeIn(error))) this.#bind('0.0.0.0', request, transport)
      else this.#failLater(error, '::', request.port)
    }
  }

  #bind(address: string, request: ListenRequest, transport: Transport): void {
    try {
      this.#open(address, request, transport)
    } catch (error) {
      this.#failLater(error, address, request.port)
    }
  }

  #open(address: string, request: ListenRequest, transport: Transport): void {
    const { port, backlog, ipv6Only } = request
    const { udpPort, reusePort, timeWait, recvBufferSize, offload, hostCache } = transport
    const own = { udpPort, reusePort, timeWait, recvBufferSize, offload, hostCache }
    const target: ListenTarget = { address, port, backlog, ipv6Only, ...own }
    const stack = transport.stack ?? defaultStack()
    this.#stack = stack
    installTrace(stack)
    installDropsReport(stack)
    const { noDelay, keepAlive, keepAliveInitialDelay } = this
    const switches = { ...SWITCHES, noDelay, keepAlive, keepAliveInitialDelay }
    const config = configOf(transport, address.includes(':') ? 6 : 4, switches)
    const scope = new Scope()
    this.#listener = stack.listen(target, (): Config => config, {
      onConnection: (channel) => scope.runInAsyncScope(this.#onConnection, this, channel, transport),
    })
    this.#tell(listens.asyncEnd)
    if (!this.#held) this.#listener.unref()
    process.nextTick(() => {
      if (this.#listener !== null) this.emit('listening')
    })
  }

  #failLater(error: unknown, address: string, port: number): void {
    const code = codeIn(error)
    if (!(error instanceof Error) || code === undefined || code.startsWith('ERR_')) throw error
    const failure = listenError(code, address, port)
    // what it is that the machine or its Node cannot do
    if (code === 'ENOTSUP')
      Object.defineProperty(failure, 'cause', { value: error, configurable: true, writable: true })
    this.#tell(listens.error, { error: failure })
    process.nextTick(() => this.emit('error', failure))
  }

  #tell(channel: DiagnosticsChannel, what: object = {}): void {
    if (channel.hasSubscribers) channel.publish({ server: this, ...what })
  }

  /** It has a port. */
  get listening(): boolean {
    return #listener in this && this.#listener !== null
  }

  /** Where it listens; null: nowhere. */
  address(): AddressInfo | null {
    const listener = this.#listener
    if (listener === null) return null
    return { address: listener.address, family: familyOf(listener.address), port: listener.port }
  }

  /** The UDP port that it listens on; undefined: none. */
  get udpPort(): number | undefined {
    return #listener in this ? this.#listener?.udpPort : undefined
  }

  /**
   * Stops listening; 'close' follows when the last connection has ended.
   * The callback gets ERR_SERVER_NOT_RUNNING if the server was not listening.
   */
  close(callback?: (error?: Error) => void): this {
    this.#turn++
    const listener = this.#listener
    if (typeof callback === 'function') {
      if (listener !== null) this.once('close', callback)
      else this.once('close', () => callback(plainError('ERR_SERVER_NOT_RUNNING')))
    }
    this.#listener = null
    listener?.close()
    this.#closeIfDrained()
    return this
  }

  #closeIfDrained(): void {
    if (this.#listener === null && this.#connections === 0) process.nextTick(() => this.emit('close'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener !== null) await promisify(this.close).call(this)
  }

  // ---- connections

  #onConnection(channel: Channel, transport: Transport): void {
    if (this.#isFull()) {
      const data: DropArgument = {
        __proto__: null,
        localAddress: channel.localAddress,
        localPort: channel.localPort,
        localFamily: familyOf(channel.localAddress),
        remoteAddress: channel.remoteAddress,
        remotePort: channel.remotePort,
        remoteFamily: familyOf(channel.remoteAddress),
      } as DropArgument
      this.emit('drop', data)
      channel.release(lingerTimeoutOf(transport))
      return
    }
    if (this.#isBlocked(channel)) {
      channel.release(lingerTimeoutOf(transport))
      return
    }
    const { allowHalfOpen, highWaterMark, noDelay, keepAlive, keepAliveInitialDelay } = this
    const socket = new SocketBase(
      { allowHalfOpen, highWaterMark, noDelay, keepAlive, keepAliveInitialDelay },
      {
        channel,
        transport,
        server: this,
        pause: this.pauseOnConnect,
        onClose: () => {
          this.#connections--
          this.#closeIfDrained()
        },
      },
    )
    this.#connections++
    this.emit('connection', socket)
    if (serverSockets.hasSubscribers) serverSockets.publish({ socket })
  }

  #isFull(): boolean {
    const most = this.maxConnections ?? Number.POSITIVE_INFINITY
    // 0 was no limit before Node 21
    return this.#connections >= most && (most !== 0 || NODE_MAJOR > 20)
  }

  #isBlocked({ remoteAddress }: Channel): boolean {
    return this.blockList?.check(remoteAddress, remoteAddress.includes(':') ? 'ipv6' : 'ipv4') ?? false
  }

  /** Counts the accepted connections that are not closed yet. @throws ERR_INVALID_ARG_TYPE */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    checkFunction(callback, 'callback')
    process.nextTick(callback, null, this.#connections)
    return this
  }

  /**
   * Connects from this server's own UDP port: `server.connect(options[, listener])`.
   * @throws ERR_SERVER_NOT_RUNNING, and what connect() throws
   */
  connect(options: NetConnectOpts, connectionListener?: () => void): Socket {
    const listener = this.#listener
    if (listener === null) throw plainError('ERR_SERVER_NOT_RUNNING')
    const from: ConnectTransportOptions = { stack: this.#stack }
    return connect({ ...options, ...from, [VIA]: listener } as NetConnectOpts, connectionListener)
  }

  /** What the server and its UDP port have counted; null: it does not listen. */
  getStats(): ListenerStats | null {
    return this.#listener?.getStats() ?? null
  }

  /** A listening server holds the process; its connections do so by themselves. */
  ref(): this {
    this.#held = true
    this.#listener?.ref()
    return this
  }

  unref(): this {
    this.#held = false
    this.#listener?.unref()
    return this
  }

  /** An async listener has rejected: of 'connection', the socket is destroyed; else the server has an 'error'. */
  override [captureRejectionSymbol](error: Error, event: string | symbol, socket?: Socket): void {
    if (event === 'connection') socket?.destroy(error)
    else this.emit('error', error)
  }
}

const isLiteral = (host: unknown): host is string => typeof host === 'string' && isIP(host) !== 0

/** A TCP server over UDP, with the API of node:net's Server. */
export interface Server extends ServerBase {
  addListener<E extends keyof ServerEvents>(event: E, listener: Hears<ServerEvents[E]>): this
  addListener(event: string | symbol, listener: HearsAnything): this
  on<E extends keyof ServerEvents>(event: E, listener: Hears<ServerEvents[E]>): this
  on(event: string | symbol, listener: HearsAnything): this
  once<E extends keyof ServerEvents>(event: E, listener: Hears<ServerEvents[E]>): this
  once(event: string | symbol, listener: HearsAnything): this
  prependListener<E extends keyof ServerEvents>(event: E, listener: Hears<ServerEvents[E]>): this
  prependListener(event: string | symbol, listener: HearsAnything): this
  prependOnceListener<E extends keyof ServerEvents>(event: E, listener: Hears<ServerEvents[E]>): this
  prependOnceListener(event: string | symbol, listener: HearsAnything): this
  emit<E extends keyof ServerEvents>(event: E, ...args: ServerEvents[E]): boolean
  emit(event: string | symbol, ...args: unknown[]): boolean
}

/** Makes a server that does not listen, also when called without `new`. */
export interface ServerConstructor {
  new (options?: ServerOpts | null, connectionListener?: (socket: Socket) => void): Server
  new (connectionListener: (socket: Socket) => void): Server
  (options?: ServerOpts | null, connectionListener?: (socket: Socket) => void): Server
  (connectionListener: (socket: Socket) => void): Server
  readonly prototype: Server
}

export const Server: ServerConstructor = callable(ServerBase, 'Server', 2) as unknown as ServerConstructor

/** A new Server: `createServer([options][, connectionListener])`. @throws what Server throws */
export function createServer(connectionListener: (socket: Socket) => void): Server
export function createServer(options?: ServerOpts | null, connectionListener?: (socket: Socket) => void): Server
export function createServer(
  options?: ServerOpts | ((socket: Socket) => void) | null,
  connectionListener?: (socket: Socket) => void,
): Server {
  return new Server(options as ServerOpts, connectionListener)
}
