// Spoofed SYNs on real UDP, each part a process of its own, and honest clients in between: `npm run attack:flood -- --help`.
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connect } from 'tcp-over-udp'
import { choose } from './command-line.js'
import type { FloodReport, ServerReport } from './flood-messages.js'

const CLIENTS = 100
const PORT = 7000
/** What must hold: ms, and MB. */
const GOAL_P99 = 3000
const GOAL_RSS = 16

const { rate, seconds } = choose(
  'Spoofed SYNs on real UDP, and honest clients in between: how long these wait, and what the server pays.',
  'attack:flood',
  {
    rate: { meaning: 'SYNs a second', default: 50_000 },
    seconds: { meaning: 'that it lasts', default: 20, least: 4 },
  },
)

/** A network namespace with nothing in it but loopback, if we may have one. */
function enterNamespace(): boolean {
  if (process.env.IN_NAMESPACE !== undefined) return false
  if (spawnSync('unshare', ['-n', 'true']).status !== 0) return false
  const script = 'ip link set lo up && exec "$@"'
  const own = [process.execPath, ...process.argv.slice(1)]
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, 'sh', ...own], {
    stdio: 'inherit',
    env: { ...process.env, IN_NAMESPACE: '1' },
  })
  process.exitCode = status ?? 1
  return true
}

function part(name: string, ...args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), args)
}

/** The next message of `child`. */
function told<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)))
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`)

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Connects, and has its words back. @returns ms to 'connect'; Infinity: it failed. */
function visit(): Promise<number> {
  const began = performance.now()
  return new Promise((resolve) => {
    let connectedIn = Number.POSITIVE_INFINITY
    const socket = connect({ host: '127.0.0.1', port: PORT })
    socket.on('connect', () => {
      connectedIn = performance.now() - began
      socket.write('a word')
    })
    socket.on('data', () => {
      resolve(connectedIn)
      socket.destroy()
    })
    socket.on('error', () => resolve(Number.POSITIVE_INFINITY))
  })
}

async function visits(over: number): Promise<number[]> {
  const all: Promise<number>[] = []
  for (let i = 0; i < CLIENTS; i++) {
    all.push(visit())
    await sleep(over / CLIENTS)
  }
  return (await Promise.all(all)).sort((a, b) => a - b)
}

const at = (sorted: readonly number[], part: number): number => sorted[Math.ceil(sorted.length * part) - 1] as number

async function run(): Promise<boolean> {
  const server = part('flood-server', String(PORT))
  await told(server)
  // what a server has used once it has served is what it begins with
  await visits(1000)
  server.send('mark')
  const before = await told<ServerReport>(server)
  const sender = part('flood-sender', String(PORT), String(rate), String(seconds))
  const flooded = told<FloodReport>(sender)
  await sleep(1000)
  const times = await visits((seconds - 3) * 1000)
  const flood = await flooded
  server.send('mark')
  const after = await told<ServerReport>(server)
  server.kill()
  const { cookiesSent, synAcksWithheld, datagrams } = after.stats
  const grown = (after.mostRss - before.rss) / 2 ** 20
  const p99 = at(times, 0.99)
  say(`spoofed SYNs: ${flood.sent} in ${seconds} s, ${Math.round(flood.sent / flood.seconds)} a second`)
  say(`read by the server: ${datagrams}; cookies: ${cookiesSent}; SYN,ACKs not sent again: ${synAcksWithheld}`)
  say(
    `bytes back for each byte of the flood, as far as its senders read them: ${(flood.bytesBack / flood.bytes).toFixed(2)}`,
  )
  say(`the server's CPU: ${Math.round((after.cpu - before.cpu) / (seconds * 10))} % of one`)
  say(
    `the server's memory (RSS): ${(before.rss / 2 ** 20).toFixed(0)} MB before, at most ${grown.toFixed(1)} MB more (goal: less than ${GOAL_RSS})`,
  )
  say(
    `${CLIENTS} honest clients: median ${at(times, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${at(times, 1).toFixed(0)} ms (goal: p99 less than ${GOAL_P99})`,
  )
  return p99 < GOAL_P99 && grown < GOAL_RSS && flood.bytesBack <= 1.25 * flood.bytes
}

if (!enterNamespace()) {
  const holds = await run()
  say(holds ? 'all goals are met' : 'NOT all goals are met')
  process.exitCode = holds ? 0 : 1
}
