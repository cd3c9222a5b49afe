// Out-of-order bytes: the worst order, and every second segment first.
import { Reassembly } from '../../lib/core/receive/reassembly.js'
import type { Case } from './case.js'

const SEGMENT = 1_440
const COUNT = 64
const payload = new Uint8Array(SEGMENT)

function fill(order: readonly number[]): () => void {
  return () => {
    const reassembly = new Reassembly()
    for (const index of order) reassembly.insert(1 + index * SEGMENT, payload)
    reassembly.takeFrom(1)
  }
}

const indexes = Array.from({ length: COUNT }, (_, i) => i)

export const reassembly: readonly Case[] = [
  { name: `reassembly: ${COUNT} segments, last first`, run: fill([...indexes].reverse()) },
  {
    name: `reassembly: ${COUNT} segments, every second first`,
    run: fill([...indexes.filter((i) => i % 2 === 1), ...indexes.filter((i) => i % 2 === 0)]),
  },
]
