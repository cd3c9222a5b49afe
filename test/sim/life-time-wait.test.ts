// docs/life-of-a-connection.md §4, sentence by sentence: TIME-WAIT, how long it lasts, and what it holds.
import { describe, expect, test } from 'vitest'
import { ACK, FIN, RST } from '../../lib/wire/segment.js'
import { before as precedes } from '../../lib/wire/seq.js'
import { Couple, PORT } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { firstOf, isBareAck, isFin, isSyn, isSynAck, Life, type Told, textOf } from '../support/life.js'

const TWO_MSL = 60_000

/** The client has closed first and waits; the server has forgotten all and left its port. */
async function clientWaits(life: Life): Promise<{ client: Told; server: Told; since: number }> {
  const [client, server] = await life.pair()
  client.socket.end()
  const since = await life.until(client, 'close')
  await life.until(server, 'close')
  life.servers[0]?.close()
  await life.run(20)
  return { client, server, since }
}

/** In the place of the server that has gone: sends what the last of it would have. */
function inItsPlace(life: Life, client: Told): HandMade {
  const to = { address: client.socket.localAddress as string, port: client.socket.localPort as number }
  const peer = new HandMade(life.network, life.server, PORT, to)
  const fin = life.sent(life.server, isFin)[0]?.segment
  peer.seq = ((fin?.seq ?? 0) + 1) >>> 0
  peer.ack = fin?.ack ?? 0
  return peer
}

describe('TIME-WAIT', () => {
  test('TIME-WAIT lasts 2 MSL, one minute by default, and then the UDP port is free.', async () => {
    const life = new Life()
    const [client] = await life.pair()
    client.socket.end()
    const closed = await life.until(client, 'close')
    expect(life.statesOf(life.client).endsWith('TIME-WAIT')).toBe(true)
    expect(await life.freeAt(life.client)).toBe(closed + TWO_MSL)

    const [shorter] = await life.pair({ msl: 2_000 })
    shorter.socket.end()
    const soon = await life.until(shorter, 'close')
    expect(await life.freeAt(life.client)).toBe(soon + 4_000)
    await life.end()
  })

  test('A FIN that comes again in TIME-WAIT is acknowledged, and 2 MSL begin anew.', async () => {
    const life = new Life()
    const [client] = await life.pair()
    life.out.set({ lose: firstOf(6, (segment) => isBareAck(segment) && life.sent(life.server, isFin).length > 0) })
    client.socket.end()
    await life.until(client, 'close')
    await life.network.runUntil(() => life.statesOf(life.server).endsWith('CLOSED'), 60_000)
    const fins = life.sent(life.server, isFin)
    const acks = life.sent(life.client, isBareAck).filter(({ at }) => at >= (fins[0]?.at ?? 0))
    expect(fins.length).toBe(7)
    expect(acks.length).toBe(7)
    const last = fins.at(-1)?.arrivedAt ?? 0
    // the last came long after the first
    expect(last - (fins[0]?.arrivedAt ?? 0)).toBeGreaterThan(10_000)
    expect(await life.freeAt(life.client)).toBe(last + TWO_MSL)
    await life.end()
  })

  test("TIME-WAIT does not hold the process: everything in it is unref'd.", async () => {
    const life = new Life()
    const [client] = await life.pair()
    client.socket.end()
    await life.until(client, 'close')
    await life.run(0)
    expect(life.client.openSockets.map(({ refd }) => refd)).toEqual([false])
    expect(life.client.holdsProcess).toBe(false)
    await life.end()
  })

  test('A RST in TIME-WAIT changes nothing.', async () => {
    const life = new Life()
    const { client, since } = await clientWaits(life)
    const peer = inItsPlace(life, client)
    await life.run(1_000)
    peer.send(RST)
    peer.send(RST | ACK)
    await life.run(100)
    expect(peer.heard.length).toBe(0)
    peer.send(FIN | ACK, { seq: peer.seq - 1 })
    await life.run(100)
    expect(peer.heard.length).toBe(1)
    expect(await life.freeAt(life.client)).toBeGreaterThan(since + TWO_MSL)
    peer.socket.close()
    await life.end()
  })

  test('An old segment in TIME-WAIT is answered with an ACK and does not make it last longer.', async () => {
    const life = new Life()
    const { client, since } = await clientWaits(life)
    const peer = inItsPlace(life, client)
    await life.run(10_000)
    peer.send(ACK, { seq: peer.seq - 5, payload: Buffer.from('old') })
    await life.run(100)
    expect(peer.take().map(({ segment }) => [segment.flags, segment.ack])).toEqual([[ACK, peer.seq]])
    expect(await life.freeAt(life.client)).toBe(since + TWO_MSL)
    peer.socket.close()
    await life.end()
  })

  test('A new SYN between the same ports opens a new connection out of TIME-WAIT, with sequence numbers beyond the old ones.', async () => {
    // the server waits, and the SYN comes to it
    const life = new Life()
    const [first, server] = await life.pair({ localPort: 4000 })
    server.socket.end()
    await life.until(first, 'close')
    await life.run(50)
    expect(life.statesOf(life.server).endsWith('TIME-WAIT')).toBe(true)
    const old = life.sent(life.server, isFin)[0]?.segment.seq ?? 0
    const [again, answering] = await life.pair({ localPort: 4000 })
    expect(precedes(old, life.sent(life.server, isSynAck)[1]?.segment.seq ?? 0)).toBe(true)
    again.socket.end('again')
    await life.until(answering, 'close')
    expect(textOf(answering)).toBe('again')

    // now the client waits, and calls again itself
    await life.run(50)
    expect(life.statesOf(life.client).endsWith('TIME-WAIT')).toBe(true)
    const fin = life.sent(life.client, isFin).at(-1)?.segment.seq ?? 0
    const [third] = await life.pair({ localPort: 4000 })
    expect(precedes(fin, life.sent(life.client, isSyn)[2]?.segment.seq ?? 0)).toBe(true)
    expect(third.events).toEqual(['connect'])
    await life.end()
  })

  test("Of the client's UDP ports that only wait, 1,024 stay open: with the next one the oldest closes early.", () => {
    const couple = new Couple({ network: { capture: false, link: { delay: 1 } } }).listen()
    const ports: number[] = []
    for (let i = 0; i < 1_030; i++) {
      const client = couple.connect()
      couple.network.advance(10)
      const server = couple.accepted.at(-1)
      if (server !== undefined) server.closesOnEnd = true
      client.channel.close()
      ports.push(client.channel.localUdpPort)
      couple.network.advance(10)
      expect(client.state).toBe('TIME-WAIT')
    }
    const open = couple.clientHost.openSockets.map(({ port }) => port)
    expect(open.length).toBe(1_024)
    expect(open).toEqual(ports.slice(6))
  })

  test('A side that gets no answer to its last FIN, since the other is gone, gives up without an error.', async () => {
    const life = new Life()
    const [client, server] = await life.pair()
    client.socket.end()
    await life.until(server, 'end')
    life.client.powerOff()
    await life.until(server, 'close')
    await life.network.runUntil(() => life.statesOf(life.server).endsWith('CLOSED'), 1_500_000)
    expect(life.sent(life.server, isFin).length).toBe(16)
    expect(server.events).toEqual(['end', 'finish', 'close'])
    life.client.powerOn()
    await life.end()
  })
})
