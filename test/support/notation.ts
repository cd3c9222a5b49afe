// One segment as one line, in packetdrill's manner: 'P. 1:1001 ack 1 win 8000 <mss 1000,sackOK>', numbers relative to the SYNs.
import { ACK, FIN, PSH, RST, type Segment, SYN, URG } from '../../lib/wire/segment.js'
import { wrap } from '../../lib/wire/seq.js'

/** What a line says; null: it does not mention that. */
export interface Line {
  flags: number
  /** Relative to the initial sequence number of its sender: SYN is 0, the first byte 1. */
  from: number
  /** Bytes of text. */
  length: number
  ack: number | null
  window: number | null
  options: string | null
}

const LETTERS: readonly (readonly [string, number])[] = [
  ['S', SYN],
  ['F', FIN],
  ['R', RST],
  ['P', PSH],
  ['U', URG],
  ['.', ACK],
]
const FORM = /^([SFRPU.-]+) (-?\d+)(?::(-?\d+))?(?: ack (-?\d+))?(?: win (\d+))?(?: <(.*)>)?$/

/** Flags, then `from:to` of the text (or `from` alone: none), then what else is to be said. */
export function parseLine(line: string): Line {
  const match = FORM.exec(line)
  if (match === null) throw new Error(`not a segment: '${line}'`)
  const [, letters = '', from, to, ack, window, options] = match
  const flags = LETTERS.reduce((all, [letter, bit]) => (letters.includes(letter) ? all | bit : all), 0)
  const start = Number(from)
  if ((flags & ACK) !== 0 && ack === undefined) throw new Error(`'${line}' has '.' but no ack`)
  return {
    flags,
    from: start,
    length: to === undefined ? 0 : Number(to) - start,
    ack: ack === undefined ? null : Number(ack),
    window: window === undefined ? null : Number(window),
    options: options ?? null,
  }
}

/** The line again: with what `like` mentions, and no more. */
export function formatLine(line: Line, like: Line = line): string {
  const letters = LETTERS.filter(([, bit]) => line.flags & bit).map(([letter]) => letter)
  let text = `${letters.join('') || '-'} ${line.from}`
  if (line.length > 0) text += `:${line.from + line.length}`
  if (line.flags & ACK) text += ` ack ${line.ack}`
  if (like.window !== null) text += ` win ${line.window}`
  if (like.options !== null) text += ` <${line.options}>`
  return text
}

/** Both initial sequence numbers, of the segment's sender and of its receiver, and what timestamps are counted from. */
export interface Origins {
  sender: number
  receiver: number
  senderClock: number
  receiverClock: number
}

/** Fills in everything but ports and text. */
export function applyLine(line: Line, origins: Origins, into: Segment): void {
  into.clear()
  into.flags = line.flags
  into.seq = wrap(origins.sender, line.from)
  if (line.ack !== null) into.ack = wrap(origins.receiver, line.ack)
  into.window = line.window ?? 65_535
  for (const option of (line.options ?? '').split(',')) {
    const [name = '', ...values] = option.trim().split(' ')
    if (name === 'mss') into.mss = Number(values[0])
    else if (name === 'wscale') into.windowScale = Number(values[0])
    else if (name === 'sackOK') into.sackPermitted = true
    else if (name === 'ts') {
      into.hasTimestamps = true
      into.tsVal = wrap(origins.senderClock, Number(values[0]))
      into.tsEcr = values[2] === undefined ? 0 : wrap(origins.receiverClock, Number(values[2]))
    } else if (name === 'sack') {
      for (const block of values) {
        const [left, right] = block.split(':')
        into.sackEdges[2 * into.sackCount] = wrap(origins.receiver, Number(left))
        into.sackEdges[2 * into.sackCount + 1] = wrap(origins.receiver, Number(right))
        into.sackCount++
      }
    } else if (name !== '') throw new Error(`no such option: '${option}'`)
  }
}

/** The wire number relative to `origin`: -2^31 to 2^31-1. */
function relative(wire: number, origin: number): number {
  return (wire - origin) | 0
}

/** What a segment says, relative to both origins. */
export function readLine(segment: Segment, origins: Origins): Line {
  const options: string[] = []
  if (segment.mss > 0) options.push(`mss ${segment.mss}`)
  if (segment.sackPermitted) options.push('sackOK')
  if (segment.hasTimestamps) {
    const echo = segment.tsEcr === 0 ? '' : ` ecr ${relative(segment.tsEcr, origins.receiverClock)}`
    options.push(`ts ${relative(segment.tsVal, origins.senderClock)}${echo}`)
  }
  if (segment.windowScale >= 0) options.push(`wscale ${segment.windowScale}`)
  if (segment.sackCount > 0) {
    const edges = [...segment.sackEdges.subarray(0, 2 * segment.sackCount)].map((edge) =>
      relative(edge, origins.receiver),
    )
    options.push(`sack ${edges.map((edge, i) => (i % 2 === 0 ? `${edge}:` : `${edge} `)).join('')}`.trim())
  }
  return {
    flags: segment.flags,
    from: relative(segment.seq, origins.sender),
    length: segment.textLength,
    ack: segment.flags & ACK ? relative(segment.ack, origins.receiver) : null,
    window: segment.window,
    options: options.join(','),
  }
}
