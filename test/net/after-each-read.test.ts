// Who hears a chunk once, or answers it later: as after each read of net's, what follows waits for ticks and promises, and the end for immediates.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import * as net from 'node:net'
import * as ours from 'tcp-over-udp'
import { describe, expect, it } from 'vitest'

type Net = Pick<typeof net, 'createServer' | 'connect'>

/** Both ends, with `react` at the server. */
async function connected({ createServer, connect }: Net, react: (socket: net.Socket) => void): Promise<net.Socket> {
  const server = createServer((socket) => {
    server.close()
    react(socket.on('error', () => {}))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return connect((server.address() as AddressInfo).port, '127.0.0.1')
}

describe.each([
  ['net', net],
  ['ours', ours as unknown as Net],
] as const)('%s', (_name, of) => {
  it.each([2_000, 10_000, 100_000, 1_000_000])(
    '%i bytes, each chunk by a once() of its own: none is lost',
    async (length) => {
      const client = await connected(of, (socket) => socket.end(Buffer.alloc(length)))
      let got = 0
      while (got < length) {
        const [bytes] = (await once(client, 'data')) as [Buffer]
        got += bytes.length
      }
      expect(got).toBe(length)
      client.destroy()
    },
  )

  it('nor where somebody else hears each chunk too, and three come while the program is busy', async () => {
    for (let i = 0; i < 5; i++) {
      const client = await connected(of, (socket) => {
        socket.write('one\n')
        socket.write('two\n')
        setImmediate(() => socket.write('three\n'))
      })
      await once(client, 'connect')
      const until = Date.now() + 20
      while (Date.now() < until);
      client.on('data', () => {})
      let text = ''
      while (text.length < 14) {
        const [bytes] = (await once(client, 'data', { signal: AbortSignal.timeout(2_000) })) as [Buffer]
        text += bytes
      }
      expect(text).toBe('one\ntwo\nthree\n')
      client.destroy()
    }
  })

  const late: Readonly<Record<string, (run: () => void) => void>> = {
    'a tick': (run) => process.nextTick(run),
    'a promise': (run) => queueMicrotask(run),
    'twenty promises': async (run) => {
      for (let i = 0; i < 20; i++) await null
      run()
    },
    'an immediate': (run) => void setImmediate(run),
    'an immediate after a promise': (run) => queueMicrotask(() => setImmediate(run)),
  }
  it.each(Object.entries(late))('a question that came with its end is answered after %s', async (_when, wait) => {
    const client = await connected(of, (socket) => {
      socket.once('data', (question) => wait(() => socket.end(`answer to ${question}`)))
    })
    client.end('question')
    let answer = ''
    for await (const bytes of client) answer += bytes
    expect(answer).toBe('answer to question')
  })

  it.each(Object.entries(late))('so is one asked after a while, after %s', async (_when, wait) => {
    const client = await connected(of, (socket) => {
      socket.on('data', (bytes) => {
        if (`${bytes}` === 'question') wait(() => socket.end('answer'))
        else socket.write('go on')
      })
    })
    client.write('hello')
    client.once('data', () => client.end('question'))
    let answer = ''
    for await (const bytes of client) answer += bytes
    expect(answer).toBe('go onanswer')
  })

  it('ticks, promises and immediates of the last chunk come before the end', async () => {
    const order: string[] = []
    const client = await connected(of, (socket) => socket.once('data', () => socket.end('text')))
    client.write('hello')
    client.on('data', () => {
      setImmediate(() => order.push('immediate'))
      process.nextTick(() => order.push('tick'))
      queueMicrotask(() => {
        order.push('promise')
        setImmediate(() => order.push('immediate of a promise'))
      })
    })
    client.on('end', () => order.push('end'))
    await once(client, 'close')
    expect(order).toEqual(['tick', 'promise', 'immediate', 'immediate of a promise', 'end'])
  })

  it('who wants nothing of it is rid of it, and hears the end', async () => {
    const client = await connected(of, (socket) => socket.end(Buffer.alloc(1_000_000)))
    await once(client.resume(), 'end')
    expect(client.bytesRead).toBe(1_000_000)
  })
})
