// When the event loop stays awake, in virtual time: what two ends take for a trip, and what they have of the processor for it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Loop, reader, Vigil } from '../../lib/platform/vigil.js'

/** µs. */
interface Machine {
  /** Of the processor: to fall asleep and be woken; and as much again for who wakes. */
  sleep: number
  /** From what wakes it until it runs. */
  wake: number
  /** What an end has to do for a trip. */
  work: number
  /** From one end to the other. */
  way: number
}

/** Where to be woken is most of what a trip takes, as in virtual machines. */
const DEAR: Machine = { sleep: 35, wake: 55, work: 15, way: 3 }
/** Where it costs next to nothing. */
const CHEAP: Machine = { sleep: 4, wake: 25, work: 12, way: 3 }
const TURN = 1.5

class World {
  now = 0
  private readonly events: { at: number; run: () => void }[] = []

  at(at: number, run: () => void): void {
    this.events.push({ at, run })
  }

  step(): void {
    let first = 0
    this.events.forEach(({ at }, i) => {
      if (at < (this.events[first] as { at: number }).at) first = i
    })
    const [event] = this.events.splice(first, 1)
    if (event === undefined) throw new Error('nothing happens any more')
    this.now = event.at
    event.run()
  }
}

/** An event loop with one socket, whose program answers whatever comes. */
class End implements Loop {
  used = 0
  trips = 0
  peer: { arrive(): void } = this
  private readonly world: World
  private readonly machine: Machine
  private readonly vigil: Vigil | undefined
  /** What others have had of it for waking this one. */
  wakers = 0
  /** So much more of the processor, by now, is what others of the process have had. */
  others = (_now: number): number => 0
  private at = 0
  private slept = 0
  private sleptAt = 0
  isAsleep = true
  private arrived = 0
  private next: (() => void) | undefined

  constructor(world: World, machine: Machine, isVigilant = true) {
    this.world = world
    this.machine = machine
    this.vigil = isVigilant ? new Vigil(this) : undefined
  }

  now(): number {
    return this.at
  }

  cpu(): number {
    return this.used + this.others(this.at)
  }

  ownCpu(): number {
    return this.cpu()
  }

  idle(): number {
    return this.slept
  }

  turn(run: () => void): void {
    this.next = run
  }

  arrive(): void {
    this.arrived++
    if (!this.isAsleep) return
    this.isAsleep = false
    this.used += this.machine.sleep
    this.wakers += this.machine.sleep
    this.world.at(this.world.now + this.machine.wake, () => this.step())
  }

  private step(): void {
    const { world, machine } = this
    if (this.sleptAt >= 0) this.slept += world.now - this.sleptAt
    this.sleptAt = -1
    this.at = world.now
    const { arrived } = this
    if (arrived > 0) {
      this.arrived = 0
      this.trips += arrived
      this.vigil?.found()
      this.vigil?.took(arrived)
      this.pass(arrived * machine.work)
      world.at(this.at + machine.way, () => this.peer.arrive())
    }
    const { next } = this
    this.next = undefined
    next?.()
    // while it works others do, too
    world.at(this.at, () => this.goOn())
  }

  private goOn(): void {
    if (this.next === undefined && this.arrived === 0) {
      this.isAsleep = true
      this.sleptAt = this.world.now
      return
    }
    this.pass(TURN)
    this.world.at(this.at, () => this.step())
  }

  private pass(time: number): void {
    this.at += time
    this.used += time
  }
}

/** Another that answers, after so many µs. */
function answering(world: World, after: number, end: End): { arrive(): void } {
  return { arrive: () => world.at(world.now + after, () => end.arrive()) }
}

/** µs that one takes, and of the processor, of all who have a part in it. */
interface Trip {
  cpu: number
  took: number
}

/** Of the last half of so many trips. */
function talk(world: World, end: End, trips: number): Trip {
  const until = (count: number) => {
    while (end.trips < count) world.step()
    return { used: end.used + end.wakers, now: world.now, trips: end.trips }
  }
  const begin = end.trips
  const half = until(begin + trips / 2)
  const whole = until(begin + trips)
  const count = whole.trips - half.trips
  return { cpu: (whole.used - half.used) / count, took: (whole.now - half.now) / count }
}

function two(machine: Machine, isVigilant: boolean, trips = 20_000): Trip {
  const world = new World()
  const [client, server] = [new End(world, machine, isVigilant), new End(world, machine, isVigilant)]
  client.peer = server
  server.peer = client
  client.arrive()
  return talk(world, client, trips)
}

function one(machine: Machine, answersAfter: number, isVigilant: boolean, trips = 400_000): Trip {
  const world = new World()
  const end = new End(world, machine, isVigilant)
  end.peer = answering(world, answersAfter, end)
  end.arrive()
  return talk(world, end, trips)
}

/** Others send so many at a time, one every so many µs, after so long a pause; before that, trips. */
function flurries(count: number, gap: number, pause: number, isVigilant: boolean, trips = 0): Trip {
  const world = new World()
  const end = new End(world, { ...DEAR, work: 2 }, isVigilant)
  if (trips > 0) {
    end.peer = answering(world, 10, end)
    end.arrive()
    talk(world, end, trips)
  }
  end.peer = { arrive() {} }
  const send = (left: number) => {
    end.arrive()
    world.at(world.now + (left > 0 ? gap : pause), () => send(left > 0 ? left - 1 : count - 1))
  }
  send(count - 1)
  return talk(world, end, 400_000)
}

/** One every so many µs; before that, with so large a share of a processor for others, too. */
function stream(gap: number, isVigilant: boolean, before?: { share: number; gap: number }): Trip {
  const world = new World()
  const end = new End(world, { ...DEAR, work: 2 }, isVigilant)
  end.peer = { arrive() {} }
  let every = before?.gap ?? gap
  const send = () => {
    end.arrive()
    world.at(world.now + every, send)
  }
  send()
  if (before !== undefined) {
    end.others = (now) => before.share * now
    talk(world, end, 20_000)
    const until = world.now
    end.others = () => before.share * until
    every = gap
  }
  return talk(world, end, 100_000)
}

describe('the event loop stays awake', () => {
  it('where to sleep is dear: both ends, for less of the processor', () => {
    const asleep = two(DEAR, false)
    const awake = two(DEAR, true)
    expect(awake.took).toBeLessThan(asleep.took / 3)
    expect(awake.cpu).toBeLessThan(asleep.cpu)
  })

  it('with a peer that has seen many who slept', () => {
    const world = new World()
    const server = new End(world, DEAR)
    server.peer = answering(world, DEAR.wake + DEAR.work, server)
    server.arrive()
    talk(world, server, 400_000)
    const client = new End(world, DEAR)
    server.peer = client
    client.peer = server
    expect(talk(world, client, 20_000).took).toBeLessThan(two(DEAR, false).took / 3)
  })
})

describe('the event loop sleeps', () => {
  it('where that is cheap', () => {
    const asleep = two(CHEAP, false)
    const watched = two(CHEAP, true)
    expect(watched.cpu).toBeLessThan(1.05 * asleep.cpu)
  })

  it.each([100, 200, 1_000, 20_000])('where answers take %d µs', (after) => {
    const asleep = one(DEAR, after, false)
    const watched = one(DEAR, after, true)
    expect(watched.cpu).toBeLessThan(1.1 * asleep.cpu)
  })

  it.each([
    [8, 6, 100],
    [4, 10, 50],
    [2, 20, 60],
    [20, 6, 400],
  ])('where a sleep brings several: %d, one every %d µs, then none for %d', (count, gap, pause) => {
    const asleep = flurries(count, gap, pause, false)
    expect(flurries(count, gap, pause, true).cpu).toBeLessThan(1.25 * asleep.cpu)
    // it has stayed awake for questions and answers before
    expect(flurries(count, gap, pause, true, 20_000).cpu).toBeLessThan(1.25 * asleep.cpu)
  })

  it.each([
    [0.6, 140, 190],
    [0.85, 950, 1_000],
    [0.85, 950, 100],
  ])(
    'once others of the process, which took %d of a processor, have stopped: every %d µs, then %d',
    (share, before, after) => {
      const asleep = stream(after, false)
      const watched = stream(after, true, { share, gap: before })
      expect(watched.cpu).toBeLessThan(1.25 * asleep.cpu)
    },
  )

  it('where the peer only runs while it does', () => {
    const machine = { ...DEAR, wake: 2, sleep: 10 }
    const world = new World()
    const end = new End(world, machine)
    // the processor is the end's own until it sleeps
    const peer = {
      arrive() {
        world.at(world.now + 1, () => (end.isAsleep ? end.arrive() : peer.arrive()))
      },
    }
    end.peer = peer
    end.arrive()
    const watched = talk(world, end, 400_000)
    expect(watched.cpu).toBeLessThan(1.1 * (machine.work + 2 * machine.sleep))
  })
})

describe('whatever the machine', () => {
  const time = (least: number, most: number) => fc.double({ min: least, max: most, noNaN: true })
  const machines = fc.record({ sleep: time(1, 80), wake: time(1, 120), work: time(1, 200), way: time(1, 50) })

  it('a trip takes no longer than asleep, and hardly more of the processor', () => {
    fc.assert(
      fc.property(machines, (machine) => {
        for (const [asleep, watched] of [
          [two(machine, false, 200), two(machine, true, 60_000)],
          [one(machine, 50, false, 200), one(machine, 50, true, 60_000)],
        ] as const) {
          // of a watch's waits two sleeps are allowed, and one is known to a sixteenth
          expect(watched.cpu).toBeLessThan(1.3 * asleep.cpu)
          expect(watched.took).toBeLessThan(1.05 * asleep.took)
        }
      }),
      { numRuns: 12, endOnFailure: true },
    )
  })
})

describe('a runtime', () => {
  it('that has no figures, or throws, has none', () => {
    const told = reader(
      () => 2,
      (two) => two + 1,
      () => 0,
    )
    expect(told()).toBe(3)
    const silent = reader<number>(undefined, Number, () => 7)
    expect(silent()).toBe(7)
    const broken = reader<number>(
      () => {
        throw new Error('not on this system')
      },
      Number,
      () => 7,
    )
    expect(broken()).toBe(7)
  })
})

describe('in any order', () => {
  it('of what comes, turns and time, nothing throws, and a turn is asked for once at a time', () => {
    const step = fc.oneof(
      fc.constant('found' as const),
      fc.constant('turn' as const),
      fc.record({ took: fc.nat(20) }),
      fc.record({ time: fc.nat(300), idle: fc.double({ min: 0, max: 1, noNaN: true }), cpu: fc.nat(300) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3_000, size: 'max' }), (steps) => {
        let [now, cpu, idle] = [0, 0, 0]
        let next: (() => void) | undefined
        const vigil = new Vigil({
          now: () => now,
          cpu: () => cpu,
          ownCpu: () => cpu,
          idle: () => idle,
          turn: (run) => {
            expect(next).toBeUndefined()
            next = run
          },
        })
        for (const one of steps) {
          if (one === 'found') vigil.found()
          else if (one === 'turn') {
            const run = next
            next = undefined
            run?.()
          } else if ('took' in one) vigil.took(one.took)
          else {
            now += one.time
            cpu += one.cpu
            idle += one.time * one.idle
          }
          expect(vigil.isTurning).toBe(next !== undefined)
        }
      }),
      { numRuns: 50, endOnFailure: true },
    )
  })
})
