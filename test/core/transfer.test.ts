// Bytes from one connection to another, with and without losses, to the end of both directions.
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../lib/core/connection.js'
import { Pair, type PairOptions } from '../support/pair.js'

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0
    bytes[i] = x >>> 16
  }
  return bytes
}

function drain(connection: Connection | null, into: Uint8Array[]): void {
  for (let chunk = connection?.receive(); chunk; chunk = connection?.receive()) into.push(chunk.slice())
}

function transfer(length: number, options: PairOptions): { pair: Pair; intact: boolean; ms: number } {
  const pair = new Pair(options)
  const data = pattern(length)
  const chunks: Uint8Array[] = []
  let sent = 0
  const started = pair.now
  const finished = pair.run(
    600_000,
    () => pair.a.state === 'TIME-WAIT' && ['LAST-ACK', 'CLOSED'].includes((pair.b as Connection).state),
    () => {
      if (pair.a.state === 'ESTABLISHED') {
        sent += pair.a.send(data.subarray(sent))
        if (sent === length) pair.a.close()
      }
      drain(pair.b, chunks)
      if (pair.b?.state === 'CLOSE-WAIT') pair.b.close()
    },
  )
  const got = Buffer.concat(chunks)
  return { pair, intact: finished && got.equals(data), ms: pair.now - started }
}

function lossy(seed: number, share: number): NonNullable<PairOptions['filter']> {
  let x = seed
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return x / 2 ** 32 >= share
  }
}

describe('a transfer', () => {
  it('arrives whole on a clean path, in few round trips', () => {
    const { intact, ms, pair } = transfer(1_000_000, {})
    expect(intact).toBe(true)
    expect(pair.a.status(pair.now).segmentsRetransmitted).toBe(0)
    expect(ms).toBeLessThan(400)
  })
  for (const sack of [true, false]) {
    for (const timestamps of [true, false]) {
      for (const share of sack ? [0.01, 0.1, 0.3] : [0.01, 0.1]) {
        it(`arrives whole with ${share * 100} % lost, SACK ${sack}, timestamps ${timestamps}`, () => {
          for (let seed = 1; seed <= 50; seed++) {
            const result = transfer(share < 0.2 ? 200_000 : 20_000, {
              a: { sack, timestamps },
              filter: lossy(seed, share),
            })
            expect({ seed, intact: result.intact }).toEqual({ seed, intact: true })
          }
        })
      }
    }
  }
})
