// Socket: a TCP connection with the face of node:net's, a Duplex over a channel.
// Past 400 lines since a class is one thing: what it does is in link.ts (data) and dial.ts (connecting), here is what users see.
import { channel as diagnosticsChannel } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import type { AddressInfo, BlockList, IpcNetConnectOpts, IpcSocketConnectOpts, SocketReadyState } from 'node:net'
import { addAbortSignal, Duplex } from 'node:stream'
import type { Status } from '../core/status.js'
import type { Channel } from '../endpoint/channel.js'
import type { Stack } from '../endpoint/stack.js'
import {
  checkBlockList,
  checkDestination,
  checkFunction,
  checkKeepAliveDelay,
  checkObjectModes,
  checkSignal,
  checkTimeout,
  keepAliveDelay,
  NODE_MAJOR,
  normalizeArguments,
  refuseHandles,
} from './arguments.js'
import { callable } from './callable.js'
import { installTrace } from './debug-trace.js'
import { defaultStack } from './default-stack.js'
import { Dial, type Dialer } from './dial.js'
import { installDropsReport } from './drops-report.js'
import { connectError, endedByPeer, plainError } from './errors.js'
import type { Hears, HearsAnything, SocketEvents } from './events.js'
import { IdleTimer } from './idle-timer.js'
import { Link } from './link.js'
import { lingerTimeoutOf, resolveTransport, SWITCHES, type Switches, switched, type Transport } from './options.js'
import { type OnReadOpts, onreadOf } from './own-memory.js'
import type { Scope } from './scope.js'
import {
  duplexOptions,
  type KeepAliveOpts,
  type NetConnectOpts,
  type SocketConnectOpts,
  type SocketConstructorOpts,
} from './socket-options.js'

/** A connection that a server has accepted, and the server's part in it. */
export interface Accepted {
  readonly channel: Channel
  readonly transport: Transport
  readonly server: EventEmitter
  readonly pause: boolean
  /** The socket is gone. */
  onClose(): void
}

/** What getInfo() answers: one connection at one moment. */
export interface SocketInfo extends Status {}

/** Among the options of connect(): what to connect with instead of the stack. */
export const VIA: unique symbol = Symbol('via')

const clientSockets = diagnosticsChannel('net.client.socket')

/** Where net's types have a value always, and net has none: on the prototype, where there is no socket. */
const NONE = undefined as never

type Done = (error?: Error | null) => void

/** As node:net names it. */
export const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4')

export class SocketBase extends Duplex {
  /** A connection is being made. */
  connecting: boolean = false
  /** What setTimeout() was last told, ms. */
  timeout: number | undefined = undefined
  /** The server that accepted it. */
  server: EventEmitter | null = null
  /** `address:port` of each attempt of the last connect(); undefined, though net's types do not say so, unless it had several to choose from. */
  autoSelectFamilyAttemptedAddresses: string[] = NONE
  /** Addresses that it does not connect to; absent unless given. */
  declare blockList?: BlockList

  #link: Link
  #dial: Dial | null = null
  /** Of the connection that is or was the last: it knows both ends. */
  #channel: Channel | null = null
  #transport: Transport
  readonly #onread: OnReadOpts | null
  readonly #signal: AbortSignal | null
  /** Until it is closed for the first time. */
  #accepted: Accepted | null
  #switches: Switches
  /** Bytes written when the socket was destroyed; -1: it is not. */
  #bytesWritten = -1
  /** The callback of the write that destroy() cut short. */
  #writing: Done | null = null
  #resetting = false
  #finalDone = false
  #destroySoon = false

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_TCP_OVER_UDP_UNSUPPORTED (fd, handle) */
  constructor(options?: SocketConstructorOpts, accepted: Accepted | null = null) {
    refuseHandles(options)
    checkObjectModes(options)
    const signal = options?.signal || null
    if (signal !== null) checkSignal(signal, 'signal')
    checkBlockList(options?.blockList)
    const keepAliveInitialDelay = checkKeepAliveDelay(options?.keepAliveInitialDelay)
    const transport = accepted?.transport ?? resolveTransport(options)
    super(duplexOptions(options ?? {}))
    this.#transport = transport
    this.#signal = signal
    this.#accepted = accepted
    if (options?.blockList) this.blockList = options.blockList
    this.#onread = onreadOf(options?.onread)
    const [noDelay, keepAlive] = [Boolean(options?.noDelay), Boolean(options?.keepAlive)]
    this.#switches = switched(SWITCHES, { noDelay, keepAlive, keepAliveInitialDelay })
    this.#link = new Link(this, this.#onread)
    if (accepted !== null) this.#adopt(accepted)
    if (signal !== null) addAbortSignal(signal, this)
  }

  #adopt({ channel, server, pause }: Accepted): void {
    this.server = server
    this.#channel = channel
    this.#link.enter()
    this.#link.open(channel)
    this.#link.start()
    // flowing is settable, as node:net shows
    if (pause) (this as { readableFlowing: boolean | null }).readableFlowing = false
    // the listeners of 'connection' see it before it has read anything
    else if (this.readable) process.nextTick(() => this.read(0))
  }

  // ---- connecting

  /**
   * Connects, also again after 'close'. The listener is added once to 'connect'.
   * @throws ERR_MISSING_ARGS, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_TYPE, ERR_INVALID_IP_ADDRESS, … before anything is opened
   */
  connect(options: SocketConnectOpts, connectionListener?: () => void): this
  connect(port: number | string, host?: string, connectionListener?: () => void): this
  connect(port: number | string, connectionListener?: () => void): this
  /** There are no pipes over UDP. @throws ERR_TCP_OVER_UDP_UNSUPPORTED */
  connect(options: IpcSocketConnectOpts, connectionListener?: () => void): never
  /** What node:net's socket is declared to take. */
  connect(options: SocketConnectOpts | IpcSocketConnectOpts, connectionListener?: () => void): this
  connect(...args: unknown[]): this {
    const [options, callback] = normalizeArguments(args)
    if (NODE_MAJOR >= 22 && clientSockets.hasSubscribers) clientSockets.publish({ socket: this })
    // before anything is checked: after a call that throws it stays for a later one
    if (callback !== null) this.once('connect', callback)
    const destination = checkDestination(options)
    const transport = resolveTransport(options, this.#transport)
    if (this.#signal?.aborted) return this
    if (this.connecting || this.#link.channel !== null) {
      const code = this.connecting ? 'EALREADY' : 'EISCONN'
      const error = connectError(code, destination.host, destination.port)
      process.nextTick(() => this.destroy(error))
      return this
    }
    this.#transport = transport
    const stack = this.#stack
    installTrace(stack)
    installDropsReport(stack)
    const scope = this.#link.enter()
    const dial = new Dial(
      {
        destination,
        transport,
        dialer: (options[VIA] as Dialer | undefined) ?? stack,
        platform: stack.platform,
        switches: () => this.#switches,
        blockList: this.blockList,
        socket: this,
        caller: {
          onConnected: (channel, events) => this.#onConnected(channel, events),
          onFailed: (error) => this.destroy(error),
          onProgress: () => this.#link.idle?.touch(),
        },
        scope,
      },
      this.#link.held,
    )
    this.autoSelectFamilyAttemptedAddresses = NONE
    dial.start()
    if (this.destroyed || this.writableFinished) this.#begin(scope)
    this.#dial = dial
    this.connecting = true
    if (this.timeout) this.#startIdle(checkTimeout(this.timeout))
    return this
  }

  /** A new life. */
  #begin(scope: Scope): void {
    this.#failWriting()
    ;(this as unknown as { _undestroy(): void })._undestroy()
    const { held, idle } = this.#link
    idle?.stop()
    this.#link = new Link(this, this.#onread)
    this.#link.scope = scope
    this.#link.hold(held)
    this.#channel = null
    this.#bytesWritten = -1
    this.#resetting = false
    this.#finalDone = false
    this.#destroySoon = false
  }

  #onConnected(channel: Channel, events: number): void {
    const link = this.#link
    this.#dial = null
    this.#channel = channel
    link.open(channel)
    link.idle?.touch()
    this.connecting = false
    let thrown = true
    try {
      this.#tellConnected(link, channel)
      thrown = false
    } finally {
      // a listener that threw does not cost the rest
      if (thrown) process.nextTick(() => this.#flow(link, channel, events))
    }
    this.#flow(link, channel, events)
  }

  #tellConnected(link: Link, channel: Channel): void {
    // by then the ACK has left: without it a RST only takes the listener back to LISTEN (RFC 9293 §3.10.7.4)
    if (this.#resetting) this.#stack.afterwards(() => this.destroy())
    this.emit('connect')
    // ahead of what was written in 'connect', since that waits behind it
    if (link.channel === channel) link.start()
    else this.#failWriting()
    this.emit('ready')
  }

  /** What has come, and what waits to be written. */
  #flow(link: Link, channel: Channel, events: number): void {
    if (link.channel !== channel) return
    if (!link.started) link.start()
    if (!this.isPaused()) this.read(0)
    if (events !== 0) link.onEvents(events)
  }

  get #stack(): Stack {
    return this.#transport.stack ?? defaultStack()
  }

  // ---- the Duplex

  /** As Writable's; after the peer's FIN has ended this side too it fails with EPIPE. */
  override write(chunk: string | NodeJS.ArrayBufferView, callback?: Done): boolean
  override write(chunk: string | NodeJS.ArrayBufferView, encoding?: BufferEncoding, callback?: Done): boolean
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.writableEnded && this.readableEnded && !this.allowHalfOpen) {
      const error = endedByPeer()
      const done = typeof encoding === 'function' ? encoding : callback
      if (typeof done === 'function') process.nextTick(done as Done, error)
      this.destroy(error)
      return false
    }
    return super.write(chunk, encoding as BufferEncoding, callback as Done)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Done): void {
    this.#link.write(chunk, callback)
    if (this.pending) this.#expectConnect()
  }

  override _writev(chunks: readonly { chunk: Uint8Array; encoding: BufferEncoding }[], callback: Done): void {
    this.#link.writev(chunks, callback)
    if (this.pending) this.#expectConnect()
  }

  /** Who writes before connect() has to call it in the same tick. */
  #expectConnect(): void {
    if (this.connecting) return
    const link = this.#link
    process.nextTick(() => {
      if (this.pending && !this.connecting) link.refuse(plainError('ERR_SOCKET_CLOSED'))
    })
  }

  override _final(callback: Done): void {
    const finish = (): void => {
      callback()
      this.#finalDone = true
      if (this.#destroySoon) this.#destroyAfterFinish()
    }
    // 'finish' follows when the FIN has left: not if destroy() is called in this turn
    this.#link.final(() => this.#stack.afterwards(() => this.#link.scope?.runInAsyncScope(finish)))
    // as net's: who ends before connect() has to call it in the same tick, or has nothing to wait for
    if (NODE_MAJOR < 22 || this.connecting || !this.pending) return
    const link = this.#link
    process.nextTick(() => {
      if (!this.connecting && link.withdraw()) finish()
    })
  }

  override _read(): void {
    this.#link.read()
  }

  override read(size?: number): unknown {
    try {
      return super.read(size)
    } catch (error) {
      // a listener that throws ends the loop of a stream that flows, and what is buffered by then would wait for ever
      process.nextTick(() => this.#readOn())
      throw error
    }
  }

  #readOn(): void {
    while (this.readableFlowing && this.read() !== null);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const link = this.#link
    const dial = this.#dial
    const connected = link.channel !== null
    this.#bytesWritten = link.bytesDone + this.writableLength
    this.#dial = null
    this.connecting = false
    link.idle?.stop()
    dial?.cancel()
    const writing = link.close(error, lingerTimeoutOf(this.#transport), this.#resetting)
    callback(error)
    // after 'error', which the stream emits in the next tick
    if (error === null || !link.started) this.#writing = writing
    else if (writing !== null) process.nextTick(writing, error)
    this.#accepted?.onClose()
    this.#accepted = null
    const emitClose = (): void => {
      this.emit('close', error !== null)
      this.#failWriting()
    }
    // what 'error' leads to happens before
    if (connected || dial !== null) process.nextTick(() => this.#stack.platform.defer(emitClose))
    else process.nextTick(emitClose)
  }

  /** Only after 'close', or before a new life: of a stream that ended without an error, or was never connected. */
  #failWriting(): void {
    const writing = this.#writing
    this.#writing = null
    writing?.(this.#link.unwritten())
  }

  /** Reading stops at once. */
  override pause(): this {
    this.#link.holdReading(true)
    return super.pause()
  }

  override resume(): this {
    this.#link.holdReading(false)
    return super.resume()
  }

  // ---- ending

  /** end(), and destroy() once all was handed over. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else if (this.#finalDone) this.#destroyAfterFinish()
    else this.#destroySoon = true
  }

  #destroyAfterFinish(): void {
    process.nextTick(() => {
      if (this.writableFinished) this.destroy()
      else this.once('finish', () => this.destroy())
    })
  }

  /** Sends a RST, drops what is queued, and destroys; while connecting, once it is connected. */
  resetAndDestroy(): this {
    if (this.connecting) {
      this.#resetting = true
    } else if (this.#link.channel !== null) {
      this.#resetting = true
      this.destroy()
    } else {
      this.destroy(plainError('ERR_SOCKET_CLOSED'))
    }
    return this
  }

  /**
   * Settles when the peer's TCP has acknowledged every byte written so far; rejects with the connection's error.
   * That the peer's program has read them it does not say.
   */
  acknowledged(): Promise<void> {
    return this.#link.acknowledged(this.bytesWritten)
  }

  // ---- switches

  /**
   * Emits 'timeout' after `timeout` ms without activity, connecting included; it closes nothing. 0: never.
   * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
   */
  setTimeout(timeout: number, callback?: () => void): this {
    if (this.destroyed) return this
    const delay = checkTimeout(timeout)
    if (callback !== undefined) checkFunction(callback, 'callback')
    this.timeout = timeout
    if (delay === 0) {
      this.#link.idle?.stop()
      this.#link.idle = null
      if (callback !== undefined) this.removeListener('timeout', callback)
      return this
    }
    this.#startIdle(delay)
    if (callback !== undefined) this.once('timeout', callback)
    return this
  }

  #startIdle(delay: number): void {
    this.#link.idle?.stop()
    this.#link.idle = new IdleTimer(this.#stack.platform, delay, () => this.emit('timeout'))
  }

  /** Switches Nagle's algorithm off (true, the default) or on; what waits leaves at once. */
  setNoDelay(noDelay: boolean = true): this {
    const on = Boolean(noDelay)
    this.#switches = switched(this.#switches, { noDelay: on })
    for (const channel of this.#live) channel.setNoDelay(on)
    return this
  }

  /** Idle ms before the first probe, ms between unanswered ones, and how many of these there are; 0: as configured. */
  setKeepAlive(options?: KeepAliveOpts): this
  setKeepAlive(enable?: boolean, initialDelay?: number, interval?: number, count?: number): this
  setKeepAlive(first?: unknown, initialDelay?: number, interval?: number, count?: number): this {
    const plain = { enable: first as boolean, initialDelay, interval, count }
    const given: KeepAliveOpts = typeof first === 'object' && first !== null ? first : plain
    const on = Boolean(given.enable)
    const delay = keepAliveDelay(given.initialDelay)
    const between = keepAliveDelay(given.interval)
    const most = Math.min(keepAliveDelay(given.count), 255)
    const chosen = { keepAlive: on, keepAliveInitialDelay: delay, keepAliveInterval: between, keepAliveCount: most }
    this.#switches = switched(this.#switches, chosen)
    for (const channel of this.#live) channel.setKeepAlive(on, delay, between, most)
    return this
  }

  /** An open socket holds the process. */
  ref(): this {
    this.#hold(true)
    return this
  }

  unref(): this {
    this.#hold(false)
    return this
  }

  #hold(on: boolean): void {
    this.#link.hold(on)
    this.#dial?.hold(on)
  }

  /** Connected, or about to be: of several addresses, one for each attempt. */
  get #live(): readonly Channel[] {
    const { channel } = this.#link
    return channel === null ? (this.#dial?.channels ?? []) : [channel]
  }

  // ---- what can be seen

  /** Variables and counters of the connection, in the spirit of Linux's tcp_info; null: there is none. Times in ms, sizes in bytes. */
  getInfo(): SocketInfo | null {
    return this.#live.at(-1)?.status() ?? null
  }

  /** The local end; `{}` while there is none. */
  address(): AddressInfo | Record<string, never> {
    const channel = this.#link.channel
    if (channel === null) return {}
    const address = channel.localAddress
    return { address, family: familyOf(address), port: channel.localPort }
  }

  /** Not connected: not yet, or no longer. */
  get pending(): boolean {
    return !(#link in this) || this.#link.channel === null
  }

  get readyState(): SocketReadyState {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Bytes that the program was given, or waits to be given. */
  get bytesRead(): number {
    return #link in this ? this.#link.bytesRead : NONE
  }

  /** Bytes that the program has written, wherever they are now. */
  get bytesWritten(): number {
    if (!(#link in this)) return NONE
    return this.#bytesWritten >= 0 ? this.#bytesWritten : this.#link.bytesDone + this.writableLength
  }

  /** The legacy name of `writableLength`. */
  get bufferSize(): number {
    const opened = #link in this && (this.connecting || this.#link.channel !== null)
    return opened ? this.writableLength : NONE
  }

  get remoteAddress(): string | undefined {
    return #channel in this ? this.#channel?.remoteAddress : undefined
  }

  get remoteFamily(): string | undefined {
    const address = this.remoteAddress
    return address === undefined ? undefined : familyOf(address)
  }

  /** TCP port. */
  get remotePort(): number | undefined {
    return #channel in this ? this.#channel?.remotePort : undefined
  }

  get localAddress(): string | undefined {
    return #channel in this ? this.#channel?.localAddress : undefined
  }

  get localFamily(): string | undefined {
    const address = this.localAddress
    return address === undefined ? undefined : familyOf(address)
  }

  /** TCP port. */
  get localPort(): number | undefined {
    return #channel in this ? this.#channel?.localPort : undefined
  }

  /** UDP port that the peer's datagrams come from. */
  get remoteUdpPort(): number | undefined {
    return #channel in this ? this.#channel?.remoteUdpPort : undefined
  }

  /** UDP port that this side sends from. */
  get localUdpPort(): number | undefined {
    return #channel in this ? this.#channel?.localUdpPort : undefined
  }
}

/** A TCP connection over UDP, with the API of node:net's Socket. */
export interface Socket extends SocketBase {
  readonly connecting: boolean
  readonly timeout: number | undefined
  readonly autoSelectFamilyAttemptedAddresses: string[]
  addListener<E extends keyof SocketEvents>(event: E, listener: Hears<SocketEvents[E]>): this
  addListener(event: string | symbol, listener: HearsAnything): this
  on<E extends keyof SocketEvents>(event: E, listener: Hears<SocketEvents[E]>): this
  on(event: string | symbol, listener: HearsAnything): this
  once<E extends keyof SocketEvents>(event: E, listener: Hears<SocketEvents[E]>): this
  once(event: string | symbol, listener: HearsAnything): this
  prependListener<E extends keyof SocketEvents>(event: E, listener: Hears<SocketEvents[E]>): this
  prependListener(event: string | symbol, listener: HearsAnything): this
  prependOnceListener<E extends keyof SocketEvents>(event: E, listener: Hears<SocketEvents[E]>): this
  prependOnceListener(event: string | symbol, listener: HearsAnything): this
  emit<E extends keyof SocketEvents>(event: E, ...args: SocketEvents[E]): boolean
  emit(event: string | symbol, ...args: unknown[]): boolean
}

/** Makes a socket that is not connected, also when called without `new`. */
export interface SocketConstructor {
  new (options?: SocketConstructorOpts): Socket
  (options?: SocketConstructorOpts): Socket
  readonly prototype: Socket
}

export const Socket: SocketConstructor = callable(SocketBase, 'Socket', 1) as unknown as SocketConstructor

/**
 * A new Socket that connects: `connect(options[, listener])` or `connect(port[, host][, listener])`.
 * @throws what Socket and its connect() throw
 */
export function connect(options: NetConnectOpts, connectionListener?: () => void): Socket
export function connect(port: number | string, host?: string, connectionListener?: () => void): Socket
export function connect(port: number | string, connectionListener?: () => void): Socket
/** There are no pipes over UDP. @throws ERR_TCP_OVER_UDP_UNSUPPORTED */
export function connect(options: IpcNetConnectOpts, connectionListener?: () => void): never
/** What node:net's is declared to take. */
export function connect(options: NetConnectOpts | IpcNetConnectOpts, connectionListener?: () => void): Socket
export function connect(...args: unknown[]): Socket {
  const [options] = normalizeArguments(args)
  const socket = new Socket(options as SocketConstructorOpts)
  // what newer versions publish in connect() of the socket
  if (NODE_MAJOR < 22 && clientSockets.hasSubscribers) clientSockets.publish({ socket })
  if (options.timeout) socket.setTimeout(options.timeout as number)
  // the one that is there now: programs replace it
  return (Socket.prototype.connect as (...args: unknown[]) => Socket).apply(socket, args)
}
