// docs/life-of-a-connection.md §1, sentence by sentence: the handshake, its losses, and what else may become of a SYN.
import { describe, expect, test } from 'vitest'
import { ACK, SYN } from '../../lib/wire/segment.js'
import { CLIENT, PORT, SERVER } from '../support/couple.js'
import { HandMade } from '../support/hand-made.js'
import { firstOf, isBareAck, isReset, isSyn, isSynAck, isText, Life, textOf } from '../support/life.js'

describe('opening', () => {
  test('A SYN carries no data and takes one sequence number: the first byte has the number after it.', async () => {
    const life = new Life()
    const [client] = await life.pair()
    client.socket.write('abc')
    await life.run(100)
    const [syn] = life.sent(life.client, isSyn)
    const [text] = life.sent(life.client, isText)
    expect(syn?.segment.textLength).toBe(0)
    expect(text?.segment.seq).toBe(((syn?.segment.seq ?? 0) + 1) >>> 0)
    expect(life.sent(life.server, isSynAck)[0]?.segment.ack).toBe(text?.segment.seq)
    await life.end()
  })

  test('The client is connected one round trip after its SYN, the server half a round trip later, when the ACK has come, and not before.', async () => {
    const life = new Life({ link: { delay: 50 } })
    let acceptedAt = Number.NaN
    life.serve({}, () => {
      acceptedAt = life.network.now
    })
    const client = life.connect()
    expect(await life.until(client, 'connect')).toBe(100)
    await life.run(49)
    expect(life.accepted.length).toBe(0)
    await life.run(2)
    expect(acceptedAt).toBe(150)
    expect(life.statesOf(life.client)).toBe('SYN-SENT ESTABLISHED')
    expect(life.statesOf(life.server)).toBe('SYN-RECEIVED ESTABLISHED')
    await life.end()
  })

  test('The SYN offers an MSS, window scaling, SACK and timestamps, and the SYN,ACK agrees to what both know.', async () => {
    const life = new Life()
    life.serve()
    const client = life.connect({ sack: false })
    await life.until(client, 'connect')
    const syn = life.sent(life.client, isSyn)[0]?.segment
    expect([syn?.mss, syn?.windowScale, syn?.sackPermitted, syn?.hasTimestamps]).toEqual([1452, 8, false, true])
    const answer = life.sent(life.server, isSynAck)[0]?.segment
    expect([answer?.mss, answer?.windowScale, answer?.sackPermitted]).toEqual([1452, 8, false])
    expect([answer?.hasTimestamps, answer?.tsEcr]).toEqual([true, syn?.tsVal])
    await life.end()
  })

  test('What is written before the handshake is done leaves with the ACK that completes it.', async () => {
    const life = new Life()
    life.serve()
    const client = life.connect()
    client.socket.end('early')
    await life.run(100)
    const [, first] = life.sent(life.client)
    expect(first?.segment.textLength).toBe(5)
    expect(life.accepted[0] && textOf(life.accepted[0])).toBe('early')
    await life.end()
  })

  test('A client that has nothing to say hears a server that speaks first.', async () => {
    const life = new Life()
    life.serve({}, ({ socket }) => socket.write('hello'))
    const client = life.connect()
    await life.run(41)
    expect(textOf(client)).toBe('hello')
    await life.end()
  })
})

describe('opening, with losses', () => {
  test('A lost SYN is sent again after 1 s, then 2 s later, then 4 s later.', async () => {
    const life = new Life()
    life.out.set({ lose: [1, 2, 3] })
    life.serve()
    const client = life.connect()
    expect(await life.until(client, 'connect', 20_000)).toBe(7_020)
    expect(life.sent(life.client, isSyn).map(({ at }) => at)).toEqual([0, 1_000, 3_000, 7_000])
    await life.end()
  })

  test("A lost SYN,ACK is sent again by the server's own timer, and when the client's SYN comes again.", async () => {
    const life = new Life()
    life.back.set({ lose: [1, 2] })
    life.serve()
    // its SYN comes again before the server's own time has come
    const client = life.connect({ initialRto: 700 })
    await life.until(client, 'connect', 20_000)
    await life.run(10)
    expect(life.sent(life.server, isSynAck).map(({ at }) => at)).toEqual([10, 710, 1_010])
    expect(life.accepted.length).toBe(1)
    await life.end()

    const alone = new Life()
    alone.back.set({ lose: [1, 2] })
    alone.serve()
    const peer = new HandMade(alone.network, alone.client, 5000, { address: SERVER, port: PORT })
    peer.send(SYN)
    await alone.run(3_500)
    expect(alone.sent(alone.server, isSynAck).map(({ at }) => at)).toEqual([10, 1_010, 3_010])
    peer.socket.close()
    await alone.end()
  })

  test('A lost ACK does no harm when data follows, since every segment acknowledges the SYN,ACK.', async () => {
    const life = new Life()
    life.out.set({ lose: firstOf(1, isBareAck) })
    life.serve()
    const client = life.connect()
    await life.until(client, 'connect')
    expect(life.accepted.length).toBe(0)
    await life.run(100)
    expect(life.accepted.length).toBe(0)
    client.socket.write('and on')
    await life.run(15)
    expect(life.accepted[0] && textOf(life.accepted[0])).toBe('and on')
    expect(life.sent(life.server, isSynAck).length).toBe(1)
    await life.end()
  })

  test('A lost ACK is sent again when nothing follows, since the server repeats its SYN,ACK until it is answered.', async () => {
    const life = new Life()
    life.out.set({ lose: firstOf(2, isBareAck) })
    life.serve()
    const client = life.connect()
    await life.until(client, 'connect')
    await life.network.runUntil(() => life.accepted.length > 0, 10_000)
    expect(life.sent(life.server, isSynAck).map(({ at }) => at)).toEqual([10, 1_010, 3_010])
    expect(life.sent(life.client, isBareAck).map(({ at }) => at)).toEqual([20, 1_020, 3_020])
    expect(client.events).toEqual(['connect'])
    await life.end()
  })

  test('After a SYN that was lost the first data waits for 3 s before it is sent again, not for 1 s.', async () => {
    const life = new Life()
    life.out.set({ lose: [1] })
    life.serve()
    const client = life.connect()
    await life.until(client, 'connect')
    life.out.set({ lose: firstOf(1, isText) })
    client.socket.write('x')
    await life.run(5_000)
    const [first, again] = life.sent(life.client, isText)
    expect((again?.at ?? 0) - (first?.at ?? 0)).toBe(3_000)
    await life.end()
  })

  test('A SYN that comes twice opens one connection.', async () => {
    const life = new Life()
    life.out.set({ duplicate: 1 })
    life.serve()
    const client = life.connect()
    await life.until(client, 'connect')
    await life.run(5_000)
    expect(life.accepted.length).toBe(1)
    expect(client.events).toEqual(['connect'])
    await life.end()
  })
})

describe('opening, in vain', () => {
  test('Where a UDP port is bound and nobody listens at the TCP port, the SYN is answered with a RST, and connect() fails with ECONNREFUSED.', async () => {
    const life = new Life()
    life.serve()
    const client = life.connect({ port: 7, udpPort: PORT })
    expect(await life.until(client, 'close with error')).toBe(20)
    expect(client.events).toEqual(['error ECONNREFUSED', 'error', 'close with error'])
    expect(life.sent(life.server, isReset).length).toBe(1)
    expect(life.isFree(life.client)).toBe(true)
    await life.end()
  })

  test("Where no UDP port is bound, the machine's ICMP message says so, and connect() fails with ECONNREFUSED as well.", async () => {
    const life = new Life()
    const client = life.connect()
    expect(await life.until(client, 'error ECONNREFUSED')).toBe(20)
    await life.end()
  })

  test('Where nobody answers, connect() fails with ETIMEDOUT after connectTimeout.', async () => {
    const life = new Life()
    life.server.powerOff()
    const client = life.connect({ connectTimeout: 4_000 })
    expect(await life.until(client, 'error ETIMEDOUT')).toBe(4_000)
    await life.run(1)
    expect(life.isFree(life.client)).toBe(true)
  })

  test('Without connectTimeout the SYN is sent eight times in all, and connect() fails with ETIMEDOUT after three minutes.', async () => {
    const life = new Life()
    life.server.powerOff()
    const client = life.connect()
    expect(await life.until(client, 'error ETIMEDOUT', 1_000_000)).toBe(183_000)
    expect(life.sent(life.client, isSyn).length).toBe(8)
    await life.run(1)
    expect(life.isFree(life.client)).toBe(true)
  })

  test('destroy() before an answer leaves nothing behind, and the SYN,ACK that comes later is answered with a RST.', async () => {
    const life = new Life()
    life.serve()
    const client = life.connect()
    await life.run(5)
    client.socket.destroy()
    await life.run(0)
    expect(life.isFree(life.client)).toBe(true)
    await life.run(1_000)
    expect(client.events).toEqual(['close'])

    // from a UDP port that lives on
    const shared = life.connect({ localUdpPort: 4000 })
    await life.until(shared, 'connect')
    const second = life.connect({ localUdpPort: 4000 })
    await life.run(5)
    second.socket.destroy()
    await life.run(30)
    expect(life.sent(life.client, isReset).length).toBe(1)
    await life.run(100)
    expect(life.accepted.length).toBe(1)
    await life.end()
  })

  test('A server whose SYN,ACK is never acknowledged sends six in all and forgets the connection without telling anybody.', async () => {
    const life = new Life()
    const server = life.serve()
    const peer = new HandMade(life.network, life.client, 5000, { address: SERVER, port: PORT })
    peer.send(SYN)
    await life.run(200_000)
    expect(peer.take().map(({ segment }) => segment.flags)).toEqual(Array(6).fill(SYN | ACK))
    expect(life.accepted.length).toBe(0)
    expect(server.getStats()?.halfOpen).toBe(0)
    peer.socket.close()
    await life.end()
  })

  test('Two sides that call each other at once, each from the UDP port that the other calls, get one connection out of two SYNs.', async () => {
    const life = new Life()
    const port = 5000
    const ends = { port, localPort: port, localUdpPort: port, allowHalfOpen: true }
    const one = life.connect(ends)
    const other = life.connect({ ...ends, stack: life.server.stack, host: CLIENT })
    await life.until(one, 'connect')
    await life.until(other, 'connect')
    expect(life.statesOf(life.client)).toBe('SYN-SENT SYN-RECEIVED ESTABLISHED')
    expect(life.statesOf(life.server)).toBe('SYN-SENT SYN-RECEIVED ESTABLISHED')
    expect([...life.sent(life.client, isSyn), ...life.sent(life.server, isSyn)].length).toBe(2)
    one.socket.end('from one')
    other.socket.end('from the other')
    await life.until(one, 'close')
    await life.until(other, 'close')
    expect([textOf(one), textOf(other)]).toEqual(['from the other', 'from one'])
    await life.end()
  })
})
