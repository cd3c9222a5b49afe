// What /stats prints: a row for each TCP connection that ends here.
import type { Duplex } from 'node:stream'
import type { Socket } from 'tcp-over-udp'
import { size } from './text.js'

interface Reading {
  at: number
  read: number
  written: number
}

const HEADER = ['peer', 'state', 'rtt', 'rto', 'cwnd', 'in flight', 'retransmitted', 'sent', 'received', 'out', 'in']
const lastReadings = new WeakMap<Duplex, Reading>()

/** Rates are those since the last time it was asked for, or since the beginning. */
export function statsTable(connections: readonly { name: string; stream: Duplex }[]): string {
  const rows = connections.map(({ name, stream }) => row(name, stream))
  if (rows.length === 0) return '* no connections'
  const all = [HEADER, ...rows]
  const widths = HEADER.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)))
  return all.map((cells) => `* ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()).join('\n')
}

function row(name: string, stream: Duplex): string[] {
  const { bytesRead, bytesWritten } = stream as Socket
  const now = performance.now()
  const last = lastReadings.get(stream) ?? { at: 0, read: 0, written: 0 }
  lastReadings.set(stream, { at: now, read: bytesRead, written: bytesWritten })
  const seconds = Math.max(0.001, (now - last.at) / 1000)
  const info = (stream as Socket).getInfo()
  const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
  const traffic = [
    ...[size(bytesWritten), size(bytesRead)],
    ...[`${size((bytesWritten - last.written) / seconds)}/s`, `${size((bytesRead - last.read) / seconds)}/s`],
  ]
  if (info === null) return [name, 'CLOSED', '', '', '', '', '', ...traffic]
  return [
    ...[name, info.state, ms(info.srtt), ms(info.rto), size(info.cwnd), size(info.inFlight)],
    `${info.segmentsRetransmitted} of ${info.segmentsSent}`,
    ...traffic,
  ]
}
