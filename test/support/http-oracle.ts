// Node's own TCP as the oracle for what runs over it: one program of http, https, http2 or tls, over the kernel's TCP and over ours.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import nodeNet, { type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import ours from 'tcp-over-udp'
import { connectTls, createHttpAgent, createHttpsAgent, serve } from 'tcp-over-udp/http'
import { expect, test } from 'vitest'
import { CERTIFICATE } from './certificate.js'
import { type Log, type Net, overKernel, overUdp, traceOf } from './net-oracle.js'

export const HOST = '127.0.0.1'
/** Of a client that trusts the test's certificate. */
export const TRUST = { servername: 'localhost', ca: CERTIFICATE }

/** What a program over TCP is made of, and its counterpart over UDP. */
export interface Wire {
  /** For what is in both as it is. */
  readonly net: Net
  /** Lets a server of http, https, http2 or tls listen. `close` ends as the server does. */
  listen(upper: Server): Promise<{ readonly port: number; readonly front: Server; close(): Promise<void> }>
  connect(options: NetConnectOpts): Socket
  connectTls(options: NetConnectOpts & tls.ConnectionOptions): tls.TLSSocket
  agent(options?: http.AgentOptions): http.Agent
  secureAgent(options?: https.AgentOptions): https.Agent
}

function wireOf(
  net: Net,
  rest: Pick<Wire, 'connectTls' | 'agent' | 'secureAgent'>,
  front: (upper: Server) => Server,
): Wire {
  return {
    net,
    ...rest,
    connect: (options) => net.connect(options),
    listen: async (upper) => {
      const server = front(upper)
      server.listen(0, HOST)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const close = async (): Promise<void> => {
        const over = once(server, 'close')
        server.close()
        await over
      }
      return { port, front: server, close }
    },
  }
}

const overTcp: Wire = wireOf(
  overKernel,
  {
    connectTls: (options) => tls.connect(options as tls.ConnectionOptions),
    agent: (options) => new http.Agent(options),
    secureAgent: (options) => new https.Agent(options),
  },
  (upper) => upper,
)

export const overOurs: Wire = wireOf(
  overUdp,
  {
    connectTls: (options) => connectTls(options as never),
    agent: (options) => createHttpAgent(options),
    secureAgent: (options) => createHttpsAgent(options),
  },
  (upper) => serve(upper) as unknown as Server,
)

/** What `scenario` logs over UDP is what it logs over TCP, and not nothing. */
export function sameAsTcp(name: string, scenario: (wire: Wire, log: Log) => Promise<void>): void {
  test(name, async () => {
    const expected = await traceOf(nodeNet, (_net, log) => scenario(overTcp, log))
    expect(expected).not.toEqual([])
    expect(await traceOf(ours as never, (_net, log) => scenario(overOurs, log))).toEqual(expected)
  })
}

/** Status and body of a request. */
export async function answerTo(request: http.ClientRequest, body?: string): Promise<string> {
  const answers = once(request, 'response') as Promise<[http.IncomingMessage]>
  request.end(body)
  const [answer] = await answers
  return `${answer.statusCode} ${await text(answer)}`
}

/** All that comes from a stream until it ends. */
export const heard = (stream: NodeJS.ReadableStream): Promise<string> => text(stream as never)
