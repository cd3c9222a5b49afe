// Which descriptors can be read or written now: one that stands for many of them is waited for by Node's event loop (epoll); the few that
// are busy are waited for themselves, which spares the kernel and us a step for each datagram.
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
/** So many turns that found nothing but it, before a descriptor is waited for itself. */
const PATIENCE = 32
/** Descriptors that are waited for themselves: more at a time are found cheaper by one call for all. */
const MOST_DIRECT = 4

/** A descriptor that is waited for itself. */
interface Direct {
  readonly fd: number
  readonly waiter: Waiter
  handle: PollHandle | null
  /** It can be read. */
  isDue: boolean
}

/** Turns of a socket that waits for room: it never counts as busy, since only reading is watched directly. */
const NEVER = Number.NEGATIVE_INFINITY

/** An error is the program's, which hears of it once what runs now is done: others have their turn all the same. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** One for all descriptors of the process. */
export class Readiness {
  /** How many of them hold the process. */
  holds = 0
  private readonly libc: Libc
  /** By descriptor. */
  private readonly waiters: (Waiter | undefined)[] = []
  /** By descriptor: turns that found it alone. */
  private readonly turnsAlone: number[] = []
  private count = 0
  /** The longest first. */
  private readonly directs: Direct[] = []
  private readonly change: Piece
  private readonly found: Piece
  /** The descriptor that stands for all, as long as there is any. */
  private all = -1
  private handle: PollHandle | null = null
  /** One of the others can be read, or has room. */
  private isDue = false
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
    this.waiters[fd] = waiter
    this.turnsAlone[fd] = 0
    this.count++
    if (this.control(ADD, fd, READ)) return true
    this.forget(fd)
    return false
  }

  /** Whether `fd` is waited for to have room, too. */
  awaitRoom(fd: number, on: boolean): void {
    const direct = this.directOf(fd)
    if (direct !== undefined) this.widen(direct)
    this.turnsAlone[fd] = on ? NEVER : 0
    this.control(CHANGE, fd, on ? READ | WRITE : READ)
  }

  /** Before it is closed. */
  unwatch(fd: number): void {
    const direct = this.directOf(fd)
    if (direct === undefined) this.control(REMOVE, fd, 0)
    else this.leave(direct)
    this.forget(fd)
  }

  /** One more holds the process, or one less. */
  hold(on: boolean): void {
    this.holds += on ? 1 : -1
    if (this.holds !== (on ? 1 : 0)) return
    this.setHolding(this.handle)
    for (const { handle } of this.directs) this.setHolding(handle)
  }

  private setHolding(handle: PollHandle | null): void {
    if (this.holds > 0) handle?.ref()
    else handle?.unref()
  }

  private forget(fd: number): void {
    this.waiters[fd] = undefined
    if (--this.count === 0) this.rest = setTimeout(this.onRest, REST).unref()
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
    this.handle = this.poll(this.all, this.onPoll)
    process.on('exit', this.onExit)
    return true
  }

  private poll(fd: number, onPoll: (status: number) => void): PollHandle {
    const handle = this.libc.poll(fd, { readable: true }, onPoll)
    this.setHolding(handle)
    return handle
  }

  private directOf(fd: number): Direct | undefined {
    for (const direct of this.directs) if (direct.fd === fd) return direct
    return undefined
  }

  /** `fd` is waited for without the one that stands for all. */
  private narrow(fd: number, waiter: Waiter): void {
    if (this.directs.length === MOST_DIRECT) this.widen(this.directs[0] as Direct)
    const direct: Direct = { fd, waiter, handle: null, isDue: false }
    direct.handle = this.poll(fd, (status) => {
      if (status < 0) {
        // libuv waits no more for what has an error to tell; epoll goes on
        this.widen(direct)
        this.onPoll()
        return
      }
      direct.isDue = true
      this.later()
    })
    this.directs.push(direct)
    this.control(REMOVE, fd, 0)
  }

  /** It is one of many again. */
  private widen(direct: Direct): void {
    this.leave(direct)
    this.turnsAlone[direct.fd] = 0
    this.control(ADD, direct.fd, READ)
  }

  private leave(direct: Direct): void {
    direct.handle?.close()
    this.directs.splice(this.directs.indexOf(direct), 1)
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
    for (const { handle } of this.directs.splice(0)) handle?.close()
  }

  private control(operation: number, fd: number, events: number): boolean {
    this.change.view.setUint32(0, events, true)
    this.change.view.setUint32(DATA, fd, true)
    return this.libc.epollControl(this.all, operation, fd, this.change.bytes) === 0
  }

  private readonly onPoll = (): void => {
    this.isDue = true
    this.later()
  }

  // What follows a callback of Node's, promises and ticks, does not follow this one: so it only sees to it that there is one.
  private later(): void {
    if (this.attending) return
    this.attending = true
    setImmediate(this.attend)
  }

  private readonly attend = (): void => {
    this.attending = false
    if (this.isDue) this.attendFound()
    // from the last on: whoever is told may close others, and those behind them move up
    for (let i = this.directs.length - 1; i >= 0; i--) {
      const direct = this.directs[i]
      if (!direct?.isDue) continue
      direct.isDue = false
      this.tell(direct.waiter, READ)
    }
  }

  private attendFound(): void {
    this.isDue = false
    const { view, bytes } = this.found
    const count = this.handle === null ? 0 : this.libc.epollWait(this.all, bytes, MOST, 0)
    for (let i = 0; i < count; i++) {
      const events = view.getUint32(i * EVENT, true)
      const fd = view.getUint32(i * EVENT + DATA, true)
      const waiter = this.waiters[fd]
      if (waiter === undefined) continue
      if (count === 1 && events === READ) this.noteAlone(fd, waiter)
      this.tell(waiter, events)
    }
  }

  private tell(waiter: Waiter, events: number): void {
    try {
      if (events & WRITE) waiter.onWritable()
      if (events & ~WRITE) waiter.onReadable()
    } catch (error) {
      throwLater(error)
    }
  }

  private noteAlone(fd: number, waiter: Waiter): void {
    const turns = (this.turnsAlone[fd] as number) + 1
    this.turnsAlone[fd] = turns
    if (turns >= PATIENCE) this.narrow(fd, waiter)
  }
}
