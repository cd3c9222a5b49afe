// docs/life-of-a-connection.md §2, sentence by sentence: bytes, their acknowledgment, and a reader that takes its time.
import { describe, expect, test } from 'vitest'
import type { Segment } from '../../lib/wire/segment.js'
import { bytesOf, firstOf, isBareAck, isText, Life, textOf } from '../support/life.js'
import { stream } from '../support/schedule.js'

describe('talking', () => {
  test('Bytes arrive in order, each of them once, whatever the path loses, doubles and puts out of order.', async () => {
    const life = new Life({ link: { loss: 0.1, duplicate: 0.1, reorder: 0.2, reorderDelay: 15, jitter: 5 } })
    const [client, server] = await life.pair()
    client.socket.end(stream(0, 0, 300_000))
    server.socket.write(stream(1, 0, 200_000))
    await life.until(client, 'close', 300_000)
    await life.until(server, 'close', 300_000)
    expect(Buffer.concat(server.received).equals(stream(0, 0, 300_000))).toBe(true)
    expect(Buffer.concat(client.received).equals(stream(1, 0, 200_000))).toBe(true)
    await life.end()
  })

  test('What is lost is sent again as soon as what was sent after it has arrived, and else when the retransmission timer runs out.', async () => {
    const life = new Life({ link: { delay: 50 } })
    const [client, server] = await life.pair()
    const isFirst = (segment: Segment): boolean => isText(segment) && segment.textLength > 1_000
    life.out.set({ lose: firstOf(1, isFirst) })
    client.socket.write(stream(0, 0, 14_000))
    const start = life.network.now
    await life.network.runUntil(() => bytesOf(server) === 14_000, 10_000)
    // one round trip until the ACKs of the others show the gap, and half a round trip until it is filled
    expect(life.network.now - start).toBeLessThan(160)

    life.out.set({ lose: firstOf(1, isText) })
    const tail = life.network.now + 1_000
    await life.run(1_000)
    client.socket.write('tail')
    await life.network.runUntil(() => bytesOf(server) === 14_004, 10_000)
    const waited = life.network.now - tail
    expect(waited).toBeGreaterThan(200)
    expect(waited).toBeLessThan(600)
    await life.end()
  })

  test('Every second full-sized segment is acknowledged at once, a lone small one within 40 ms.', async () => {
    // at this rate each segment arrives by itself: those of one turn are answered together
    const life = new Life({ link: { rate: 100e6 } })
    const [client, server] = await life.pair()
    // past the first segments, which are acknowledged one by one
    client.socket.write(stream(0, 0, 400_000))
    await life.network.runUntil(() => bytesOf(server) === 400_000, 10_000)
    await life.run(100)
    life.network.clearCapture()
    client.socket.write(stream(0, 0, 200_000))
    await life.run(300)
    const full = life.sent(life.client, isText).length
    expect(life.sent(life.server, isBareAck).length).toBeGreaterThanOrEqual(Math.floor(full / 2))
    life.network.clearCapture()
    client.socket.write('x')
    await life.run(100)
    const [text] = life.sent(life.client, isText)
    const [ack] = life.sent(life.server, isBareAck)
    const delay = (ack?.at ?? Number.NaN) - (text?.arrivedAt ?? 0)
    expect(delay).toBeGreaterThan(0)
    expect(delay).toBeLessThanOrEqual(40)
    await life.end()
  })

  test('Small writes wait for the ACK of the one before, unless setNoDelay() says that they shall not.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    const writeSlowly = async (): Promise<number> => {
      life.network.clearCapture()
      for (const letter of 'abcde') {
        client.socket.write(letter)
        await life.run(1)
      }
      await life.run(200)
      return life.sent(life.client, isText).length
    }
    expect(await writeSlowly()).toBe(2)
    client.socket.setNoDelay(true)
    expect(await writeSlowly()).toBe(5)
    expect(textOf(server)).toBe('abcdeabcde')
    await life.end()
  })

  test('A reader that pauses closes the window, and the writer waits, for hours if need be, with a probe now and then.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ maxReceiveBuffer: 50_000 })
    server.socket.pause()
    let called = false
    client.socket.write(stream(0, 0, 200_000))
    client.socket.write('last', () => {
      called = true
    })
    await life.run(2_000)
    const last = life.sent(life.server).at(-1)
    expect(last?.segment.window).toBe(0)
    life.network.clearCapture()
    await life.run(6 * 3_600_000)
    const probes = life.sent(life.client)
    // at growing intervals, one a minute in the end
    expect(probes.length).toBeGreaterThan(300)
    expect(probes.length).toBeLessThan(400)
    expect(probes.every(({ segment }) => segment.textLength <= 1)).toBe(true)
    expect(client.events).toEqual(['connect'])
    server.socket.resume()
    await life.network.runUntil(() => called && bytesOf(server) === 200_004, 70_000)
    await life.end()
  })

  test('When the reader goes on, the writer hears of it at once, and a window update that got lost is found by the next probe.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ maxReceiveBuffer: 50_000 })
    server.socket.pause()
    client.socket.write(stream(0, 0, 120_000))
    await life.run(5_000)
    const before = bytesOf(server)
    const resumed = life.network.now
    server.socket.resume()
    await life.network.runUntil(() => bytesOf(server) > before + 55_000, 200)
    expect(life.network.now - resumed).toBeLessThan(50)

    server.socket.pause()
    client.socket.write(stream(0, 120_000, 300_000))
    await life.run(5_000)
    life.back.set({ lose: firstOf(1, () => true) })
    server.socket.resume()
    await life.network.runUntil(() => bytesOf(server) === 300_000, 60_000)
    expect(Buffer.concat(server.received).equals(stream(0, 0, 300_000))).toBe(true)
    await life.end()
  })
})
