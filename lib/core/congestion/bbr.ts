// BBRv3: a model of the path, its bandwidth and its round trip, instead of a reaction to loss (draft-ietf-ccwg-bbr).
// Long, because it is one state machine over one model: each step reads and writes most of its numbers.
import { AckAggregation } from './ack-aggregation.js'
import { BandwidthPlateau } from './bandwidth-plateau.js'
import { BusyPeriod } from './busy-period.js'
import type { AckSample, CongestionAlgorithm, CongestionController, LostPacket } from './controller.js'
import { INITIAL_SEGMENTS, withSegments } from './initial-window.js'
import { TwoCycleMax } from './max-filter.js'
import { MinRtt } from './min-rtt.js'
import { isQueued, StandingQueue } from './standing-queue.js'

const LOSS_THRESHOLD = 0.02
/** Loss beyond this in two rounds means a policer or a very shallow queue, whatever the round trip says. */
const POLICER_LOSS = 0.1
/** A busy period that says less than this share of the bandwidth was none: an event loop stood still, and the link with it. */
const MOST_JITTER = 0.85
const BETA = 0.7
const HEADROOM = 0.15
const MIN_PIPE_SEGMENTS = 4
const PACING_MARGIN = 0.99
const STARTUP_PACING_GAIN = 2.77 // 4 ln 2
/** Until the window has so many segments, samples show the sender's own pauses: it leaves within a quarter of a round trip. */
const EARLY_SEGMENTS = 100
const EARLY_PACING_GAIN = 4
/** ms */
const PROBE_RTT_DURATION = 200
const PROBE_RTT_CWND_GAIN = 0.5
/** Rounds, but for the first: ACKs that tell of loss. */
const FULL_LOSS_COUNT = 6
/** A probe costs a quarter of the pipe for a round trip; two flows meet in the middle by probes alone. */
const PROBE_ROUNDS = 16
/** After Startup, which may have taken a pause of the sender for a full pipe. */
const FIRST_PROBE_ROUNDS = 2
const DRAIN_ROUNDS = 3
/** A probe that found so much more found a pipe that is far from full: the next one follows at once. */
const ROOM = 1.125
const INFINITY = Number.POSITIVE_INFINITY

type Phase = 'startup' | 'drain' | 'down' | 'cruise' | 'refill' | 'up' | 'probe-rtt'
type AckPhase = 'init' | 'refilling' | 'starting' | 'feedback' | 'stopping'

const GAINS: Readonly<Record<Phase, { readonly pacing: number; readonly cwnd: number }>> = {
  startup: { pacing: STARTUP_PACING_GAIN, cwnd: 2 },
  drain: { pacing: 0.35, cwnd: 2 },
  down: { pacing: 0.9, cwnd: 2 },
  cruise: { pacing: 1, cwnd: 2 },
  refill: { pacing: 1, cwnd: 2 },
  up: { pacing: 1.25, cwnd: 2.25 },
  'probe-rtt': { pacing: 1, cwnd: PROBE_RTT_CWND_GAIN },
}

class Bbr implements CongestionController {
  readonly ownsRecovery = true
  window: number
  pacingRate: number
  readonly ssthresh = INFINITY
  private mss: number
  private readonly random: () => number
  phase: Phase = 'startup'

  // ---- the model (§2.9, §2.10); bytes, ms, bytes per ms
  /** Over this cycle and the one before (§2.9). */
  private readonly maxBwFilter = new TwoCycleMax()
  private cycle = 0
  private bwShortTerm = INFINITY
  private bw = 0
  private readonly minRttFilter = new MinRtt()
  private inflightLongTerm = INFINITY
  private inflightShortTerm = INFINITY
  private readonly aggregation = new AckAggregation()
  private readonly busyPeriod = new BusyPeriod()

  // ---- rounds and what they show
  private nextRoundDelivered = 0
  private roundStart = false
  private rounds = 0
  private lossRoundDelivered = 0
  private lossRoundStart = false
  private lossInRound = false
  private lossInAck = false
  private lossEventsInRound = 0
  private startupLossRound = false
  private lostInRound = 0
  /** Shares of what was sent. */
  private lastRoundLoss = 0
  private deliveredAtRound = 0
  private readonly queue = new StandingQueue()
  private bwLatest = 0
  private inflightLatest = 0
  private inRecoverySince = -1

  // ---- startup (§5.3.1)
  private readonly plateau = new BandwidthPlateau()
  private drainRounds = 0
  /** Startup has ended, and no probe has shown yet that it was right to. */
  private isUnproven = false

  // ---- probing for bandwidth (§5.3.3)
  private roundsSinceProbe = 0
  private probeWait = 0
  private cycleAt = 0
  private ackPhase: AckPhase = 'init'
  private probeSamples = false
  private upForARound = false
  private bwBeforeUp = 0
  /** The last probe ended by loss; the one after it went no further than that, to see. */
  private probeWasTooHigh = false
  private probeIsCautious = false

  // ---- probing for the round trip (§5.3.4)
  private probeRttDoneAt = 0
  private probeRttRoundDone = false
  private priorWindow = 0
  private idleRestart = false
  private now = 0
  private delivered = 0
  /** What was sent before so many bytes were delivered was held down by ProbeRTT, and says nothing of the path's rate. */
  private heldDownUntil = 0

  // ---- undo
  private undoBwShortTerm = INFINITY
  private undoInflightShortTerm = INFINITY
  private undoInflightLongTerm = INFINITY
  private undoPhase: Phase | null = null
  private isRepairing = false

  constructor(mss: number, random: () => number) {
    this.mss = mss
    this.random = random
    this.window = INITIAL_SEGMENTS * mss
    // §5.6.2: the first rate supposes a round trip of 1 ms until there is a sample
    this.pacingRate = STARTUP_PACING_GAIN * this.window
  }

  /** §5.6.3 */
  get sendQuantum(): number {
    // what may leave at once as a first window may do so again
    const least = this.phase === 'startup' ? INITIAL_SEGMENTS : 2
    return Math.max(least * this.mss, Math.min(this.pacingRate, 65_536))
  }

  onSent(): void {}

  onAck(ack: AckSample, now: number): void {
    this.now = now
    this.delivered = ack.delivered
    if (this.minRtt === INFINITY && ack.srtt > 0) this.pacingRate = (STARTUP_PACING_GAIN * this.window) / ack.srtt
    this.updateLatest(ack)
    this.updateCongestionSignals(ack)
    this.aggregation.update(ack.ackedBytes, this.bw, this.window, this.rounds, !this.plateau.wasReached, now)
    const { plateau, queue } = this
    if (this.isHeldDown(ack)) this.busyPeriod.forget()
    else {
      // a round that lost much would have delivered more
      const showsQueue = queue.isShownAgainst(this.minRtt) && this.lossShare(ack) <= LOSS_THRESHOLD
      plateau.update(ack.deliveryRate, this.roundStart, showsQueue)
    }
    // a probe's largest sample has the jitter of two event loops; a queue of others does not go, and limits nothing
    const bound = this.busyPeriod.update(ack.rtt, this.minRtt, ack.delivered, now)
    if (this.phase !== 'startup' && bound > MOST_JITTER * this.maxBw) this.maxBwFilter.limit(bound)
    this.checkStartupDone(ack)
    this.checkDrainDone(ack)
    this.updateProbeBwCycle(ack)
    this.minRttFilter.update(ack.rtt, now)
    this.checkProbeRtt(ack)
    if (this.lossRoundStart) {
      this.bwLatest = ack.deliveryRate > 0 ? ack.deliveryRate : 0
      this.inflightLatest = ack.deliveredInSample
    }
    this.bw = Math.min(this.maxBw, this.bwShortTerm)
    this.setPacingRate(GAINS[this.phase].pacing)
    if (this.phase === 'startup' && ack.srtt > 0 && this.window < EARLY_SEGMENTS * this.mss) {
      this.pacingRate = Math.max(this.pacingRate, (EARLY_PACING_GAIN * this.window) / ack.srtt)
    }
    this.setWindow(ack)
  }

  /** §5.5.10.2, for each packet deemed lost. */
  onPacketLost(packet: LostPacket): void {
    this.delivered = packet.delivered
    this.beginRepair()
    if (!this.lossInRound) this.lossRoundDelivered = packet.delivered
    this.lossInRound = true
    this.lossInAck = true
    this.lostInRound += packet.size
    if (!this.probeSamples) return
    const { size } = packet
    if (!this.isCongestion(packet.lostSince / packet.txInFlight)) return
    const inFlightBefore = packet.txInFlight - size
    const lostBefore = packet.lostSince - size
    const prefix = (LOSS_THRESHOLD * inFlightBefore - lostBefore) / (1 - LOSS_THRESHOLD)
    this.onInflightTooHigh(inFlightBefore + Math.max(0, prefix), packet.appLimited)
  }

  onLoss(): void {
    this.inRecoverySince = this.rounds
  }

  onRecoveryEnd(): void {
    this.inRecoverySince = -1
    this.isRepairing = false
    this.restoreWindow()
  }

  /** §5.6.4.4: one packet more than is in flight, and that is nothing: all is deemed lost. */
  onTimeout(): void {
    this.beginRepair()
    this.priorWindow = Math.max(this.priorWindow, this.window)
    this.window = this.mss
    this.busyPeriod.forget()
    // all that was in flight is gone, and with it what it had put into a queue
    this.idleRestart = true
  }

  /** §5.4.1 */
  onRestart(now: number): void {
    this.now = now
    this.idleRestart = true
    this.busyPeriod.forget()
    this.aggregation.restart(now)
    if (this.isProbingBw) this.setPacingRate(1)
    else if (this.phase === 'probe-rtt') this.checkProbeRttDone(now)
  }

  /** §5.5.11.2; the window came back with onRecoveryEnd(). */
  onUndo(now: number): void {
    this.now = now
    this.lossInRound = false
    this.plateau.reset(0)
    this.bwShortTerm = Math.max(this.bwShortTerm, this.undoBwShortTerm)
    this.inflightShortTerm = Math.max(this.inflightShortTerm, this.undoInflightShortTerm)
    this.inflightLongTerm = Math.max(this.inflightLongTerm, this.undoInflightLongTerm)
    const { phase, undoPhase } = this
    this.undoPhase = null
    if (undoPhase === 'startup' && phase !== 'startup') {
      this.plateau.forget()
      if (phase !== 'probe-rtt') this.phase = 'startup'
    } else if (undoPhase === 'up' && phase !== 'up' && phase !== 'probe-rtt') {
      this.startRefill()
    }
  }

  onMss(mss: number): void {
    this.window = withSegments(mss, this.mss, this.window)
    this.mss = mss
  }

  /** §5.5.11.1: what a repair that turns out to be needless is to bring back. */
  private beginRepair(): void {
    if (this.isRepairing) return
    this.isRepairing = true
    this.undoPhase = null
    this.undoBwShortTerm = this.bwShortTerm
    this.undoInflightShortTerm = this.inflightShortTerm
    this.undoInflightLongTerm = this.inflightLongTerm
  }

  // ---- the model

  private get minRtt(): number {
    return this.minRttFilter.value
  }

  private get maxBw(): number {
    return this.maxBwFilter.best
  }

  private get isProbingBw(): boolean {
    const { phase } = this
    return phase === 'down' || phase === 'cruise' || phase === 'refill' || phase === 'up'
  }

  private get minPipe(): number {
    return MIN_PIPE_SEGMENTS * this.mss
  }

  private bdp(bw: number, gain: number): number {
    return this.minRtt === INFINITY ? INITIAL_SEGMENTS * this.mss : gain * bw * this.minRtt
  }

  private inflightAt(gain: number): number {
    return this.withQuanta(this.bdp(this.maxBw, gain))
  }

  private withQuanta(bytes: number): number {
    return Math.max(bytes, 3 * this.sendQuantum, this.minPipe) + (this.phase === 'up' ? 2 * this.mss : 0)
  }

  private get inflightWithHeadroom(): number {
    if (this.inflightLongTerm === INFINITY) return INFINITY
    const headroom = Math.max(this.mss, HEADROOM * this.inflightLongTerm)
    return Math.max(this.inflightLongTerm - headroom, this.minPipe)
  }

  private get targetInflight(): number {
    return Math.min(this.bdp(this.bw, 1), this.window)
  }

  private updateLatest(ack: AckSample): void {
    this.lossRoundStart = false
    if (ack.deliveryRate > this.bwLatest) this.bwLatest = ack.deliveryRate
    this.inflightLatest = Math.max(this.inflightLatest, ack.deliveredInSample)
    if (ack.priorDelivered >= this.lossRoundDelivered) {
      this.lossRoundDelivered = ack.delivered
      this.lossRoundStart = true
    }
  }

  private updateCongestionSignals(ack: AckSample): void {
    this.updateRound(ack)
    if (this.lossInAck) this.lossEventsInRound++
    this.lossInAck = false
    const rate = ack.deliveryRate
    if (rate > 0 && (rate >= this.maxBw || !this.isHeldDown(ack))) this.maxBwFilter.update(rate, this.cycle)
    if (!this.lossRoundStart) return
    const isProbing = this.phase === 'startup' || this.phase === 'refill' || this.phase === 'up'
    const share = this.lossShare(ack)
    if (this.lossInRound && !isProbing && this.isCongestion(share)) {
      if (this.bwShortTerm === INFINITY) this.bwShortTerm = this.maxBw
      if (this.inflightShortTerm === INFINITY) this.inflightShortTerm = this.window
      this.bwShortTerm = Math.max(this.bwLatest, BETA * this.bwShortTerm)
      this.inflightShortTerm = Math.max(this.inflightLatest, BETA * this.inflightShortTerm)
    }
    this.lastRoundLoss = share
    this.startupLossRound = this.lossInRound && this.lossEventsInRound >= FULL_LOSS_COUNT
    this.lossInRound = false
    this.lossEventsInRound = 0
    this.lostInRound = 0
    this.deliveredAtRound = ack.delivered
  }

  /** Of what this round has sent on its way so far. */
  private lossShare(ack: AckSample): number {
    return this.lostInRound / Math.max(1, this.lostInRound + ack.delivered - this.deliveredAtRound)
  }

  // Loss below the threshold is the path's own (§2.7), and so is loss without a queue: unlike the draft, which takes any
  // lost packet outside of probing for congestion, and then sinks with each round of a radio link's noise.
  private isCongestion(share: number): boolean {
    if (share <= LOSS_THRESHOLD) return false
    if (this.minRtt === INFINITY || this.queue.standsAgainst(this.minRtt)) return true
    return share > POLICER_LOSS && this.lastRoundLoss > POLICER_LOSS
  }

  private updateRound(ack: AckSample): void {
    this.roundStart = ack.priorDelivered >= this.nextRoundDelivered
    if (this.roundStart) {
      this.nextRoundDelivered = ack.delivered
      this.rounds++
      this.roundsSinceProbe++
      this.queue.beginRound(this.now)
    }
    this.queue.update(ack.rtt, this.now)
  }

  private startRound(): void {
    this.nextRoundDelivered = this.delivered
  }

  /** Its rate is the sender's choice, not the path's. */
  private isHeldDown(ack: AckSample): boolean {
    return ack.rateAppLimited || ack.priorDelivered < this.heldDownUntil
  }

  // ---- startup and drain

  /** §5.3.1.3: full pipe by bandwidth that no longer grows, or by loss that does. */
  private checkStartupDone(ack: AckSample): void {
    if (this.phase !== 'startup') return
    const tooMuchLoss = this.isCongestion(ack.lostInSample / Math.max(1, ack.txInFlight))
    if (this.startupLossRound && this.lossRoundStart && this.inRecoverySince >= 0 && tooMuchLoss) {
      this.undoPhase = 'startup'
      this.plateau.reachByLoss()
      this.inflightLongTerm = Math.max(this.bdp(this.maxBw, 1), this.inflightLatest)
    }
    if (!this.plateau.wasReached) return
    this.isUnproven = this.plateau.isReached
    this.phase = 'drain'
    this.drainRounds = 0
  }

  /** §5.3.2: once the queue has gone, or when a bandwidth that was taken for too much keeps it from going. */
  private checkDrainDone(ack: AckSample): void {
    if (this.phase !== 'drain') return
    if (this.roundStart) this.drainRounds++
    if (ack.inFlight <= this.inflightAt(1) || this.drainRounds > DRAIN_ROUNDS) {
      this.startDown()
      if (this.isUnproven) this.roundsSinceProbe = PROBE_ROUNDS - FIRST_PROBE_ROUNDS
    }
  }

  // ---- ProbeBW

  private startDown(): void {
    this.lossInRound = false
    this.lossEventsInRound = 0
    this.lostInRound = 0
    this.deliveredAtRound = this.delivered
    this.bwLatest = 0
    this.inflightLatest = 0
    this.roundsSinceProbe = Math.floor(2 * this.random())
    this.probeWait = 2000 + 1000 * this.random()
    this.cycleAt = this.now
    this.ackPhase = 'stopping'
    this.phase = 'down'
    this.startRound()
  }

  private startRefill(): void {
    this.bwShortTerm = INFINITY
    this.inflightShortTerm = INFINITY
    this.probeIsCautious = false
    this.ackPhase = 'refilling'
    this.phase = 'refill'
    this.startRound()
  }

  private startUp(ack: AckSample): void {
    this.ackPhase = 'starting'
    this.startRound()
    this.plateau.reset(ack.deliveryRate)
    this.phase = 'up'
    this.upForARound = false
    this.bwBeforeUp = this.maxBw
  }

  private updateProbeBwCycle(ack: AckSample): void {
    if (!this.plateau.wasReached) return
    if (this.adaptLongTermModel(ack)) return
    switch (this.phase) {
      case 'down':
        if (this.isTimeToProbe()) this.startRefill()
        else if (ack.inFlight <= this.inflightWithHeadroom && ack.inFlight <= this.inflightAt(1)) this.phase = 'cruise'
        return
      case 'cruise':
        if (this.isTimeToProbe()) this.startRefill()
        return
      case 'refill':
        if (this.roundStart) {
          this.probeSamples = true
          this.startUp(ack)
        }
        return
      case 'up':
        if (this.isTimeToGoDown(ack)) {
          this.probeWasTooHigh = false
          this.startDown()
        }
        return
      default:
    }
  }

  private isTimeToGoDown(ack: AckSample): boolean {
    // §5.3.3.4.2: what was too much the last time is tried for a moment first
    if (this.probeWasTooHigh && ack.inFlight >= this.inflightLongTerm) {
      this.probeIsCautious = true
      return true
    }
    // BBRv2's end: what a round at 1.25 puts in flight, of a bandwidth that has grown if there was room
    if (this.roundStart) this.upForARound = true
    return this.plateau.isReached || (this.upForARound && ack.inFlight >= this.inflightAt(GAINS.up.pacing))
  }

  private isTimeToProbe(): boolean {
    const rounds = Math.min(PROBE_ROUNDS, this.targetInflight / this.mss)
    return this.now - this.cycleAt > this.probeWait || this.roundsSinceProbe >= rounds
  }

  /** §5.3.3.6. @returns true: it has gone to another phase. */
  private adaptLongTermModel(ack: AckSample): boolean {
    if (this.ackPhase === 'starting' && this.roundStart) this.ackPhase = 'feedback'
    if (this.ackPhase === 'stopping' && this.roundStart) {
      this.probeSamples = false
      this.ackPhase = 'init'
      if (this.isProbingBw && !this.isHeldDown(ack)) this.cycle++
      const wasProbe = this.bwBeforeUp > 0
      const foundRoom = wasProbe && this.maxBw >= this.bwBeforeUp * ROOM
      this.bwBeforeUp = 0
      if (wasProbe && this.isUnproven) {
        this.isUnproven = false
        if (foundRoom && !this.probeWasTooHigh) {
          this.plateau.forget()
          this.plateau.reset(this.maxBw)
          this.phase = 'startup'
          return true
        }
      }
      if (this.isProbingBw && (this.probeIsCautious || foundRoom) && !this.probeWasTooHigh) {
        this.startRefill()
        return true
      }
    }
    if (this.isCongestion(ack.lostInSample / Math.max(1, ack.txInFlight))) {
      if (this.probeSamples) this.onInflightTooHigh(ack.txInFlight, ack.rateAppLimited)
      return false
    }
    if (this.inflightLongTerm === INFINITY) return false
    if (ack.txInFlight > this.inflightLongTerm) this.inflightLongTerm = ack.txInFlight
    return false
  }

  private onInflightTooHigh(txInFlight: number, appLimited: boolean): void {
    this.probeWasTooHigh = true
    this.probeSamples = false
    if (!appLimited) this.inflightLongTerm = Math.max(txInFlight, this.targetInflight * BETA)
    if (this.phase !== 'up') return
    this.undoPhase = 'up'
    this.startDown()
  }

  // ---- ProbeRTT

  private checkProbeRtt(ack: AckSample): void {
    if (this.phase !== 'probe-rtt' && this.minRttFilter.isStale && !this.idleRestart) {
      this.phase = 'probe-rtt'
      this.priorWindow = Math.max(this.priorWindow, this.window)
      this.probeRttDoneAt = 0
      this.ackPhase = 'stopping'
      this.startRound()
    }
    if (this.phase === 'probe-rtt') {
      this.heldDownUntil = Math.max(1, ack.delivered + ack.inFlight)
      if (this.probeRttDoneAt === 0 && ack.inFlight <= this.probeRttWindow) {
        this.probeRttDoneAt = this.now + PROBE_RTT_DURATION
        this.probeRttRoundDone = false
        this.startRound()
      } else if (this.probeRttDoneAt !== 0) {
        if (this.roundStart) this.probeRttRoundDone = true
        if (this.probeRttRoundDone) this.checkProbeRttDone(this.now)
      }
    }
    if (ack.rtt >= 0) this.idleRestart = false
  }

  private checkProbeRttDone(now: number): void {
    if (this.probeRttDoneAt === 0 || now <= this.probeRttDoneAt) return
    this.minRttFilter.confirm(now)
    this.restoreWindow()
    this.bwShortTerm = INFINITY
    this.inflightShortTerm = INFINITY
    if (this.plateau.wasReached) {
      this.startDown()
      this.phase = 'cruise'
    } else {
      this.phase = 'startup'
    }
  }

  private get probeRttWindow(): number {
    return Math.max(this.bdp(this.bw, PROBE_RTT_CWND_GAIN), this.minPipe)
  }

  // ---- what follows from the model

  private setPacingRate(gain: number): void {
    if (this.bw === 0) return
    const rate = gain * this.bw * PACING_MARGIN
    if (this.plateau.wasReached || rate > this.pacingRate) this.pacingRate = rate
  }

  private setWindow(ack: AckSample): void {
    // in Startup what waits in a queue needs no more to bridge a silence
    const extra = this.plateau.wasReached || !isQueued(ack.rtt, this.minRtt) ? this.aggregation.extra : 0
    const most = this.withQuanta(this.bdp(this.bw, GAINS[this.phase].cwnd) + extra)
    if (this.plateau.wasReached) {
      this.window = Math.min(this.window + ack.ackedBytes, most)
    } else if (this.window < most || ack.delivered < INITIAL_SEGMENTS * this.mss) {
      this.window += ack.ackedBytes
    }
    this.window = Math.max(this.window, this.minPipe)
    if (this.phase === 'probe-rtt') this.window = Math.min(this.window, this.probeRttWindow)
    this.boundByModel()
  }

  /** §5.6.4.7; a probe finds out by its pace whether the long-term bound still holds, and is not held by it. */
  private boundByModel(): void {
    let cap = INFINITY
    if (this.phase === 'cruise' || this.phase === 'probe-rtt') cap = this.inflightWithHeadroom
    else if (this.phase === 'down' || this.phase === 'refill') cap = this.inflightLongTerm
    cap = Math.max(Math.min(cap, this.inflightShortTerm), this.minPipe)
    this.window = Math.min(this.window, cap)
  }

  private restoreWindow(): void {
    this.window = Math.max(this.window, this.priorWindow)
    this.priorWindow = 0
  }
}

export const BBR: CongestionAlgorithm = {
  name: 'bbr',
  create: (mss, random) => new Bbr(mss, random),
}
