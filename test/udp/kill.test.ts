// kill -9 of the other end in mid-transfer, over real UDP: what the survivor says is true. `npm run test:kill` does it 200 times.
import { expect, it } from 'vitest'
import { type Round, runKillRound } from '../support/kill-round.js'

const ROUNDS: Round[] = [
  { survivor: 'sender', role: 'client', total: 2_000_000, from: 'meeting', killAfter: 60 },
  { survivor: 'sender', role: 'server', total: 2_000_000, from: 'meeting', killAfter: 90 },
  { survivor: 'receiver', role: 'client', total: 2_000_000, from: 'meeting', killAfter: 60 },
  { survivor: 'receiver', role: 'server', total: 2_000_000, from: 'meeting', killAfter: 90 },
]

it('both roles, both directions', { timeout: 60_000 }, async () => {
  const outcomes = await Promise.all(ROUNDS.map((round, i) => runKillRound(round, i + 1)))
  for (const { how } of outcomes) expect(['ETIMEDOUT', 'ECONNRESET', 'end']).toContain(how)
})

it('and when nobody is killed the end is clean, and everything has come', { timeout: 60_000 }, async () => {
  const round: Round = { survivor: 'receiver', role: 'server', total: 300_000, from: 'meeting', killAfter: 50_000 }
  expect(await runKillRound(round, 9)).toEqual({ how: 'end', bytes: 300_000 })
})
