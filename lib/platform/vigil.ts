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

/** Asleep, one wait of so many is looked at. */
const LOOK_EVERY = 16
/** Waits after which a watch is judged. */
const WATCH = 1024
/** What may last longer is slept through. */
const LONGEST = 200
/**
 * Times what a sleep costs: what a wait may cost, on average, and how long it may last. At first the peer has yet to find that to stay
 * awake is worth it for him, too: until then each waits for the other to be woken.
 */
const TRIAL = { mean: 2.5, longest: 4 }
const STEADY = { mean: 1.25, longest: 2 }
/** Times what a sleep costs: waits that take longer are not tried to be spent awake. */
const HOPELESS = 8
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
  private wait = Number.POSITIVE_INFINITY
  private waitWhenTried = 0
  private isAwake = false
  private limits = TRIAL
  private patience = LEAST_PATIENCE
  /** Of this watch, or since the last. */
  private waits = 0
  /** What those of this watch have cost. */
  private spent = 0
  private isWaiting = false
  private began = 0
  private cpuAtSleep = 0

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** In this turn something has come, for one that holds the process. */
  found(): void {
    if (this.isWaiting) {
      this.isWaiting = false
      const took = this.loop.now() - this.began
      if (this.isAwake) this.noteAwake(took)
      else this.noteAsleep(took)
    }
    if (this.isTurning || (!this.isAwake && ++this.waits % LOOK_EVERY !== 0)) return
    this.stayForATurn()
  }

  private stayForATurn(): void {
    this.isTurning = true
    this.loop.turn(this.onTurn)
  }

  private readonly onTurn = (): void => {
    this.isTurning = false
    const at = this.loop.now()
    if (!this.isWaiting) this.began = at
    this.isWaiting = true
    if (!this.isAwake) this.cpuAtSleep = this.loop.cpu()
    else if (at - this.began < this.longest) this.stayForATurn()
  }

  private get longest(): number {
    return Math.min(this.limits.longest * this.cost, LONGEST)
  }

  private noteAsleep(took: number): void {
    this.noteCost(took)
    if (this.cost === 0) return
    const most = HOPELESS * this.cost
    const wait = Math.min(took, 2 * most)
    this.wait = this.wait === Number.POSITIVE_INFINITY ? wait : this.wait + (wait - this.wait) / 4
    if (this.wait > most) return
    if (this.waits >= this.patience || this.wait < FASTER * this.waitWhenTried) this.awake()
  }

  /** The median, for other threads are counted, too, and compile at first. */
  private noteCost(took: number): void {
    const cost = this.loop.cpu() - this.cpuAtSleep
    if (took > TOO_LONG || took - cost < ASLEEP) return
    if (this.cost === 0) this.cost = cost
    else this.cost *= cost < this.cost ? 1 - STEP : 1 + STEP
  }

  private awake(): void {
    this.isAwake = true
    this.waitWhenTried = this.wait
    this.begin(TRIAL)
  }

  private begin(limits: typeof TRIAL): void {
    this.limits = limits
    this.waits = this.spent = 0
  }

  private noteAwake(took: number): void {
    const { cost, longest } = this
    this.waits++
    this.spent += took < longest ? took : longest + cost
    if (this.spent > WATCH * this.limits.mean * cost) {
      this.isAwake = false
      this.waits = 0
      this.patience = Math.min(2 * this.patience, MOST_PATIENCE)
    } else if (this.waits === WATCH) {
      if (this.limits === STEADY) this.patience = Math.max(this.patience / 2, LEAST_PATIENCE)
      this.begin(STEADY)
    }
  }
}

/** Of this thread alone since Node 23.9. */
const { threadCpuUsage = process.cpuUsage } = process as { threadCpuUsage?: typeof process.cpuUsage }

/** Of this thread. */
export const vigil: Vigil = new Vigil({
  now: () => now() * 1_000,
  cpu: () => {
    const { user, system } = threadCpuUsage.call(process)
    return user + system
  },
  turn: setImmediate,
})
