// Segments from somebody who does not know the sequence numbers: what he must not be believed, and how shortly he is answered (RFC 5961).
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import { ACK, headerLength, RST, Segment, SYN } from '../../lib/wire/segment.js'

/** An established connection with timestamps and SACK, and what a peer with these numbers sends to it. */
function connected(config = {}) {
  const syn = Object.assign(new Segment(), { flags: SYN, seq: 5000, window: 60_000, mss: 1460 })
  Object.assign(syn, { sackPermitted: true, hasTimestamps: true, tsVal: 1000 })
  const connection = Connection.passive(createConfig(config), 70_000, 0, syn, 0)
  const answers = (now: number): Segment[] => {
    const all: Segment[] = []
    for (let out = new Segment(); connection.poll(out, now); out = new Segment()) all.push(out)
    return all
  }
  answers(0)
  const send = (fields: Partial<Segment>, now = 10): Segment[] => {
    const segment = Object.assign(new Segment(), { flags: ACK, seq: 5001, ack: 70_001, window: 60_000 })
    Object.assign(segment, { hasTimestamps: true, tsVal: 1000 + now }, fields)
    connection.handleSegment(segment, now)
    return answers(now)
  }
  send({})
  return { connection, send }
}

describe('what is not acknowledged by a number of ours is not believed', () => {
  test('a timestamp from the future does not make PAWS drop the peer', () => {
    const { connection, send } = connected()
    // its text reaches over RCV.NXT, and its ACK is of what was never sent; twice, for R1 looks at what TS.Recent was a moment ago
    for (const now of [1000, 1300]) {
      send({ seq: 5001 - 30_000, payload: new Uint8Array(60_000), ack: 2_000_000, tsVal: 1000 + 2 ** 30 }, now)
    }
    send({ payload: new Uint8Array(100), tsVal: 3000 }, 3000)
    expect(connection.readable).toBe(100)
    expect(connection.status(3000)).toMatchObject({ pawsDrops: 0 })
  })

  test('before the peer has been heard, nothing was heard for ever', () => {
    const connection = Connection.active(createConfig(), 70_000, 0)
    connection.open(5_000_000)
    expect(connection.status(5_000_100).lastHeard).toBe(Number.POSITIVE_INFINITY)
  })

  test('and it does not keep a silent connection alive', () => {
    const { connection, send } = connected({ keepAlive: true, keepAliveInitialDelay: 10_000 })
    send({ ack: 2_000_000 }, 9000)
    expect(connection.wakeAt).toBe(10_010)
    expect(connection.status(9000).lastHeard).toBe(8990)
  })
})

describe('who asks from which path it is heard (decision 024)', () => {
  const TOKEN = 77_777
  const WORD = new Uint8Array(20)

  test('is echoed for an ACK of what is in flight, and for no older one', () => {
    const { connection, send } = connected({ followPeer: true })
    connection.send(WORD)
    send({}, 20)
    send({ ack: 70_021 }, 30)
    const ask = (ack: number): number | undefined => send({ seq: 5000, ack, tsVal: TOKEN }, 500)[0]?.tsEcr
    expect(ask(70_020)).not.toBe(TOKEN)
    expect(ask(70_001)).not.toBe(TOKEN)
    expect(ask(70_022)).not.toBe(TOKEN)
    expect(ask(70_021)).toBe(TOKEN)
  })

  test('is not echoed once the allowance is used up, least of all by the next text', () => {
    const { connection, send } = connected({ followPeer: true })
    for (let i = 0; i < 10; i++) expect(send({ seq: 5000, tsVal: TOKEN + i }, 20)).toHaveLength(1)
    expect(send({ seq: 5000, tsVal: TOKEN + 10 }, 20)).toEqual([])
    connection.send(WORD)
    expect(send({ tsVal: 1020 }, 21)[0]).toMatchObject({ tsEcr: 1020 })
  })

  test('is not heard by that: the connection is as silent as it was', () => {
    const { connection, send } = connected({ followPeer: true, keepAlive: true, keepAliveInitialDelay: 10_000 })
    expect(send({ seq: 5000, tsVal: TOKEN }, 9000)[0]?.tsEcr).toBe(TOKEN)
    expect(connection.wakeAt).toBe(10_010)
    expect(connection.status(9000).lastHeard).toBe(8990)
  })
})

describe('a challenge ACK', () => {
  test('is never longer than what it answers and twelve bytes: no SACK blocks in it', () => {
    const { send } = connected()
    for (const seq of [7000, 9000, 11_000]) {
      expect(send({ seq, payload: new Uint8Array(100) })[0]?.sackCount).toBeGreaterThan(0)
    }
    for (const flags of [RST, SYN, ACK]) {
      const [answer] = send({
        flags,
        seq: 5101,
        hasTimestamps: false,
        ...(flags === ACK ? { hasTimestamps: true, ack: 0 } : {}),
      })
      if (answer === undefined) continue
      expect(headerLength(answer)).toBeLessThanOrEqual(flags === ACK ? 44 : 32)
      expect(answer.sackCount).toBe(0)
    }
  })

  test('and what a handshake did not ask for draws ten RSTs a second at most', () => {
    const syn = Object.assign(new Segment(), { flags: SYN, seq: 5000, window: 60_000 })
    const connection = Connection.passive(createConfig(), 70_000, 0, syn, 0)
    let resets = 0
    for (let i = 0; i < 1000; i++) {
      connection.handleSegment(Object.assign(new Segment(), { flags: ACK, seq: 5001, ack: 80_000 + i }), i / 10)
      for (const out = new Segment(); connection.poll(out, i / 10); ) resets += out.flags & RST ? 1 : 0
    }
    expect(resets).toBeGreaterThanOrEqual(1)
    expect(resets).toBeLessThanOrEqual(11)
  })
})

describe('a RST', () => {
  test('is judged by its sequence number alone: text before the window does not make it one to be answered', () => {
    const { connection, send } = connected()
    send({ payload: new Uint8Array(1000) })
    expect(send({ flags: RST, seq: 5901, payload: new Uint8Array(200) })).toEqual([])
    expect(connection.state).toBe('ESTABLISHED')
  })

  test('MUST-66: with text it resets a closed window, too', () => {
    const { connection, send } = connected({ maxReceiveBuffer: 1000 })
    send({ payload: new Uint8Array(1000) })
    expect(connection.status(10).receiveWindow).toBe(0)
    expect(send({ flags: RST, seq: 6001, payload: new Uint8Array(1) })).toEqual([])
    expect(connection).toMatchObject({ state: 'CLOSED', reason: 'reset' })
  })
})

test('text from before any window is no repetition: its answers are limited', () => {
  const { connection, send } = connected({ maxReceiveBuffer: 65_536 })
  const answered = (seq: number): number => {
    let count = 0
    for (let i = 0; i < 100; i++) count += send({ seq: (seq + i) >>> 0, payload: new Uint8Array(1) }).length
    return count
  }
  for (let at = 0; at < 420_000; at += 30_000) {
    send({ seq: 5001 + at, payload: new Uint8Array(30_000) })
    while (connection.receive() !== null);
    send({ seq: 5001 + at })
  }
  expect(answered(5001)).toBeLessThanOrEqual(10)
  // what a window can have held is answered each time: the ACK of it may have got lost
  expect(answered(5001 + 400_000)).toBe(100)
})

describe('two versions of the same bytes', () => {
  const a = (length: number): Uint8Array => new Uint8Array(length).fill(65)
  const b = (length: number): Uint8Array => new Uint8Array(length).fill(66)
  const read = (connection: Connection): string => {
    let text = ''
    for (let bytes = connection.receive(); bytes !== null; bytes = connection.receive())
      text += new TextDecoder().decode(bytes)
    return text
  }

  test('the first that came is the one that is read: out of order', () => {
    const { connection, send } = connected()
    send({ seq: 5006, payload: a(5) })
    send({ seq: 5004, payload: b(9) })
    send({ payload: b(5) })
    expect(read(connection)).toBe('BBBBBAAAAABB')
  })

  test('and in order, over what is held above the hole', () => {
    const { connection, send } = connected()
    send({ seq: 5006, payload: a(5) })
    send({ payload: b(14) })
    expect(read(connection)).toBe('BBBBBAAAAABBBB')
  })

  test('and behind RCV.NXT', () => {
    const { connection, send } = connected()
    send({ payload: a(10) })
    send({ payload: b(12) })
    expect(read(connection)).toBe('AAAAAAAAAABB')
  })
})
