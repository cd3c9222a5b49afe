// The snapshot of a connection that users see: the fields of Linux's tcp_info.
import type { State } from './state.js'
import type { Tcb } from './tcb.js'

/** One connection at one moment. Times in ms, sizes in bytes. */
export interface Status {
  readonly state: State
  /** Smoothed RTT and its variation; 0 before the first sample (RFC 6298). */
  readonly srtt: number
  readonly rttvar: number
  /** Smallest RTT seen; Infinity before the first sample. */
  readonly minRtt: number
  /** Retransmission time-out in force, back-off included. */
  readonly rto: number
  /** Expiries of the RTO in a row. */
  readonly backOffs: number
  readonly cwnd: number
  /** Infinity until the first loss. */
  readonly ssthresh: number
  readonly congestionControl: string
  /** Sent and neither acknowledged nor deemed lost. */
  readonly inFlight: number
  /** Handed over by the user and not acknowledged; of these not sent yet. */
  readonly unacknowledged: number
  readonly notSent: number
  readonly sacked: number
  readonly lost: number
  /** Payload of a full-sized segment that we send; largest text that came. */
  readonly sendMss: number
  readonly receiveMss: number
  /** The peer's window, and what we allow the peer beyond RCV.NXT. */
  readonly sendWindow: number
  readonly receiveWindow: number
  /** Bytes that the receive buffer may hold as things are, and the round trip that this follows from; Infinity: not known yet. */
  readonly receiveLimit: number
  readonly receiveRtt: number
  /** In order and unread; out of order. */
  readonly readable: number
  readonly outOfOrderHeld: number
  /** Shifts in use (RFC 7323 §2). */
  readonly sendWindowScale: number
  readonly receiveWindowScale: number
  readonly timestamps: boolean
  readonly sack: boolean
  readonly segmentsSent: number
  readonly segmentsReceived: number
  readonly segmentsRetransmitted: number
  readonly bytesSent: number
  readonly bytesRetransmitted: number
  readonly bytesAcked: number
  readonly bytesReceived: number
  readonly timeouts: number
  readonly recoveries: number
  readonly undos: number
  readonly tailProbes: number
  readonly duplicates: number
  readonly outOfOrder: number
  readonly pawsDrops: number
  readonly challengeAcks: number
  readonly zeroWindowProbes: number
  readonly keepAliveProbes: number
  readonly natKeepAlives: number
  readonly dsacks: number
  /** ms since anything came that the peer itself must have sent; Infinity: nothing yet. */
  readonly lastHeard: number
}

export function readStatus(tcb: Tcb, now: number): Status {
  const { rtt, scoreboard, controller, sendBuffer, received, window } = tcb
  return {
    state: tcb.state,
    srtt: rtt.srtt,
    rttvar: rtt.rttvar,
    minRtt: rtt.minRtt,
    rto: rtt.rto,
    backOffs: rtt.backOffs,
    cwnd: controller.window,
    ssthresh: controller.ssthresh,
    congestionControl: tcb.config.congestion.name,
    inFlight: scoreboard.inFlight,
    unacknowledged: sendBuffer.length,
    notSent: Math.max(0, sendBuffer.end - Math.max(tcb.sndNxt, 1)),
    sacked: scoreboard.sackedBytes,
    lost: scoreboard.lostBytes,
    sendMss: tcb.sendMss,
    receiveMss: tcb.ackPolicy.peerSegment,
    sendWindow: tcb.sndWnd,
    receiveWindow: Math.max(0, window.edge - tcb.rcvNxt),
    receiveLimit: window.limit,
    receiveRtt: tcb.tuning.rtt,
    readable: received.length,
    outOfOrderHeld: tcb.reassembly.bytes,
    sendWindowScale: tcb.sndScale,
    receiveWindowScale: window.scale,
    timestamps: tcb.timestamps,
    sack: tcb.sackPermitted,
    ...tcb.stats,
    bytesSent: tcb.bytesSent,
    bytesAcked: tcb.bytesAcked,
    bytesReceived: tcb.bytesReceived,
    lastHeard: now - tcb.keepalive.heardAt,
  }
}
