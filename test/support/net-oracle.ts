// node:net as the oracle: one scenario, run over the kernel's TCP and over ours, must leave the same trace.
import { type EventEmitter, once } from 'node:events'
import nodeNet, { type AddressInfo, type Server, type Socket } from 'node:net'
import { inspect } from 'node:util'
import ours from 'tcp-over-udp'
import { expect, test } from 'vitest'
import { differences } from './net-differences.js'

/** As much of node:net as both have. */
export type Net = Pick<
  typeof nodeNet,
  | 'Socket'
  | 'Server'
  | 'connect'
  | 'createConnection'
  | 'createServer'
  | 'BlockList'
  | 'setDefaultAutoSelectFamily'
  | 'setDefaultAutoSelectFamilyAttemptTimeout'
>

/** Writes one line of the trace. */
export type Log = (...words: unknown[]) => void

export type Scenario = (net: Net, log: Log) => Promise<void> | void

/** The same module with node:net's types, to be used in its place. */
export const overUdp: Net = ours as unknown as Net
export const overKernel: Net = nodeNet

/** A scenario that has not come to its end by then never will, ms. */
const PATIENCE = 10_000

/** Free ports as machines give them differ from run to run; 65535 is no such port. */
const masked = (text: string): string =>
  text.replace(/(?<![\d.])\d{5}(?![\d.])/g, (digits) =>
    Number(digits) >= 32768 && Number(digits) < 65535 ? 'PORT' : digits,
  )

function word(value: unknown): string {
  if (value instanceof AggregateError) return `[${value.errors.map(word).join(' | ')}] ${wordOfError(value)}`
  if (value instanceof Error) return wordOfError(value)
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('latin1')}>`
  if (typeof value === 'string') return value
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 4, sorted: true })
}

const DETAILS = [
  'code',
  'syscall',
  'address',
  'port',
  'localAddress',
  'localPort',
  'hostname',
  'host',
  'errno',
] as const

function wordOfError(error: Error): string {
  const shown = DETAILS.filter((name) => name in error).map(
    (name) => `${name}=${String((error as unknown as Record<string, unknown>)[name])}`,
  )
  return `${error.name}(${error.message}) ${shown.join(' ')}`.trim()
}

/** What `scenario` did over `net`, line by line: first what is not the server's, since two ends have no common order. */
export async function traceOf(net: Net, scenario: Scenario): Promise<string[]> {
  const lines: string[] = []
  await scenario(net, (...words) => lines.push(masked(words.map(word).join(' '))))
  const isServers = (line: string): boolean => line.startsWith('server')
  return [...lines.filter((line) => !isServers(line)), ...lines.filter(isServers)]
}

/** The trace over UDP is that over the kernel's TCP, and not empty. */
export function sameAsNet(name: string, scenario: Scenario): void {
  test(name, { timeout: PATIENCE }, async () => {
    const expected = await traceOf(overKernel, scenario)
    expect(expected).not.toEqual([])
    expect(await traceOf(overUdp, scenario)).toEqual(expected)
  })
}

/**
 * The trace is not that of node:net, but `here`: docs/net-differences.md says so under `id`. On versions of Node that the
 * list does not name there, it is the same.
 */
export function differsFromNet(id: string, name: string, scenario: Scenario, here: readonly string[]): void {
  test(`${name} (${id})`, { timeout: PATIENCE }, async () => {
    const difference = differences.get(id)
    if (difference === undefined) expect.fail(`docs/net-differences.md has no ${id}`)
    const overTcp = await traceOf(overKernel, scenario)
    const trace = await traceOf(overUdp, scenario)
    if (difference.shows === 'maybe') {
      expect([here, overTcp]).toContainEqual(trace)
      return
    }
    expect(trace).toEqual(difference.shows === 'yes' ? here : overTcp)
    if (difference.shows === 'yes') expect(overTcp, `${id} is no difference any more`).not.toEqual(here)
  })
}

const EVENTS = ['lookup', 'connect', 'ready', 'end', 'finish', 'timeout', 'error', 'close'] as const

/** Logs each event of a socket under `name`, but for 'data' and 'drain'. */
export function watch(name: string, socket: EventEmitter, log: Log, events: readonly string[] = EVENTS): void {
  for (const event of events) socket.on(event, (...args: unknown[]) => log(name, event, ...args))
}

/** All that can be read of a socket's state. */
export function stateOf(socket: Socket): Record<string, unknown> {
  const { connecting, pending, readyState, destroyed, readable, writable, bytesRead, bytesWritten } = socket
  const { remoteAddress, remoteFamily, timeout, allowHalfOpen, bufferSize } = socket
  return {
    ...{ connecting, pending, readyState, destroyed, readable, writable, bytesRead, bytesWritten },
    ...{ remoteAddress, remoteFamily, timeout, allowHalfOpen, bufferSize },
    remotePort: typeof socket.remotePort,
    address: Object.keys(socket.address()),
  }
}

/** A server that listens on 127.0.0.1. */
export async function listening(
  net: Net,
  options: Parameters<Net['createServer']>[0],
  onConnection: (socket: Socket) => void = () => {},
): Promise<{ server: Server; port: number }> {
  const server = net.createServer(options as nodeNet.ServerOpts, onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** Both ends of a connection, and the server. */
export async function pair(
  net: Net,
  options: nodeNet.ServerOpts = {},
  clientOptions: Partial<nodeNet.NetConnectOpts> = {},
): Promise<{ server: Server; client: Socket; served: Socket; port: number }> {
  const { server, port } = await listening(net, options)
  const arrives = once(server, 'connection') as Promise<[Socket]>
  const client = net.connect({ port, host: '127.0.0.1', ...clientOptions } as nodeNet.NetConnectOpts)
  const connects = once(client, 'connect')
  const [served] = await arrives
  await connects
  return { server, client, served, port }
}

/** Until the server and all its sockets have closed. */
export async function closed(server: Server): Promise<void> {
  const over = once(server, 'close')
  server.close()
  await over
  // the last socket's own 'close' may come after it
  await turns()
}

/** A port on which nobody listens. */
export async function freePort(net: Net): Promise<number> {
  const { server, port } = await listening(net, {})
  await closed(server)
  return port
}

/** Turns of the event loop, for what comes without an event of its own. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** The next 'close' of a socket, come what may before. */
export async function closing(socket: EventEmitter): Promise<void> {
  await new Promise((resolve) => socket.once('close', resolve))
  await turns()
}

/** What is thrown out of `act`, as it is logged; 'nothing'. */
export function thrown(act: () => unknown): unknown {
  try {
    act()
    return 'nothing'
  } catch (error) {
    return error
  }
}
