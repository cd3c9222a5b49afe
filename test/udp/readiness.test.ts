// Which descriptor Node's event loop waits for: the only one itself, once it speaks often, or the one that stands for all.
import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { Readiness } from '../../lib/platform/readiness.js'
import { FakeLibc } from '../support/fake-libc.js'

const ALL = 4
const OFTEN = 32

let libc: FakeLibc
let readiness: Readiness
let reads: number

const waiter = { onReadable: () => reads++, onWritable: () => {} }

beforeEach(() => {
  libc = new FakeLibc()
  readiness = new Readiness(libc)
  reads = 0
  readiness.watch(7, waiter)
})

async function ring(times: number, status = 0): Promise<void> {
  for (let i = 0; i < times; i++) {
    libc.ring(status)
    await setImmediate()
  }
}

describe('the only descriptor', () => {
  it('is waited for itself once it speaks often', async () => {
    await ring(OFTEN - 1)
    expect(libc.waitedFor).toBe(ALL)
    await ring(1)
    expect(libc.waitedFor).toBe(7)
    await ring(2 * OFTEN)
    expect(libc.waitedFor).toBe(7)
    expect(reads).toBe(3 * OFTEN)
  })

  it.each([
    ['another comes', () => void readiness.watch(8, waiter)],
    ['it goes', () => readiness.unwatch(7)],
    ['it waits for room', () => readiness.awaitRoom(7, true)],
  ])('is not any more when %s', async (_name, change) => {
    await ring(OFTEN)
    change()
    expect(libc.waitedFor).toBe(ALL)
  })

  it('is read, and waited for as one of all, when it has an error to tell', async () => {
    await ring(OFTEN)
    await ring(1, -9)
    expect(libc.waitedFor).toBe(ALL)
    expect(reads).toBe(OFTEN + 1)
    await ring(OFTEN)
    expect(libc.waitedFor).toBe(7)
  })
})

it('two are waited for by what stands for both', async () => {
  readiness.watch(8, waiter)
  await ring(2 * OFTEN)
  expect(libc.waitedFor).toBe(ALL)
  readiness.unwatch(8)
  await ring(OFTEN)
  expect(libc.waitedFor).toBe(7)
})
