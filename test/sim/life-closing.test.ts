// docs/life-of-a-connection.md §3, sentence by sentence: each direction is closed by itself, and any segment of it may be lost.
import { describe, expect, test } from 'vitest'
import { bytesOf, firstOf, isBareAck, isFin, isText, Life, textOf } from '../support/life.js'
import { stream } from '../support/schedule.js'

const MINUTE = 60_000

describe('closing', () => {
  test('end() sends the FIN after all that was written, without waiting for the ACK of it, and the FIN takes one sequence number.', async () => {
    const life = new Life({ link: { delay: 50 } })
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.write(stream(0, 0, 9_000))
    client.socket.end('bye')
    await life.run(10)
    const [fin] = life.sent(life.client, isFin)
    const texts = life.sent(life.client, isText)
    const end = texts.at(-1)?.segment
    expect(fin?.segment.seq).toBe(end === fin?.segment ? end?.seq : ((end?.seq ?? 0) + (end?.textLength ?? 0)) >>> 0)
    await life.run(150)
    expect(bytesOf(server)).toBe(9_003)
    const ack = life.sent(life.server, isBareAck).at(-1)?.segment.ack
    expect(ack).toBe(((fin?.segment.seq ?? 0) + (fin?.segment.textLength ?? 0) + 1) >>> 0)
    await life.end()
  })

  test("The peer's FIN is 'end', after all its bytes.", async () => {
    const life = new Life()
    const [client, server] = await life.pair({ allowHalfOpen: true })
    let atEnd = 0
    server.socket.on('end', () => {
      atEnd = bytesOf(server)
    })
    client.socket.end(stream(0, 0, 30_000))
    await life.until(server, 'end')
    expect(atEnd).toBe(30_000)
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED CLOSE-WAIT')
    await life.end()
  })

  test('A side whose peer has closed may go on sending for as long as it likes: it streams 10 MB more, and every byte arrives.', async () => {
    const life = new Life({ link: { delay: 5, loss: 0.01, rate: 200e6, queue: 300_000 }, capture: false })
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.end('I have said it all')
    await life.until(server, 'end')
    await life.run(10 * MINUTE)
    expect(client.events).toEqual(['connect', 'finish'])
    const total = 10_000_000
    let written = 0
    const fill = (): void => {
      while (written < total) {
        const from = written % 8_000_000
        const to = Math.min(from + 65_536, 8_000_000, from + total - written)
        written += to - from
        if (!server.socket.write(stream(1, from, to))) return
      }
      server.socket.end()
    }
    server.socket.on('drain', fill)
    fill()
    await life.until(client, 'close', 300_000)
    const got = Buffer.concat(client.received)
    expect(got.length).toBe(total)
    expect(got.subarray(0, 8_000_000).equals(stream(1, 0, 8_000_000))).toBe(true)
    expect(got.subarray(8_000_000).equals(stream(1, 0, 2_000_000))).toBe(true)
    expect(client.events).toEqual(['connect', 'finish', 'end', 'close'])
    await life.end()
  })

  test("Without allowHalfOpen a socket answers the peer's FIN with its own, after what it has still to send.", async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    server.socket.write(stream(1, 0, 100_000))
    client.socket.end()
    await life.until(client, 'close')
    await life.until(server, 'close')
    expect(bytesOf(client)).toBe(100_000)
    expect(server.events).toEqual(['end', 'finish', 'close'])
    await life.end()
  })

  test('The client may close first: it passes through FIN-WAIT-1, FIN-WAIT-2 and TIME-WAIT, the server through CLOSE-WAIT and LAST-ACK.', async () => {
    const life = new Life()
    const [client, server] = await life.pair({ allowHalfOpen: true })
    client.socket.end()
    await life.until(server, 'end')
    await life.run(100)
    server.socket.end()
    await life.until(client, 'close')
    await life.until(server, 'close')
    await life.run(50)
    expect(life.statesOf(life.client)).toBe('SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT')
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED')
    await life.end()
  })

  test("The server may close first: then it is the one that waits in TIME-WAIT, and the client's UDP port is free at once.", async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    server.socket.end('good night')
    await life.until(client, 'close')
    await life.run(20)
    expect(textOf(client)).toBe('good night')
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT')
    expect(life.statesOf(life.client)).toBe('SYN-SENT ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED')
    expect(life.isFree(life.client)).toBe(true)
    await life.end()
  })

  test('Both may close at once: their FINs cross, both pass through CLOSING, and both wait in TIME-WAIT.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.end('a')
    server.socket.end('b')
    await life.until(client, 'close')
    await life.until(server, 'close')
    await life.run(50)
    expect([textOf(client), textOf(server)]).toEqual(['b', 'a'])
    expect(life.statesOf(life.client)).toBe('SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT')
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT')
    expect([client.events, server.events]).toEqual([
      ['connect', 'finish', 'end', 'close'],
      ['finish', 'end', 'close'],
    ])
    await life.end()
  })

  test("'close' comes when the peer's FIN has come and the own one has been sent, and does not wait for TIME-WAIT.", async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    const start = life.network.now
    client.socket.end()
    expect((await life.until(server, 'close')) - start).toBe(10)
    expect((await life.until(client, 'close')) - start).toBe(20)
    expect(life.client.openSockets.length).toBe(1)
    await life.end()
  })
})

describe('closing, with losses', () => {
  test('A lost FIN is sent again by the retransmission timer, by whichever side it was sent.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    life.out.set({ lose: firstOf(2, isFin) })
    life.back.set({ lose: firstOf(2, isFin) })
    client.socket.end('to the end')
    await life.until(client, 'close', 20_000)
    await life.until(server, 'close', 20_000)
    expect(textOf(server)).toBe('to the end')
    expect(life.sent(life.client, isFin).length).toBe(3)
    expect(life.sent(life.server, isFin).length).toBe(3)
    expect([client.events.at(-1), server.events.at(-1)]).toEqual(['close', 'close'])
    await life.end()
  })

  test("A FIN that comes before data that was lost is no end yet: 'end' waits until the gap is filled.", async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    life.out.set({ lose: [2] })
    client.socket.end(stream(0, 0, 4_000))
    await life.run(15)
    expect(life.sent(life.client, isFin)[0]?.fate).toBe('delivered')
    expect(server.events).toEqual([])
    await life.until(server, 'close')
    expect(bytesOf(server)).toBe(4_000)
    await life.end()
  })

  test('When the last ACK is lost, the FIN comes again and is acknowledged again, as often as it takes.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.end()
    await life.until(server, 'end')
    life.out.set({ lose: firstOf(5, isBareAck) })
    await life.until(client, 'close')
    await life.network.runUntil(() => life.statesOf(life.server).endsWith('CLOSED'), 60_000)
    expect(life.sent(life.server, isFin).length).toBe(6)
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED')
    expect(server.events).toEqual(['end', 'finish', 'close'])
    await life.end()
  })
})
