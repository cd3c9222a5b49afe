// What Linux counts of a UDP socket whose descriptor is dgram's own: a table that anyone can read says it, a row for each.
import { readFileSync } from 'node:fs'
import { isIPv6 } from './socket-address.js'

/** A socket, as its row has it. */
interface Row {
  readonly peerPort: number
  readonly dropped: number
}

/** By file, and by what a socket is bound to, for as long as nothing else has its turn: thousands may be asked for together. */
const tables: Map<string, Map<string, Row[]>> = new Map()

/** @returns datagrams that came and found no room; undefined: there is no such table, or no telling which row is meant. */
export function readDropped(address: string, port: number, peerPort: number | undefined): number | undefined {
  const bytes = isIPv6(address) ? bytesOf6(address) : Uint8Array.from(address.split('.').map(Number))
  const rows = tableOf(bytes.length === 4 ? '/proc/net/udp' : '/proc/net/udp6').get(keyOf(bytes, port)) ?? []
  const meant = peerPort === undefined ? rows : rows.filter((row) => row.peerPort === peerPort)
  return meant.length === 1 ? (meant[0] as Row).dropped : undefined
}

function tableOf(path: string): Map<string, Row[]> {
  let table = tables.get(path)
  if (table === undefined) {
    if (tables.size === 0) queueMicrotask(() => tables.clear())
    table = parse(read(path))
    tables.set(path, table)
  }
  return table
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops
function parse(text: string): Map<string, Row[]> {
  const table = new Map<string, Row[]>()
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const [, local, remote] = columns
    if (local === undefined || remote === undefined) continue
    const row = { peerPort: Number.parseInt(remote.split(':')[1] ?? '', 16), dropped: Number(columns.at(-1)) }
    const others = table.get(local)
    if (others === undefined) table.set(local, [row])
    else others.push(row)
  }
  return table
}

/** Words as the machine has them in memory, as %08X prints them. */
function keyOf(bytes: Uint8Array, port: number): string {
  const words = [...new Uint32Array(bytes.buffer)].map((word) => hex(word, 8))
  return `${words.join('')}:${hex(port, 4)}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0')
}

function bytesOf6(address: string): Uint8Array {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...four: string[]) => {
    const [a, b, c, d] = four.map(Number) as [number, number, number, number]
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  })
  const [head = [], tail = []] = plain.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  )
}
