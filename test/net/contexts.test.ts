// AsyncLocalStorage: a socket's listeners run in the context that connected it, and a server's in that which listens, as net's do.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import * as net from 'node:net'
import * as ours from 'tcp-over-udp'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/net-oracle.js'

const SOON = 20

describe.each([
  ['net', net],
  ['ours', ours as unknown as typeof net],
] as const)('%s', (_name, which) => {
  const { createServer, connect, Socket } = which
  const user = new AsyncLocalStorage<string>()

  async function listening(react: (socket: net.Socket) => void): Promise<{ server: net.Server; port: number }> {
    const server = createServer((socket) => react(socket.on('error', () => {})))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { server, port: (server.address() as net.AddressInfo).port }
  }

  it('whatever a socket tells, it tells in the context of who connected it', async () => {
    const { server, port } = await listening((socket) => {
      socket.on('data', (bytes) => socket.write(bytes))
      socket.on('end', () => setTimeout(() => socket.end(), SOON))
    })
    const told: Record<string, Record<string, string | undefined>> = {}
    const live = (name: string): Promise<unknown> => {
      const log: Record<string, string | undefined> = {}
      told[name] = log
      const note = (event: string) => (): void => void Object.assign(log, { [event]: user.getStore() })
      // made by nobody: it is who connects that counts
      const socket = new Socket()
      return user.run(name, () => {
        for (const event of ['connect', 'ready', 'data', 'end', 'finish', 'timeout', 'close'])
          socket.on(event, note(event))
        socket.setTimeout(SOON / 4)
        socket.connect(port, '127.0.0.1')
        socket.write(name, note('written'))
        socket.once('timeout', () => socket.end(note('ended')))
        return new Promise((resolve) => user.exit(() => socket.once('close', resolve)))
      })
    }
    const names = ['alice', 'bob', 'carol']
    await Promise.all(names.map(live))
    for (const name of names) {
      expect(Object.keys(told[name] ?? {}).length).toBe(9)
      expect(new Set(Object.values(told[name] ?? {}))).toEqual(new Set([name]))
    }
    server.close()
  })

  it('also that it could not connect', async () => {
    const port = await freePort(which)
    const store = await user.run('alice', () => {
      const socket = connect(port, '127.0.0.1')
      return new Promise((resolve) => socket.on('error', () => resolve(user.getStore())))
    })
    expect(store).toBe('alice')
  })

  it('a store that a listener enters is its own connection’s', async () => {
    const seen: string[] = []
    const { server, port } = await listening((socket) => {
      socket.on('data', (bytes) => {
        seen.push(`${bytes}:${user.getStore()}`)
        user.enterWith(`${bytes}`)
        socket.write('.')
      })
    })
    const names = ['alice', 'bob', 'carol']
    const clients = names.map(() => connect(port, '127.0.0.1'))
    await Promise.all(clients.map((client) => once(client, 'connect')))
    for (let round = 0; round < 2; round++) {
      clients.forEach((client, i) => void client.write(names[i] as string))
      await Promise.all(clients.map((client) => once(client, 'data')))
    }
    for (const client of clients) client.destroy()
    server.close()
    // from Node 24 on a store that a listener enters is gone when the listener is done, in net's own too
    const kept = Number.parseInt(process.versions.node, 10) < 24
    const expected = names.flatMap((name) => [`${name}:undefined`, `${name}:${kept ? name : undefined}`])
    expect(seen.sort()).toEqual(expected.sort())
  })

  it('a server accepts in the context in which it began to listen', async () => {
    const { server, port } = await user.run('server', () =>
      listening((socket) => {
        socket.end(`${user.getStore()}`)
      }),
    )
    const text = await user.run('client', async () => {
      const client = connect(port, '127.0.0.1')
      let all = ''
      for await (const bytes of client) all += bytes
      return all
    })
    expect(text).toBe('server')
    server.close()
  })
})
