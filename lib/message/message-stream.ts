// Messages over any Duplex: sent with receipts and backpressure, received as events or by iteration.
// Past 400 lines because both directions end together: each looks at what the other has left.
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { DEFAULT_MAX_MESSAGE_LENGTH, FrameReader, FrameWriter, type Message, MessageError } from './frame.js'

export interface MessageStreamOptions {
  /**
   * Longest payload, in bytes, to be sent or taken; 0 to 2^32 - 1.
   * @default 67108864 (64 MiB)
   */
  maxMessageLength?: number | undefined
}

export interface MessageIteratorOptions {
  /**
   * Whether leaving the loop early destroys the stream.
   * @default true
   */
  destroyOnReturn?: boolean | undefined
}

/** The arguments of each event. */
export interface MessageStreamEvents {
  /** A text arrives as a string, bytes as a Buffer. What comes when the last listener is gone waits for the next consumer. */
  message: [message: Message]
  /** After a post() that answered false: there is room again. */
  drain: []
  /** The peer will send no more; this side may still send if the stream allows half-open. */
  end: []
  /** Once, before 'close': the stream's own error, or a MessageError. */
  error: [error: Error]
  close: []
}

/** A stream whose TCP can tell what the peer's has acknowledged. */
interface Acknowledging {
  acknowledged?: (() => Promise<void>) | undefined
}

interface Deferred<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
}

const LEAST_HIGH_WATER_MARK = 64 * 1024

/**
 * Messages over a Duplex, which belongs to this object from then on.
 *
 * What is sent within one turn leaves as few large chunks. Nothing is read before there is a consumer: a listener for
 * 'message', an iteration, receive() or resume(); and no more than one chunk of the stream waits for a slow one, so
 * that a TCP peer sees the window close.
 */
export class MessageStream extends EventEmitter<MessageStreamEvents> {
  readonly stream: Duplex
  /** Whether a receipt means "acknowledged by the peer's TCP"; otherwise it means "handed to the stream". */
  readonly receipts: boolean
  readonly maxMessageLength: number

  readonly #writer: FrameWriter
  readonly #reader: FrameReader
  readonly #highWaterMark: number
  #flushScheduled = false
  #receipt: Deferred<void> | null = null // of all that was sent in this turn
  #needDrain = false
  #drained: Deferred<void> | null = null
  #ending: Promise<void> | null = null

  #flowing = false
  #held = false // by pause()
  #discards = false // by resume(): what nobody listens for is thrown away
  #delivering = false
  #pulled = false // by receive() or an iterator: then errors have a way out without 'error'
  #waiting: Deferred<Message | null>[] = []
  #streamEnded = false
  #endTold = false
  #failure: Error | null = null
  #closed = false

  /** @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
  constructor(stream: Duplex, options: MessageStreamOptions = {}) {
    super()
    if (typeof stream?.write !== 'function' || typeof stream.pause !== 'function') {
      throw coded(new TypeError('messages need a Duplex'), 'ERR_INVALID_ARG_TYPE')
    }
    if (typeof options !== 'object' || options === null) {
      throw coded(new TypeError('the options of a MessageStream are an object'), 'ERR_INVALID_ARG_TYPE')
    }
    this.stream = stream
    this.receipts = typeof (stream as Acknowledging).acknowledged === 'function'
    this.maxMessageLength = checkedLength(options.maxMessageLength)
    this.#writer = new FrameWriter(this.maxMessageLength)
    this.#reader = new FrameReader(this.maxMessageLength)
    this.#highWaterMark = Math.max(stream.writableHighWaterMark, LEAST_HIGH_WATER_MARK)
    stream.pause() // explicitly, or the next line would set it going
    stream.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    stream.on('end', () => this.#onEnd())
    stream.on('drain', () => this.#onDrain())
    stream.on('error', (error: Error) => this.#onError(error))
    stream.on('close', () => this.#onClose())
    if (stream.destroyed) process.nextTick(() => this.#onClose())
    const emitter = this as unknown as EventEmitter // its own events are not among ours
    emitter.on('newListener', (name) => {
      if (name === 'message' && !this.#flowing && !this.#held) this.#flow()
    })
    emitter.on('removeListener', (name) => {
      if (name === 'message' && !this.#discards && this.listenerCount('message') === 0) this.#flowing = false
    })
  }

  /** False once end() was called, or the stream can take no more. */
  get writable(): boolean {
    return this.#ending === null && this.stream.writable
  }

  /** Whether post() has answered false and 'drain' has not come yet. */
  get needDrain(): boolean {
    return this.#needDrain
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Sends a message, and tells when it has arrived: the promise settles once the peer's TCP has acknowledged all of it,
   * or, where `receipts` is false, once the stream has taken it. It rejects with the connection's error, with
   * ERR_MESSAGE_TOO_LARGE, or with ERR_STREAM_WRITE_AFTER_END. Bytes must stay as they are until then.
   * Messages of one turn share one promise. It may be ignored: a connection that fails says so by 'error' as well.
   */
  send(message: string | Uint8Array): Promise<void> {
    try {
      this.post(message)
    } catch (error) {
      return Promise.reject(error)
    }
    if (!this.#flushScheduled) return quietly(Promise.reject(this.#whyClosed()))
    this.#receipt ??= deferredQuietly()
    return this.#receipt.promise
  }

  /**
   * Sends a message without a receipt. On a stream that is over already nothing happens. Up to 16 KiB are copied; longer
   * bytes must stay as they are until they have been acknowledged, of which end() tells, and the receipt of a later send().
   * @returns false when it is time to wait for 'drain', or ready()
   * @throws MessageError ERR_MESSAGE_TOO_LARGE; ERR_STREAM_WRITE_AFTER_END; ERR_INVALID_ARG_TYPE
   */
  post(message: string | Uint8Array): boolean {
    if (typeof message !== 'string' && !(message instanceof Uint8Array)) {
      throw coded(new TypeError('a message is a string or a Uint8Array'), 'ERR_INVALID_ARG_TYPE')
    }
    if (this.#ending !== null) throw writeAfterEnd()
    const stream = this.stream
    if (!stream.writable) return false
    this.#writer.add(message)
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      process.nextTick(this.#flush)
    }
    if (this.#writer.pending + stream.writableLength < this.#highWaterMark) return true
    this.#needDrain = true
    return false
  }

  /** Settles when there is room for more: at once, or with 'drain'. Rejects if the stream closes first. */
  ready(): Promise<void> {
    if (this.#ending !== null) return Promise.reject(writeAfterEnd())
    if (!this.stream.writable) return Promise.reject(this.#whyClosed())
    if (!this.#needDrain) return Promise.resolve()
    this.#drained ??= deferredQuietly()
    return this.#drained.promise
  }

  /**
   * Half-closes: what was sent goes out, then the stream's end. Messages still arrive.
   * @returns a receipt for all that was sent, as send() gives it
   */
  end(): Promise<void> {
    if (this.#ending !== null) return this.#ending
    if (this.#flushScheduled) this.#flush()
    const receipt = deferredQuietly()
    this.#ending = receipt.promise
    const stream = this.stream as Duplex & Acknowledging
    if (!stream.writable) {
      receipt.reject(this.#whyClosed())
    } else if (stream.acknowledged) {
      stream.acknowledged().then(receipt.resolve, receipt.reject)
      stream.end()
    } else {
      stream.end((error?: Error | null) => (error ? receipt.reject(error) : receipt.resolve()))
    }
    return receipt.promise
  }

  /** Destroys the stream, what waits to be sent, and what has come and was not told yet. */
  destroy(error?: Error): this {
    if (!this.#endTold && !this.stream.errored) this.#failure ??= error ?? prematureClose()
    this.stream.destroy(error)
    return this
  }

  /** Stops events until resume(), also within a burst; the peer's window closes. */
  pause(): this {
    this.#flowing = false
    this.#discards = false
    this.#held = true
    if (this.#waiting.length === 0) this.stream.pause()
    return this
  }

  /** Lets 'message' events flow. Without a listener messages are thrown away. */
  resume(): this {
    this.#discards = true
    this.#flow()
    return this
  }

  /** The next message; null after the last. Rejects with what ended the stream otherwise. */
  receive(): Promise<Message | null> {
    this.#pulled = true
    if (this.#waiting.length === 0 && !this.#delivering) {
      const message = this.#next()
      if (message !== null) return Promise.resolve(message)
      if (this.#streamEnded) this.#deliver()
      if (this.#endTold) return Promise.resolve(null)
    }
    if (this.#failure !== null || this.#closed) return Promise.reject(this.#whyClosed())
    const waiting = deferred<Message | null>()
    this.#waiting.push(waiting)
    this.stream.resume()
    return waiting.promise
  }

  /** The messages, until the peer's end; throws what ended the stream otherwise. */
  async *iterator(options: MessageIteratorOptions = {}): AsyncGenerator<Message, void, void> {
    let finished = false
    try {
      for (let message = await this.receive(); message !== null; message = await this.receive()) yield message
      finished = true
    } finally {
      if (!finished && options.destroyOnReturn !== false) this.destroy()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    return this.iterator()
  }

  #flow(): void {
    this.#flowing = true
    this.#held = false
    process.nextTick(() => this.#deliver())
  }

  readonly #flush = (): void => {
    if (!this.#flushScheduled) return // end() was quicker
    this.#flushScheduled = false
    const chunks = this.#writer.take()
    const receipt = this.#receipt
    this.#receipt = null
    const stream = this.stream as Duplex & Acknowledging
    if (!stream.writable) {
      receipt?.reject(this.#whyClosed())
      return
    }
    const last = chunks.pop()!
    if (chunks.length > 0) stream.cork()
    for (const chunk of chunks) stream.write(chunk)
    if (receipt === null || stream.acknowledged) stream.write(last)
    else stream.write(last, (error) => (error ? receipt.reject(error) : receipt.resolve()))
    if (chunks.length > 0) stream.uncork()
    if (receipt !== null && stream.acknowledged) stream.acknowledged().then(receipt.resolve, receipt.reject)
    this.#onDrain() // the stream may have taken all of it already
  }

  #onDrain(): void {
    if (!this.#needDrain || this.stream.writableNeedDrain) return
    this.#needDrain = false
    this.#drained?.resolve()
    this.#drained = null
    this.emit('drain')
  }

  #onData(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) {
      this.#fail(coded(new TypeError('messages need a stream of bytes, without encoding'), 'ERR_INVALID_ARG_TYPE'))
      return
    }
    if (this.#failure !== null) return
    this.#reader.push(chunk)
    this.#deliver()
  }

  #onEnd(): void {
    this.#streamEnded = true
    this.#deliver()
    this.#flush() // an answer to 'end' still goes out before the stream ends itself
  }

  #next(): Message | null {
    // who is thrown out is not heard any longer; what came before an orderly end is
    if (this.#failure !== null || (this.stream.destroyed && !this.#streamEnded)) return null
    try {
      return this.#reader.next()
    } catch (error) {
      this.#fail(error as Error)
      return null
    }
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    let thrown = true
    try {
      while (this.#flowing || this.#waiting.length > 0) {
        const message = this.#next()
        if (message === null) break
        if (this.#waiting.length > 0) this.#waiting.shift()!.resolve(message)
        else this.emit('message', message)
      }
      thrown = false
    } finally {
      this.#delivering = false
      if (thrown) this.#goOn()
    }
    if (this.#reader.hasBytes || (!this.#flowing && this.#waiting.length === 0)) this.stream.pause()
    else this.stream.resume()
    if (this.#streamEnded && !this.#reader.hasBytes) this.#finish()
  }

  /** A listener that throws loses its own message only: nothing more is read before those that have come are told. */
  #goOn(): void {
    this.stream.pause()
    process.nextTick(() => this.#deliver())
  }

  #finish(): void {
    if (this.#endTold || this.#failure !== null) return
    if (this.#reader.isInsideFrame) {
      this.#fail(new MessageError('ERR_MESSAGE_TRUNCATED', 'the stream ended inside a message'))
      return
    }
    this.#endTold = true
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(null)
    this.emit('end')
  }

  #fail(error: Error): void {
    if (this.stream.destroyed) this.#onError(error)
    else this.stream.destroy(error) // comes back as the stream's 'error'
    this.#failure ??= error
  }

  #onError(error: Error): void {
    const told = this.#failure !== null && this.#failure !== error
    this.#failure ??= error
    this.#rejectWaiting()
    if (!told && (this.listenerCount('error') > 0 || !this.#pulled)) this.emit('error', error)
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#streamEnded) this.#failure ??= prematureClose()
    this.#rejectWaiting()
    this.#drained?.reject(this.#whyClosed())
    this.#drained = null
    this.emit('close')
  }

  #rejectWaiting(): void {
    if (this.#failure === null) return
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure)
  }

  #whyClosed(): Error {
    return this.#failure ?? this.stream.errored ?? prematureClose()
  }
}

function deferred<T>(): Deferred<T> {
  const parts = {} as Deferred<T>
  parts.promise = new Promise<T>((resolve, reject) => {
    parts.resolve = resolve
    parts.reject = reject
  })
  return parts
}

/** One that may be ignored even if it fails. */
function deferredQuietly(): Deferred<void> {
  const parts = deferred<void>()
  quietly(parts.promise)
  return parts
}

function quietly(promise: Promise<void>): Promise<void> {
  promise.catch(() => {})
  return promise
}

function coded<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code })
}

function writeAfterEnd(): Error {
  return coded(new Error('no message can follow end()'), 'ERR_STREAM_WRITE_AFTER_END')
}

function prematureClose(): Error {
  return coded(new Error('the stream closed before its end'), 'ERR_STREAM_PREMATURE_CLOSE')
}

function checkedLength(length: number | undefined): number {
  if (length === undefined) return DEFAULT_MAX_MESSAGE_LENGTH
  if (typeof length !== 'number') {
    throw coded(new TypeError('maxMessageLength is a number of bytes'), 'ERR_INVALID_ARG_TYPE')
  }
  if (!(Number.isInteger(length) && length >= 0 && length <= 0xffff_ffff)) {
    throw coded(new RangeError(`maxMessageLength is 0 to 2^32 - 1, not ${length}`), 'ERR_OUT_OF_RANGE')
  }
  return length
}
