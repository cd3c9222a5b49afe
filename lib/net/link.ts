// Between a socket's streams and its channel: writes wait for room, reads wait for bytes, promises wait for ACKs.
// Past 400 lines because both directions end together, and each has to know of the other's end.
import type { Duplex } from 'node:stream'
import { ACKED, CLOSED, ENDED, READABLE, WRITABLE } from '../core/events.js'
import { isOver } from '../core/state.js'
import type { Channel, ChannelOwner } from '../endpoint/channel.js'
import { codeOf, plainError, readError } from './errors.js'
import type { IdleTimer } from './idle-timer.js'
import { type OnReadOpts, OwnMemory } from './own-memory.js'
import { Scope } from './scope.js'

/** What a Writable hands to _write() and _writev(). */
type Done = (error?: Error | null) => void
interface Piece {
  readonly chunk: Uint8Array
}

interface Waiter {
  /** Acknowledged bytes that settle it. */
  readonly target: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const pullOf = (link: Link): void => link.run(link.pullNow)
const endOf = (link: Link): void => link.run(link.endInTurn)
const hasHeard = (link: Link): void => link.hasHeard()
const pullNext = (link: Link): void => void setImmediate(pullOf, link)
/** As it was when this was loaded: a test that puts another in its place means its own code. */
const { setImmediate } = globalThis

/** All has been read, and what is left to be told is the end. */
const isAtEnd = (channel: Channel): boolean => channel.readable === 0 && channel.ended

const NOTHING: readonly Piece[] = []

/** A write that is not over. */
interface Pending {
  /** What comes next; null: nothing, all is handed over. */
  rest: Uint8Array | null
  /** What comes then, from the one at `next` on. */
  readonly pieces: readonly Piece[]
  next: number
  readonly length: number
  readonly done: Done
}

/** Never added to. */
const NOBODY: Waiter[] = []

/** One connection's worth of stream: before the channel there is it holds what is written, after it remembers the counts. */
export class Link implements ChannelOwner {
  channel: Channel | null = null
  /** Whether the connection holds the process. */
  held = true
  /** Of who connects, or of the server that has accepted; null: not yet. */
  scope: Scope | null = null
  /** Told of whatever moves. */
  idle: IdleTimer | null = null
  /** Bytes that the reader was given. */
  bytesRead = 0
  /** Bytes of the writes that were called back. */
  bytesDone = 0

  /** What was written before the connection goes now, or has gone. */
  started = false

  private opened = false
  private readonly stream: Duplex
  /** null: bytes go to the stream. */
  private readonly own: OwnMemory | null
  /** Bytes that the channel took. */
  private sent = 0

  /** The stream has asked for bytes and not been told to wait. */
  private wanted = false
  /** And is about to get them. */
  private pulling = false
  private ended = false

  private pending: Pending | null = null
  /** The program has been given bytes, and its ticks have not run since; where no write is under way, that may be long ago. */
  private told = false
  /** A write is to end in the next turn. */
  private ending = false
  private finalDone: Done | null = null

  private waiters: Waiter[] = NOBODY
  private lost: Error | null = null
  /** After the stream, and only for those who still wait: the channel that goes on by itself. */
  private orphan: Channel | null = null
  /** Bytes known to be acknowledged when the channel was left, or it was over. */
  private confirmed = 0

  constructor(stream: Duplex, onread: OnReadOpts | null) {
    this.stream = stream
    this.own = onread === null ? null : new OwnMemory(onread, stream)
  }

  /** What it has to tell is told in the context of who calls this. */
  enter(): Scope {
    this.scope = new Scope()
    return this.scope
  }

  // ---- the connection's life

  /** The handshake is done: what waits to be written goes now. */
  open(channel: Channel): void {
    this.channel = channel
    this.opened = true
    channel.owner = this
    if (!this.held) channel.unref()
  }

  hold(on: boolean): void {
    this.held = on
    const { channel } = this
    if (channel === null) return
    if (on) channel.ref()
    else channel.unref()
  }

  /** What waited for open(). */
  start(): void {
    this.started = true
    this.flush()
    const { finalDone } = this
    if (finalDone === null) return
    this.finalDone = null
    this.final(finalDone)
  }

  /**
   * The stream is gone.
   * @returns what the callback of the write under way is owed, to be called with its error; null: no write was.
   */
  close(error: Error | null, lingerTimeout: number, reset: boolean): Done | null {
    const { channel, pending } = this
    this.channel = null
    this.idle = null
    this.pending = null
    this.lost = error
    if (error !== null) this.rejectAll(error)
    if (channel !== null) this.leave(channel, lingerTimeout, reset)
    else this.rejectAll(plainError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION'))
    if (this.own !== null) this.own.leftover = null
    return pending === null ? null : pending.done
  }

  private leave(channel: Channel, lingerTimeout: number, reset: boolean): void {
    const over = isOver(channel.state)
    const discarded = this.stream.readableLength > 0 || this.holdsLeftover || channel.readable > 0
    // RFC 9293 §3.10.4, RFC 1122 §4.2.2.13: thrown-away text is answered with a RST, but not ahead of what is still to be delivered
    if (reset || (discarded && !over && channel.unacknowledged === 0)) channel.abort()
    else if (discarded) while (channel.receive() !== null);
    if (channel.state !== 'CLOSED') this.confirmed = this.acknowledgedBytes(channel)
    channel.release(reset ? 0 : lingerTimeout)
    this.settle(this.confirmed)
    if (reset) this.rejectAll(plainError('ERR_SOCKET_CLOSED'))
    this.rejectUnsent()
    if (this.waiters.length === 0) return
    this.orphan = channel
    channel.owner = this
  }

  /** Nobody waits any longer: the channel is the endpoint's alone. */
  private forget(channel: Channel): void {
    this.orphan = null
    channel.owner = null
  }

  onEvents(events: number): void {
    this.scope?.runInAsyncScope(this.hear, this, events)
  }

  /** Runs one of its own, by which the program hears something, where the program is to hear it. */
  run(what: () => void): void {
    this.scope?.runInAsyncScope(what, this)
  }

  private hear(events: number): void {
    this.idle?.touch()
    let left = events
    try {
      left &= ~(READABLE | ENDED)
      const { channel } = this
      if (left !== events && this.pull() && channel !== null) {
        this.pulling = true
        const isEnd = isAtEnd(channel)
        channel.again(left | (isEnd ? ENDED : READABLE), isEnd)
        left = 0
        return
      }
      if (left & WRITABLE) {
        left &= ~WRITABLE
        this.goOn()
      }
      left = 0
      this.review(events)
    } finally {
      // what a listener throws is the program's to hear, and costs the connection nothing of what has happened
      if (left !== 0) this.later(left)
    }
  }

  private later(events: number): void {
    const channel = this.channel ?? this.orphan
    process.nextTick(() => {
      if (channel !== null && channel === (this.channel ?? this.orphan)) this.onEvents(events)
    })
  }

  /** What has been acknowledged, or is over. */
  private review(events: number): void {
    const channel = this.channel ?? this.orphan
    if (channel === null) return
    if (events & CLOSED) this.over(channel)
    else if (events & ACKED && this.waiters.length > 0) this.settle(this.acknowledgedBytes(channel))
    if (channel === this.orphan && this.waiters.length === 0) this.forget(channel)
  }

  private over(channel: Channel): void {
    const { reason } = channel
    this.confirmed = reason === null ? this.sent : channel.status().bytesAcked
    this.settle(this.confirmed)
    if (reason === null) return
    const error = readError(codeOf(reason, channel.error))
    this.rejectAll(error)
    if (channel !== this.channel) return
    // after both ends nobody reads or writes who could hear of it, as with net's; that not all has arrived, receipts say
    if (this.isDone) this.lost = error
    else this.stream.destroy(error)
  }

  /** The program has been told of the peer's end, and has ended itself. */
  private get isDone(): boolean {
    const { ended, stream } = this
    return ended && stream.writableEnded && stream.writableLength === 0
  }

  // ---- writing

  /** Bytes that the program has handed over and that no callback has told of yet are the stream's to count. */
  write(chunk: Uint8Array, done: Done): void {
    const { channel } = this
    if (channel === null) {
      this.begin(chunk, NOTHING, chunk.length, done)
      return
    }
    this.idle?.touch()
    const taken = channel.send(chunk)
    this.sent += taken
    if (taken < chunk.length) {
      this.begin(taken === 0 ? chunk : chunk.subarray(taken), NOTHING, chunk.length, done)
      return
    }
    this.bytesDone += taken
    done()
  }

  writev(pieces: readonly Piece[], done: Done): void {
    let length = 0
    for (const piece of pieces) length += piece.chunk.length
    this.begin((pieces[0] as Piece).chunk, pieces, length, done)
    if (this.channel === null) return
    this.idle?.touch()
    this.flush()
  }

  /** All that there is room for, and the end of the write at once if that is all. */
  private flush(): void {
    if (this.handOver()) this.endWrite()
  }

  /** The write under way fails. */
  refuse(error: Error): void {
    const { pending } = this
    this.pending = null
    pending?.done(error)
  }

  /** Why a write that was cut short by destroy() was. */
  unwritten(): Error {
    if (!this.opened) return plainError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION')
    return plainError(this.started ? 'ERR_STREAM_DESTROYED' : 'ERR_SOCKET_CLOSED')
  }

  /** FIN after all that was written. */
  final(done: Done): void {
    if (this.channel === null) {
      this.finalDone = done
      return
    }
    this.channel.close()
    done()
  }

  /** Nobody is to be connected with. @returns whether final() waited for it; it is not called back. */
  withdraw(): boolean {
    const waited = this.finalDone !== null
    this.finalDone = null
    return waited
  }

  private begin(rest: Uint8Array, pieces: readonly Piece[], length: number, done: Done): void {
    this.pending = { rest, pieces, next: 1, length, done }
    if (this.told) process.nextTick(hasHeard, this)
  }

  /**
   * There is room. A write ends as net's does: what the program was told in this turn has put off to ticks and promises comes before it,
   * and http relies on that; else at once, or who reads what was written could have heard all of it first.
   */
  private goOn(): void {
    if (!this.handOver()) return
    if (!this.told) this.endWrite()
    else if (!this.ending) {
      this.ending = true
      setImmediate(endOf, this)
    }
  }

  /** For endOf(). */
  endInTurn(): void {
    this.ending = false
    if (this.pending?.rest === null) this.endWrite()
  }

  private noteTold(): void {
    if (!this.told && this.pending !== null) process.nextTick(hasHeard, this)
    this.told = true
  }

  /** For hasHeard(). */
  hasHeard(): void {
    this.told = false
  }

  /** As much of the write under way as there is room for. @returns whether that was the last of it. */
  private handOver(): boolean {
    const { channel, pending } = this
    if (channel === null || pending === null) return false
    const { pieces } = pending
    while (pending.rest !== null) {
      const taken = channel.send(pending.rest)
      this.sent += taken
      if (taken < pending.rest.length) {
        if (taken > 0) pending.rest = pending.rest.subarray(taken)
        return false
      }
      pending.rest = pending.next < pieces.length ? (pieces[pending.next++] as Piece).chunk : null
    }
    return true
  }

  private endWrite(): void {
    const { pending } = this
    if (pending === null) return
    this.pending = null
    this.bytesDone += pending.length
    pending.done()
  }

  // ---- reading

  /** The stream asks for bytes: they come in the next tick, as net's do. */
  read(): void {
    this.wanted = true
    const { channel } = this
    if (channel === null || this.pulling) return
    if (!this.holdsLeftover && channel.readable === 0 && !channel.ended) return
    this.pulling = true
    process.nextTick(pullOf, this)
  }

  /** For pullOf(). */
  pullNow(): void {
    this.pulling = false
    const { channel } = this
    if (!this.pull() || channel === null) return
    this.pulling = true
    // the end comes behind the immediates that the program asks for in its ticks and promises, which are behind this one
    setImmediate(isAtEnd(channel) ? pullNext : pullOf, this)
  }

  /** What pause() and resume() mean to a socket that reads into the program's own memory. */
  holdReading(on: boolean): void {
    if (this.own === null) return
    this.own.stopped = on
    if (!on) this.read()
  }

  /** @returns whether what follows has to wait until ticks and promises have run, as they do after each read of net's. */
  private pull(): boolean {
    if (!this.wanted || this.channel === null) return false
    this.pulling = true
    let thrown = true
    try {
      const waits = this.own === null ? this.push(this.channel) : this.fill(this.channel, this.own)
      thrown = false
      return waits
    } finally {
      this.pulling = thrown
      // a listener that threw does not cost the rest
      if (thrown) process.nextTick(pullOf, this)
    }
  }

  private push(channel: Channel): boolean {
    let pushed = false
    while (this.wanted && this.channel === channel) {
      const bytes = channel.receive()
      if (bytes === null) return this.reachEnd(channel, pushed)
      pushed = true
      this.bytesRead += bytes.length
      this.noteTold()
      if (!this.stream.push(bytes)) this.wanted = false
      // who has heard this may listen again, or pause, in a tick or after a promise; or nobody wants it
      const isHeard = this.stream.listenerCount('data') > 0
      if (this.stream.readableFlowing && (channel.readable > 0 || !isHeard)) return true
    }
    return false
  }

  private fill(channel: Channel, own: OwnMemory): boolean {
    let filled = false
    while (!own.stopped && this.channel === channel) {
      const length = own.fill(channel)
      if (length < 0) return this.reachEnd(channel, filled)
      filled = true
      this.bytesRead += length
      this.noteTold()
      own.tell(length)
    }
    return false
  }

  /** All has been read that has come. `isLate`: bytes came before it, and who answers them after a promise does so before the end. */
  private reachEnd(channel: Channel, isLate: boolean): boolean {
    if (!channel.ended) return false
    if (!isLate) this.end()
    return isLate
  }

  private get holdsLeftover(): boolean {
    return this.own !== null && this.own.leftover !== null
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.wanted = false
    this.stream.push(null)
    // with nothing to be read before it, 'end' comes without anybody reading
    this.stream.read(0)
  }

  // ---- acknowledgments

  /** Settles when the peer's TCP has acknowledged the first `target` bytes. */
  acknowledged(target: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.lost !== null) {
        reject(this.lost)
        return
      }
      if (this.waiters === NOBODY) this.waiters = []
      this.waiters.push({ target, resolve, reject })
      const channel = this.channel ?? this.orphan
      this.settle(channel === null ? this.confirmed : this.acknowledgedBytes(channel))
      if (!this.stream.destroyed) return
      if (channel === null) this.rejectAll(plainError('ERR_SOCKET_CLOSED'))
      else this.rejectUnsent()
    })
  }

  private acknowledgedBytes(channel: Channel): number {
    return this.sent - channel.unacknowledged
  }

  private settle(acknowledged: number): void {
    const { waiters } = this
    let settled = 0
    while (settled < waiters.length && (waiters[settled] as Waiter).target <= acknowledged) {
      ;(waiters[settled++] as Waiter).resolve()
    }
    if (settled > 0) waiters.splice(0, settled)
  }

  /** The stream is gone: what the channel has not taken never leaves. */
  private rejectUnsent(): void {
    const first = this.waiters.findIndex(({ target }) => target > this.sent)
    if (first >= 0) this.rejectAll(this.unwritten(), first)
  }

  /** All from the one at `first` on. */
  private rejectAll(error: Error, first = 0): void {
    for (const waiter of this.waiters.splice(first)) waiter.reject(error)
  }
}
