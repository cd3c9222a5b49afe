// What passes and which states it leads to, as lines on stderr: DEBUG=tcp-over-udp:* or debug.enable() switches it on.
import createDebug, { type Debugger } from 'debug'
import type { State } from '../core/state.js'
import type { Trace } from '../core/trace.js'
import type { Channel } from '../endpoint/channel.js'
import type { Stack } from '../endpoint/stack.js'

type Segment = Parameters<Trace['onSegmentSent']>[0]

// RFC 9293 §3.1
const FIN = 0x01
const SYN = 0x02
const RST = 0x04
const PSH = 0x08
const ACK = 0x10
const URG = 0x20

const segments: Debugger = createDebug('tcp-over-udp:segment')
const states: Debugger = createDebug('tcp-over-udp:state')

/** Has new connections of `stack` observed if a namespace is on; one that is observed otherwise stays so. Free when off. */
export function installTrace(stack: Stack): void {
  if (stack.trace === null && (segments.enabled || states.enabled)) stack.trace = traceChannel
}

function traceChannel(channel: Channel): Trace | null {
  return segments.enabled || states.enabled ? new DebugTrace(channel) : null
}

/** Prints a connection in tcpdump's manner: numbers are relative to each side's SYN, but for those of SYNs. */
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
    if (segments.enabled) segments('%s', `${this.here} > ${this.there}: ${format(segment, this.iss, this.irs)}`)
  }

  onSegmentReceived(segment: Segment): void {
    if (segment.flags & SYN) this.irs = segment.seq
    if (segments.enabled) segments('%s', `${this.there} > ${this.here}: ${format(segment, this.irs, this.iss)}`)
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

const FLAGS = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [URG, 'U'],
  [ACK, '.'],
] as const

/** `seqBase`, `ackBase`: of the sender's SYN and of its peer's, u32; below 0: unknown, and numbers stay as they are. */
function format(segment: Segment, seqBase: number, ackBase: number): string {
  const { flags, textLength: length } = segment
  const syn = (flags & SYN) !== 0
  const seq = relative(segment.seq, syn ? -1 : seqBase)
  const words = [FLAGS.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none']
  if (length > 0) words.push(`seq ${seq}:${seq + length}`)
  else if (flags & (SYN | FIN | RST)) words.push(`seq ${seq}`)
  if (flags & ACK) words.push(`ack ${relative(segment.ack, syn ? -1 : ackBase)}`)
  words.push(`win ${segment.window}`)
  const options = optionsOf(segment, ackBase)
  if (options !== '') words.push(`<${options}>`)
  words.push(`length ${length}`)
  return words.join(' ')
}

function optionsOf(segment: Segment, ackBase: number): string {
  const options: string[] = []
  if (segment.mss > 0) options.push(`mss ${segment.mss}`)
  if (segment.sackPermitted) options.push('sackOK')
  if (segment.hasTimestamps) options.push(`TS val ${segment.tsVal} ecr ${segment.tsEcr}`)
  if (segment.windowScale >= 0) options.push(`wscale ${segment.windowScale}`)
  if (segment.sackCount > 0) {
    const blocks: string[] = []
    for (let i = 0; i < segment.sackCount * 2; i += 2) {
      const left = relative(segment.sackEdges[i] as number, ackBase)
      blocks.push(`{${left}:${relative(segment.sackEdges[i + 1] as number, ackBase)}}`)
    }
    options.push(`sack ${segment.sackCount} ${blocks.join('')}`)
  }
  return options.join(',')
}

function relative(wire: number, base: number): number {
  return base < 0 ? wire : (wire - base) >>> 0
}
