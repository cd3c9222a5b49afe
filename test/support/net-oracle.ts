// node:net as the oracle: one scenario, run over the kernel's TCP and over ours, must leave the same trace.
import { type EventEmitter, once } from 'node:events'
import nodeNet, { type AddressInfo, type Server, type Socket } from 'node:net'
import ours from 'tcp-over-udp'
import { expect, test } from 'vitest'

/** As much of node:net as both have. */
export type Net = Pick<typeof nodeNet, 'Socket' | 'Server' | 'connect' | 'createConnection' | 'createServer'>

/** Writes one line of the trace. */
export type Log = (...words: unknown[]) => void

export type Scenario = (net: Net, log: Log) => Promise<void>

/** The same module with node:net's types, to be used in its place. */
export const overUdp: Net = ours as unknown as Net
export const overKernel: Net = nodeNet

/** Ports differ from run to run. */
const masked = (text: string): string => text.replace(/(?<![\d.])\d{4,5}(?![\d.])/g, 'PORT')

function word(value: unknown): string {
  if (value instanceof AggregateError) return `[${value.errors.map(word).join(' | ')}] ${wordOfError(value)}`
  if (value instanceof Error) return wordOfError(value)
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('latin1')}>`
  if (typeof value === 'object' && value !== null) return JSON.stringify(value, null, 0)
  return String(value)
}

function wordOfError(error: Error): string {
  const { code, syscall, address, port, hostname, errno } = error as NodeJS.ErrnoException & Record<string, unknown>
  const details = Object.entries({ code, syscall, address, port, hostname, errno })
  const shown = details.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${String(value)}`)
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
  test(name, async () => {
    const expected = await traceOf(overKernel, scenario)
    expect(expected).not.toEqual([])
    expect(await traceOf(overUdp, scenario)).toEqual(expected)
  })
}

const EVENTS = ['lookup', 'connect', 'ready', 'end', 'finish', 'timeout', 'error', 'close'] as const

/** Logs each event of a socket under `name`, but for 'data' and 'drain'. */
export function watch(name: string, socket: EventEmitter, log: Log, events: readonly string[] = EVENTS): void {
  for (const event of events) socket.on(event, (...args: unknown[]) => log(name, event, ...args))
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
