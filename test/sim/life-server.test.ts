// docs/life-of-a-connection.md §6 and §7, sentence by sentence: a server's end, its port, and that nothing is left of anything.
import { describe, expect, test } from 'vitest'
import type { Server } from '../../lib/net/server.js'
import { SYN } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { flagsOf, HandMade } from '../support/hand-made.js'
import { bytesOf, isReset, Life, type Told, textOf } from '../support/life.js'
import { stream } from '../support/schedule.js'

function closeOf(life: Life, server: Server): { at: number } {
  const closed = { at: Number.NaN }
  server.on('close', () => {
    closed.at = life.network.now
  })
  return closed
}

describe("the server's part", () => {
  test("server.close() refuses new connections with RST and lets the open ones go on; its 'close' comes when the last of them has ended.", async () => {
    const life = new Life()
    const [one, first] = await life.pair({ allowHalfOpen: true })
    const [two, second] = await life.pair({ allowHalfOpen: true })
    const [server] = life.servers as [Server]
    const closed = closeOf(life, server)
    server.close()
    const refused = life.connect()
    await life.until(refused, 'error ECONNREFUSED')
    expect(life.sent(life.server, isReset).length).toBe(1)
    one.socket.end('still here')
    await life.until(first, 'end')
    expect(textOf(first)).toBe('still here')
    first.socket.end()
    await life.until(first, 'close')
    await life.run(1_000)
    expect(closed.at).toBeNaN()
    second.socket.write(stream(1, 0, 50_000))
    two.socket.end()
    await life.until(second, 'end')
    second.socket.end()
    const last = await life.until(second, 'close')
    await life.run(100)
    expect(closed.at).toBe(last)
    expect(bytesOf(two)).toBe(50_000)
    await life.end()
  })

  test("Connections that are only half open when the server closes are reset, and do not delay 'close'.", async () => {
    const life = new Life()
    const server = life.serve()
    const peer = new HandMade(life.network, life.client, 5000, { address: SERVER, port: PORT })
    peer.send(SYN)
    await life.run(100)
    expect(peer.take().map(({ segment }) => flagsOf(segment))).toEqual(['S.'])
    expect(server.getStats()?.halfOpen).toBe(1)
    const closed = closeOf(life, server)
    server.close()
    await life.run(0)
    expect(closed.at).toBe(100)
    expect(life.isFree(life.server)).toBe(true)
    await life.run(100)
    expect(peer.take().map(({ segment }) => flagsOf(segment))).toEqual(['R.'])
    peer.socket.close()
    await life.end()
  })

  test('The port can be listened on again at once, in the same process also while connections of it are in TIME-WAIT.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    server.socket.end()
    await life.until(client, 'close')
    await life.run(20)
    expect(life.statesOf(life.server).endsWith('TIME-WAIT')).toBe(true)
    life.servers[0]?.close()
    const next = life.serve()
    await life.run(0)
    expect(next.listening).toBe(true)
    const again = life.connect()
    await life.until(again, 'connect')
    await life.run(20)
    // and once more, with a connection of the old one still open
    next.close()
    life.serve()
    const third = life.connect()
    await life.until(third, 'connect')
    again.socket.end('one')
    third.socket.end('two')
    await life.run(100)
    expect(life.accepted.slice(1).map(textOf)).toEqual(['one', 'two'])
    await life.end()
  })

  test("One connection's end, whatever it is, touches no other on the same port.", async () => {
    const life = new Life()
    const [steady, server] = await life.pair()
    const others: Told[] = []
    for (let i = 0; i < 6; i++) others.push((await life.pair({ userTimeout: 3_000 }))[0])
    others[0]?.socket.end()
    others[1]?.socket.destroy()
    others[2]?.socket.resetAndDestroy()
    const [, , , , ended, reset, destroyed] = life.accepted
    ended?.socket.end()
    reset?.socket.resetAndDestroy()
    destroyed?.socket.destroy()
    await life.run(1_000)
    steady.socket.write('as if nothing had happened')
    await life.run(100)
    expect(textOf(server)).toBe('as if nothing had happened')
    expect(steady.events).toEqual(['connect'])
    expect(server.events).toEqual([])
    await life.end()
  })

  test("With timeWait: 'release' the server's UDP port is free as soon as its last connection has ended.", async () => {
    const kept = new Life()
    const [client, server] = await kept.pair()
    kept.servers[0]?.close()
    server.socket.end()
    await kept.until(client, 'close')
    await kept.run(1_000)
    expect(kept.server.openSockets.map(({ port, refd }) => [port, refd])).toEqual([[PORT, false]])
    await kept.end()

    const released = new Life()
    const [other, its] = await released.pair({}, { timeWait: 'release' })
    released.servers[0]?.close()
    its.socket.end()
    await released.until(other, 'close')
    await released.run(20)
    expect(released.isFree(released.server)).toBe(true)
    await released.end()
  })
})

describe('nothing is left', () => {
  const ends: readonly [name: string, end: (life: Life, client: Told, server: Told) => void | Promise<void>][] = [
    ['the client closes', (_life, client) => void client.socket.end()],
    ['the server closes', (_life, _client, server) => void server.socket.end()],
    [
      'both close',
      (_life, client, server) => {
        client.socket.end('x')
        server.socket.end('y')
      },
    ],
    ['the client destroys', (_life, client) => void client.socket.destroy()],
    ['the server resets', (_life, _client, server) => void server.socket.resetAndDestroy()],
    [
      'destroyed with megabytes under way',
      (_life, client) => void client.socket.end(stream(0, 0, 3_000_000)).destroy(),
    ],
    [
      'the client vanishes',
      async (life, client, server) => {
        server.socket.setKeepAlive(true, 60_000)
        client.socket.write(stream(0, 0, 100_000))
        await life.run(15)
        life.client.powerOff()
        life.client.powerOn()
        life.client.online = false
      },
    ],
  ]

  test('After any of these ends, and 2 MSL where there is a TIME-WAIT, no UDP port is bound, no alarm is set, and nothing holds the process.', async () => {
    for (const [name, end] of ends) {
      for (const loss of [0, 0.2]) {
        const life = new Life({ seed: 5, link: { loss } })
        const [client, server] = await life.pair()
        await end(life, client, server)
        await life.network.runUntil(() => server.socket.destroyed, 3_600_000)
        life.servers[0]?.close()
        const isDone = (): boolean => life.isFree(life.client) && life.isFree(life.server)
        await life.network.runUntil(isDone, 3_600_000)
        expect([name, life.network.clock.nextAt]).toEqual([name, Number.POSITIVE_INFINITY])
      }
    }
  })

  test('A destroyed socket with unacknowledged bytes holds the process no longer than lingerTimeout without progress.', async () => {
    const life = new Life()
    const [client] = await life.pair({ lingerTimeout: 3_000 })
    life.server.powerOff()
    client.socket.write('will this arrive?')
    await life.run(10)
    client.socket.destroy()
    await life.run(2_980)
    expect(life.client.holdsProcess).toBe(true)
    await life.run(30)
    expect(life.client.holdsProcess).toBe(false)
    life.server.powerOn()
    life.accepted.length = life.servers.length = 0
    await life.end()

    // with progress it goes on until all has arrived
    const slow = new Life({ link: { rate: 1e6 } })
    const [other, server] = await slow.pair({ lingerTimeout: 1_000 })
    other.socket.write(stream(0, 0, 500_000))
    other.socket.destroy()
    await slow.run(3_500)
    expect(slow.client.holdsProcess).toBe(true)
    await slow.until(server, 'close')
    expect(bytesOf(server)).toBe(500_000)
    await slow.end()
  })

  test("An unref'd socket or server does not hold the process while it lives.", async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    expect([life.client.holdsProcess, life.server.holdsProcess]).toEqual([true, true])
    client.socket.unref()
    server.socket.unref()
    life.servers[0]?.unref()
    await life.run(0)
    expect([life.client.holdsProcess, life.server.holdsProcess]).toEqual([false, false])
    client.socket.write('all the same')
    await life.run(100)
    expect(textOf(server)).toBe('all the same')
    client.socket.ref()
    expect(life.client.holdsProcess).toBe(true)
    await life.end()
  })
})
