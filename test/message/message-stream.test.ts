// Messages over node:net and over plain Duplex pairs: order, receipts, backpressure, ends, errors.
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import fc from 'fast-check'
import { type Message, MessageError, MessageStream, type MessageStreamOptions } from 'tcp-over-udp/message'
import { afterEach, describe, expect, test } from 'vitest'
import { duplexPair } from '../support/duplex-pair.js'
import { uncaughtDuring } from '../support/uncaught.js'

const open: Duplex[] = []

afterEach(() => {
  for (const stream of open.splice(0)) stream.destroy()
})

function pair(options: MessageStreamOptions = {}): [MessageStream, MessageStream] {
  const [a, b] = duplexPair()
  open.push(a, b)
  return [new MessageStream(a, options), new MessageStream(b, options)]
}

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const a = netConnect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [b] = (await accepted) as [Socket]
  server.close()
  open.push(a, b)
  return [a, b]
}

async function netPair(options: MessageStreamOptions = {}): Promise<[MessageStream, MessageStream]> {
  const [a, b] = await socketPair()
  return [new MessageStream(a, options), new MessageStream(b, options)]
}

async function collect(messages: AsyncIterable<Message>): Promise<Message[]> {
  const got: Message[] = []
  for await (const message of messages) got.push(message)
  return got
}

const closed = (messages: MessageStream): Promise<void> => new Promise((resolve) => messages.on('close', resolve))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe.each([
  ['a pair of Duplex', async () => pair()],
  ['node:net', () => netPair()],
] as const)('over %s', (_name, make) => {
  test('texts and bytes arrive apart, whole, in order, both ways, and then the end', async () => {
    const [a, b] = await make()
    const sent = ['one', Buffer.from('two'), '', Buffer.alloc(0), 'ä'.repeat(50_000), Buffer.alloc(70_000, 1), 'x']
    for (const message of sent) void a.send(message)
    void a.end()
    expect(await collect(b)).toEqual(sent)
    void b.send('still open')
    void b.end()
    expect(await collect(a)).toEqual(['still open'])
  })

  test('events carry the same', async () => {
    const [a, b] = await make()
    const got: Message[] = []
    b.on('message', (message) => got.push(message))
    for (let i = 0; i < 5000; i++) a.post(`message ${i}`)
    void a.end()
    await once(b, 'end')
    expect(got).toEqual(Array.from({ length: 5000 }, (_, i) => `message ${i}`))
  })

  test('64 MiB arrive whole between small ones', async () => {
    const [a, b] = await make()
    const large = Buffer.alloc(64 * 1024 * 1024)
    for (let i = 0; i < large.length; i += 4096) large.writeUInt32BE(i, i)
    void a.send('before')
    void a.send(large)
    void a.send('after')
    void a.end()
    expect(await b.receive()).toBe('before')
    expect(Buffer.compare((await b.receive()) as Buffer, large)).toBe(0)
    expect(await b.receive()).toBe('after')
    expect(await b.receive()).toBe(null)
    expect(await b.receive()).toBe(null)
  })

  test('a slow iteration stops the sender, and loses nothing', async () => {
    const [a, b] = await make()
    const text = 'x'.repeat(1000)
    let sent = 0
    const fill = (): void => {
      while (a.post(text)) sent++
      sent++
    }
    fill()
    expect(await b.receive()).toBe(text)
    for (let stuck = 0; stuck < 200; stuck++) {
      if (!a.needDrain) {
        fill()
        stuck = 0
      }
      await turn()
    }
    const resumed = a.ready()
    void resumed.then(() => a.end())
    let got = 1
    while ((await b.receive()) !== null) got++
    expect(got).toBe(sent)
  })

  test('what comes when the last listener has gone waits for who listens, or reads, next', async () => {
    const [a, b] = await make()
    for (const message of ['1', '2', '3', '4', '5']) a.post(message)
    expect(await once(b, 'message')).toEqual(['1'])
    await turn()
    expect(await b.receive()).toBe('2')
    expect(await once(b, 'message')).toEqual(['3'])
    await turn()
    void a.end()
    expect(await collect(b)).toEqual(['4', '5'])
  })

  test('once resume() has said so, what nobody listens for is thrown away', async () => {
    const [a, b] = await make()
    b.resume()
    for (const message of ['1', '2', '3']) a.post(message)
    expect(await once(b, 'message')).toEqual(['1'])
    void a.end()
    await once(b, 'end')
    expect(await b.receive()).toBe(null)
  })

  test('pause() holds back the rest of a burst until resume()', async () => {
    const [a, b] = await make()
    const got: Message[] = []
    b.on('message', (message) => {
      got.push(message)
      if (got.length === 3) b.pause()
    })
    for (let i = 0; i < 10; i++) a.post(`${i}`)
    await a.end()
    await turn()
    await turn()
    expect(got).toEqual(['0', '1', '2'])
    const ended = once(b, 'end')
    b.resume()
    await ended
    expect(got.length).toBe(10)
  })

  test('an answer to the end still arrives', async () => {
    const [a, b] = await make()
    b.on('end', () => {
      b.post('last words')
      void b.end()
    })
    b.resume()
    void a.end()
    expect(await collect(a)).toEqual(['last words'])
  })

  test('the receiver refuses what is longer than it allows', async () => {
    const [a, b] = await make()
    const strict = new MessageStream(b.stream, { maxMessageLength: 10 })
    const failed = once(strict, 'error')
    b.on('error', () => {})
    a.on('error', () => {})
    strict.resume()
    a.post('12345678901')
    const [error] = (await failed) as [MessageError]
    expect(error).toBeInstanceOf(MessageError)
    expect(error.code).toBe('ERR_MESSAGE_TOO_LARGE')
    expect(b.stream.destroyed).toBe(true)
  })
})

describe('receipts', () => {
  test('without acknowledgements they mean that the stream has taken it', async () => {
    const [a, b] = pair()
    expect(a.receipts).toBe(false)
    b.resume()
    await a.send('x')
    await a.end()
    expect(a.stream.writableFinished).toBe(true)
  })

  test('they follow the acknowledgements of the stream, one for each turn', async () => {
    const acks: (() => void)[] = []
    const stream = Object.assign(new PassThrough(), {
      acknowledged: () => new Promise<void>((resolve) => acks.push(resolve)),
    })
    open.push(stream)
    const a = new MessageStream(stream)
    expect(a.receipts).toBe(true)
    let settled = 0
    const first = a.send('1').then(() => settled++)
    const second = a.send('2').then(() => settled++)
    await turn()
    expect([acks.length, settled]).toEqual([1, 0])
    void a.send('3')
    await turn()
    expect([acks.length, settled]).toEqual([2, 0])
    acks[0]!()
    await Promise.all([first, second])
    expect(settled).toBe(2)
  })

  test('they reject with the error that took the connection, and may be ignored', async () => {
    const [a, b] = await netPair()
    a.on('error', () => {})
    b.on('error', () => {})
    for (let stuck = 0; stuck < 200; stuck++) {
      if (!a.needDrain) {
        a.post(Buffer.alloc(100_000))
        stuck = 0
      }
      await turn()
    }
    const receipt = a.send('never arrives')
    void a.send('nor this, and nobody waits for it')
    await turn()
    ;(b.stream as Socket).resetAndDestroy()
    await expect(receipt).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
    void a.send('too late, and nobody waits for it')
    await turn()
    await expect(a.send('too late')).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
    await expect(a.ready()).rejects.toThrow()
    expect(a.post('too late')).toBe(false)
  })

  test('destroy() rejects what waits', async () => {
    const [a] = pair()
    const receipt = a.send('x')
    a.destroy()
    await expect(receipt).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect(a.writable).toBe(false)
  })
})

describe('wrong use', () => {
  test('a message too large is refused before a byte is written', async () => {
    const [a, b] = pair({ maxMessageLength: 10 })
    await expect(a.send('12345678901')).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    await expect(a.send('äöüäöü')).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    expect(() => a.post(Buffer.alloc(11))).toThrow(MessageError)
    void a.send('1234567890')
    void a.end()
    expect(await collect(b)).toEqual(['1234567890'])
  })

  test('a message after end(), one that is none, a limit that is none', async () => {
    const [a] = pair()
    await expect(a.send(7 as unknown as string)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    void a.end()
    await expect(a.send('x')).rejects.toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' })
    await expect(a.ready()).rejects.toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' })
    expect(a.end()).toBe(a.end())
    const make = (length: unknown) => () => new MessageStream(new PassThrough(), { maxMessageLength: length as number })
    expect(make(-1)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
    expect(make(2 ** 32)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
    expect(make(1.5)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
    expect(make('1')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  })

  test('a stream with an encoding is refused', async () => {
    const stream = new PassThrough()
    stream.setEncoding('utf8')
    const a = new MessageStream(stream)
    stream.write('abc')
    await expect(a.receive()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})

describe('bad endings', () => {
  const cases: [string, Buffer, string][] = [
    ['inside a header', Buffer.from([0, 0, 0]), 'ERR_MESSAGE_TRUNCATED'],
    ['after a header', Buffer.from([0, 0, 0, 1, 0]), 'ERR_MESSAGE_TRUNCATED'],
    ['inside a payload', Buffer.from([0, 0, 0, 3, 1, 65, 66]), 'ERR_MESSAGE_TRUNCATED'],
    ['with an unknown kind', Buffer.from([0, 0, 0, 1, 9, 65]), 'ERR_MESSAGE_INVALID'],
    ['with text that is none', Buffer.from([0, 0, 0, 1, 1, 0xff]), 'ERR_MESSAGE_INVALID'],
    ['with garbage', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), 'ERR_MESSAGE_TOO_LARGE'],
  ]

  test.each(cases)('a stream that ends %s', async (_name, bytes, code) => {
    const [raw, stream] = duplexPair()
    open.push(raw, stream)
    raw.on('error', () => {})
    const good = Buffer.from([0, 0, 0, 2, 1, 79, 75])
    raw.end(Buffer.concat([good, bytes]))
    const messages = new MessageStream(stream)
    expect(await messages.receive()).toBe('OK')
    await expect(messages.receive()).rejects.toMatchObject({ code })
    await expect(messages.receive()).rejects.toMatchObject({ code })
    expect(stream.destroyed).toBe(true)

    const [raw2, stream2] = duplexPair()
    open.push(raw2, stream2)
    const events: string[] = []
    const listening = new MessageStream(stream2)
    listening.on('message', (message) => events.push(`message ${message}`))
    listening.on('end', () => events.push('end'))
    listening.on('error', (error) => events.push((error as MessageError).code))
    raw2.end(Buffer.concat([good, bytes]))
    await closed(listening)
    expect(events).toEqual(['message OK', code])
  })

  test('a reset is an error, not an end, for events and for iteration', async () => {
    const [a, b] = await netPair()
    const failure = collect(a)
    const [c, d] = await netPair()
    const events: string[] = []
    c.on('message', () => {})
    c.on('end', () => events.push('end'))
    c.on('error', (error: NodeJS.ErrnoException) => events.push(error.code!))
    const over = closed(c)
    ;(b.stream as Socket).resetAndDestroy()
    ;(d.stream as Socket).resetAndDestroy()
    await expect(failure).rejects.toMatchObject({ code: 'ECONNRESET' })
    await over
    expect(events).toEqual(['ECONNRESET'])
  })

  test('a stream that is destroyed without a word is a premature close', async () => {
    const [a] = pair()
    const waiting = a.receive()
    a.destroy()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    const late = new MessageStream(a.stream)
    await expect(late.receive()).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
  })
})

describe('consumers', () => {
  test('leaving an iteration destroys the stream unless asked not to', async () => {
    const [a, b] = pair()
    for (const message of ['hello', 'a', 'b']) void a.send(message)
    for await (const message of b.iterator({ destroyOnReturn: false })) {
      expect(message).toBe('hello')
      break
    }
    expect(b.stream.destroyed).toBe(false)
    for await (const message of b) {
      expect(message).toBe('a')
      break
    }
    expect(b.stream.destroyed).toBe(true)
  })

  test('several receive() at once are served in turn', async () => {
    const [a, b] = pair()
    const waiting = [b.receive(), b.receive(), b.receive()]
    void a.send('1')
    void a.send('2')
    void a.end()
    expect(await Promise.all(waiting)).toEqual(['1', '2', null])
  })

  test('a greeting by receive(), the rest by events', async () => {
    const [a, b] = pair()
    for (const message of ['hello', '1', '2']) void a.send(message)
    expect(await b.receive()).toBe('hello')
    const got: Message[] = []
    b.on('message', (message) => got.push(message))
    void a.end()
    await once(b, 'end')
    expect(got).toEqual(['1', '2'])
  })

  test('nothing is read before there is a consumer', async () => {
    const [a, b] = pair()
    a.post('x')
    await turn()
    await turn()
    expect(b.stream.readableLength).toBeGreaterThan(0)
    expect(await b.receive()).toBe('x')
  })

  test('a listener that answers at once, one that destroys', async () => {
    const [a, b] = pair()
    const got: Message[] = []
    b.on('message', (message) => {
      if (message === 'stop') b.destroy()
      else b.post(`re: ${message}`)
    })
    a.on('message', (message) => got.push(message))
    a.post('1')
    a.post('2')
    while (got.length < 2) await turn()
    expect(got).toEqual(['re: 1', 're: 2'])
    a.post('stop')
    a.post('3')
    await once(b, 'close')
    expect(b.closed).toBe(true)
  })
})

describe('a listener that throws', () => {
  const mine = new Error('mine')
  const frames = (...texts: string[]): Buffer =>
    Buffer.concat(texts.map((text) => Buffer.concat([Buffer.from([0, 0, 0, text.length, 1]), Buffer.from(text)])))

  /** What is heard of bursts that come in one tick, by one that throws at some of them. */
  async function hear(throwsAt: RegExp, bursts: string[][], pausesAt = ''): Promise<string[]> {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), allowHalfOpen: true })
    open.push(stream)
    const messages = new MessageStream(stream)
    const heard: string[] = []
    messages.on('error', (error) => heard.push(error.message)).on('end', () => heard.push('end'))
    messages.on('message', (message) => {
      heard.push(String(message))
      if (message === pausesAt) {
        messages.pause()
        setImmediate(() => messages.resume())
      }
      if (throwsAt.test(String(message))) throw mine
    })
    const push = (bytes: Buffer | null): void => {
      try {
        stream.push(bytes)
      } catch (error) {
        expect(error).toBe(mine)
      }
    }
    const uncaught = await uncaughtDuring(async () => {
      await turn()
      for (const burst of bursts) push(frames(...burst))
      for (let i = 0; i < 5; i++) await turn()
      push(frames('late'))
      push(null)
      for (let i = 0; i < 5; i++) await turn()
    })
    expect(uncaught.every((error) => error === mine)).toBe(true)
    return heard
  }

  test.each([
    ['at each', /./, ''],
    ['at the last of a burst', /3/, ''],
    ['at the last of a burst, when it is resumed', /3/, '1'],
    ['as it pauses', /1/, '1'],
  ])('%s: all others are heard, in order, and the end', async (_name, throwsAt, pausesAt) => {
    const heard = await hear(throwsAt, [['1', '2', '3'], ['4', '5'], ['6']], pausesAt)
    expect(heard).toEqual(['1', '2', '3', '4', '5', '6', 'late', 'end'])
  })
})

describe('who is thrown out', () => {
  const ways: [string, (messages: MessageStream) => void][] = [
    ['destroy()', (messages) => messages.destroy()],
    ['an error', (messages) => messages.destroy(new Error('mine'))],
    ['the stream', (messages) => messages.stream.destroy()],
  ]
  test.each(ways)('is not heard any longer, though more of it has come: by %s', async (_name, throwOut) => {
    const [a, b] = pair()
    const heard: Message[] = []
    const errors: string[] = []
    b.on('error', (error) => errors.push(error.message))
    b.on('message', (message) => {
      heard.push(message)
      throwOut(b)
    })
    for (const text of ['no password', 'delete all', 'and this']) a.post(text)
    await closed(b)
    b.resume()
    await turn()
    expect([heard, errors]).toEqual([['no password'], _name === 'an error' ? ['mine'] : []])
    await expect(b.receive()).rejects.toThrow()
  })

  test('nor when the peer has ended in the same burst', async () => {
    const [a, b] = pair()
    const heard: Message[] = []
    b.on('message', (message) => {
      heard.push(message)
      setImmediate(() => b.destroy().resume())
      b.pause()
    })
    for (const text of ['one', 'two']) a.post(text)
    void a.end()
    await closed(b)
    await turn()
    expect(heard).toEqual(['one'])
  })
})

test('any messages through any cutting of the stream, with any reader', async () => {
  const message = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(5000).map((length) => Buffer.alloc(length, length)),
  )
  const property = fc.asyncProperty(
    fc.array(message, { maxLength: 15 }),
    fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 10 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
    fc.boolean(),
    async (messages, cuts, pauses, byEvents) => {
      let round = 0
      const cutter = new PassThrough({ readableHighWaterMark: 500 })
      const [near, source] = duplexPair()
      source.on('data', (chunk: Buffer) => {
        for (let at = 0; at < chunk.length; ) {
          const size = cuts[round++ % cuts.length]!
          cutter.write(Buffer.from(chunk.subarray(at, at + size)))
          at += size
        }
      })
      source.on('end', () => cutter.end())
      const sender = new MessageStream(near)
      const receiver = new MessageStream(cutter)
      for (const [i, sent] of messages.entries()) {
        sender.post(sent)
        if (pauses[i % pauses.length]) await turn()
      }
      void sender.end()
      const got: Message[] = []
      if (byEvents) {
        receiver.on('message', (received) => {
          got.push(received)
          if (pauses[got.length % pauses.length]) {
            receiver.pause()
            setImmediate(() => receiver.resume())
          }
        })
        await once(receiver, 'end')
      } else {
        for await (const received of receiver) {
          got.push(received)
          if (pauses[got.length % pauses.length]) await turn()
        }
      }
      expect(got).toEqual(messages)
    },
  )
  await fc.assert(property, { numRuns: 100 })
})
