// The package as a stranger gets it: packed, installed into an empty project, used from ESM, require() and TypeScript.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { node, type Outcome, output } from '../support/npm.js'
import { filesUnder, root } from '../support/source-tree.js'

// An echo over real UDP, written once and used by each way of loading: `tou` is what was loaded.
const ECHO = `
const server = tou.createServer((socket) => socket.pipe(socket))
server.listen(0, '127.0.0.1', () => {
  const socket = tou.connect(server.address().port, '127.0.0.1', () => socket.end('round and back'))
  let heard = ''
  socket.setEncoding('utf8')
  socket.on('data', (text) => { heard += text })
  socket.on('close', () => { console.log(heard); server.close() })
})
`

const TYPED = `
import tou, { connect, createConnection, createServer, Server, Socket, Stack } from 'tcp-over-udp'
import { Connection } from 'tcp-over-udp/core'
import { connectTls, createHttpAgent, createHttpsAgent, serve } from 'tcp-over-udp/http'
import * as message from 'tcp-over-udp/message'
import * as testing from 'tcp-over-udp/testing'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

export const server: Server = createServer({ allowHalfOpen: true, msl: 1000 }, (socket: Socket) => { socket.end('x') })
export const socket: Socket = connect({ port: 1, host: '127.0.0.1', connectTimeout: 10 }, () => {})
export const duplex: Duplex = socket
export const same: Socket = createConnection(1, '127.0.0.1')
export const address: AddressInfo | string | null = server.address()
export const http: unknown[] = [connectTls, createHttpAgent, createHttpsAgent, serve]
export const all: unknown[] = [tou.connect, tou.createServer, Stack, Connection, message, testing]
`

/** What a library exports that is built upon this one: the compiler has to write each type down, by a name that it can import. */
const EXPORTING = `
import net, { connect, createServer, defaultStack, Server, Socket, Stack } from 'tcp-over-udp'
import { congestionControls, EventLog, findCongestionControl } from 'tcp-over-udp/core'
import { createHttpAgent, createHttpsAgent, serve } from 'tcp-over-udp/http'
import { MessageStream } from 'tcp-over-udp/message'
import { Host, ImpairedPlatform, Link, Network, SimulatedPlatform, SimulatedSocket, VirtualClock } from 'tcp-over-udp/testing'
import type { InterfaceOptions, Scheduler, SendingOptions } from 'tcp-over-udp/testing'

export const stats = () => createServer().getStats()
export const totals = () => defaultStack().getTotals()
export const ofStack = () => defaultStack().getStats()
export const limits = () => defaultStack().limits
export const platform = () => defaultStack().platform
export const trace = () => defaultStack().trace
export const log = () => new EventLog({ now: () => 0, write: () => {} })
export const info = (socket: Socket) => socket.getInfo()
export const made = () => [connect(1), createServer(), new Socket(), new Server()] as const
export const listening = () => createServer().on('connection', (socket) => socket.end())
export const all = () => net
export const algorithm = () => findCongestionControl('bbr')
export const names = () => congestionControls
export const http = () => [createHttpAgent(), createHttpsAgent(), serve] as const
export const messages = (socket: Socket) => new MessageStream(socket)
export const iterated = (messages: MessageStream) => messages.iterator()
export const host = (network: Network) => network.host('10.0.0.1')
export const ofHost = (host: Host) => [host.stack, host.platform, host.platform.host, host.platform.sockets] as const
export const parts = (network: Network) => [network.clock, network.capture, network.clock.at(1, () => {})] as const
export const optional = (of: (sending: SendingOptions, interfaces: InterfaceOptions, clock: Scheduler) => void) => of
export const kinds = () => ({ ImpairedPlatform, Link, SimulatedPlatform, SimulatedSocket, VirtualClock })
`

let project = ''
let packed: string[] = []

/** Packs without network: dependencies come from what is installed here, each as a tarball of its own. */
async function pack(source: string, into: string, args: readonly string[]): Promise<{ file: string; paths: string[] }> {
  const json = await output(root, 'npm', ['pack', source, '--json', '--silent', '--pack-destination', into, ...args])
  const [report] = JSON.parse(json.slice(json.indexOf('['))) as [{ filename: string; files: { path: string }[] }]
  return { file: join(into, report.filename), paths: report.files.map(({ path }) => path) }
}

/** Compiles one file as a user of the package would, declarations of the package included. */
async function typeCheck(name: string, file: string, text: string, resolution: object): Promise<Outcome> {
  const folder = join(project, name)
  await mkdir(folder)
  await writeFile(join(folder, file), text)
  const compilerOptions = {
    ...resolution,
    target: 'es2022',
    lib: ['es2022'],
    strict: true,
    exactOptionalPropertyTypes: true,
    declaration: true,
    outDir: 'built',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
  return await node(folder, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'tcp-over-udp-package-'))
  const tarballs = join(project, 'tarballs')
  await mkdir(tarballs)
  const ours = await pack('.', tarballs, [])
  packed = ours.paths
  const theirs = await Promise.all(
    ['debug', 'ms'].map((name) => pack(`./node_modules/${name}`, tarballs, ['--ignore-scripts'])),
  )
  await writeFile(join(project, 'package.json'), '{ "name": "stranger", "version": "1.0.0", "private": true }')
  const files = [ours, ...theirs].map(({ file }) => file)
  await output(project, 'npm', ['install', '--offline', '--no-audit', '--no-fund', '--silent', ...files])
})

afterAll(async () => {
  await rm(project, { recursive: true, force: true })
})

describe('the tarball', () => {
  test('holds the built library, its source, its documents, and nothing else', () => {
    const expected = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|(dist\/doors|dist\/lib|lib|docs)\/.+)$/
    expect(packed.filter((path) => !expected.test(path))).toEqual([])
    for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', ...filesUnder('lib')]) expect(packed).toContain(path)
  })

  test('holds the types of every source file with their map, and no code but the doors’, with theirs', () => {
    const types = filesUnder('lib').flatMap((path) =>
      ['.d.ts', '.d.ts.map'].map((ending) => `dist/${path.replace(/\.ts$/, ending)}`),
    )
    expect(packed.filter((path) => path.startsWith('dist/lib/')).sort()).toEqual(types.sort())
    const code = packed.filter((path) => path.startsWith('dist/doors/') && path.endsWith('.js'))
    const doors = ['core', 'http', 'index', 'message', 'testing'].map((door) => `dist/doors/${door}.js`)
    expect(code.filter((path) => !path.startsWith('dist/doors/parts/')).sort()).toEqual(doors)
    const files = code.flatMap((path) => [path, `${path}.map`])
    expect(packed.filter((path) => path.startsWith('dist/doors/')).sort()).toEqual(files.sort())
  })

  test('has maps that lead to files in it', async () => {
    const installed = join(project, 'node_modules/tcp-over-udp')
    for (const map of packed.filter((path) => path.endsWith('.map'))) {
      const { sources } = JSON.parse(await readFile(join(installed, map), 'utf8')) as { sources: string[] }
      for (const source of sources) expect(packed, map).toContain(join(map, '..', source).replaceAll('\\', '/'))
    }
  })
})

describe('installed into an empty project', () => {
  test('brings debug along and nothing more', async () => {
    const installed = (await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.'))
    expect(installed.sort()).toEqual(['debug', 'ms', 'tcp-over-udp'])
  })

  test('works from ESM, with named exports and a default', async () => {
    const script = `import net, * as tou from 'tcp-over-udp'
      import * as core from 'tcp-over-udp/core'
      import * as http from 'tcp-over-udp/http'
      import * as message from 'tcp-over-udp/message'
      import * as testing from 'tcp-over-udp/testing'
      for (const door of [tou, core, http, message, testing]) if (Object.keys(door).length === 0) throw new Error('empty door')
      for (const name of ['connect', 'createServer', 'Socket', 'Server']) if (net[name] !== tou[name]) throw new Error(name)
      ${ECHO}`
    await writeFile(join(project, 'use.mjs'), script)
    expect(await node(project, ['use.mjs'])).toEqual({ code: 0, stdout: 'round and back\n', stderr: '' })
  })

  // a class that is named within itself would have another: scripts/doors.mjs
  test('what it exports has the name that it is exported by, but for net’s two second names', async () => {
    const script = `const second = ['Stream', 'createConnection']
      for (const door of ['', '/core', '/http', '/message', '/testing']) {
        for (const [name, value] of Object.entries(await import('tcp-over-udp' + door))) {
          if (typeof value === 'function' && name !== 'default' && !second.includes(name) && value.name !== name) console.log(door, name, value.name)
        }
      }`
    expect(await node(project, ['--input-type=module', '-e', script])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('the door of the core needs nothing of Node', async () => {
    const looked = new Set<string>()
    const look = async (file: string): Promise<void> => {
      if (looked.has(file)) return
      looked.add(file)
      const text = await readFile(file, 'utf8')
      for (const [, from = ''] of text.matchAll(/^(?:import|export)\b[^'";]*["']([^"']+)["'];?$/gm)) {
        expect(from).toMatch(/^\.\.?\//)
        await look(join(file, '..', from))
      }
    }
    await look(join(project, 'node_modules/tcp-over-udp/dist/doors/core.js'))
    expect(looked.size).toBeGreaterThan(1)
  })

  test('works from require() where Node can require ESM, and is refused in so many words where it cannot', async () => {
    await writeFile(join(project, 'use.cjs'), `const tou = require('tcp-over-udp')\n${ECHO}`)
    const able = await node(project, ['-p', 'Boolean(process.features.require_module)'])
    const { code, stdout, stderr } = await node(project, ['use.cjs'])
    if (able.stdout.trim() === 'true') expect([code, stdout]).toEqual([0, 'round and back\n'])
    else {
      expect(code).toBe(1)
      expect(stderr).toContain('ERR_REQUIRE_ESM')
    }
    // The flag is older than the default: every door can be required, so none awaits at its top.
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    if (major === 20 && minor < 17) return
    const all = "for (const door of ['', '/core', '/http', '/message', '/testing']) require('tcp-over-udp' + door)"
    expect((await node(project, ['--experimental-require-module', '-e', all])).code).toBe(0)
  })

  test('loading it opens nothing: the process ends by itself, and prints nothing', async () => {
    await writeFile(join(project, 'load.mjs'), "import 'tcp-over-udp'\n")
    expect(await node(project, ['load.mjs'])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('other files of it are not reachable', async () => {
    const script = "import('tcp-over-udp/dist/lib/index.js').catch((error) => console.log(error.code))"
    expect((await node(project, ['-e', script])).stdout.trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  test.each([
    ['node16', 'node16', 'use.mts'],
    ['nodenext', 'nodenext', 'use.cts'],
    ['bundler', 'esnext', 'use.ts'],
  ])('type-checks with moduleResolution %s, module %s', async (moduleResolution, module, file) => {
    const { code, stdout } = await typeCheck(`typed-${module}`, file, TYPED, { module, moduleResolution })
    expect(stdout).toBe('')
    expect(code).toBe(0)
  })

  test('a .cts file cannot import it under module node16: docs/migrating-from-net.md says so', async () => {
    const [module, moduleResolution] = ['node16', 'node16']
    const text =
      "import { connect } from 'tcp-over-udp'\nimport net = require('tcp-over-udp')\nconnect(1)\nnet.connect(1)\n"
    const { stdout } = await typeCheck('cts', 'use.cts', text, { module, moduleResolution })
    expect(stdout.match(/error TS\d+/g)).toEqual(['error TS1479', 'error TS1471'])
  })

  test('what its calls give can be exported by a library that emits declarations', async () => {
    const [module, moduleResolution] = ['nodenext', 'nodenext']
    expect(await typeCheck('exporting', 'use.mts', EXPORTING, { module, moduleResolution })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })

  test('its types are types: a wrong option does not pass', async () => {
    const wrong = "import { connect } from 'tcp-over-udp'\nconnect({ port: true })\n"
    const { code, stdout } = await typeCheck('wrong', 'use.mts', wrong, {
      module: 'node16',
      moduleResolution: 'node16',
    })
    expect(stdout).toContain('use.mts(2,')
    expect(code).not.toBe(0)
  })
})
