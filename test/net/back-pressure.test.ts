// A write that waits for room is over in a turn of its own, as net's are. In virtual time.
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { Machines } from '../support/machines.js'

test.each([1, 2, 3])('what a read put off to the next tick comes before the end of a write, seed %i', async (seed) => {
  const world = new Machines({ seed, link: { delay: 5, rate: 2_000_000 } })
  const { client, served } = await world.pair({ noDelay: true, sendBuffer: 8_000 }, { noDelay: true })
  let putOff = 0
  let reads = 0
  let early = 0
  let writes = 0
  served.on('data', () => {
    reads++
    putOff++
    process.nextTick(() => putOff--)
  })
  const look = (): void => {
    if (putOff > 0) early++
  }
  const write = (): void => {
    served.write(Buffer.alloc(9_000), () => {
      look()
      if (++writes < 100) write()
      else served.end()
    })
  }
  served.on('drain', look)
  client.on('data', () => client.write('x'))
  write()
  await world.network.wait(once(client, 'end'), 60_000)
  expect(writes).toBe(100)
  expect(reads).toBeGreaterThan(100)
  expect(early).toBe(0)
  client.destroy()
})
