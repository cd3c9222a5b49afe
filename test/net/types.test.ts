// How far our types go as node:net's: a Socket is a net.Socket to TypeScript, a Server is one but for a name that Node has removed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { node, type Outcome } from '../support/npm.js'
import { root } from '../support/source-tree.js'

/** Asked for by Node's own declarations and by those of libraries. */
const SOCKETS = `
import http from 'node:http'
import type net from 'node:net'
import tls from 'node:tls'
import { connect, createServer, Socket } from 'tcp-over-udp'

declare const socket: Socket
export const same: net.Socket = socket
export const made: net.Socket = connect(80, 'localhost')
export const listener: (socket: net.Socket) => void = (given) => given.end()
createServer(listener).on('connection', listener)

export class Agent extends http.Agent {
  override createConnection(): net.Socket {
    return connect({ port: 80 })
  }
}
http.get({ agent: new Agent(), createConnection: () => connect({ port: 80 }) })
export const secure: tls.TLSSocket = tls.connect({ socket })
export const wrapped: tls.TLSSocket = new tls.TLSSocket(socket, { isServer: true })

// no pipes: what follows is unreachable, and TypeScript knows
export const never: never = socket.connect({ path: '/nowhere' })
export const neither: never = connect({ path: '/nowhere' })
export const given = (options: net.NetConnectOpts): net.Socket => connect(options)
// net's host may be left out, or be undefined
export const anywhere = (host?: string): net.Socket => socket.connect(80, host, () => {}) && connect(80, host, () => {})
// events of a program's own come with whatever the program sends along
socket.on('mine', (x) => x.bar).once('mine', (x, y) => x + y).emit('mine', { bar: 1 }, 'two')
createServer().on('mine', (x) => x.bar).prependListener('mine', (text: string, count: number) => text.repeat(count))
connect({ port: 80, congestionControl: 'bbr' })
// what is beyond net is there as well
export const acknowledged: Promise<void> = socket.acknowledged()
`

const NAMES = `
import * as net from 'tcp-over-udp'

export type All = [
  net.Socket, net.Stream, net.Server, net.AddressInfo, net.BlockList, net.SocketAddress, net.LookupFunction, net.OnReadOpts,
  net.NetConnectOpts, net.TcpNetConnectOpts, net.SocketConnectOpts, net.TcpSocketConnectOpts, net.SocketConstructorOpts,
  net.ConnectOpts, net.IpcNetConnectOpts, net.IpcSocketConnectOpts, net.ServerOpts, net.ListenOptions, net.DropArgument, net.SocketReadyState, net.IPVersion, net.SocketAddressInitOptions,
]
`

/** What does not compile, a line each. */
const WRONG = `
import { connect, createServer, type Socket } from 'tcp-over-udp'
declare const socket: Socket
connect({ port: 80, congestionControl: 'cubik' })
createServer({ congestionControl: 'newreno' })
socket.timeout = 5
socket.connecting = true
socket.autoSelectFamilyAttemptedAddresses = []
socket.on('data', (data) => data.nonesuch)
`

const SERVER = `
import type net from 'node:net'
import type { Server } from 'tcp-over-udp'

declare const server: Server
export const same: net.Server = server
`

const SOCKET = `
import type net from 'node:net'
import type { Socket } from 'tcp-over-udp'

declare const socket: Socket
export const same: net.Socket = socket
`

describe('to TypeScript', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tcp-over-udp-types-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  /** Compiles files against the built declarations. */
  async function check(files: Record<string, string>, options: object = {}): Promise<Outcome> {
    const compilerOptions = {
      ...{ strict: true, noEmit: true, module: 'nodenext', target: 'es2022', lib: ['es2022'] },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
      ...{ paths: { 'tcp-over-udp': [join(root, 'dist/lib/index.d.ts')] } },
      ...options,
    }
    for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }))
    return await node(folder, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.', '--pretty', 'false'])
  }

  test('a Socket is a net.Socket, in strict mode, and each type of net’s has its name here', async () => {
    expect(await check({ 'sockets.mts': SOCKETS, 'names.mts': NAMES })).toMatchObject({ code: 0, stdout: '' })
  })

  test('a typing error in a name, and a value for what only the socket sets, do not compile', async () => {
    const { stdout } = await check({ 'wrong.mts': WRONG })
    const lines = [...stdout.matchAll(/^wrong\.mts\((\d+),/gm)].map(([, line]) => Number(line))
    expect([...new Set(lines)]).toEqual([4, 5, 6, 7, 8, 9])
  })

  test('a Server is no net.Server: it lacks `connections`, which Node has removed', async () => {
    const { code, stdout } = await check({ 'server.mts': SERVER })
    expect(code).not.toBe(0)
    expect(stdout).toContain("Property 'connections' is missing")
  })

  test('under exactOptionalPropertyTypes a Socket is none: what net calls absent is there, and undefined', async () => {
    const { code, stdout } = await check({ 'socket.mts': SOCKET }, { exactOptionalPropertyTypes: true })
    expect(code).not.toBe(0)
    expect(stdout).toContain('socket.mts(6,')
  })
})
