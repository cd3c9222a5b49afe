// The chat as people use it: processes of their own over real UDP, driven through pipes.
import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { connect } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanFileName, cleanName, cleanText } from '../../examples/chat/text.js'
import { ChatProcess, freePort } from '../support/chat-process.js'

const started: ChatProcess[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.dispose()))
})

function start(name: string, ...args: (string | number)[]): ChatProcess {
  const chat = new ChatProcess(name, ...args.map(String))
  started.push(chat)
  return chat
}

async function startThree(...args: (string | number)[]): Promise<[ChatProcess, ChatProcess, ChatProcess, number]> {
  const port = await freePort()
  const ann = start('ann', '--port', port, ...args)
  await ann.sees('* opened the room')
  const bob = start('bob', '--port', port, ...args)
  await bob.sees('* joined the room')
  const carol = start('carol', '--port', port, ...args)
  await carol.sees('* here: ann (host), bob, carol (you)')
  await bob.sees('* carol has joined')
  return [ann, bob, carol, port]
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('three people', () => {
  test('talk, change names, and leave with last words; then the port is free', async () => {
    const [ann, bob, carol, port] = await startThree()
    ann.say('good evening', '//not a command')
    expect(await bob.sees('<ann> good')).toBe('<ann> good evening')
    await carol.sees('<ann> /not a command')
    bob.say('/nick carol')
    await ann.sees('* bob is now carol2')
    await carol.sees('* bob is now carol2')
    await bob.sees('* the name carol is taken')
    const told = bob.output.length
    bob.say('/nick carol', 'still the same')
    await ann.sees('<carol2> still the same')
    expect(ann.output).not.toContain('* carol2 is now')
    await bob.sees('* the name carol is taken', told)
    carol.say('/who')
    await carol.sees('* here: ann (host), carol2, carol (you)')
    bob.say('/stats')
    await bob.sees('* peer ')
    await bob.sees('* ann ')
    expect(bob.output).toContain('ESTABLISHED')

    bob.say('I must go', '/quit')
    expect(await bob.exited).toBe(0)
    await ann.sees('<carol2> I must go')
    await carol.sees('* carol2 has left')
    carol.signal('SIGINT')
    expect(await carol.exited).toBe(0)
    await ann.sees('* carol has left')
    ann.endInput()
    expect(await ann.exited).toBe(0)
    const next = start('next', '--port', port)
    await next.sees('* opened the room')
  })

  test('send a file: whole by hash, never over another, in order with what is said', async () => {
    const [ann, bob, carol] = await startThree()
    const file = join(bob.folder, 'a b.bin')
    writeFileSync(file, randomBytes(3_000_000))
    bob.say('/send a b.bin')
    await bob.sees('* ann has a b.bin, intact')
    await bob.sees('* carol has a b.bin, intact')
    writeFileSync(file, Buffer.alloc(0))
    bob.say('/send a b.bin')
    await carol.sees('* received a b.bin (0 B) from bob: received/a b (1).bin')
    const line = await ann.sees('* received a b.bin (3.0 MB) from bob: received/a b.bin sha256 ')
    expect(line.slice(-64)).toBe(sha256(join(ann.folder, 'received/a b.bin')))
    expect(line.slice(-64)).toBe(sha256(join(carol.folder, 'received/a b.bin')))
    expect(readdirSync(join(carol.folder, 'received')).sort()).toEqual(['a b (1).bin', 'a b.bin'])
    bob.say('/send "a b.bin"', '/send .')
    await bob.sees('* cannot send "a b.bin": ENOENT')
    await bob.sees('* cannot send .: it is not a file')
  })

  test('lose a member that is killed, and a host that leaves, and a host that is killed', async () => {
    const [ann, bob, carol, port] = await startThree()
    const dave = start('dave', '--port', port)
    await carol.sees('* dave has joined')
    dave.signal('SIGKILL')
    await Promise.all([ann, bob, carol].map((one) => one.sees('* dave is gone: ')))

    ann.say('/quit')
    expect(await ann.exited).toBe(0)
    await carol.sees('* the host, ann, has left; bob opens the room again')
    await bob.sees('* opened the room again')
    await carol.sees('* back in the room')
    const eve = start('eve', '--port', port)
    await eve.sees('* here: bob (host), carol, eve (you)')

    const seen = eve.output.length
    bob.signal('SIGKILL')
    carol.say('said while there was no room')
    await carol.sees('* lost the host, bob; looking for the room')
    await carol.sees('* opened the room again')
    await eve.sees('* here: carol (host), eve (you)', seen)
    expect(await eve.sees('<carol>')).toBe('<carol> said while there was no room')
  })
})

test('on a bad path everything arrives all the same', async () => {
  const [ann, bob, carol] = await startThree('--loss', 0.1, '--delay', 20)
  for (let i = 0; i < 20; i++) bob.say(`line ${i}`)
  await ann.sees('<bob> line 19')
  await carol.sees('<bob> line 19')
  const lines = Array.from({ length: 20 }, (_, i) => `<bob> line ${i}`).join('\n')
  expect(ann.output).toContain(lines)
  expect(carol.output).toContain(lines)
  ann.say('/quit')
  expect(await ann.exited).toBe(0)
  await carol.sees('* back in the room')
})

test('lines from a pipe are all said before the end of the input means leaving', async () => {
  const port = await freePort()
  const ann = start('ann', '--port', port)
  await ann.sees('* opened the room')
  const script = start('script', '--port', port)
  script.say('one', 'two')
  script.endInput()
  expect(await script.exited).toBe(0)
  await ann.sees('* script has left')
  expect(ann.output).toContain('<script> one\n<script> two\n* script has left\n')
})

test('a line that is too long is cut, and who said it hears of it', async () => {
  const port = await freePort()
  const ann = start('ann', '--port', port)
  await ann.sees('* opened the room')
  const bob = start('bob', '--port', port)
  await ann.sees('* bob has joined')
  bob.say('y'.repeat(4000), 'x'.repeat(1_000_000), '/quit')
  expect(await ann.sees('<bob> x')).toBe(`<bob> ${'x'.repeat(4000)}`)
  expect(await bob.exited).toBe(0)
  expect(bob.output.match(/\* only the first 4000 characters of that line were said\n/g)).toHaveLength(1)
})

test('where something silent has the port, one sees that the room is looked for', async () => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address()
  const ann = start('ann', '--port', port)
  await ann.sees(`* looking for the room at 127.0.0.1:${port}`)
  silent.close()
  await ann.sees('* opened the room')
})

test('whoever takes no files, or no long ones, is not sent any', async () => {
  const port = await freePort()
  const ann = start('ann', '--port', port, '--no-files')
  await ann.sees('* opened the room')
  const bob = start('bob', '--port', port, '--max-file', '1k')
  await ann.sees('* bob has joined')
  const carol = start('carol', '--port', port)
  await bob.sees('* carol has joined')
  writeFileSync(join(carol.folder, 'x'), Buffer.alloc(2000))
  carol.say('/send x')
  await carol.sees('* ann does not take x: takes no files')
  await carol.sees('* bob does not take x: longer than 1.0 kB')
  await carol.sees('* x was not sent: nobody takes it')
  bob.say(`/send ${join(carol.folder, 'x')}`)
  await bob.sees(`* cannot send ${join(carol.folder, 'x')}: it has 2.0 kB, and --max-file is 1.0 kB`)
})

test('strangers are answered politely, and the room goes on', async () => {
  const port = await freePort()
  const ann = start('ann', '--port', port)
  await ann.sees('* opened the room')
  const dial = async (): Promise<ReturnType<typeof connect>> => {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return socket
  }
  const human = await dial()
  human.write('GET / HTTP/1.1\r\n\r\n')
  const [answer] = (await once(human, 'data')) as [Buffer]
  expect(answer.toString()).toContain('This is a chat room')

  const other = new MessageStream(await dial())
  void other.send('{"type":"hello","protocol":"another"}')
  expect(await other.receive()).toContain('this is a chat room')
  expect(await other.receive()).toBe(null)

  const hello = { type: 'hello', protocol: 'tcp-over-udp-chat', id: 'abcdef012345', name: 'x', room: '', order: 0 }
  const newer = new MessageStream(await dial())
  void newer.send(JSON.stringify({ ...hello, version: 7 }))
  expect(await newer.receive()).toContain('this room speaks version 1, not 7')

  const rude = new MessageStream(await dial())
  const rudeClosed = new Promise<void>((resolve) => rude.on('close', resolve))
  rude.on('error', () => {})
  const name = '\x1b[31mev\u202eil\n* ann has left'
  rude.on('message', () => {})
  rude.post(JSON.stringify({ ...hello, name, version: 1 }))
  expect(await ann.sees('* evil')).toBe('* evil_ann_has_left has joined')
  rude.post(JSON.stringify({ type: 'line', n: 1, text: 'x\x1b[2J\ny\u0007' }))
  expect(await ann.sees('<evil')).toBe('<evil_ann_has_left> x y')
  rude.post(JSON.stringify({ type: 'offer', ref: 1, file: '../../.bashrc', size: 3 }))
  await ann.sees('* evil_ann_has_left offers bashrc (3 B)')
  rude.post('{"type":"line","n":-1,"text":"x"}')
  await ann.sees('* evil_ann_has_left is gone: it does not keep to the protocol')
  await rudeClosed
  const bob = start('bob', '--port', port)
  await bob.sees('* joined the room')
})

describe('the command line', () => {
  test.each([
    [['--port', '0'], 2, '--port is a whole number from 1 to 65535'],
    [['--loss', '2'], 2, '--loss is a number from 0 to 0.9'],
    [['--max-file', '2G'], 2, '--max-file is at most 1G'],
    [['--nonsense'], 2, "Unknown option '--nonsense'"],
    [['--host', '192.0.2.1', '--port', '9'], 1, 'No room at 192.0.2.1:9: '],
  ])('%s', async (args, code, message) => {
    const chat = start('ann', ...args)
    expect(await chat.exited).toBe(code)
    expect(chat.errors).toContain(message)
  })

  test('--help', async () => {
    const chat = start('ann', '--help')
    expect(await chat.exited).toBe(0)
    expect(chat.output).toContain('--loss RATE')
  })
})

describe('what strangers send', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  const FORBIDDEN = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/u
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('..', '/', '\\', '\x1b[2J', '\0', 'con', '.', ' ', 'a', '\u202e', '\r\n'))
      .map((all) => all.join('')),
  )

  test('cannot move the cursor, nor forge a line', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(cleanText(text)).not.toMatch(FORBIDDEN)
        expect(cleanName(text)).toMatch(/^[^\s<>*]{1,48}$/u)
      }),
    )
  })

  test('stays inside the folder', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const name = cleanFileName(text)
        expect(name).not.toMatch(FORBIDDEN)
        expect(name).not.toMatch(/[/\\:]|^\.|^$|[. ]$|^(con|nul|aux|prn)(\.|$)/iu)
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(120)
      }),
    )
    expect(cleanFileName('/etc/passwd')).toBe('passwd')
    expect(cleanFileName('C:\\Windows\\x.txt')).toBe('x.txt')
    expect(cleanFileName(`${'ü'.repeat(200)}.tar`)).toBe(`${'ü'.repeat(58)}.tar`)
  })
})
