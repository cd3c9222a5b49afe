// The heap of wake-up times, against a plain list.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Deadlines, type Sleeper } from '../../lib/endpoint/deadlines.js'

interface Item extends Sleeper {
  readonly name: number
}

const item = (name: number): Item => ({ name, slot: -1 })

const command = fc.oneof(
  fc.record({ kind: fc.constant('schedule' as const), name: fc.nat(19), at: fc.nat(100) }),
  fc.record({ kind: fc.constant('remove' as const), name: fc.nat(19), at: fc.constant(0) }),
  fc.record({ kind: fc.constant('take' as const), name: fc.constant(0), at: fc.nat(100) }),
)

it('is in order whatever is filed, moved earlier, removed and taken', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const deadlines = new Deadlines<Item>()
      const items = Array.from({ length: 20 }, (_, name) => item(name))
      const filed = new Map<number, number>()
      for (const { kind, name, at } of commands) {
        if (kind === 'schedule') {
          deadlines.schedule(items[name], at)
          filed.set(name, Math.min(at, filed.get(name) ?? Number.POSITIVE_INFINITY))
        } else if (kind === 'remove') {
          deadlines.remove(items[name])
          filed.delete(name)
        } else {
          const earliest = Math.min(...filed.values())
          const taken = deadlines.takeDue(at)
          if (earliest > at) {
            expect(taken).toBeUndefined()
          } else {
            expect(filed.get(taken?.name ?? -1)).toBe(earliest)
            filed.delete(taken?.name ?? -1)
          }
        }
        expect(deadlines.size).toBe(filed.size)
        expect(deadlines.next).toBe(Math.min(...filed.values()))
      }
      for (const { name, slot } of items) expect(slot >= 0).toBe(filed.has(name))
      // each is filed under its own time to the end
      for (let { first } = deadlines; first !== undefined; { first } = deadlines) {
        expect(deadlines.next).toBe(filed.get(first.name))
        deadlines.remove(first)
        filed.delete(first.name)
      }
      expect(filed.size).toBe(0)
    }),
  )
})

it('a time that moves later waits for the old one: nothing is refiled', () => {
  const deadlines = new Deadlines<Item>()
  const only = item(0)
  deadlines.schedule(only, 10)
  deadlines.schedule(only, 50)
  expect(deadlines.next).toBe(10)
  deadlines.schedule(only, 5)
  expect(deadlines.next).toBe(5)
  deadlines.schedule(only, Number.POSITIVE_INFINITY)
  expect(deadlines.takeDue(5)).toBe(only)
  expect(deadlines.next).toBe(Number.POSITIVE_INFINITY)
})
