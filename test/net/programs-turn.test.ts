// A program that speaks in ticks, promises and immediates after it is told of a connection: what the other side hears, over real sockets.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as net from 'node:net'
import * as ours from 'tcp-over-udp'
import { expect, it } from 'vitest'

type Net = Pick<typeof net, 'createServer' | 'connect'>

const WHEN: Readonly<Record<string, (say: () => void) => void>> = {
  'in the listener': (say) => say(),
  'in a tick': (say) => process.nextTick(say),
  'in a promise': (say) => void Promise.resolve().then(say),
  'in an immediate': (say) => void setImmediate(say),
}

/** @returns what the server hears of a client that resets its connection. */
async function heard({ createServer, connect }: Net, when: (say: () => void) => void): Promise<string[]> {
  const told: string[] = []
  const server = createServer((socket) => {
    told.push('connection')
    socket.on('error', ({ code }: NodeJS.ErrnoException) => told.push(String(code)))
    socket.on('close', () => server.close())
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(port, '127.0.0.1', () => when(() => client.resetAndDestroy()))
  await once(server, 'close')
  return told
}

for (const [name, when] of Object.entries(WHEN)) {
  it(`a reset ${name} after 'connect' is heard of, as net's is`, async () => {
    expect(await heard(ours as unknown as Net, when)).toEqual(await heard(net, when))
  })
}

it('its ticks and promises come before what the stack has to say, and its immediates after', async () => {
  const { platform } = ours.defaultStack()
  const order: string[] = []
  setImmediate(() => {
    setImmediate(() => order.push('immediate'))
    platform.afterTicks(() => order.push('stack'))
    process.nextTick(() => process.nextTick(() => order.push('tick of a tick')))
    void (async () => {
      for (let i = 0; i < 10; i++) await null
      order.push('promise after ten')
    })()
  })
  await new Promise((done) => setTimeout(done, 10))
  expect(order).toEqual(['tick of a tick', 'promise after ten', 'stack', 'immediate'])
})
