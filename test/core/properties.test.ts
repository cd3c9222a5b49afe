// Whatever arrives, whatever the user does: nothing throws, nothing grows without bound, and the invariants hold. Failures print their seed.
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { ACK, FIN } from '../../lib/wire/segment.js'
import { anyConfig, anyPeer, anyStep, Fuzzed, type Step } from '../support/fuzz.js'

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const opening = fc.constantFrom('active' as const, 'passive' as const)
const steps = fc.array(anyStep, { maxLength: 80, size: 'max' })

const HERE = { by: 0, anywhere: null }
const PEER_FIN: Step = {
  kind: 'segment',
  flags: ACK | FIN,
  seq: HERE,
  old: false,
  ack: HERE,
  window: 65_535,
  length: 0,
  ts: HERE,
  sack: [],
}
const PEER_ACK: Step = { ...PEER_FIN, flags: ACK }
const CLOSE: Step = { kind: 'call', name: 'close' }

/** What leads from ESTABLISHED to each state. */
const WAYS: Record<string, readonly Step[]> = {
  ESTABLISHED: [],
  'FIN-WAIT-1': [CLOSE],
  'FIN-WAIT-2': [CLOSE, PEER_ACK],
  'CLOSE-WAIT': [PEER_FIN],
  'LAST-ACK': [PEER_FIN, CLOSE],
  CLOSING: [CLOSE, { ...PEER_FIN, ack: { by: -1, anywhere: null } }],
  'TIME-WAIT': [CLOSE, PEER_ACK, PEER_FIN],
  CLOSED: [{ kind: 'call', name: 'abort' }],
}

describe('random segments, calls and waits', () => {
  test('before the handshake is complete', () => {
    fc.assert(
      fc.property(opening, anyConfig, anyPeer, u32, u32, steps, (side, config, peer, iss, irs, script) => {
        const fuzzed = new Fuzzed(side, config, peer, iss, irs)
        for (const step of script) fuzzed.step(step)
      }),
      { numRuns: 1500 },
    )
  })

  test.each(Object.keys(WAYS))('in %s', (state) => {
    fc.assert(
      fc.property(opening, anyConfig, anyPeer, u32, u32, steps, (side, config, peer, iss, irs, script) => {
        const fuzzed = new Fuzzed(side, config, peer, iss, irs)
        fuzzed.establish()
        for (const step of WAYS[state] as readonly Step[]) fuzzed.step(step)
        for (const step of script) fuzzed.step(step)
      }),
      { numRuns: state === 'ESTABLISHED' ? 3000 : 400 },
    )
  })
})
