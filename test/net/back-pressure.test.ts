// A write that waits for room is over in a turn of its own, as net's are. In virtual time.
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import type { Socket } from 'tcp-over-udp'
import { createHttpAgent, serve } from 'tcp-over-udp/http'
import { Random } from 'tcp-over-udp/testing'
import { expect, test } from 'vitest'
import { Machines, PORT, THERE } from '../support/machines.js'

const LINKS = {
  'answers that come with the ACKs': { link: { delay: 5, rate: 2_000_000 }, answer: 1 },
  'bursts that are read in several goes of one turn': { link: { delay: 5 }, answer: 60_000 },
}

test.each(Object.entries(LINKS))(
  'what a read put off to a tick comes before the end of a write: %s',
  async (_, how) => {
    for (const seed of [1, 2, 3]) {
      const world = new Machines({ seed, link: how.link })
      const clientOptions = { noDelay: true, sendBuffer: 2 ** 21 }
      const { client, served } = await world.pair({ noDelay: true, sendBuffer: 8_000 }, clientOptions)
      const seen = { reads: 0, putOff: 0, early: 0, writes: 0 }
      served.on('data', () => {
        seen.reads++
        seen.putOff++
        process.nextTick(() => process.nextTick(() => seen.putOff--))
      })
      const look = (): void => {
        if (seen.putOff > 0) seen.early++
      }
      const write = (): void => {
        served.write(Buffer.alloc(9_000), () => {
          look()
          if (++seen.writes < 200) write()
          else served.end()
        })
      }
      served.on('drain', look)
      client.on('data', () => client.write(Buffer.alloc(how.answer)))
      write()
      await world.network.wait(once(client, 'end'), 600_000)
      expect(seen).toMatchObject({ writes: 200, early: 0 })
      expect(seen.reads).toBeGreaterThan(100)
      client.destroy()
    }
  },
)

// http of Node 26 loses a 'drain' that comes between a write and the tick in which it leaves
test('an http server that answers in the next tick echoes bodies to their end', async () => {
  for (const seed of [6, 18, 21, 54]) {
    const random = new Random(seed)
    const world = new Machines({ seed, link: { delay: 0.5 + random.next() * 10 } })
    const options = { sendBuffer: 8_000 + Math.floor(random.next() * 250_000), noDelay: true }
    const upper = http.createServer((request, response) => {
      request.on('data', (chunk) => process.nextTick(() => response.write(chunk) || request.pause()))
      response.on('drain', () => request.resume())
      request.on('end', () => process.nextTick(() => process.nextTick(() => response.end())))
    })
    const server = serve(upper, { stack: world.there.stack, ...options })
    server.listen(PORT, THERE)
    const agent = createHttpAgent({ stack: world.here.stack, keepAlive: true, ...options })
    for (let i = 0; i < 2; i++) {
      const request = http.request({ agent, host: THERE, port: PORT, method: 'POST' })
      const answers = once(request, 'response') as Promise<[http.IncomingMessage]>
      for (let left = 20; left > 0; left--) request.write('x'.repeat(1 + Math.floor(random.next() * 80_000)))
      request.end('the end')
      const heard = answers.then(([answer]) => text(answer))
      expect(await world.network.wait(heard, 60_000)).toMatch(/xthe end$/)
    }
    agent.destroy()
    server.close()
  }
})

test('a write whose room comes in a turn in which nothing was read ends in it, before immediates', async () => {
  const world = new Machines({ link: { delay: 5 } })
  const order: string[] = []
  const servers: Socket[] = []
  world.listen({}, (socket) => servers.push(socket.resume()))
  const clients = [1, 2].map(() => world.connect({ sendBuffer: 8_000 }))
  for (const client of clients) client.resume()
  await world.network.run(100)
  servers[1]?.write('read, and long ago')
  await world.network.run(100)
  const written = clients.map((client, i) => {
    return new Promise<void>((resolve) => {
      client.write(Buffer.alloc(9_000), () => {
        order.push(`written ${i}`)
        setImmediate(() => {
          order.push('immediate')
          resolve()
        })
      })
    })
  })
  await world.network.wait(Promise.all(written), 1_000)
  expect(order).toEqual(['written 0', 'written 1', 'immediate', 'immediate'])
  for (const client of clients) client.destroy()
})
