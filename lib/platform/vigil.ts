// Whether the event loop stays awake for what comes next: where to wait for it takes no more of the processor than to fall asleep and
// be woken (decision 044). Times are in µs.
import { now, setImmediate } from './time.js'

/** The event loop of a thread. */
export interface Loop {
  now(): number
  /** How long the processor has worked for it. */
  cpu(): number
  /** Runs `run` in the next turn, and does not sleep before. */
  turn(run: () => void): void
}

/** How long a watch lasts, in waits; and, times what a sleep costs: what a wait may cost, and how long it may last. */
interface Watch {
  readonly waits: number
  readonly mean: number
  readonly longest: number
}

/** At first the peer has yet to find that to stay awake is worth it for him, too: until then each waits for the other to be woken. */
const TRIAL: Watch = { waits: 256, mean: 2.5, longest: 4 }
const STEADY: Watch = { waits: 1024, mean: 1.25, longest: 2 }
/** Longer waits are slept through. */
const LONGEST = 200
/** Times what a sleep costs: where waits take longer, none is tried to be spent awake. */
const HOPELESS = 6
/** Asleep, one wait of so many is looked at: a prime, lest it be the same one of each group. */
const LOOK_EVERY = 17
/** Waits from a watch that was in vain to the next; twice as many after each. */
const LEAST_PATIENCE = 1024
const MOST_PATIENCE = 65_536
/** Of what waits took when one was tried last: the peer is awake now. */
const FASTER = 0.75
/** So much longer than it costs takes what was slept through. */
const ASLEEP = 5
/** How far one sleep moves what a sleep is taken to cost. */
const STEP = 1 / 16
/** Something else may have been done meanwhile. */
const TOO_LONG = 1_000

export class Vigil {
  /** The loop does not sleep before its next turn. */
  isTurning = false
  private readonly loop: Loop
  /** Of the processor: what a sleep costs. 0: not known. */
  private cost = 0
  /** How long a wait lasts that is slept through. */
  private wait = 0
  private waitWhenTried = 0
  /** How many datagrams come at the end of one. */
  private group = 1
  /** The watch that is kept; asleep there is none. */
  private watch: Watch | null = null
  private patience = LEAST_PATIENCE
  /** Of this watch, or since the last. */
  private waits = 0
  private datagrams = 0
  /** What the waits of this watch have cost. */
  private spent = 0
  private isWaiting = false
  private began = 0
  private cpuAtSleep = 0
  /** Of those datagrams, how many had come when the wait ended that was looked at. -1: none was. */
  private datagramsAtLook = -1

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** In this turn something has come, for one that holds the process. */
  found(): void {
    if (this.isWaiting) {
      this.isWaiting = false
      const took = this.loop.now() - this.began
      if (this.watch === null) this.noteAsleep(took)
      else this.noteAwake(took, this.watch)
    }
    const isLooking = this.watch !== null || this.datagramsAtLook >= 0 || ++this.waits % LOOK_EVERY === 0
    if (isLooking && !this.isTurning) this.stayForATurn()
  }

  /** So many. */
  took(datagrams: number): void {
    this.datagrams += datagrams
  }

  private stayForATurn(): void {
    this.isTurning = true
    this.loop.turn(this.onTurn)
  }

  private readonly onTurn = (): void => {
    this.isTurning = false
    if (this.datagramsAtLook >= 0) {
      this.group += (this.datagrams - this.datagramsAtLook - this.group) / LOOK_EVERY
      this.datagramsAtLook = -1
      return
    }
    const at = this.loop.now()
    if (!this.isWaiting) this.began = at
    this.isWaiting = true
    if (this.watch === null) this.cpuAtSleep = this.loop.cpu()
    else if (at - this.began < this.longest(this.watch)) this.stayForATurn()
  }

  private longest(watch: Watch): number {
    return Math.min(watch.longest * this.cost, LONGEST)
  }

  private noteAsleep(took: number): void {
    this.datagramsAtLook = this.datagrams
    this.noteCost(took)
    if (this.cost === 0) return
    const most = HOPELESS * this.cost
    const wait = Math.min(took, 2 * most)
    this.wait += this.wait === 0 ? wait : (wait - this.wait) / 4
    if (this.wait > most) return
    if (this.waits < this.patience && this.wait > FASTER * this.waitWhenTried) return
    this.waitWhenTried = this.wait
    this.begin(TRIAL)
  }

  /** The median, for other threads are counted, too, and compile at first. */
  private noteCost(took: number): void {
    const cost = this.loop.cpu() - this.cpuAtSleep
    if (took > TOO_LONG || took - cost < ASLEEP) return
    if (this.cost === 0) this.cost = cost
    else this.cost *= cost < this.cost ? 1 - STEP : 1 + STEP
  }

  private begin(watch: Watch | null): void {
    this.watch = watch
    this.waits = this.datagrams = this.spent = 0
    this.datagramsAtLook = -1
  }

  private noteAwake(took: number, watch: Watch): void {
    const { cost } = this
    const longest = this.longest(watch)
    this.spent += took < longest ? took : longest + cost
    const isOver = ++this.waits === watch.waits
    // asleep, so many datagrams would have come with so many sleeps
    const sleeps = isOver ? this.datagrams / this.group : watch.waits
    if (this.spent > watch.mean * cost * sleeps) {
      this.patience = Math.min(2 * this.patience, MOST_PATIENCE)
      this.begin(null)
    } else if (isOver) {
      if (watch === STEADY) this.patience = Math.max(this.patience / 2, LEAST_PATIENCE)
      this.begin(STEADY)
    }
  }
}

interface Usage {
  cpuUsage?: typeof process.cpuUsage
  /** Since Node 23.9. */
  threadCpuUsage?: typeof process.cpuUsage
}

/** Of this thread alone, where there is such a thing; none at all: it sleeps. */
const { cpuUsage, threadCpuUsage = cpuUsage }: Usage = process

/** Of this thread. */
export const vigil: Vigil = new Vigil({
  now: () => now() * 1_000,
  cpu: () => {
    const used = threadCpuUsage?.call(process)
    return used === undefined ? 0 : used.user + used.system
  },
  turn: setImmediate,
})
