// What passed between two machines, drawn in the manner of RFC 9293's figures: from a capture, so that no picture can lie.
import type { State } from '../../lib/core/state.js'
import type { Datagram } from '../../lib/testing/datagram.js'
import { ACK, FIN, PSH, RST, SYN } from '../../lib/wire/segment.js'

export interface Lifeline {
  /** The address that it sends from. */
  address: string
  /** Where it was before anything happened. */
  start: State
  /** The states that it came to, and when, ms. */
  history: readonly { state: State; at: number }[]
}

/** Something that its program did, or saw, at `at` ms. */
export interface Note {
  side: 'left' | 'right'
  at: number
  text: string
}

interface Row {
  at: number
  left: string
  middle: string
  right: string
}

const ARROW = 38
const COLUMN = 13

const NAMES: readonly [number, string][] = [
  [SYN, 'SYN'],
  [FIN, 'FIN'],
  [RST, 'RST'],
  [PSH, 'PSH'],
  [ACK, 'ACK'],
]

/**
 * Rows of `ms`, the left side's states, what passed, the right side's states. Sequence numbers begin with 0 at each side's
 * SYN. What was before `since` ms is left out.
 */
export function sequenceDiagram(
  capture: readonly Datagram[],
  left: Lifeline,
  right: Lifeline,
  notes: readonly Note[] = [],
  since = 0,
): string {
  const past = [...left.history, ...right.history].filter(({ at }) => at < since)
  const shown = new Set<object>(past)
  const startOf = ({ start, history }: Lifeline): string =>
    history.filter(({ at }) => at < since).at(-1)?.state ?? start
  const rows: Row[] = []
  const base = new Map<string, number>()
  for (const { from, segment } of capture) if (segment && segment.flags & SYN) base.set(from, segment.seq)
  // a state that is reached with the sending of a segment stands beside it
  const stateAt = (line: Lifeline, at: number): string => {
    const due = line.history.filter((step) => step.at === at && !shown.has(step))
    for (const step of due) shown.add(step)
    return due.at(-1)?.state ?? ''
  }
  for (const datagram of capture) {
    if (datagram.at < since) continue
    const outward = datagram.from === left.address
    const middle = arrow(describe(datagram, base), outward, datagram.fate !== 'lost')
    const state = stateAt(outward ? left : right, datagram.at)
    rows.push({ at: datagram.at, left: outward ? state : '', middle, right: outward ? '' : state })
  }
  for (const [side, line] of [
    ['left', left],
    ['right', right],
  ] as const) {
    for (const step of line.history) {
      if (shown.has(step)) continue
      const row = { at: step.at, left: '', middle: '', right: '' }
      row[side] = step.state
      rows.push(row)
    }
  }
  for (const { side, at, text } of notes) {
    const row = { at: at - 1e-6, left: '', middle: '', right: '' }
    row[side] = text
    rows.push(row)
  }
  rows.sort((a, b) => a.at - b.at)
  const head = [line('ms', 'client', '', 'server'), line('', startOf(left), '', startOf(right))]
  return [...head, ...rows.map((row) => line(`${Math.round(row.at)}`, row.left, row.middle, row.right))].join('\n')
}

function line(at: string, left: string, middle: string, right: string): string {
  return `${at.padStart(6)}  ${left.padEnd(COLUMN)}${middle.padEnd(ARROW)}  ${right}`.trimEnd()
}

function arrow(text: string, outward: boolean, arrives: boolean): string {
  if (outward) return `--- ${text} `.padEnd(ARROW - 1, '-') + (arrives ? '>' : 'X')
  return `${arrives ? '<' : 'X'}-- ${text} `.padEnd(ARROW, '-')
}

function describe({ from, to, segment }: Datagram, base: ReadonlyMap<string, number>): string {
  if (segment === null) return 'no segment'
  const { flags, seq, ack, textLength } = segment
  const names = NAMES.flatMap(([bit, name]) => (flags & bit ? [name] : [])).join(',')
  const numbers = `seq=${(seq - (base.get(from) ?? 0)) >>> 0}`
  const acked = flags & ACK ? ` ack=${(ack - (base.get(to) ?? 0)) >>> 0}` : ''
  return `${names} ${numbers}${acked}${textLength > 0 ? ` ${textLength} bytes` : ''}`
}
