// What an observer of recovery is told: read off the Tcb into one record, which all connections share.
import type { Tcb } from './tcb.js'
import type { RecoveryMetrics } from './trace.js'

const metrics: RecoveryMetrics = {
  cwnd: 0,
  ssthresh: 0,
  pacingRate: 0,
  inFlight: 0,
  lost: 0,
  sacked: 0,
  srtt: 0,
  rttvar: 0,
  minRtt: 0,
  latestRtt: 0,
  rto: 0,
  backOffs: 0,
  sndUna: 0,
  sndNxt: 0,
  sndWnd: 0,
  repair: 'open',
  phase: '',
}

/** For a connection that has an observer; what is closed has nothing more to tell. */
export function traceMetrics(tcb: Tcb): void {
  const { trace, controller, scoreboard, rtt } = tcb
  if (trace?.onRecovery === undefined || tcb.state === 'CLOSED') return
  metrics.cwnd = controller.window
  metrics.ssthresh = controller.ssthresh
  metrics.pacingRate = controller.pacingRate
  metrics.inFlight = scoreboard.inFlight
  metrics.lost = scoreboard.lostBytes
  metrics.sacked = scoreboard.sackedBytes
  metrics.srtt = rtt.srtt
  metrics.rttvar = rtt.rttvar
  metrics.minRtt = rtt.minRtt
  metrics.latestRtt = rtt.latest
  metrics.rto = rtt.rto
  metrics.backOffs = rtt.backOffs
  metrics.sndUna = tcb.sndUna
  metrics.sndNxt = tcb.sndNxt
  metrics.sndWnd = tcb.sndWnd
  metrics.repair = tcb.repair
  metrics.phase = controller.phase ?? ''
  trace.onRecovery(metrics)
}
