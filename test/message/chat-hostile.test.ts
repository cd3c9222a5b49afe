// The chat among people who mean no good: members, hosts and strangers that say anything, and a disk that is full.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { MessageStream } from 'tcp-over-udp/message'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { duplexPair } from '../../examples/chat/duplex-pair.js'
import { Files } from '../../examples/chat/files.js'
import { readAsHost, readAsMember } from '../../examples/chat/protocol.js'
import { Room } from '../../examples/chat/room.js'

const disk = { isFull: false }
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const createWriteStream = (path: string, options: object): Writable => {
    if (!disk.isFull) return fs.createWriteStream(path, options)
    const full = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })),
    })
    process.nextTick(() => full.emit('open'))
    return full
  }
  return { ...fs, createWriteStream }
})

type News = Record<string, unknown> & { type: string }
const turns = async (n = 20): Promise<void> => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A member that says what it likes. */
class Guest {
  readonly messages: MessageStream
  readonly raw: ReturnType<typeof duplexPair>[0]
  readonly heard: News[] = []
  closed = false

  constructor(room: Room) {
    const [mine, theirs] = duplexPair()
    this.raw = mine
    this.messages = new MessageStream(mine)
    this.messages.on('error', () => {})
    this.messages.on('close', () => (this.closed = true))
    this.messages.on('message', (message) => {
      // whatever a host says, its members understand
      if (typeof message === 'string') this.heard.push(readAsMember(message) ?? { type: `not understood: ${message}` })
    })
    room.admit(theirs, '192.0.2.1')
  }

  say(what: object): void {
    this.messages.post(JSON.stringify(what))
  }

  async enter(id: string, more: object = {}): Promise<this> {
    const hello = { type: 'hello', protocol: 'tcp-over-udp-chat', version: 1, id, name: id, room: '', order: 0 }
    this.say({ ...hello, ...more })
    await turns()
    return this
  }

  ofType(type: string): News[] {
    return this.heard.filter((news) => news.type === type)
  }
}

const ANN = 'aaaaaaaa'
const BOB = 'bbbbbbbb'
const EVE = 'eeeeeeee'

describe('a room', () => {
  let room: Room
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
    room = new Room({ id: 'the-room', host: ANN, bind: '192.0.2.9', expected: [] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function expectOpen(): Promise<void> {
    const late = await new Guest(room).enter('dddddddd')
    expect(late.ofType('welcome')).toHaveLength(1)
  }

  test('passes on no more than 16 files of one member at a time', async () => {
    const ann = await new Guest(room).enter(ANN)
    const eve = await new Guest(room).enter(EVE)
    for (let ref = 1; ref <= 500; ref++) eve.say({ type: 'offer', ref, file: 'x', size: 2 ** 40 })
    await turns()
    expect(ann.ofType('offered')).toHaveLength(16)
    expect(eve.ofType('cancel').filter(({ reason }) => reason === 'more than 16 at a time')).toHaveLength(484)
    await expectOpen()
  })

  test('gives orders that its members understand, whatever order one comes back with', async () => {
    const ann = await new Guest(room).enter(ANN)
    await new Guest(room).enter(EVE, { room: 'the-room', order: Number.MAX_SAFE_INTEGER })
    await new Guest(room).enter(BOB)
    expect(ann.heard.filter(({ type }) => type.startsWith('not understood'))).toEqual([])
    expect(ann.ofType('joined')).toHaveLength(2)
    await expectOpen()
  })

  test.each([
    ['more than it takes', Buffer.from([0x7f, 0xff, 0xff, 0xff, 1])],
    ['a kind that is none', Buffer.from([0, 0, 0, 1, 77, 0])],
    ['invalid UTF-8', Buffer.from([0, 0, 0, 3, 1, 0xff, 0xc0, 0x80])],
    ['text that is no JSON', Buffer.from([0, 0, 0, 2, 1, 0x7b, 0x7b])],
  ])('loses a member that sends %s, and no other', async (_what, bytes) => {
    const ann = await new Guest(room).enter(ANN)
    const eve = await new Guest(room).enter(EVE)
    eve.raw.write(bytes)
    await turns()
    expect(eve.closed || eve.raw.destroyed).toBe(true)
    expect(ann.closed).toBe(false)
    await expectOpen()
  })

  test('a message that is cut off, or never ends, holds nobody up', async () => {
    const eve = await new Guest(room).enter(EVE)
    eve.raw.write(Buffer.from([0, 3, 0xff, 0xff, 1, 0x7b]))
    for (let i = 0; i < 100; i++) eve.raw.write(Buffer.alloc(1_000, 0x20))
    await turns()
    await expectOpen()
    eve.raw.destroy()
    await turns()
    expect(room.guests.has(EVE)).toBe(false)
  })

  test('strangers who never finish their first word are let go, and no more than 100 of them are heard', async () => {
    const strangers = Array.from({ length: 150 }, () => new Guest(room))
    for (const { raw } of strangers) raw.write(Buffer.from([0, 0, 1]))
    await turns()
    expect(strangers.filter(({ closed }) => closed)).toHaveLength(50)
    await vi.advanceTimersByTimeAsync(10_001)
    await turns()
    expect(strangers.filter(({ closed }) => closed)).toHaveLength(150)
    await expectOpen()
  })

  test('anything at all that is said', async () => {
    const word = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('{"type":"__proto__"}', '{"type":"line","__proto__":1}', '['.repeat(100_000)),
    )
    fc.assert(
      fc.property(word, (text) => {
        for (const read of [readAsHost, readAsMember])
          expect(read(text)).toSatisfy((said) => said === null || 'type' in said)
      }),
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('files', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'chat-files-'))
    disk.isFull = false
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function member(): { files: Files; said: string[]; told: News[] } {
    const [mine, theirs] = duplexPair()
    const said: string[] = []
    const told: News[] = []
    const host = new MessageStream(theirs)
    host.on('message', (message) => void told.push(JSON.parse(String(message)) as News))
    const files = new Files({
      folder: join(folder, 'received'),
      maxFile: 1_000_000,
      accept: true,
      say: (line) => void said.push(line),
      progress: () => {},
      nameOf: (id) => id,
    })
    files.enter(new MessageStream(mine))
    return { files, said, told }
  }

  /** As it comes from a host. */
  function news(what: object): Parameters<Files['hear']>[0] {
    return readAsMember(JSON.stringify(what)) as Parameters<Files['hear']>[0]
  }

  const chunk = (transfer: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([0, 0, 0, transfer]), Buffer.from(text)])
  const SHA_OF_HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'

  test.each(['../../evil', '/etc/evil', 'a/../../evil', '..\\..\\evil', '.evil', 'evil\0.txt'])(
    'named %j stay in the folder',
    async (file) => {
      const { files, told } = member()
      files.hear(news({ type: 'offered', transfer: 1, from: ANN, file, size: 5 }))
      await vi.waitUntil(() => told.some(({ type, ok }) => type === 'answer' && ok === true))
      files.chunk(chunk(1, 'hello'))
      files.hear(news({ type: 'done', transfer: 1, sha256: SHA_OF_HELLO }))
      await vi.waitUntil(() => told.some(({ type, ok }) => type === 'result' && ok === true))
      expect(readdirSync(folder)).toEqual(['received'])
      expect(readdirSync(join(folder, 'received'))).toEqual([expect.stringMatching(/^evil(\.txt)?$/)])
    },
  )

  test('on a full disk are given up in so many words, and leave nothing behind', async () => {
    const { files, said, told } = member()
    disk.isFull = true
    files.hear(news({ type: 'offered', transfer: 1, from: ANN, file: 'x', size: 5 }))
    await vi.waitUntil(() => told.some(({ type }) => type === 'answer'))
    files.chunk(chunk(1, 'hello'))
    await vi.waitUntil(() => told.some(({ type }) => type === 'result'))
    expect(told.at(-1)).toMatchObject({ type: 'result', ok: false, reason: 'ENOSPC: no space left on device, write' })
    expect(said.at(-1)).toContain('has not come whole: ENOSPC')
    // and the end of it means nothing any more
    files.hear(news({ type: 'done', transfer: 1, sha256: SHA_OF_HELLO }))
    await files.finish()
    expect(readdirSync(join(folder, 'received'))).toEqual([])
  })

  test.each([
    ['more than was announced', ['hello', 'and more'], 'more came than was announced'],
    ['less', ['hel'], 'it came damaged'],
    ['something else', ['hullo'], 'it came damaged'],
  ])('of which %s comes are given up', async (_what, pieces, reason) => {
    const { files, said, told } = member()
    files.hear(news({ type: 'offered', transfer: 1, from: ANN, file: 'x', size: 5 }))
    await vi.waitUntil(() => told.some(({ type }) => type === 'answer'))
    for (const piece of pieces) files.chunk(chunk(1, piece))
    files.hear(news({ type: 'done', transfer: 1, sha256: SHA_OF_HELLO }))
    await vi.waitUntil(() => told.some(({ type, ok }) => type === 'result' && ok === false))
    expect(said.at(-1)).toContain(reason)
    await vi.waitUntil(() => readdirSync(join(folder, 'received')).length === 0)
  })

  test('that are said to be done twice, and go on after that, are taken once', async () => {
    const { files, said, told } = member()
    files.hear(news({ type: 'offered', transfer: 1, from: ANN, file: 'x', size: 5 }))
    await vi.waitUntil(() => told.some(({ type }) => type === 'answer'))
    files.chunk(chunk(1, 'hello'))
    files.hear(news({ type: 'done', transfer: 1, sha256: SHA_OF_HELLO }))
    files.hear(news({ type: 'done', transfer: 1, sha256: SHA_OF_HELLO }))
    files.chunk(chunk(1, 'x'))
    await files.finish()
    await turns()
    expect(told.filter(({ type }) => type === 'result')).toEqual([
      { type: 'result', transfer: 1, ok: true, reason: '' },
    ])
    expect(said.at(-1)).toContain('received x')
    expect(readdirSync(join(folder, 'received'))).toEqual(['x'])
  })

  test('with the number of another that is under way are none', async () => {
    const { files, told } = member()
    for (let i = 0; i < 100; i++) {
      files.hear(news({ type: 'offered', transfer: 1, from: ANN, file: `x${i}`, size: 5 }))
      await turns(1)
    }
    await vi.waitUntil(() => told.some(({ type }) => type === 'answer'))
    await turns()
    expect(told.filter(({ type }) => type === 'answer')).toHaveLength(1)
    expect(readdirSync(join(folder, 'received'))).toHaveLength(1)
  })

  test('of a room that is gone before they are opened leave nothing behind', async () => {
    const { files, said } = member()
    files.hear(news({ type: 'offered', transfer: 1, from: ANN, file: 'x', size: 5 }))
    files.leave('the host is gone')
    await vi.waitUntil(() => said.some((line) => line.includes('the room is gone')))
    await files.finish()
    await vi.waitUntil(() => readdirSync(join(folder, 'received')).length === 0)
  })

  test('of which a host offers thousands are taken by the dozen', async () => {
    const { files, told } = member()
    for (let transfer = 1; transfer <= 2_000; transfer++) {
      files.hear(news({ type: 'offered', transfer, from: ANN, file: 'x', size: 5 }))
    }
    await vi.waitUntil(() => told.length === 2_000, 5_000)
    expect(told.filter(({ ok }) => ok === true)).toHaveLength(64)
    expect(readdirSync(join(folder, 'received'))).toHaveLength(64)
  })
})
