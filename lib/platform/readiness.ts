// Which descriptors can be read or written now: one that stands for all of them is waited for by Node's event loop (epoll), or the only
// one itself, which spares the kernel and us a step for each datagram.
import { Arena, type Libc, type Piece, type PollHandle } from './libc.js'
import { clearTimeout, setImmediate, setTimeout } from './time.js'

/** Who waits for a descriptor. */
export interface Waiter {
  /** It can be read, or has an error to tell. */
  onReadable(): void
  /** It has room again; only after awaitRoom(true). */
  onWritable(): void
}

const READ = 0x001
const WRITE = 0x004
const CLOEXEC = 0o2000000
const ADD = 1
const REMOVE = 2
const CHANGE = 3
/** Of struct epoll_event, and where its data is: x86-64 has it packed. */
const [EVENT, DATA] = process.arch === 'x64' ? [12, 4] : [16, 8]
/** ms without a descriptor before what waits for them goes too: those who connect again and again have it made once. */
const REST = 1_000
/** Descriptors of a turn. */
const MOST = 64
/** So many turns of one descriptor, and no other to wait for, before it is waited for itself. */
const PATIENCE = 32

/** One for all descriptors of the process. */
export class Readiness {
  /** How many of them hold the process. */
  holds = 0
  private readonly libc: Libc
  /** By descriptor. */
  private readonly waiters: (Waiter | undefined)[] = []
  private count = 0
  /** The only one, if that is known: nothing has to be asked to find it. */
  private lone: Waiter | null = null
  private loneFd = -1
  /** Turns of it in a row. */
  private turns = 0
  /** The event loop waits for it itself. */
  private isDirect = false
  private hasEnded = false
  /** How many of them wait for room. */
  private roomless = 0
  private readonly change: Piece
  private readonly found: Piece
  /** The descriptor that stands for all, as long as there is any. */
  private all = -1
  private handle: PollHandle | null = null
  private attending = false
  private rest: NodeJS.Timeout | null = null

  constructor(libc: Libc) {
    this.libc = libc
    const arena = new Arena(libc, EVENT * (MOST + 2))
    this.change = arena.take(EVENT)
    this.found = arena.take(EVENT * MOST)
  }

  /** `waiter` is told from now on. It does not hold the process: see hold(). @returns false: the machine can't; see errno. */
  watch(fd: number, waiter: Waiter): boolean {
    if (!this.isOpen && !this.open()) return false
    this.widen()
    this.waiters[fd] = waiter
    this.setLone(++this.count === 1 ? fd : -1)
    if (this.control(ADD, fd, READ)) return true
    this.forget(fd)
    return false
  }

  /** Whether `fd` is waited for to have room, too. */
  awaitRoom(fd: number, on: boolean): void {
    this.roomless += on ? 1 : -1
    this.widen()
    this.control(CHANGE, fd, on ? READ | WRITE : READ)
  }

  /** Before it is closed. */
  unwatch(fd: number): void {
    this.widen()
    this.control(REMOVE, fd, 0)
    this.forget(fd)
  }

  /** One more holds the process, or one less. */
  hold(on: boolean): void {
    this.holds += on ? 1 : -1
    if (this.holds === 0) this.handle?.unref()
    else if (on && this.holds === 1) this.handle?.ref()
  }

  private forget(fd: number): void {
    this.waiters[fd] = undefined
    this.setLone(--this.count === 1 ? this.waiters.findIndex((waiter) => waiter !== undefined) : -1)
    if (this.count === 0) this.rest = setTimeout(this.onRest, REST).unref()
  }

  private setLone(fd: number): void {
    this.loneFd = fd
    this.lone = this.waiters[fd] ?? null
  }

  private get isOpen(): boolean {
    if (this.rest !== null) clearTimeout(this.rest)
    this.rest = null
    return this.all >= 0
  }

  private open(): boolean {
    const { libc } = this
    this.all = libc.epollCreate(CLOEXEC)
    if (this.all < 0) return false
    this.waitFor(this.all)
    process.on('exit', this.onExit)
    return true
  }

  private waitFor(fd: number): void {
    this.handle?.close()
    this.handle = this.libc.poll(fd, { readable: true }, this.onPoll)
    if (this.holds === 0) this.handle.unref()
  }

  /** The only descriptor is waited for without the one that stands for all. */
  private narrow(): void {
    this.isDirect = true
    this.waitFor(this.loneFd)
  }

  private widen(): void {
    this.turns = 0
    this.hasEnded = false
    if (!this.isDirect) return
    this.isDirect = false
    this.waitFor(this.all)
  }

  private readonly onRest = (): void => {
    this.rest = null
    process.off('exit', this.onExit)
    this.stop()
    this.libc.close(this.all)
    this.all = -1
  }

  // the loop must not call into what is being torn down
  private readonly onExit = (): void => this.stop()

  private stop(): void {
    this.handle?.close()
    this.handle = null
  }

  private control(operation: number, fd: number, events: number): boolean {
    this.change.view.setUint32(0, events, true)
    this.change.view.setUint32(DATA, fd, true)
    return this.libc.epollControl(this.all, operation, fd, this.change.bytes) === 0
  }

  // What follows a callback of Node's, promises and ticks, does not follow this one: so it only sees to it that there is one.
  private readonly onPoll = (status: number): void => {
    this.hasEnded ||= status < 0
    if (this.attending) return
    this.attending = true
    setImmediate(this.attend)
  }

  private readonly attend = (): void => {
    this.attending = false
    if (this.handle === null) return
    // libuv waits no more for what has an error to tell; epoll goes on
    if (this.hasEnded) this.widen()
    if (this.lone === null || this.roomless > 0) {
      this.turns = 0
      this.attendFound()
      return
    }
    if (++this.turns === PATIENCE) this.narrow()
    this.lone.onReadable()
  }

  private attendFound(): void {
    const { view, bytes } = this.found
    const count = this.libc.epollWait(this.all, bytes, MOST, 0)
    // one that throws costs the others no more than this turn: they are found again in the next
    for (let i = 0; i < count; i++) {
      const events = view.getUint32(i * EVENT, true)
      const waiter = this.waiters[view.getUint32(i * EVENT + DATA, true)]
      if (events & WRITE) waiter?.onWritable()
      if (events & ~WRITE) waiter?.onReadable()
    }
  }
}
