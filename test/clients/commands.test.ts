// Command line tools, which dial TCP: in at one end of a pair of bridges, out at the other, ours between two processes.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import nodeHttp from 'node:http'
import nodeNet, { type AddressInfo } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type Daemon,
  isInstalled,
  missing,
  programNamed,
  type Recipe,
  startDaemon,
} from '../../examples/servers/daemon.js'
import { host, pattern } from './over-udp.js'
import { IPERF3, MARIADB, MOSQUITTO, POSTGRESQL, REDIS, SSHD } from './servers.js'

const run = promisify(execFile)
const bridges: ChildProcess[] = []
afterEach(async () => {
  await Promise.all(
    bridges.splice(0).map(async (child) => {
      const gone = once(child, 'exit')
      child.kill()
      await gone
    }),
  )
})

async function freePort(): Promise<number> {
  const server = nodeNet.createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function startBridge(from: string, to: string): Promise<void> {
  const child = spawn(process.execPath, ['dist/examples/bridge.js', from, to], { stdio: ['ignore', 'pipe', 'inherit'] })
  bridges.push(child)
  for await (const said of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    if (String(said).includes('listening')) return
  }
  throw new Error('the bridge has ended')
}

/** A TCP port that leads over UDP, from one process to another, to that one. */
async function wayTo(port: number): Promise<string> {
  const [between, entry] = [await freePort(), await freePort()]
  await startBridge(`udp:${host}:${between}`, `tcp:${host}:${port}`)
  await startBridge(`tcp:${host}:${entry}`, `udp:${host}:${between}`)
  return String(entry)
}

/** A tool against its server; whichever of the two is missing is named. */
function tool(name: string, recipe: Recipe, what: string, use: (port: string, server: Daemon) => Promise<void>): void {
  const able = isInstalled(recipe) && programNamed(name) !== undefined
  const title = able
    ? `${name}: ${what}`
    : `${name}: ${isInstalled(recipe) ? `${name} is missing here` : missing(recipe)}`
  test.runIf(able)(title, async () => {
    const server = await startDaemon(recipe)
    try {
      await use(await wayTo(server.port), server)
    } finally {
      await server.stop()
    }
  })
}

interface Iperf3 {
  error?: string
  end: { sum_received: { bytes: number } }
}

/** It serves one at a time, and may not have heard yet of the last one's end, two bridges away. */
async function iperf3(args: string[]): Promise<Iperf3> {
  for (;;) {
    const { stdout } = await run('iperf3', [...args, '-J'])
    const said: Iperf3 = JSON.parse(stdout)
    if (!said.error?.includes('server is busy')) return said
  }
}

describe('over two bridges', () => {
  test('curl: 20 MB down and up, and a hundred short connections one after the other', async () => {
    const bytes = pattern(20_000_000)
    const server = nodeHttp.createServer(async (request, response) => {
      if (request.method === 'GET') response.end(request.url === '/big' ? bytes : 'short')
      else response.end(String((await buffer(request)).equals(bytes)))
    })
    server.listen(0, host)
    await once(server, 'listening')
    const url = `http://${host}:${await wayTo((server.address() as AddressInfo).port)}`
    const curl = spawn('curl', ['-sS', `${url}/big`], { stdio: ['ignore', 'pipe', 'inherit'] })
    expect((await buffer(curl.stdout)).equals(bytes)).toBe(true)
    const upload = spawn('curl', ['-sS', '--data-binary', '@-', url], { stdio: ['pipe', 'pipe', 'inherit'] })
    upload.stdin.end(bytes)
    expect(await text(upload.stdout)).toBe('true')
    const many = ['-sS', '-H', 'Connection: close', `${url}/[1-100]`]
    expect((await run('curl', many)).stdout).toBe('short'.repeat(100))
    server.close()
    server.closeAllConnections()
  })

  tool('psql', POSTGRESQL, 'a hundred thousand rows', async (port) => {
    const query = "SELECT n || ' squared is ' || n::bigint * n FROM generate_series(1, 100000) AS n"
    const args = ['-h', host, '-p', port, '-U', 'postgres', '-At', '-c', query]
    const { stdout } = await run('psql', args, { maxBuffer: 2 ** 26 })
    expect(stdout.split('\n').length).toBe(100_001)
    expect(stdout).toContain('100000 squared is 10000000000')
  })

  tool('mariadb', MARIADB, 'a result', async (port) => {
    const login = ['--no-defaults', '-h', host, '-P', port, '-u', 'tester', '-psecret', '--skip-ssl', '-N']
    expect((await run('mariadb', [...login, '-e', 'SELECT 40 + 2'])).stdout).toBe('42\n')
  })

  tool('redis-benchmark', REDIS, 'fifty connections at once', async (port) => {
    const args = ['-h', host, '-p', port, '-n', '5000', '-c', '50', '-t', 'set,get', '--csv']
    const { stdout } = await run('redis-benchmark', args)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(',')[0]),
    ).toEqual(['"test"', '"SET"', '"GET"'])
  })

  tool('mosquitto_sub', MOSQUITTO, 'hears what mosquitto_pub says', async (port) => {
    const at = ['-h', host, '-p', port, '-t', 'news']
    const hears = run('mosquitto_sub', [...at, '-C', '1', '-W', '20'])
    const says = setInterval(() => void run('mosquitto_pub', [...at, '-m', 'rain']).catch(() => {}), 300)
    expect((await hears).stdout).toBe('rain\n')
    clearInterval(says)
  })

  tool('ssh', SSHD, 'a command; and scp and sftp copy files there and back', async (port, { folder }) => {
    const trust = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes']
    const options = ['-F', 'none', '-i', join(folder, 'client'), ...trust.flatMap((option) => ['-o', option])]
    const { username } = userInfo()
    const there = `${username}@${host}`
    expect((await run('ssh', [...options, '-p', port, there, 'echo hello; exit 0'])).stdout).toBe('hello\n')
    const [local, remote, back] = ['local', 'remote', 'back'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const bytes = pattern(5_000_000)
    writeFileSync(local, bytes)
    await run('scp', [...options, '-P', port, local, `${there}:${remote}`])
    await run('sftp', [...options, '-P', port, `${there}:${remote}`, back])
    expect(readFileSync(back).equals(bytes)).toBe(true)
  })

  tool('iperf3', IPERF3, 'two seconds each way, and both directions at once', async (port) => {
    for (const direction of [[], ['-R'], ['--bidir']]) {
      const { end, error } = await iperf3(['-c', host, '-p', port, '-t', '2', ...direction])
      expect(error).toBeUndefined()
      expect(end.sum_received.bytes).toBeGreaterThan(1_000_000)
    }
  })
})
