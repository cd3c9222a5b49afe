// The ways from one state to the next that input, user and clock share: established, closed, TIME-WAIT, and challenge ACKs.
import { CLOSED, CONNECTED } from './events.js'
import { type CloseReason, setState, type Tcb } from './tcb.js'

const CHALLENGES_PER_SECOND = 10

/** The handshake is done; a CLOSE in SYN-RECEIVED may have gone on to FIN-WAIT-1 already. */
export function enterEstablished(tcb: Tcb, now: number): void {
  if (tcb.state !== 'FIN-WAIT-1') setState(tcb, 'ESTABLISHED')
  tcb.timers.connect = Number.POSITIVE_INFINITY
  tcb.events |= CONNECTED
  if (tcb.synRetransmits > 0) tcb.rtt.synWasRetransmitted()
  if (tcb.keepalive.on) tcb.timers.keepalive = tcb.keepalive.deadline(now)
  if (tcb.config.natKeepAlive > 0) tcb.timers.natKeepAlive = now + tcb.config.natKeepAlive
  if (tcb.closeRequested && tcb.state === 'ESTABLISHED') setState(tcb, 'FIN-WAIT-1')
}

/** Over at once; what is unread stays readable unless the user threw it away. */
export function enterClosed(tcb: Tcb, reason: CloseReason | null): void {
  // out of TIME-WAIT it ended by FINs, and the owner has heard of it
  if (tcb.state !== 'TIME-WAIT') {
    tcb.closeReason = reason
    tcb.events |= CLOSED
  }
  setState(tcb, 'CLOSED')
  tcb.timers.clear()
  tcb.scoreboard.clear()
  tcb.sendBuffer.clear()
  tcb.reassembly.clear()
  if (reason === 'aborted') tcb.received.clear()
}

/** Both FINs have passed and ours went first; the last ACK leaves with the next poll(), the rest is a record's matter. */
export function enterTimeWait(tcb: Tcb): void {
  setState(tcb, 'TIME-WAIT')
  tcb.events |= CLOSED
  tcb.timers.clear()
  tcb.sendBuffer.clear()
}

/** An ACK that makes the peer say what it really means (RFC 5961 §3 to §5). @returns false: the allowance (§7) is used up. */
export function challenge(tcb: Tcb, now: number): boolean {
  if (!takeChallenge(tcb, now)) return false
  tcb.stats.challengeAcks++
  tcb.challengeOwed = true
  return true
}

/** The SYN leaves again. */
export function repeatSyn({ scoreboard }: Tcb): void {
  if (scoreboard.first !== null) scoreboard.markLost(scoreboard.first)
}

/** A RST to an ACK of what was never sent, in a handshake (RFC 9293 §3.10.7.3, §3.10.7.4 fifth), out of the same allowance. */
export function refuseAck(tcb: Tcb, segAck: number, now: number): void {
  if (takeChallenge(tcb, now)) tcb.replyReset = segAck
}

/** One of what a second allows, if there is one. */
export function takeChallenge(tcb: Tcb, now: number): boolean {
  const earned = ((now - tcb.challengeAt) / 1000) * CHALLENGES_PER_SECOND
  tcb.challengeTokens = Math.min(CHALLENGES_PER_SECOND, tcb.challengeTokens + earned)
  tcb.challengeAt = now
  if (tcb.challengeTokens < 1) {
    tcb.defences.challengesSuppressed++
    return false
  }
  tcb.challengeTokens--
  tcb.defences.challengesSent++
  return true
}
