// docs/life-of-a-connection.md §5, sentence by sentence: RST, and peers that vanish without one.
import { describe, expect, test } from 'vitest'
import { createServer } from '../../lib/net/server.js'
import { ACK, RST } from '../../lib/wire/segment.js'
import { PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { bytesOf, isFin, isReset, isText, Life, type Told, textOf } from '../support/life.js'
import { stream } from '../support/schedule.js'

const HOUR = 3_600_000

/** 'error' with this code and then 'close', and nothing after that. */
function expectFailure(told: Told, code: string): void {
  expect(told.events.slice(-3)).toEqual([`error ${code}`, 'error', 'close with error'])
}

describe('breaking off', () => {
  test('resetAndDestroy() sends one RST and forgets everything: the peer gets ECONNRESET, and no UDP port waits for anything.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.write('never mind')
    client.socket.resetAndDestroy()
    await life.until(server, 'close with error')
    expectFailure(server, 'ECONNRESET')
    expect(client.events).toEqual(['connect', 'close'])
    expect(life.sent(life.client, isReset).length).toBe(1)
    expect(life.isFree(life.client)).toBe(true)
    life.servers[0]?.close()
    await life.run(0)
    expect(life.isFree(life.server)).toBe(true)
  })

  test('When a RST comes where the peer misses text, the peer asks and is told again: for that the UDP port stays for a second, and does not hold the process.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    life.out.set({ lose: (_, count) => count === 2 })
    client.socket.write(Buffer.alloc(4000))
    await life.run(5)
    client.socket.resetAndDestroy()
    await life.run(0)
    expect(life.isFree(life.client)).toBe(false)
    expect(life.client.holdsProcess).toBe(false)
    await life.until(server, 'close with error')
    expectFailure(server, 'ECONNRESET')
    expect(life.sent(life.client, isReset).length).toBeGreaterThan(1)
    await life.run(1_000)
    expect(life.isFree(life.client)).toBe(true)
  })

  test('destroy() with bytes unread sends a RST instead of a FIN, so that the peer does not take them for read.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.pause()
    server.socket.write('you will not read this')
    await life.run(100)
    client.socket.destroy()
    await life.until(server, 'close with error')
    expectFailure(server, 'ECONNRESET')
    expect(life.sent(life.client, isFin).length).toBe(0)
    await life.end()
  })

  test('But if bytes of its own are unacknowledged by then they come first: the peer gets them, and then a FIN, and no RST.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.pause()
    server.socket.write('you will not read this')
    await life.run(100)
    client.socket.write('but you will read that')
    client.socket.destroy()
    await life.until(server, 'close')
    expect(textOf(server)).toBe('but you will read that')
    expect(server.events).toEqual(['end', 'finish', 'close'])
    expect(life.sent(life.client, isReset).length).toBe(0)
    await life.end()
  })

  test('Data that arrives after destroy() is answered with a RST.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.destroy()
    await life.until(server, 'end')
    server.socket.write('too late')
    await life.until(server, 'close with error')
    expectFailure(server, 'ECONNRESET')
    await life.end()
  })

  test('destroy() without unread bytes lets what the connection has taken arrive, and then the FIN.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.write(stream(0, 0, 500_000))
    client.socket.destroy()
    await life.until(client, 'close')
    await life.until(server, 'close')
    expect(bytesOf(server)).toBe(500_000)
    expect(server.events).toEqual(['end', 'finish', 'close'])
    await life.end()
  })

  test('What it has not taken, since 512 KiB wait unsent at most, never leaves: its write fails, and the peer is not told of it.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    const failed: unknown[] = []
    client.socket.write(stream(0, 0, 5_000_000), (error) => failed.push((error as NodeJS.ErrnoException).code))
    client.socket.destroy()
    await life.until(client, 'close')
    await life.until(server, 'close')
    expect(failed).toEqual(['ERR_STREAM_DESTROYED'])
    expect(bytesOf(server)).toBe(512 * 1024)
    expect(server.events).toEqual(['end', 'finish', 'close'])
    await life.end()
  })

  test('A RST counts only with exactly the sequence number that is expected: any other within the window is answered with an ACK.', async () => {
    const life = new Life()
    life.serve()
    const peer = new HandMade(life.network, life.client, 5000, { address: SERVER, port: PORT })
    peer.open()
    const [server] = life.accepted
    for (const ahead of [1, 100, 60_000]) {
      peer.send(RST, { seq: peer.seq + ahead })
      await life.run(50)
      expect(peer.take().map(({ segment }) => [segment.flags, segment.ack])).toEqual([[ACK, peer.seq]])
    }
    peer.send(RST, { seq: peer.seq - 1 })
    peer.send(RST, { seq: peer.seq + 1_000_000 })
    await life.run(50)
    expect(peer.heard.length).toBe(0)
    expect(server?.events).toEqual([])
    peer.send(RST)
    await life.run(50)
    expectFailure(server as Told, 'ECONNRESET')
    peer.socket.close()
    await life.end()
  })

  test('A peer that has lost its memory answers with a RST, which is ECONNRESET.', async () => {
    const life = new Life()
    const [client] = await life.pair()
    life.server.powerOff()
    life.server.powerOn()
    const reborn = createServer({ stack: life.server.stack }).listen(PORT, SERVER)
    client.socket.write('do you remember?')
    await life.until(client, 'close with error')
    expectFailure(client, 'ECONNRESET')
    reborn.close()
    life.accepted.length = life.servers.length = 0
    await life.end()
  })

  test('ICMP errors do not end a connection that is established.', async () => {
    const life = new Life()
    const [client] = await life.pair()
    life.server.powerOff()
    life.server.powerOn()
    client.socket.write('is anybody there?')
    await life.run(60_000)
    // each of these drew a port unreachable
    expect(life.sent(life.client, isText).filter(({ fate }) => fate === 'no socket').length).toBeGreaterThan(5)
    expect(client.events).toEqual(['connect'])
    client.socket.resetAndDestroy()
    await life.run(10)
    expect(life.isFree(life.client)).toBe(true)
  })
})

describe('a peer that vanishes', () => {
  test('When data is under way to a peer that has vanished, it is sent again maxRetries times, at growing intervals, and then the error is ETIMEDOUT.', async () => {
    const life = new Life()
    const [client] = await life.pair({ maxRetries: 5 })
    life.server.powerOff()
    client.socket.write('hello?')
    await life.until(client, 'close with error', 60_000)
    expectFailure(client, 'ETIMEDOUT')
    const times = life.sent(life.client, isText).map(({ at }) => at)
    expect(times.length).toBe(6)
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    for (const [i, gap] of gaps.slice(1).entries()) expect(gap / (gaps[i] ?? 0)).toBeCloseTo(2, 1)
    await life.run(0)
    expect(life.isFree(life.client)).toBe(true)

    // by default 15 times, which takes more than the 100 s of RFC 9293's R2
    const patient = new Life()
    const [other] = await patient.pair()
    patient.server.powerOff()
    const since = patient.network.now
    other.socket.write('hello?')
    expect((await patient.until(other, 'error ETIMEDOUT', HOUR)) - since).toBeGreaterThan(100_000)
    expect(patient.sent(patient.client, isText).length).toBe(16)
    await patient.run(0)
    expect(patient.isFree(patient.client)).toBe(true)
  })

  test('userTimeout ends the wait for an ACK earlier, or for a window, with the same error.', async () => {
    const life = new Life()
    const [client] = await life.pair({ userTimeout: 7_000 })
    life.server.powerOff()
    const since = life.network.now
    client.socket.write('hello?')
    expect((await life.until(client, 'error ETIMEDOUT', 60_000)) - since).toBe(7_000)
    await life.run(1)
    expect(life.isFree(life.client)).toBe(true)

    const other = new Life()
    const [sender, reader] = await other.pair({ userTimeout: 7_000 })
    reader.socket.pause()
    sender.socket.write(Buffer.alloc(2 ** 25))
    expect(await other.until(sender, 'error ETIMEDOUT', 60_000)).toBeLessThan(9_000)
  })

  test('When nothing is under way, only keep-alive finds out: after keepAliveCount unanswered probes the error is ETIMEDOUT, and everything is free.', async () => {
    const life = new Life()
    const [client] = await life.pair({ keepAliveInterval: 2_000, keepAliveCount: 3 })
    life.server.powerOff()
    await life.run(24 * HOUR)
    expect(client.events).toEqual(['connect'])
    const since = life.network.now
    life.network.clearCapture()
    client.socket.setKeepAlive(true, 10_000)
    await life.until(client, 'close with error', 60_000)
    expectFailure(client, 'ETIMEDOUT')
    expect(life.sent(life.client).map(({ at }) => at - since)).toEqual([0, 2_000, 4_000])
    await life.run(0)
    expect(life.isFree(life.client)).toBe(true)

    // and when it was on from the start
    const other = new Life()
    const [watched] = await other.pair({
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      keepAliveInterval: 2_000,
      keepAliveCount: 3,
    })
    other.server.powerOff()
    const heard = other.network.now
    const at = await other.until(watched, 'error ETIMEDOUT', 60_000)
    expect(at - heard).toBeGreaterThan(15_900)
    expect(at - heard).toBeLessThan(16_100)
    await other.run(0)
    expect(other.isFree(other.client)).toBe(true)
  })

  test('A keep-alive probe that is answered keeps the connection, for as long as the peer lives.', async () => {
    const life = new Life()
    const [client] = await life.pair({ keepAliveInterval: 2_000, keepAliveCount: 3 })
    client.socket.setKeepAlive(true, 60_000)
    await life.run(3 * HOUR)
    expect(client.events).toEqual(['connect'])
    expect(client.socket.getInfo()?.keepAliveProbes).toBeGreaterThan(170)
    await life.end()
  })

  test('A window that stays closed is probed for ever while the peer answers, and when it does not, maxRetries probes later the error is ETIMEDOUT.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ maxReceiveBuffer: 20_000, maxRetries: 4 })
    server.socket.pause()
    client.socket.write(stream(0, 0, 100_000))
    await life.run(5 * HOUR)
    expect(client.events).toEqual(['connect'])
    life.server.powerOff()
    await life.until(client, 'close with error', 10 * 60_000)
    expectFailure(client, 'ETIMEDOUT')
    await life.run(0)
    expect(life.isFree(life.client)).toBe(true)
  })

  test('A path that is interrupted for less than that costs time and nothing else.', async () => {
    const life = new Life({ link: { rate: 10e6 } })
    const [client, server] = await life.pair()
    client.socket.end(stream(0, 0, 2_000_000))
    await life.run(500)
    life.out.set({ outages: [[life.network.now, life.network.now + 120_000]] })
    life.back.set({ outages: [[life.network.now, life.network.now + 120_000]] })
    await life.until(client, 'close', 300_000)
    await life.until(server, 'close', 300_000)
    expect(bytesOf(server)).toBe(2_000_000)
    expect(client.events).toEqual(['connect', 'finish', 'end', 'close'])
    await life.end()
  })

  test("A side that has closed, and whose program still reads, waits for the peer's FIN for as long as it takes.", async () => {
    const life = new Life()
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.end()
    await life.run(24 * HOUR)
    expect(life.statesOf(life.client).endsWith('FIN-WAIT-2')).toBe(true)
    server.socket.end('a day later')
    await life.until(client, 'close')
    expect(textOf(client)).toBe('a day later')
    await life.end()
  })

  test('A destroyed socket whose peer acknowledges its FIN and never closes is forgotten after a minute.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.destroy()
    await life.until(server, 'end')
    const since = life.network.now
    await life.run(10)
    expect(life.statesOf(life.client).endsWith('FIN-WAIT-2')).toBe(true)
    expect(life.client.holdsProcess).toBe(false)
    expect((await life.freeAt(life.client)) - since).toBe(60_010)
    await life.end()
  })
})
