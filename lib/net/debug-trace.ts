// What passes and which states it leads to, as lines on stderr: DEBUG=tcp-over-udp:* or debug.enable() switches it on.
import createDebug, { type Debugger } from 'debug'
import type { State } from '../core/state.js'
import { type Segment, SYN, segmentText, type Trace } from '../core/trace.js'
import type { Channel } from '../endpoint/channel.js'
import type { Stack } from '../endpoint/stack.js'

const segments: Debugger = createDebug('tcp-over-udp:segment')
const states: Debugger = createDebug('tcp-over-udp:state')

/** Has new connections of `stack` observed if a namespace is on; one that is observed otherwise stays so. Free when off. */
export function installTrace(stack: Stack): void {
  if (stack.trace === null && (segments.enabled || states.enabled)) stack.trace = traceChannel
}

function traceChannel(channel: Channel): Trace | null {
  return segments.enabled || states.enabled ? new DebugTrace(channel) : null
}

/** Prints a connection, each side's numbers counted from its SYN. */
export class DebugTrace implements Trace {
  private readonly channel: Channel
  /** Of the SYN that went and of the one that came, u32; -1: none has. */
  private iss = -1
  private irs = -1

  constructor(channel: Channel) {
    this.channel = channel
  }

  onSegmentSent(segment: Segment): void {
    if (segment.flags & SYN) this.iss = segment.seq
    if (segments.enabled) segments('%s', `${this.here} > ${this.there}: ${segmentText(segment, this.iss, this.irs)}`)
  }

  onSegmentReceived(segment: Segment): void {
    if (segment.flags & SYN) this.irs = segment.seq
    if (segments.enabled) segments('%s', `${this.there} > ${this.here}: ${segmentText(segment, this.irs, this.iss)}`)
  }

  onState(from: State, to: State): void {
    if (states.enabled) states('%s', `${this.here} > ${this.there}: ${from} -> ${to}`)
  }

  private get here(): string {
    return endOf(this.channel.localAddress, this.channel.localPort)
  }

  private get there(): string {
    return endOf(this.channel.remoteAddress, this.channel.remotePort)
  }
}

function endOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
