// Which descriptors Node's event loop waits for: the few that are busy themselves, the others by the one that stands for all.
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALL, FakeLibc } from '../support/fake-libc.js'
import { uncaughtDuring } from '../support/uncaught.js'

const READ = 1
const WRITE = 4
const ERROR = 8
const OFTEN = 32
const IDLE = 64
const BAD_DESCRIPTOR = -9
const REST = 1_000

/** One per test: its timers are those of the moment it is loaded in. */
async function createReadiness(libc: FakeLibc) {
  vi.resetModules()
  const { Readiness } = await import('../../lib/platform/readiness.js')
  return new Readiness(libc)
}

let libc: FakeLibc
let readiness: Awaited<ReturnType<typeof createReadiness>>
/** Descriptors in the order in which their waiters were told; one that has room is below 0. */
let told: number[]

let exits: unknown[]

beforeEach(async () => {
  exits = process.listeners('exit')
  libc = new FakeLibc()
  readiness = await createReadiness(libc)
  told = []
})

const ownExits = () => process.listeners('exit').filter((listener) => !exits.includes(listener))

afterEach(() => {
  for (const listener of ownExits()) {
    listener(0)
    process.off('exit', listener)
  }
})

function watch(fd: number, onReadable: () => unknown = () => 0): void {
  readiness.watch(fd, {
    onReadable: () => {
      told.push(fd)
      return Number(onReadable()) || 0
    },
    onWritable: () => void told.push(-fd),
  })
}

/** What was found lets go first who waits for this turn, and has its own in the next. */
async function turnOver(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

/** A turn in which these can be read. */
async function turn(...fds: number[]): Promise<void> {
  const found = fds.filter((fd) => !libc.polls.has(fd)).map((fd) => ({ fd, events: READ }))
  if (found.length > 0) libc.ready.push(found)
  for (const fd of fds) if (libc.polls.has(fd)) libc.ring(fd)
  if (found.length > 0) libc.ring(ALL)
  await (fds.length > 0 ? turnOver() : setImmediate())
}

async function turns(count: number, ...fds: number[]): Promise<void> {
  for (let i = 0; i < count; i++) await turn(...fds)
}

const waitedFor = (): number[] => [...libc.polls.keys()].filter((fd) => fd !== ALL)
const inEpoll = (): number[] => [...libc.epoll.keys()]

describe('a descriptor that is busy', () => {
  beforeEach(() => watch(7))

  it('is waited for itself after 32 turns that found nothing else', async () => {
    await turns(OFTEN - 1, 7)
    expect([waitedFor(), inEpoll()]).toEqual([[], [7]])
    await turn(7)
    expect([waitedFor(), inEpoll()]).toEqual([[7], []])
    await turns(2 * OFTEN, 7)
    expect([waitedFor(), inEpoll()]).toEqual([[7], []])
    expect(told).toHaveLength(3 * OFTEN)
  })

  it('is not while others are as busy: one call finds them all', async () => {
    watch(8)
    await turns(3 * OFTEN, 7, 8)
    expect([waitedFor(), inEpoll()]).toEqual([[], [7, 8]])
    expect(told).toHaveLength(6 * OFTEN)
  })

  it('is beside another that is quiet, as a server has one for each family', async () => {
    watch(8)
    await turns(OFTEN, 7)
    expect([waitedFor(), inEpoll()]).toEqual([[7], [8]])
    await turns(2, 8)
    await turn(7, 8)
    expect(told.slice(OFTEN).sort()).toEqual([7, 8, 8, 8])
  })

  it('is waited for by epoll again when it waits for room, and not before it has that by itself', async () => {
    await turns(OFTEN, 7)
    readiness.awaitRoom(7, true)
    expect([waitedFor(), [...libc.epoll]]).toEqual([[], [[7, READ | WRITE]]])
    await turns(3 * OFTEN, 7)
    expect([waitedFor(), [...libc.epoll]]).toEqual([[], [[7, READ | WRITE]]])
    libc.ready.push([{ fd: 7, events: READ | WRITE }])
    libc.ring(ALL)
    await turnOver()
    expect(told.slice(-2)).toEqual([-7, 7])
    readiness.awaitRoom(7, false)
    expect([...libc.epoll]).toEqual([[7, READ]])
    await turns(OFTEN, 7)
    expect(waitedFor()).toEqual([7])
  })

  it('that has an error to tell is read, and epoll’s again: libuv waits for it no more', async () => {
    await turns(OFTEN, 7)
    libc.ready.push([{ fd: 7, events: READ | ERROR }])
    libc.ring(7, BAD_DESCRIPTOR)
    await turnOver()
    expect([waitedFor(), inEpoll()]).toEqual([[], [7]])
    expect(told).toHaveLength(OFTEN + 1)
    await turns(OFTEN, 7)
    expect(waitedFor()).toEqual([7])
  })

  it('that has an error to tell lets nobody go first: libuv tells it once, and nothing else might wake the loop', async () => {
    await turns(OFTEN, 7)
    libc.ready.push([{ fd: 7, events: READ | ERROR }])
    libc.ring(7, BAD_DESCRIPTOR)
    await setImmediate()
    expect(told).toHaveLength(OFTEN + 1)
  })

  it('stays one of many while the kernel has no room for one more that is waited for', async () => {
    libc.refusesPolls = true
    await turns(2 * OFTEN, 7)
    expect([told.length, waitedFor(), inEpoll()]).toEqual([2 * OFTEN, [], [7]])
    libc.refusesPolls = false
    await turns(OFTEN, 7)
    expect([waitedFor(), inEpoll()]).toEqual([[7], []])
  })

  it('is told nothing once it is closed, though it was found', async () => {
    await turns(OFTEN, 7)
    libc.ring(7)
    readiness.unwatch(7)
    await turnOver()
    expect(told).toHaveLength(OFTEN)
    expect([waitedFor(), inEpoll()]).toEqual([[], []])
    // the number is another's now, which begins anew
    watch(7)
    await turn(7)
    expect([told.length, waitedFor(), inEpoll()]).toEqual([OFTEN + 1, [], [7]])
  })
})

describe('several that are busy', () => {
  const FOUR = [7, 8, 9, 10]

  beforeEach(async () => {
    for (const fd of FOUR) {
      watch(fd)
      await turns(OFTEN, fd)
    }
    expect(waitedFor()).toEqual(FOUR)
    told.length = 0
  })

  it('four at most: a fifth takes the place of the one that has been waited for longest', async () => {
    watch(11)
    await turns(OFTEN, 11)
    expect([waitedFor(), inEpoll()]).toEqual([[8, 9, 10, 11], [7]])
    told.length = 0
    await turns(OFTEN - 1, 7)
    expect(waitedFor()).toEqual([8, 9, 10, 11])
    await turn(7)
    expect([waitedFor(), inEpoll()]).toEqual([[9, 10, 11, 7], [8]])
    expect(told).toHaveLength(OFTEN)
  })

  it('each that is found in a turn is told, and nobody else', async () => {
    await turn(9, 7)
    expect(told.sort()).toEqual([7, 9])
    await turn(...FOUR)
    expect(told).toHaveLength(6)
  })

  it('all have errors to tell in one turn, as when the peer of all of them goes', async () => {
    libc.ready.push(FOUR.map((fd) => ({ fd, events: READ | ERROR })))
    for (const fd of FOUR) libc.ring(fd, BAD_DESCRIPTOR)
    await turnOver()
    expect([told, waitedFor(), inEpoll().sort((a, b) => a - b)]).toEqual([FOUR, [], FOUR])
  })

  it('one has an error, and others text, in one turn', async () => {
    libc.ready.push([{ fd: 8, events: ERROR }])
    libc.ring(7)
    libc.ring(8, BAD_DESCRIPTOR)
    libc.ring(9)
    await turnOver()
    expect(told.sort()).toEqual([7, 8, 9])
    expect([waitedFor(), inEpoll()]).toEqual([[7, 9, 10], [8]])
  })

  it.each(FOUR)('descriptor %i closes all others as it is told: they hear no more, and it goes on', async (closer) => {
    const others = FOUR.filter((fd) => fd !== closer)
    readiness.unwatch(closer)
    watch(closer, () => {
      for (const fd of others.splice(0)) readiness.unwatch(fd)
    })
    await turns(OFTEN - 1, closer)
    // not told of the last turn before it is one of the four again
    expect(waitedFor()).toEqual([])
    await turns(2, closer)
    expect(waitedFor()).toEqual([closer])
  })

  it.each(FOUR)(
    'descriptor %i closes itself as it is told: the others have their turn all the same',
    async (closer) => {
      readiness.unwatch(closer)
      let closes = false
      watch(closer, () => closes && readiness.unwatch(closer))
      await turns(OFTEN, closer)
      expect(waitedFor()).toHaveLength(4)
      told.length = 0
      closes = true
      await turn(...FOUR)
      expect(told.sort((a, b) => a - b)).toEqual(FOUR)
      expect(waitedFor()).toHaveLength(3)
    },
  )
})

it('one that throws costs the others nothing, however they are waited for', async () => {
  const fail = (): never => {
    throw new Error(String(told.at(-1)))
  }
  let fails = false
  for (const fd of [7, 8]) {
    watch(fd, () => fails && fail())
    await turns(OFTEN, fd)
  }
  for (const fd of [9, 10]) watch(fd, fail)
  expect(waitedFor()).toEqual([7, 8])
  told.length = 0
  fails = true
  const uncaught = await uncaughtDuring(async () => {
    await turn(7, 8, 9, 10)
    await turn(7, 8, 9, 10)
  })
  expect([...told].sort((a, b) => a - b)).toEqual([7, 7, 8, 8, 9, 9, 10, 10])
  expect(uncaught.map((error) => (error as Error).message)).toEqual(told.map(String))
})

it('much is not read from many in one turn, since all of it is held until the program has had its turn', async () => {
  const MUCH = 600_000
  for (const fd of [7, 8, 9, 10]) watch(fd, () => (fd === 9 ? MUCH * 2 : MUCH))
  await turn(7, 8, 9, 10)
  expect(told).toEqual([7, 8])
  // they are readable still, and epoll is not asked before each has had its turn
  libc.ready.push([{ fd: 7, events: READ }])
  for (const expected of [[9], [10], [7]]) {
    told.length = 0
    libc.ring(ALL)
    await turnOver()
    expect(told).toEqual(expected)
  }
})

it('what who was told puts off, be it after a promise, comes before more is read', async () => {
  const find = (): void => {
    libc.ready.push([{ fd: 7, events: READ }])
    libc.ring(ALL)
  }
  let left = 3
  watch(7, () => {
    void Promise.resolve().then(() => globalThis.setImmediate(() => told.push(0)))
    if (--left > 0) find()
  })
  find()
  for (let i = 0; i < 12; i++) await setImmediate()
  expect(told).toEqual([7, 0, 7, 0, 7, 0])
})

it('others that never stop putting off do not keep it from being read', async () => {
  let stops = false
  const goOn = (): unknown => !stops && globalThis.setImmediate(goOn)
  goOn()
  watch(7)
  await turns(3, 7)
  stops = true
  expect(told).toEqual([7, 7, 7])
})

describe('while nothing comes', () => {
  const isCalled = (): boolean => libc.polls.get(ALL)?.onRing !== null

  beforeEach(async () => {
    watch(7)
    watch(8)
  })

  it('the loop calls when something does, and is asked in each turn from then on', async () => {
    expect(isCalled()).toBe(true)
    await turn(8)
    expect([told, isCalled()]).toEqual([[8], false])
    await turn(7)
    await turns(2, 8)
    expect([told, isCalled()]).toEqual([[8, 7, 8, 8], false])
  })

  it('and the kernel has no room for what leaves word, the loop goes on calling', async () => {
    libc.refusesPolls = true
    await turns(3, 8)
    expect([told, isCalled()]).toEqual([[8, 8, 8], true])
    libc.refusesPolls = false
    await turns(2, 7)
    expect([told, isCalled()]).toEqual([[8, 8, 8, 7, 7], false])
  })

  it('for 64 turns, they are not looked at any more; whoever was waited for itself is one of many', async () => {
    await turns(OFTEN, 7)
    await turns(IDLE - 1)
    expect([isCalled(), waitedFor(), inEpoll()]).toEqual([false, [7], [8]])
    await turn(7)
    await turns(IDLE - 1)
    expect([isCalled(), waitedFor()]).toEqual([false, [7]])
    await turn()
    expect([isCalled(), waitedFor(), inEpoll()]).toEqual([true, [], [8, 7]])
    await turn(7, 8)
    expect([told.slice(-2), isCalled()]).toEqual([[7, 8], false])
  })

  it('the process is held, or not, as before', async () => {
    const isHeld = (): boolean => [...libc.polls.values()].every(({ isRefd }) => isRefd)
    readiness.hold(true)
    for (const fds of [[], [7], []]) {
      await turns(IDLE, ...fds)
      expect(isHeld()).toBe(true)
    }
    expect(isCalled()).toBe(true)
    readiness.hold(false)
    expect(isHeld()).toBe(false)
    await turn(7)
    expect([isCalled(), isHeld()]).toEqual([false, false])
  })
})

describe('the process', () => {
  const held = (): boolean[] => [...libc.polls.values()].map(({ isRefd }) => isRefd)

  it('is held by every handle, or by none', async () => {
    watch(7)
    await turns(OFTEN, 7)
    expect(held()).toEqual([false, false])
    readiness.hold(true)
    expect(held()).toEqual([true, true])
    readiness.hold(true)
    watch(8)
    await turns(OFTEN, 8)
    expect(held()).toEqual([true, true, true])
    readiness.hold(false)
    expect(held()).toEqual([true, true, true])
    readiness.hold(false)
    expect(held()).toEqual([false, false, false])
    watch(9)
    await turns(OFTEN, 9)
    expect(held()).toEqual([false, false, false, false])
  })

  it('calls into nothing when it ends', async () => {
    watch(7)
    await turns(OFTEN, 7)
    watch(8)
    for (const end of ownExits()) end(0)
    expect([...libc.polls]).toEqual([])
    libc.ready.push([{ fd: 8, events: READ }])
    await turnOver()
    expect(told).toHaveLength(OFTEN)
  })

  it('keeps nothing once nothing has been watched for a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      readiness = await createReadiness(libc)
      watch(7)
      watch(8)
      expect(ownExits()).toHaveLength(1)
      await turns(OFTEN, 7)
      readiness.unwatch(7)
      readiness.unwatch(8)
      vi.advanceTimersByTime(REST - 1)
      expect([...libc.polls.keys()]).toEqual([ALL])
      // those who connect again and again have it made once
      watch(9)
      vi.advanceTimersByTime(2 * REST)
      expect([...libc.polls.keys()]).toEqual([ALL])
      readiness.unwatch(9)
      vi.advanceTimersByTime(REST)
      expect([[...libc.polls.keys()], ownExits()]).toEqual([[], []])
      watch(10)
      await turn(10)
      expect([[...libc.polls.keys()], told.at(-1)]).toEqual([[ALL], 10])
    } finally {
      vi.useRealTimers()
    }
  })

  it('looks once a turn, also if it begins anew in the turn in which it came to rest', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      readiness = await createReadiness(libc)
      watch(7)
      await turn(7)
      readiness.unwatch(7)
      vi.advanceTimersByTime(REST)
      watch(8)
      await turn(8)
      told.length = 0
      libc.ready.push([{ fd: 8, events: READ }])
      libc.ring(ALL)
      // a second look would take the first one's deference for its own
      globalThis.setImmediate(() => told.push(0))
      await turnOver()
      expect(told).toEqual([0, 8])
    } finally {
      vi.useRealTimers()
    }
  })
})
