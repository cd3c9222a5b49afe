// A segment as one line, in tcpdump's manner: what traces and captures print.
import { ACK, FIN, PSH, RST, type Segment, SYN, URG } from './segment.js'

const LETTERS: readonly [bit: number, letter: string][] = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [URG, 'U'],
  [ACK, '.'],
]

/**
 * Without ports. Numbers are relative to each side's SYN, but for those of SYNs.
 * `seqBase`, `ackBase`: of the sender's SYN and of its peer's, u32; below 0: unknown, and numbers stay as they are.
 */
export function segmentText(segment: Segment, seqBase = -1, ackBase = -1): string {
  const { flags, textLength: length } = segment
  const isSyn = (flags & SYN) !== 0
  const seq = relative(segment.seq, isSyn ? -1 : seqBase)
  const words = [LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none']
  if (length > 0) words.push(`seq ${seq}:${(seq + length) >>> 0}`)
  else if (flags & (SYN | FIN | RST)) words.push(`seq ${seq}`)
  if (flags & ACK) words.push(`ack ${relative(segment.ack, isSyn ? -1 : ackBase)}`)
  words.push(`win ${segment.window}`)
  const options = optionsText(segment, ackBase)
  if (options !== '') words.push(`<${options}>`)
  words.push(`length ${length}`)
  return words.join(' ')
}

function optionsText(segment: Segment, ackBase: number): string {
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
