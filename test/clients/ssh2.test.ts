// ssh2: its client against OpenSSH's server, and against its own.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import nodeNet, { type AddressInfo, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import ssh2, { type ClientChannel, type Client as ClientType, type SFTPWrapper } from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { against, host, net, pattern, serve } from './over-udp.js'
import { SSHD } from './servers.js'

const { Client, Server, utils } = ssh2

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('ssh2', () => {
  against(SSHD, "OpenSSH's server", (way) => {
    let client: ClientType
    beforeEach(async () => {
      client = new Client()
      client.connect({
        sock: net.connect({ port: way.port, host, noDelay: true }),
        username: userInfo().username,
        privateKey: readFileSync(join(way.server.folder, 'client')),
      })
      await once(client, 'ready')
    })
    afterEach(async () => {
      const closes = once(client, 'close')
      client.end()
      await closes
    })

    const exec = (command: string): Promise<ClientChannel> =>
      new Promise((resolve, reject) => {
        client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)))
      })

    test('exec: output, errors and the exit code', async () => {
      const channel = await exec('echo out; echo err >&2; exit 7')
      const exits = once(channel, 'exit')
      expect(await Promise.all([text(channel), text(channel.stderr)])).toEqual(['out\n', 'err\n'])
      expect((await exits)[0]).toBe(7)
    })

    test('exec: 20 MB there and back through cat', async () => {
      const channel = await exec('cat')
      const bytes = pattern(20_000_000)
      channel.end(bytes)
      const back: Buffer[] = []
      for await (const chunk of channel) back.push(chunk)
      expect(Buffer.concat(back).equals(bytes)).toBe(true)
    })

    test('a shell in a terminal obeys line by line', async () => {
      const shell = await new Promise<ClientChannel>((resolve, reject) => {
        client.shell({ term: 'dumb', cols: 80, rows: 24 }, (error, channel) =>
          error ? reject(error) : resolve(channel),
        )
      })
      let seen = ''
      shell.on('data', (chunk: Buffer) => (seen += chunk))
      const closes = once(shell, 'close')
      shell.write('tty; echo sum=$((40 + 2))\n')
      shell.end('exit 3\n')
      expect((await closes)[0]).toBe(3)
      expect(seen).toMatch(/\/dev\/pts\/\d+/)
      expect(seen).toContain('sum=42')
    })

    test('sftp: files up and down, whole and in streams, and a listing', async () => {
      const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
        client.sftp((error, channel) => (error ? reject(error) : resolve(channel)))
      })
      const bytes = pattern(8_000_000)
      const at = (name: string): string => join(way.server.folder, name)
      writeFileSync(at('local'), bytes)
      await promisify(sftp.fastPut.bind(sftp) as (from: string, to: string, done: (e?: Error | null) => void) => void)(
        at('local'),
        at('remote'),
      )
      await promisify(sftp.fastGet.bind(sftp) as (from: string, to: string, done: (e?: Error | null) => void) => void)(
        at('remote'),
        at('back'),
      )
      expect(hash(readFileSync(at('back')))).toBe(hash(bytes))
      const read: Buffer[] = []
      for await (const chunk of sftp.createReadStream(at('remote'))) read.push(chunk as Buffer)
      expect(hash(Buffer.concat(read))).toBe(hash(bytes))
      const list = await new Promise<string[]>((resolve, reject) => {
        sftp.readdir(way.server.folder, (error, entries) =>
          error ? reject(error) : resolve(entries.map(({ filename }) => filename)),
        )
      })
      expect(list).toEqual(expect.arrayContaining(['local', 'remote', 'back']))
      sftp.end()
    })

    test('forwarding: to a port over there, and from a port over there', async () => {
      const echo = nodeNet.createServer((socket) => socket.pipe(socket)).listen(0, host)
      await once(echo, 'listening')
      const { port } = echo.address() as AddressInfo
      const out = await new Promise<ClientChannel>((resolve, reject) => {
        client.forwardOut(host, 1, host, port, (error, channel) => (error ? reject(error) : resolve(channel)))
      })
      out.end('to the echo')
      expect(await text(out)).toBe('to the echo')

      client.on('tcp connection', (_details, accept) => {
        const channel = accept()
        channel.pipe(channel)
      })
      const remotePort = await new Promise<number>((resolve, reject) => {
        client.forwardIn(host, 0, (error, chosen) => (error ? reject(error) : resolve(chosen)))
      })
      const visitor = nodeNet.connect(remotePort, host)
      visitor.end('from over there')
      expect(await text(visitor)).toBe('from over there')
      echo.close()
    })

    test('ten sessions on one connection at once', async () => {
      const outputs = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => await text(await exec(`head -c ${i * 100_000} /dev/zero | wc -c`))),
      )
      expect(outputs.map(Number)).toEqual(Array.from({ length: 10 }, (_, i) => i * 100_000))
    })
  })

  test('its own server, fed with our sockets, knows whom it talks to', async () => {
    const { private: key } = utils.generateKeyPairSync('ecdsa', { bits: 256 }) // of its ed25519 keys it cannot read one in 256
    const peers: unknown[] = []
    const server = new Server({ hostKeys: [key] }, (client, info) => {
      peers.push(info.ip, info.family, typeof info.port)
      client.on('authentication', (context) => context.accept())
      client.on('session', (accept) => {
        accept().on('exec', (acceptExec, _reject, { command }) => {
          const channel = acceptExec()
          channel.write(`you said ${command}`)
          channel.exit(0)
          channel.end()
        })
      })
    })
    const place = await serve((socket: Socket) => server.injectSocket(socket))
    const client = new Client()
    client.connect({ sock: net.connect({ port: place.port, host }), username: 'anybody', password: 'anything' })
    await once(client, 'ready')
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.exec('hello', (error, made) => (error ? reject(error) : resolve(made)))
    })
    expect(await text(channel)).toBe('you said hello')
    expect(peers).toEqual([host, 'IPv4', 'number'])
    const closes = once(client, 'close')
    client.end()
    await closes
    await place.stop()
  })
})
