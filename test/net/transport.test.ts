// What node:net cannot: acknowledgments, tcp_info, time-outs of the transport, ports of UDP; in virtual time.
import type { Socket } from 'tcp-over-udp'
import { createServer } from 'tcp-over-udp'
import { findCongestionControl, RST, type Segment, SYN } from 'tcp-over-udp/core'
import { first } from 'tcp-over-udp/testing'
import { describe, expect, test } from 'vitest'
import { HERE, Machines, PORT, THERE } from '../support/machines.js'

const DELAY = 50
const machines = (): Machines => new Machines({ link: { delay: DELAY } })

/** Segments that were sent, oldest first. */
const sent = ({ network }: Machines, from: string): Segment[] =>
  network.capture.filter((datagram) => datagram.from === from).map(({ segment }) => segment as Segment)

function collect(socket: Socket): { bytes: number; ended: boolean } {
  const seen = { bytes: 0, ended: false }
  socket.on('data', (data) => {
    seen.bytes += data.length
  })
  socket.on('end', () => {
    seen.ended = true
  })
  return seen
}

describe('acknowledged()', () => {
  test('settles with the ACK of all that was written, not before', async () => {
    const world = machines()
    const { client, served } = await world.pair()
    served.resume()
    const begin = world.now
    client.write(Buffer.alloc(5000))
    await world.network.wait(client.acknowledged(), 1000)
    expect(world.now - begin).toBeGreaterThanOrEqual(2 * DELAY)
    expect(world.now - begin).toBeLessThan(2 * DELAY + 250)
    // and at once when nothing is left
    await client.acknowledged()
  })

  test('asked while connecting, and for nothing', async () => {
    const world = machines()
    world.listen({}, (socket) => socket.resume())
    const client = world.connect()
    await client.acknowledged()
    client.write('early')
    await world.network.wait(client.acknowledged(), 1000)
    expect(client.connecting).toBe(false)
    expect(client.getInfo()?.bytesAcked).toBe(5)
  })

  test('each call waits for what was written before it', async () => {
    const world = machines()
    const { client, served } = await world.pair({}, { noDelay: true })
    served.resume()
    const settled: string[] = []
    client.write('a')
    void client.acknowledged().then(() => settled.push(`a ${client.bytesWritten}`))
    await world.network.run(DELAY)
    client.write('b')
    void client.acknowledged().then(() => settled.push('b'))
    await world.network.run(DELAY + 5)
    expect(settled).toEqual(['a 2'])
    await world.network.run(200)
    expect(settled).toEqual(['a 2', 'b'])
  })

  test('is lost bytes’ business too', async () => {
    const world = machines()
    const { client, served } = await world.pair()
    served.resume()
    world.network.link(world.here, world.there).set({ lose: first(3, ({ segment }) => (segment?.textLength ?? 0) > 0) })
    client.write('x')
    const begin = world.now
    await world.network.wait(client.acknowledged(), 10_000)
    expect(world.now - begin).toBeGreaterThan(700)
  })

  test('rejects with the error of the connection', async () => {
    const world = machines()
    const { client, served } = await world.pair()
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    client.write(Buffer.alloc(100_000))
    const outcome = client.acknowledged().catch((error) => error)
    served.resetAndDestroy()
    expect(await world.network.wait(outcome, 1000)).toBe(errors[0])
    expect(errors).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
    await expect(client.acknowledged()).rejects.toBe(errors[0])
  })

  test('rejects when the connection cannot be made, and when the socket is destroyed before', async () => {
    const world = machines()
    const refused = world.connect()
    refused.on('error', () => {})
    refused.write('x')
    const outcome = refused.acknowledged().catch((error) => error)
    expect(await world.network.wait(outcome, 1000)).toMatchObject({ code: 'ECONNREFUSED' })
    const dropped = world.connect()
    dropped.write('x', () => {})
    const other = dropped.acknowledged().catch((error) => error)
    dropped.destroy()
    expect(await world.network.wait(other, 1000)).toMatchObject({ code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' })
  })

  test('settles after the socket has closed, when the last bytes are acknowledged', async () => {
    const world = machines()
    const { client, served } = await world.pair({}, { allowHalfOpen: true })
    const seen = collect(served)
    client.resume()
    served.end()
    await world.event(client, 'end', 1000)
    world.network.link(world.here, world.there).set({ lose: first(2, ({ segment }) => (segment?.textLength ?? 0) > 0) })
    client.end('last words')
    const outcome = client.acknowledged()
    await world.event(client, 'close', 1000)
    await world.network.wait(outcome, 10_000)
    expect(seen.bytes).toBe(10)
  })
})

test('a RST that answers last words, after both have ended, is no error to who has read all and said all, as with net', async () => {
  const world = machines()
  const { client, served } = await world.pair({ allowHalfOpen: true }, { allowHalfOpen: true })
  const events: unknown[] = []
  for (const event of ['end', 'error', 'close']) client.on(event, (what) => events.push(what ?? event))
  // these cross, and nobody is there any more for what the client has said
  served.end('good bye').on('finish', () => served.destroy())
  client.end('last words')
  const receipt = client.acknowledged().catch((error) => error.code)
  await world.network.run(1000)
  expect(sent(world, THERE).at(-1)?.flags).toBe(RST)
  expect(await receipt).toBe('ECONNRESET')
  expect(await client.acknowledged().catch((error) => error.code)).toBe('ECONNRESET')
  expect(events).toEqual([])
  const seen = collect(client)
  await world.network.run(1000)
  expect([seen, events]).toEqual([{ bytes: 8, ended: true }, ['end', false]])
})

describe('getInfo()', () => {
  test('tells state, times, windows and counts', async () => {
    const world = machines()
    const server = world.listen({}, (socket) => socket.resume())
    const client = world.connect()
    expect(client.getInfo()).toBe(null)
    await world.network.run(1)
    expect(client.getInfo()?.state).toBe('SYN-SENT')
    await world.event(client, 'connect', 1000)
    client.write(Buffer.alloc(100_000))
    await world.network.wait(client.acknowledged(), 5000)
    expect(client.getInfo()).toMatchObject({
      ...{ state: 'ESTABLISHED', sendMss: 1440, congestionControl: 'cubic', inFlight: 0, bytesAcked: 100_000 },
      ...{ bytesSent: 100_000, segmentsRetransmitted: 0, timestamps: true, sack: true },
    })
    expect(client.getInfo()?.srtt).toBeGreaterThanOrEqual(2 * DELAY)
    expect(server.getStats()).toMatchObject({ connections: 1, accepted: 1 })
    client.destroy()
    expect(client.getInfo()).toBe(null)
  })
})

describe('giving up', () => {
  test('connectTimeout: ETIMEDOUT in net’s form, at that time', async () => {
    const world = machines()
    world.there.powerOff()
    const client = world.connect({ connectTimeout: 3000 })
    const [error] = await world.event(client, 'error', 10_000)
    expect(world.now).toBeCloseTo(3000, -1)
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: THERE, port: PORT, errno: -110 })
    expect((error as Error).message).toBe(`connect ETIMEDOUT ${THERE}:${PORT}`)
    await world.event(client, 'close', 100)
  })

  test('nobody there and no time-out: three minutes', async () => {
    const world = machines()
    world.there.powerOff()
    const client = world.connect()
    await world.event(client, 'error', 400_000)
    expect(world.now).toBeGreaterThan(180_000)
  })

  test('maxRetries of data: read ETIMEDOUT', async () => {
    const world = machines()
    const { client } = await world.pair({}, { maxRetries: 3 })
    world.there.powerOff()
    const begin = world.now
    client.write('x')
    const [error] = await world.event(client, 'error', 60_000)
    expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'read' })
    expect(world.now - begin).toBeLessThan(10_000)
  })

  test('a peer that is gone is found by keep-alive', async () => {
    const world = machines()
    const { client } = await world.pair({}, { keepAliveInterval: 1000, keepAliveCount: 3 })
    client.setKeepAlive(true, 5000)
    await world.network.run(60_000)
    expect(client.destroyed).toBe(false)
    world.there.powerOff()
    const begin = world.now
    const [error] = await world.event(client, 'error', 60_000)
    expect(error).toMatchObject({ code: 'ETIMEDOUT' })
    expect(world.now - begin).toBeLessThan(5000 + 4 * 1000)
  })

  test('userTimeout', async () => {
    const world = machines()
    const { client } = await world.pair({}, { userTimeout: 2000 })
    world.there.powerOff()
    const begin = world.now
    client.write('x')
    const [error] = await world.event(client, 'error', 60_000)
    expect(error).toMatchObject({ code: 'ETIMEDOUT' })
    expect(world.now - begin).toBeGreaterThanOrEqual(2000)
    expect(world.now - begin).toBeLessThan(4000)
  })
})

describe('what holds the process', () => {
  test('a listening server and open sockets that are ref’d', async () => {
    const world = machines()
    const { client, served, server } = await world.pair()
    expect([world.here.holdsProcess, world.there.holdsProcess]).toEqual([true, true])
    client.unref()
    await world.network.run(1)
    expect(world.here.holdsProcess).toBe(false)
    client.ref()
    expect(world.here.holdsProcess).toBe(true)
    server.unref()
    expect(world.there.holdsProcess).toBe(true)
    served.unref()
    await world.network.run(1)
    expect(world.there.holdsProcess).toBe(false)
    server.ref()
    expect(world.there.holdsProcess).toBe(true)
  })

  test('unref() before connect() and listen()', async () => {
    const world = machines()
    const server = createServer({ stack: world.there.stack }).unref().listen(PORT, THERE)
    const client = world.connect().unref()
    await world.event(client, 'connect', 1000)
    await world.network.run(1)
    expect(world.here.holdsProcess).toBe(false)
    client.destroy()
    await world.event(server.close(), 'close', 1000)
  })

  test('neither FIN-WAIT-2 nor TIME-WAIT nor an idle time-out', async () => {
    const world = machines()
    const { client, served, server } = await world.pair({ allowHalfOpen: true })
    client.setTimeout(10_000)
    served.resume()
    client.destroy()
    await world.network.run(4 * DELAY)
    expect(world.here.holdsProcess).toBe(false)
    served.end()
    server.close()
    await world.network.run(4 * DELAY)
    expect([world.here.holdsProcess, world.there.holdsProcess]).toEqual([false, false])
  })

  test('unacknowledged bytes after destroy(), for lingerTimeout', async () => {
    const world = machines()
    const { client } = await world.pair({}, { lingerTimeout: 2000 })
    world.there.powerOff()
    client.write('never acknowledged')
    client.destroy()
    await world.network.run(1900)
    expect(world.here.holdsProcess).toBe(true)
    await world.network.run(300)
    expect(world.here.holdsProcess).toBe(false)
  })

  test('not at all with lingerTimeout 0', async () => {
    const world = machines()
    const { client } = await world.pair({}, { lingerTimeout: 0 })
    world.there.powerOff()
    client.write('never acknowledged')
    client.destroy()
    await world.network.run(1)
    expect(world.here.holdsProcess).toBe(false)
  })
})

describe('ending', () => {
  test('close does not wait for TIME-WAIT', async () => {
    const world = machines()
    const { client, served } = await world.pair()
    client.resume()
    served.resume()
    client.end()
    const begin = world.now
    await world.event(client, 'close', 1000)
    expect(world.now - begin).toBeLessThan(4 * DELAY + 10)
  })

  test('what was accepted arrives after destroy(), through loss', async () => {
    const world = new Machines({ link: { delay: 20, loss: 0.2 }, seed: 4 })
    const { client, served } = await world.pair()
    const seen = collect(served)
    client.end(Buffer.alloc(200_000))
    await world.event(client, 'finish', 60_000)
    client.destroy()
    await world.network.runUntil(() => seen.ended, 60_000)
    expect(seen.bytes).toBe(200_000)
  })

  test('unread bytes thrown away: a reset, but not ahead of what is still to be delivered', async () => {
    const world = machines()
    const { client, served } = await world.pair()
    const seen = collect(served)
    served.write('a question that nobody reads')
    client.pause()
    await world.network.run(4 * DELAY)
    client.end('the answer')
    client.destroy()
    await world.network.runUntil(() => seen.ended, 5000)
    expect(seen.bytes).toBe(10)

    const quiet = machines()
    const other = await quiet.pair()
    other.served.write('a question that nobody reads')
    other.client.pause()
    await quiet.network.run(4 * DELAY)
    other.client.destroy()
    const [error] = await quiet.event(other.served, 'error', 5000)
    expect(error).toMatchObject({ code: 'ECONNRESET', syscall: 'read', errno: -104 })
    expect(sent(quiet, HERE).some(({ flags }) => (flags & RST) !== 0)).toBe(true)
  })

  test('bytes that come after destroy() are answered with a reset', async () => {
    const world = machines()
    const { client, served } = await world.pair({ allowHalfOpen: true })
    const errors: unknown[] = []
    served.on('error', (error) => errors.push(error))
    served.resume()
    client.destroy()
    await world.network.run(4 * DELAY)
    served.write(Buffer.alloc(3_000_000))
    await world.event(served, 'close', 5000)
    expect(errors).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })
})

describe('segments', () => {
  const texts = (world: Machines): string[] =>
    sent(world, HERE)
      .filter((segment) => segment.textLength > 0)
      .map((segment) => Buffer.from(segment.payload).toString())

  test('a corked pair leaves as one, and so does what is written in one turn', async () => {
    const world = machines()
    const { client } = await world.pair({}, { noDelay: true })
    client.cork()
    client.write('head ')
    client.write('body')
    client.uncork()
    await world.network.run(4 * DELAY)
    client.write('two ')
    client.write('writes')
    await world.network.run(4 * DELAY)
    expect(texts(world)).toEqual(['head body', 'two writes'])
  })

  test('small writes wait for an ACK, and leave at once with setNoDelay()', async () => {
    const world = machines()
    const { client } = await world.pair()
    client.write('first')
    await world.network.run(1)
    client.write('waits')
    await world.network.run(1)
    expect(texts(world)).toEqual(['first'])
    client.setNoDelay()
    await world.network.run(1)
    expect(texts(world)).toEqual(['first', 'waits'])
  })

  test.each([
    [{}, { mss: 1452, windowScale: 8, sackPermitted: true, hasTimestamps: true }],
    [{ mtu: 1280 }, { mss: 1232 }],
    [{ mss: 536 }, { mss: 536 }],
    [{ mss: 9000 }, { mss: 1452 }],
    [
      { windowScaling: false, sack: false, timestamps: false },
      { windowScale: -1, sackPermitted: false, hasTimestamps: false },
    ],
  ])('the SYN with options %o', async (options, expected) => {
    const world = machines()
    const { client } = await world.pair({}, options)
    expect(sent(world, HERE)[0]).toMatchObject({ flags: SYN, ...expected })
    client.destroy()
  })

  test('a congestion control of one’s own', async () => {
    const world = machines()
    const reno = findCongestionControl('reno')!
    let made = 0
    const mine = {
      name: 'mine',
      create: (mss: number, random: () => number) => {
        made++
        return reno.create(mss, random)
      },
    }
    const { client } = await world.pair({}, { congestionControl: mine })
    expect([made > 0, client.getInfo()?.congestionControl]).toEqual([true, 'mine'])
  })
})

describe('ports of UDP', () => {
  test('udpPort beside port, on both sides', async () => {
    const world = machines()
    const server = createServer({ stack: world.there.stack }).listen({ port: 80, udpPort: 4000, host: THERE })
    expect([server.address(), server.udpPort]).toEqual([{ address: THERE, family: 'IPv4', port: 80 }, 4000])
    const client = world.connect({ port: 80, udpPort: 4000 })
    await world.event(client, 'connect', 1000)
    expect([client.remotePort, client.remoteUdpPort]).toEqual([80, 4000])
    expect(client.localPort).toBe(client.localUdpPort)
  })

  test('localUdpPort is shared, and TCP ports tell connections apart', async () => {
    const world = machines()
    world.listen({}, (socket) => socket.resume())
    const one = world.connect({ localUdpPort: 7000 })
    const two = world.connect({ localUdpPort: 7000, localPort: 7001 })
    await world.network.runUntil(() => !one.connecting && !two.connecting, 1000)
    expect([one.localUdpPort, two.localUdpPort, two.localPort]).toEqual([7000, 7000, 7001])
    expect(one.localPort).not.toBe(7001)
    expect(world.here.openSockets.filter(({ port }) => port === 7000).length).toBeGreaterThan(0)
  })

  test('server.connect() leaves from the server’s own port: two servers towards each other', async () => {
    const world = machines()
    const mine = createServer({ stack: world.here.stack }).listen(PORT, HERE)
    const theirs = world.listen()
    const out = mine.connect({ port: PORT, host: THERE, localPort: PORT })
    const back = theirs.connect({ port: PORT, host: HERE, localPort: PORT })
    await world.network.runUntil(() => !out.connecting && !back.connecting, 5000)
    const heard = collect(back)
    out.end('hello')
    await world.network.runUntil(() => heard.ended, 5000)
    expect(heard.bytes).toBe(5)
    expect([out.localUdpPort, out.localPort, back.remotePort]).toEqual([PORT, PORT, PORT])
  })

  test('server.connect() of a server that does not listen', () => {
    const world = machines()
    const server = createServer({ stack: world.here.stack })
    expect(() => server.connect({ port: 1, host: THERE })).toThrow(
      expect.objectContaining({ code: 'ERR_SERVER_NOT_RUNNING' }),
    )
    expect(server.getStats()).toBe(null)
  })
})
