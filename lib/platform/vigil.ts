// Whether the event loop stays awake for what comes next: where to wait for it takes no more of the processor than to fall asleep and
// be woken (decisions 044 and 046). Times are in µs.
import { now, setImmediate } from './time.js'

/** The event loop of a thread. */
export interface Loop {
  now(): number
  /** How long the processor has worked for its process. */
  cpu(): number
  /** For itself alone, the later the coarser: some kernels count a thread's time when it is over. */
  ownCpu(): number
  /** How long it has waited for something to come. */
  idle(): number
  /** Runs `run` in the next turn, and does not sleep before. */
  turn(run: () => void): void
}

/** How long a watch lasts, in waits; and what a wait may cost, times what a sleep costs. */
interface Watch {
  readonly waits: number
  readonly mean: number
}

/** At first the peer has yet to find that to stay awake is worth it for him, too: until then each waits for the other to be woken. */
const TRIAL: Watch = { waits: 256, mean: 2.5 }
/** To wake costs who wakes as much again. */
const STEADY: Watch = { waits: 1024, mean: 2 }
/** Longer waits are slept through: times what a sleep costs, for after one of his own each waits for the other to be woken; and µs. */
const LONG = 4
const LONGEST = 400
/** A sleep costs no more than this; what seems to has something else in it. */
const MOST_COST = 150
/** Times what a sleep costs: where waits take longer, none is tried to be spent awake. */
const HOPELESS = 6
/** One wait of so many is slept through and looked at, asleep and awake; half as many and half as many again, evenly, lest it be the same one of each flurry. */
const LOOK_EVERY = 16
const LOOK_EVERY_AWAKE = 128
const GOLDEN_RATIO = 0.618
/** How far one look moves what is taken to come with a sleep. */
const GAIN = 1 / 17
/** Waits from a watch that was in vain to the next; twice as many after each. */
const LEAST_PATIENCE = 1024
const MOST_PATIENCE = 65_536
/** Of what waits took when one was tried last: the peer is awake now. */
const FASTER = 0.75
/** Who has waited less for the kernel has not slept. */
const ASLEEP = 5
/** How far one sleep moves what a sleep is taken to cost. */
const STEP = 1 / 16
/** Something else has been done meanwhile: one such wait tells nothing, nor does it count for more than this. */
const TOO_LONG = 1_000

/** What is looked at, of waits that are slept through: what one costs; then, after the rest of a flurry, how many datagrams come from one sleep to the next. */
type Look = 'none' | 'cost' | 'rest' | 'group'

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
  private look: Look = 'none'
  /** Waits. */
  private untilLook = LOOK_EVERY
  /** Between 0 and 1: the next time is so much later. */
  private phase = 0
  private began = 0
  private cpuAtSleep = 0
  private ownCpuAtSleep = 0
  private idleBefore = 0
  /** Of those datagrams, how many had come when the first sleep ended of the two that are looked at. */
  private datagramsAtLook = 0

  constructor(loop: Loop) {
    this.loop = loop
  }

  /** In this turn something has come, for one that holds the process. */
  found(): void {
    if (this.watch === null) this.waits++
    if (this.isWaiting) {
      this.isWaiting = false
      this.note(this.loop.now() - this.began)
    } else if (this.look === 'rest' || this.look === 'group') this.noteNext()
    if (this.look === 'none' && --this.untilLook <= 0) this.look = 'cost'
    if (!this.isTurning && (this.look === 'cost' || (this.watch !== null && this.look === 'none'))) this.stayForATurn()
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
    // the watch has ended meanwhile
    if (this.watch === null && this.look === 'none') return
    const at = this.loop.now()
    if (!this.isWaiting) this.began = at
    this.isWaiting = true
    if (this.look === 'cost') {
      this.cpuAtSleep = this.loop.cpu()
      this.ownCpuAtSleep = this.loop.ownCpu()
      this.idleBefore = this.loop.idle()
    } else if (at - this.began < this.longest) this.stayForATurn()
  }

  private get longest(): number {
    return Math.min(LONG * this.cost, LONGEST)
  }

  private note(took: number): void {
    if (this.look !== 'cost') this.noteAwake(this.spentOn(took))
    else {
      this.noteCost(took)
      this.look = 'rest'
      if (this.watch === null) this.noteAsleep(took)
      else this.noteAwake(this.cost)
    }
  }

  /** What comes until it sleeps again comes with one sleep. */
  private noteNext(): void {
    const hasSlept = this.hasSlept()
    if (hasSlept && this.look === 'rest') {
      this.look = 'group'
      this.datagramsAtLook = this.datagrams
    } else if (hasSlept) {
      this.lookLater()
      this.group += GAIN * (Math.max(1, this.datagrams - this.datagramsAtLook) - this.group)
    }
    if (this.watch !== null) this.noteAwake(hasSlept ? this.cost : 0)
  }

  /** Since it was asked last. */
  private hasSlept(): boolean {
    const idle = this.loop.idle()
    const since = idle - this.idleBefore
    this.idleBefore = idle
    return since >= ASLEEP
  }

  /** The median; what else the loop did meanwhile is in it, as it is in the waits that are spent awake. */
  private noteCost(took: number): void {
    if (!this.hasSlept() || took > TOO_LONG) return
    const ofProcess = this.loop.cpu() - this.cpuAtSleep
    const own = this.loop.ownCpu() - this.ownCpuAtSleep
    const cost = Math.min(ofProcess, own)
    const median = this.cost === 0 ? cost : this.cost * (cost < this.cost ? 1 - STEP : 1 + STEP)
    this.cost = Math.min(median, MOST_COST)
  }

  private noteAsleep(took: number): void {
    if (this.cost === 0) return
    const most = HOPELESS * this.cost
    const wait = Math.min(took, 2 * most)
    this.wait += this.wait === 0 ? wait : (wait - this.wait) / 4
    if (this.wait > most) return
    if (this.waits < this.patience && this.wait > FASTER * this.waitWhenTried) return
    this.waitWhenTried = this.wait
    this.begin(TRIAL)
  }

  private begin(watch: Watch | null): void {
    this.watch = watch
    this.waits = this.datagrams = this.spent = 0
    this.lookLater()
  }

  private lookLater(): void {
    this.look = 'none'
    this.phase = (this.phase + GOLDEN_RATIO) % 1
    this.untilLook = (this.watch === null ? LOOK_EVERY : LOOK_EVERY_AWAKE) * (0.5 + this.phase)
  }

  /** Who is awake when it comes was so all the time, or others had the processor, whom it kept from it. */
  private spentOn(took: number): number {
    return this.isTurning ? Math.min(took, TOO_LONG) : this.longest + this.cost
  }

  private noteAwake(spent: number): void {
    const watch = this.watch as Watch
    this.spent += spent
    const isOver = ++this.waits === watch.waits
    // asleep, so many datagrams would have come with so many sleeps
    const sleeps = isOver ? this.datagrams / this.group : watch.waits
    if (this.spent > watch.mean * this.cost * sleeps) {
      this.patience = Math.min(2 * this.patience, MOST_PATIENCE)
      this.begin(null)
    } else if (isOver) {
      if (watch === STEADY) this.patience = Math.max(this.patience / 2, LEAST_PATIENCE)
      this.begin(STEADY)
    }
  }
}

interface Usage {
  cpuUsage?: () => NodeJS.CpuUsage
  /** Since Node 22.15. */
  threadCpuUsage?: () => NodeJS.CpuUsage
}

interface Idleness {
  eventLoopUtilization?: () => { idle: number }
}

/** `figure` of what this runtime tells; where it does not, or throws: `instead`. */
export function reader<T>(
  tells: (() => T) | undefined,
  figure: (told: T) => number,
  instead: () => number,
): () => number {
  try {
    if (tells === undefined || !Number.isFinite(figure(tells()))) return instead
    return () => figure(tells())
  } catch {
    return instead
  }
}

const { cpuUsage, threadCpuUsage }: Usage = process
const { eventLoopUtilization }: Idleness = performance
const sum = ({ user, system }: NodeJS.CpuUsage): number => user + system
const time = (): number => now() * 1_000

// where nobody knows, nothing costs anything: it sleeps
const cpu = reader(cpuUsage?.bind(process), sum, () => 0)

/** Of this thread. */
export const vigil: Vigil = new Vigil({
  now: time,
  cpu,
  ownCpu: reader(threadCpuUsage?.bind(process), sum, cpu),
  // it has done nothing else
  idle: reader(eventLoopUtilization, ({ idle }) => idle * 1_000, time),
  turn: setImmediate,
})
