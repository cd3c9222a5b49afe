// A program throws out of its listeners, and hears of it; its connections lose nothing by that. In virtual time.
import type { ServerOpts, Socket } from 'tcp-over-udp'
import { expect, test } from 'vitest'
import { Random } from '../../lib/testing/random.js'
import { Machines } from '../support/machines.js'
import { uncaughtDuring } from '../support/uncaught.js'

const mine = new Error('mine')
const throws = (): never => {
  throw mine
}

/** Runs for `ms`, whatever is thrown. @returns how often that was. */
async function run({ network }: Machines, ms: number): Promise<number> {
  const end = network.now + ms
  let thrown = 0
  const uncaught = await uncaughtDuring(async () => {
    while (network.now < end) {
      try {
        await network.run(end - network.now)
      } catch (error) {
        expect(error).toBe(mine)
        thrown++
      }
    }
    await new Promise(setImmediate)
  })
  for (const error of uncaught) expect(error).toBe(mine)
  return thrown + uncaught.length
}

interface World {
  world: Machines
  client: Socket
  served: Socket
  events: string[]
}

/** `events`: the ends that `served` has told of. */
async function pair(options: ServerOpts = {}): Promise<World> {
  const world = new Machines({ link: { delay: 10 } })
  const { client, served } = await world.pair({ allowHalfOpen: true, ...options }, { allowHalfOpen: true })
  const events: string[] = []
  served.on('end', () => events.push('end')).on('close', () => events.push('close'))
  served.on('error', (error) => events.push((error as NodeJS.ErrnoException).code ?? error.message))
  client.on('error', () => {})
  return { world, client, served, events }
}

test('a RST that comes with text, to a reader that throws', async () => {
  const { world, client, served, events } = await pair()
  served.on('data', throws)
  client.write('x')
  world.here.stack.platform.defer(() => client.resetAndDestroy())
  expect(await run(world, 500)).toBe(1)
  expect(events).toEqual(['ECONNRESET', 'close'])
})

test('a RST that comes with text and the ACK of the handshake, to a server whose listener throws', async () => {
  const world = new Machines({ link: { delay: 10 } })
  const events: string[] = []
  world.listen({}, (socket) => {
    socket.on('error', (error) => events.push((error as NodeJS.ErrnoException).code as string))
    socket.on('close', () => events.push('close')).resume()
    throws()
  })
  const client = world.connect()
  client
    .on('error', () => {})
    .on('connect', () => {
      client.write('x')
      world.here.stack.platform.defer(() => client.resetAndDestroy())
    })
  expect(await run(world, 1000)).toBe(1)
  expect(events).toEqual(['ECONNRESET', 'close'])
})

test('a FIN that comes with text, to a reader that throws at every chunk', async () => {
  const { world, client, served, events } = await pair()
  served.on('data', throws)
  client.end(Buffer.alloc(20_000))
  expect(await run(world, 500)).toBeGreaterThan(0)
  expect([served.bytesRead, events]).toEqual([20_000, ['end']])
})

test('an end whose listener throws: what is written still leaves, and the close is told', async () => {
  const { world, client, served, events } = await pair({ allowHalfOpen: false })
  let heard = 0
  client.on('data', (data) => (heard += data.length))
  served.on('end', throws).resume()
  served.write(Buffer.alloc(50_000))
  client.end('x')
  expect(await run(world, 2000)).toBe(1)
  served.end()
  await run(world, 2000)
  expect([heard, events]).toEqual([50_000, ['end', 'close']])
})

test('room to write that comes with text, to a reader that throws', async () => {
  const { world, client, served } = await pair()
  served.on('data', throws)
  client.on('data', () => client.write('x'))
  let written = 0
  const write = (): boolean => written < 20 && served.write(Buffer.alloc(1_000_000), () => written++ < 20 && write())
  write()
  expect(await run(world, 20_000)).toBeGreaterThan(0)
  expect([written, client.bytesRead]).toEqual([20, 20_000_000])
})

/** What `socket` has been told by now; `then` follows each chunk, with all bytes so far. */
function hearing(socket: Socket, then: (bytes: number) => void): { bytes: number; ended: boolean } {
  const heard = { bytes: 0, ended: false }
  socket.on('end', () => {
    heard.ended = true
  })
  socket.on('data', (data) => {
    heard.bytes += data.length
    then(heard.bytes)
  })
  return heard
}

test('a reader that throws as it is resumed out of a full buffer reads on', async () => {
  const { world, client, served } = await pair()
  client.pause()
  // a short chunk, and then one that fills the buffer by itself: with the short one gone there is no need to ask for more
  served.write('x')
  await run(world, 100)
  served.end(Buffer.alloc(400_000))
  await run(world, 500)
  expect(client.readableLength).toBeGreaterThan(client.readableHighWaterMark)
  const heard = hearing(client, (bytes) => {
    if (bytes === 1) throws()
  })
  client.resume()
  expect(await run(world, 3000)).toBe(1)
  expect(heard).toEqual({ bytes: 400_001, ended: true })
})

test('a reader that throws whenever it is resumed', async () => {
  const { world, client, served } = await pair()
  const heard = hearing(client, () => {
    client.pause()
    setImmediate(() => client.resume())
    throws()
  })
  served.end(Buffer.alloc(100_000))
  for (let i = 0; i < 200 && !heard.ended; i++) await run(world, 50)
  expect(heard).toEqual({ bytes: 100_000, ended: true })
})

const kinds: [string, (call: number) => Uint8Array, (call: number) => boolean][] = [
  ['the function that makes memory throws once', (call) => (call === 2 ? throws() : new Uint8Array(1000)), () => true],
  ['it throws from then on', (call) => (call > 1 ? throws() : new Uint8Array(1000)), () => true],
  ['it makes none', (call) => (call > 1 ? (undefined as never) : new Uint8Array(1000)), () => true],
  ['the one that takes bytes throws once', () => new Uint8Array(1000), (call) => call !== 2 || throws()],
  ['it throws at all', () => new Uint8Array(1000), throws],
]
test.each(kinds)('reading into the program’s own memory: %s', async (_name, buffer, callback) => {
  const world = new Machines({ link: { delay: 10 } })
  world.listen({}, (socket) => socket.end(Buffer.from('0123456789'.repeat(1000))))
  let [asked, told] = [0, 0]
  let heard = ''
  let ended = false
  const client = world.connect({
    onread: {
      buffer: () => buffer(++asked),
      callback: (length, memory) => {
        heard += Buffer.from(memory.subarray(0, length)).toString('latin1')
        return callback(++told)
      },
    },
  })
  client.on('end', () => (ended = true))
  await run(world, 2000)
  expect(ended).toBe(true)
  expect(heard).toBe('0123456789'.repeat(1000))
})

test('whatever throws, and whenever, all bytes arrive, and both ends close', async () => {
  // not those that the stream itself has more to do after: 'end', 'finish', 'resume'
  const events = ['connect', 'ready', 'data', 'drain', 'close']
  const random = new Random(7)
  for (let round = 0; round < 60; round++) {
    const world = new Machines({ link: { delay: 5, loss: 0.02 * (round % 2) }, seed: round })
    const sockets: Socket[] = []
    const got = [0, 0]
    const closed = [false, false]
    const sent = [1, 2].map(() => Math.floor(random.next() * 300_000))
    const play = (socket: Socket, which: 0 | 1): void => {
      sockets.push(socket)
      let left = sent[which] as number
      const write = (): void => {
        while (left > 0) {
          const length = Math.min(left, 1 + Math.floor(random.next() * 40_000))
          left -= length
          if (!socket.write(Buffer.alloc(length)) && left > 0) return
        }
        socket.end()
      }
      socket.on('data', (data) => {
        got[which] = (got[which] as number) + data.length
        if (random.next() < 0.2) {
          socket.pause()
          world.here.stack.platform.defer(() => socket.resume())
        }
      })
      socket.on('drain', write).on('close', () => (closed[which] = true))
      for (const event of events) socket.on(event, () => random.next() < 0.3 && throws())
      write()
    }
    world.listen({ allowHalfOpen: true, sendBuffer: 20_000 }, (socket) => {
      play(socket, 1)
      if (random.next() < 0.5) throws()
    })
    play(world.connect({ allowHalfOpen: true, sendBuffer: 50_000 }), 0)
    await run(world, 20_000)
    expect([round, got, closed]).toEqual([round, [sent[1], sent[0]], [true, true]])
  }
})
