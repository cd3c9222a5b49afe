// Frames: any cutting gives the same messages back, hostile headers cost nothing, small ones gather into few chunks.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, FrameWriter, type Message } from '../../lib/message/frame.js'

const MAX = 64 * 1024 * 1024

function encode(messages: readonly (string | Uint8Array)[], max = MAX): Buffer {
  const writer = new FrameWriter(max)
  for (const message of messages) writer.add(message)
  return Buffer.concat(writer.take())
}

function* readAll(reader: FrameReader, chunk: Uint8Array): Generator<Message> {
  reader.push(chunk)
  for (let message = reader.next(); message !== null; message = reader.next()) yield message
}

const header = (length: number, kind: number): Buffer => {
  const bytes = Buffer.alloc(5, kind)
  bytes.writeUInt32BE(length)
  return bytes
}

describe('the bytes of a frame', () => {
  test('length, kind, payload', () => {
    expect(encode([Buffer.from([9, 8])]).toString('hex')).toBe('00000002000908')
    expect(encode(['é']).toString('hex')).toBe('0000000201c3a9')
    expect(encode(['']).toString('hex')).toBe('0000000001')
    expect(encode([Buffer.alloc(0)]).toString('hex')).toBe('0000000000')
  })

  test('many small frames become one chunk, large payloads go by reference', () => {
    const writer = new FrameWriter(MAX)
    for (let i = 0; i < 500; i++) writer.add('x'.repeat(100))
    expect(writer.pending).toBe(500 * 105)
    writer.take()
    for (let i = 0; i < 500; i++) writer.add('x'.repeat(100))
    expect(writer.take().length).toBe(1)
    const large = Buffer.alloc(100_000)
    writer.add('before')
    writer.add(large)
    writer.add('after')
    const chunks = writer.take()
    expect(chunks.length).toBe(3)
    expect(chunks[1]).toBe(large)
    expect(writer.pending).toBe(0)
  })

  test('a message too large leaves nothing behind', () => {
    const writer = new FrameWriter(4)
    for (const message of ['12345', 'ééé', Buffer.alloc(5), 'x'.repeat(100_000)]) {
      expect(() => writer.add(message)).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    }
    writer.add('éé')
    expect(Buffer.concat(writer.take()).toString('hex')).toBe('0000000401c3a9c3a9')
  })
})

describe('any cutting', () => {
  const message = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: 40_000 }).map((length) => new Uint8Array(length).fill(length)),
    fc.integer({ min: 0, max: 40_000 }).map((length) => 'ß'.repeat(length)),
  )

  test('gives the same messages in order', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.infiniteStream(fc.nat(4000)), (messages, cuts) => {
        const bytes = encode(messages)
        const reader = new FrameReader(MAX)
        const got: Message[] = []
        for (let at = 0; at < bytes.length; ) {
          const size = 1 + cuts.next().value!
          got.push(...readAll(reader, bytes.subarray(at, at + size)))
          at += size
        }
        expect(got.length).toBe(messages.length)
        for (const [i, sent] of messages.entries()) {
          if (typeof sent === 'string') expect(got[i]).toBe(sent)
          else expect(Buffer.compare(got[i] as Buffer, sent)).toBe(0)
        }
        expect(reader.isInsideFrame).toBe(false)
      }),
    )
  })

  test('byte by byte', () => {
    const messages = ['', 'a', 'äöü€😀', 'x'.repeat(9000)]
    const reader = new FrameReader(MAX)
    const got: Message[] = []
    for (const byte of encode(messages)) got.push(...readAll(reader, Uint8Array.of(byte)))
    expect(got).toEqual(messages)
  })
})

describe('hostile bytes', () => {
  test('a claim beyond the limit is an error as soon as the header is there', () => {
    for (const bytes of [header(1001, 0), header(0xffff_ffff, 1), Buffer.from('GET / HTTP/1.1\r\n')]) {
      const reader = new FrameReader(1000)
      reader.push(bytes)
      expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    }
  })

  test('an unknown kind, malformed UTF-8', () => {
    const bad = [header(3, 2), header(0, 255), Buffer.concat([header(2, 1), Buffer.from([0xc3, 0x28])])]
    bad.push(Buffer.concat([header(3, 1), Buffer.from([0xed, 0xa0, 0x80])])) // a surrogate
    for (const bytes of bad) {
      const reader = new FrameReader(1000)
      reader.push(bytes)
      expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_INVALID' }))
    }
  })

  test('a character that stands for malformed ones is not taken for one', () => {
    expect([...readAll(new FrameReader(1000), encode(['a\uFFFDb', '\uFEFFbom']))]).toEqual(['a\uFFFDb', '\uFEFFbom'])
  })

  test('memory follows the bytes that came, not those that were claimed', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers: FrameReader[] = []
    for (let i = 0; i < 200; i++) {
      const reader = new FrameReader(0xffff_ffff)
      reader.push(Buffer.concat([header(MAX, 0), Buffer.alloc(100)]))
      expect(reader.next()).toBe(null)
      expect(reader.isInsideFrame).toBe(true)
      readers.push(reader)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024) // they claim 12.5 GiB
    expect(readers.length).toBe(200)
  })

  test('a message of many little pieces is put together in linear time and memory', () => {
    const length = 8 * 1024 * 1024
    const reader = new FrameReader(MAX)
    const piece = Buffer.alloc(16, 7)
    reader.push(header(length, 0))
    expect(reader.next()).toBe(null)
    let message: Message | null = null
    for (let i = 0; i < length / 16; i++) {
      reader.push(piece)
      message = reader.next()
    }
    expect(message?.length).toBe(length)
    expect(Buffer.compare(message as Buffer, Buffer.alloc(length, 7))).toBe(0)
  })

  test('a small message does not pin the chunk it came in', () => {
    const chunk = Buffer.concat([encode([Buffer.from('tiny')]), Buffer.alloc(60_000)])
    const [message] = readAll(new FrameReader(MAX), chunk.subarray(0, 9))
    expect((message as Buffer).toString()).toBe('tiny')
    expect((message as Buffer).buffer).not.toBe(chunk.buffer)
  })
})
