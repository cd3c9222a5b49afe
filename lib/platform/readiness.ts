// Which descriptors can be read or written now: one that stands for many of them is waited for by Node's event loop (epoll); the few that
// are busy are waited for themselves, which spares the kernel and us a step for each datagram. While anything comes, what has come is looked
// up in each turn of the loop; else the loop calls (decision 039).
import { Arena, type Libc, type Piece } from './libc.js'
import { FOUND, type LoopHandle, type PollHandle, QUIET } from './libuv.js'
import { clearTimeout, setImmediate, setTimeout } from './time.js'
import { vigil } from './vigil.js'

/** Who waits for a descriptor. */
export interface Waiter {
  /** It can be read, or has an error to tell. @returns how many bytes were read. */
  onReadable(): number
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
/** Bytes of a turn: what the program is given at its end is held until then. */
const MOST_BYTES = 2 ** 20
/** So many turns that found nothing but it, before a descriptor is waited for itself. */
const PATIENCE = 32
/** So many turns that found nothing at all, before they are left alone: to be called costs as much as a few of them. */
const IDLE = 64
/** Descriptors that are waited for themselves: more at a time are found cheaper by one call for all. */
const MOST_DIRECT = 4

/** A descriptor that is waited for itself. */
interface Direct {
  readonly fd: number
  readonly waiter: Waiter
  readonly handle: PollHandle
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
  /** How many were found at last, and how many of them have been told. */
  private foundCount = 0
  private toldCount = 0
  /** The descriptor that stands for all, as long as there is any. */
  private all = -1
  /** Waits for it while anything comes, and while nothing does. */
  private handle: PollHandle | null = null
  private bell: LoopHandle | null = null
  /** The bell has rung. */
  private hasRung = false
  private next: NodeJS.Immediate | null = null
  /** What has been found has let others go first. */
  private hasWaited = false
  /** Turns that have found nothing. */
  private turnsIdle = 0
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
    this.setHolding(this.bell)
    for (const { handle } of this.directs) this.setHolding(handle)
  }

  private setHolding(handle: LoopHandle | null): void {
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
    process.on('exit', this.onExit)
    this.doze()
    return true
  }

  /** Nothing comes: the turns of the loop are others'. */
  private doze(): void {
    for (const direct of [...this.directs]) this.widen(direct)
    this.handle?.close()
    this.handle = null
    this.awaitBell()
  }

  private awaitBell(): void {
    this.bell = this.libc.bell(this.all, { readable: true }, this.onBell)
    this.setHolding(this.bell)
  }

  // What follows a callback of Node's, promises and ticks, does not follow this one: so it only sees to it that there is one.
  private readonly onBell = (): void => {
    this.bell?.close()
    this.bell = null
    this.handle = this.poll(this.all)
    if (this.handle === null) this.awaitBell()
    this.hasRung = true
    this.turnsIdle = 0
    this.attendNext()
  }

  private poll(fd: number): PollHandle | null {
    const handle = this.libc.poll(fd)
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
    const handle = this.poll(fd)
    if (handle === null) {
      // no room for one more that is waited for: it stays one of many
      this.turnsAlone[fd] = 0
      return
    }
    this.directs.push({ fd, waiter, handle })
    this.control(REMOVE, fd, 0)
  }

  /** It is one of many again. */
  private widen(direct: Direct): void {
    this.leave(direct)
    this.turnsAlone[direct.fd] = 0
    this.control(ADD, direct.fd, READ)
  }

  private leave(direct: Direct): void {
    direct.handle.close()
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
    this.bell?.close()
    this.handle?.close()
    this.bell = this.handle = null
    for (const { handle } of this.directs.splice(0)) handle.close()
  }

  private control(operation: number, fd: number, events: number): boolean {
    this.change.view.setUint32(0, events, true)
    this.change.view.setUint32(DATA, fd, true)
    return this.libc.epollControl(this.all, operation, fd, this.change.bytes) === 0
  }

  /** After each waiting of the event loop's, and without keeping it from that; one that is left from before a rest serves. */
  private attendNext(): void {
    this.next ??= setImmediate(this.attend).unref()
  }

  private readonly attend = (): void => {
    const { next } = this
    this.next = null
    // what others put off before this was found comes before it, as before what Node finds; once, lest they never stop
    if (!this.hasWaited && this.canWait && isFollowed(next)) {
      this.hasWaited = true
      this.attendNext()
      return
    }
    this.hasWaited = false
    if (!vigil.isTurning) this.turnsIdle++
    let areDue = this.hasRung || (this.handle !== null && this.handle.take() !== QUIET)
    this.hasRung = false
    // from the last on: whoever is told may close others, and those behind them move up
    for (let i = this.directs.length - 1; i >= 0; i--) {
      const direct = this.directs[i]
      if (direct === undefined) continue
      const status = direct.handle.take()
      if (status === QUIET) continue
      this.noteFound()
      if (status === FOUND) {
        this.tell(direct.waiter, READ)
      } else {
        // libuv waits no more for what has an error to tell; epoll goes on
        this.widen(direct)
        areDue = true
      }
    }
    if (areDue) this.attendFound()
    if (this.handle === null) return
    if (this.turnsIdle < IDLE) this.attendNext()
    else this.doze()
  }

  /** Something is found, and will be in the next turn: of an error libuv tells once, and the loop might then sleep on it. */
  private get canWait(): boolean {
    let isDue = this.hasRung || (this.handle !== null && this.handle.status !== QUIET)
    for (const { handle } of this.directs) {
      if (handle.status < FOUND) return false
      if (handle.status === FOUND) isDue = true
    }
    return isDue
  }

  private noteFound(): void {
    this.turnsIdle = 0
    if (this.holds > 0) vigil.found()
  }

  private attendFound(): void {
    this.noteFound()
    const { view, bytes } = this.found
    if (this.toldCount === this.foundCount) {
      this.toldCount = 0
      const isOpen = this.handle !== null || this.bell !== null
      this.foundCount = isOpen ? Math.max(this.libc.epollWait(this.all, bytes, MOST, 0), 0) : 0
    }
    // those whose turn does not come are still readable in the next
    for (let read = 0; this.toldCount < this.foundCount && read < MOST_BYTES; ) {
      const at = this.toldCount++ * EVENT
      const events = view.getUint32(at, true)
      const fd = view.getUint32(at + DATA, true)
      const waiter = this.waiters[fd]
      if (waiter === undefined) continue
      if (this.foundCount === 1 && events === READ) this.noteAlone(fd, waiter)
      read += this.tell(waiter, events)
    }
  }

  /** @returns how many bytes were read. */
  private tell(waiter: Waiter, events: number): number {
    try {
      if (events & WRITE) waiter.onWritable()
      if (events & ~WRITE) return waiter.onReadable()
    } catch (error) {
      throwLater(error)
    }
    return 0
  }

  private noteAlone(fd: number, waiter: Waiter): void {
    const turns = (this.turnsAlone[fd] as number) + 1
    this.turnsAlone[fd] = turns
    if (turns >= PATIENCE) this.narrow(fd, waiter)
  }
}

/** Whether another immediate is to run after `immediate`, which runs now: Node has them in a list, and nobody else knows. */
function isFollowed(immediate: NodeJS.Immediate | null): boolean {
  return (immediate as { _idleNext?: unknown } | null)?._idleNext !== null
}
