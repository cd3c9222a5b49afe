// What holds a real process: open sockets and servers, and nothing once they are closed or unref'd.
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { loadOffload } from '../../lib/platform/offload.js'
import { closed, listening, overUdp, pair, turns } from '../support/net-oracle.js'

/** UDP sockets that keep this process alive: those of dgram, and those of the C library. */
function holding(): number {
  const ofDgram = process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length
  return ofDgram + (loadOffload()?.readiness.holds ?? 0)
}

test('servers and sockets, until they are unref’d', async () => {
  const { server, client, served } = await pair(overUdp)
  expect(holding()).toBeGreaterThan(0)
  server.unref()
  served.unref()
  expect(holding()).toBeGreaterThan(0)
  client.unref()
  await turns()
  expect(holding()).toBe(0)
  client.ref()
  expect(holding()).toBeGreaterThan(0)
  client.destroy()
  served.resume()
  await once(served, 'close')
  await closed(server)
  expect(holding()).toBe(0)
})

test('nothing after everything has closed, TIME-WAIT or not', async () => {
  const { server, client, served } = await pair(overUdp)
  served.resume()
  client.resume()
  client.end('x')
  await once(client, 'close')
  await closed(server)
  expect(holding()).toBe(0)
})

test('a hundred refused connections', async () => {
  const { server, port } = await listening(overUdp, {})
  await closed(server)
  for (let i = 0; i < 100; i++) {
    const client = overUdp.connect(port, '127.0.0.1')
    await expect(once(client, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  }
  await turns()
  expect(holding()).toBe(0)
})

test('a new socket and a new server hold nothing', async () => {
  new overUdp.Socket().setTimeout(60_000)
  overUdp.createServer()
  expect(holding()).toBe(0)
})

test('what only the listener of connect() refers to is let go', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { server, port } = await listening(overUdp, {})
  let heavy: object | null = { bytes: Buffer.alloc(10) }
  const reference = new WeakRef(heavy)
  const listenerOf = (kept: object) => () => void kept
  const client = overUdp.connect(port, '127.0.0.1', listenerOf(heavy))
  heavy = null
  await once(client, 'connect')
  await turns()
  collect()
  expect(reference.deref()).toBe(undefined)
  client.destroy()
  await closed(server)
})
