// Who is in, in which order: a roster against a plain list.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Place, Roster } from '../../lib/endpoint/roster.js'

describe('Roster', () => {
  it('has who entered and has not left, the first first', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(20)), { maxLength: 100 }), (steps) => {
        const roster = new Roster<number>()
        const list: Place<number>[] = []
        for (const [i, [entering, which]] of steps.entries()) {
          if (entering || list.length === 0) list.push(roster.enter(i))
          else {
            const [place] = list.splice(which % list.length, 1) as [Place<number>]
            roster.leave(place)
            // an old one must not keep those that come after it
            expect([place.before, place.after]).toEqual([null, null])
          }
          expect([...roster]).toEqual(list.map(({ member }) => member))
          expect(roster.size).toBe(list.length)
          expect(roster.oldest).toBe(list[0]?.member ?? null)
        }
      }),
    )
  })

  it('goes on when the one that was told of leaves', () => {
    const roster = new Roster<number>()
    const places = [0, 1, 2].map((member) => roster.enter(member))
    const told: number[] = []
    for (const member of roster) {
      told.push(member)
      roster.leave(places[member] as Place<number>)
    }
    expect(told).toEqual([0, 1, 2])
    expect(roster.size).toBe(0)
  })
})
