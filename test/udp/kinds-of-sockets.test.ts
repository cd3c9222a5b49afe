// Connections over sockets of both kinds, dgram's and those that the C library serves: the same bytes, and no packet in fragments.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, type NetConnectOpts, type Socket } from 'tcp-over-udp'
import { describe, expect, it } from 'vitest'
import { createNodePlatform } from '../../lib/platform/node.js'
import type { DatagramSocket } from '../../lib/platform/platform.js'
import { Random } from '../../lib/testing/random.js'
import { Namespace } from '../support/namespace.js'

const MB = 2 ** 20
const KINDS = [true, false]
const PAIRS = KINDS.flatMap((client) => KINDS.map((server) => [client, server] as const))

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Runs `body` with a server that sends back what comes, over sockets of this kind. */
async function withEcho(host: string, offload: boolean, body: (port: number) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  server.listen({ port: 0, host, offload })
  await once(server, 'listening')
  try {
    await body((server.address() as AddressInfo).port)
  } finally {
    server.close()
    await once(server, 'close')
  }
}

/** `bytes` there and back, written in pieces of `piece` bytes. @returns the socket, once it has closed. */
async function echoed(options: NetConnectOpts, bytes: Uint8Array, piece: number): Promise<Socket> {
  const socket = connect({ allowHalfOpen: true, ...options })
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  const closed = once(socket, 'close')
  for (let at = 0; at < bytes.length; at += piece) {
    if (!socket.write(bytes.subarray(at, at + piece))) await once(socket, 'drain')
  }
  socket.end()
  await closed
  expect(sha256(Buffer.concat(received))).toBe(sha256(bytes))
  return socket
}

describe.each(PAIRS)('a client with offload: %s and a server with offload: %s', (client, server) => {
  it('carry the same bytes: segments of several sizes at once, and a short one at the end of each flight', async () => {
    const random = new Random(31)
    await withEcho('127.0.0.1', server, async (port) => {
      const to = { port, host: '127.0.0.1', offload: client }
      await Promise.all([
        echoed(to, random.fill(new Uint8Array(3 * MB + 1)), 65_536),
        echoed({ ...to, mss: 1_440 }, random.fill(new Uint8Array(MB + 777)), 10_001),
        echoed({ ...to, mss: 1_440, noDelay: true }, random.fill(new Uint8Array(300_001)), 3_001),
        echoed({ ...to, mss: 536 }, random.fill(new Uint8Array(MB / 2 + 13)), 4_321),
        echoed({ ...to, mss: 9_000 }, random.fill(new Uint8Array(MB + 9_001)), 30_011),
      ])
    })
  })
})

const platform = createNodePlatform()
const LIMIT = 1_500
const INSIDE = process.env.TEST_NAMESPACE === 'lo-1500'

/** Packets that the kernel has cut into fragments by now: of IPv4 and of IPv6. */
function fragments(): number[] {
  const [names = '', values = ''] =
    /^Ip: .*\nIp: .*/m.exec(readFileSync('/proc/net/snmp', 'latin1'))?.[0].split('\n') ?? []
  const v4 = Number(values.split(' ')[names.split(' ').indexOf('FragCreates')])
  const v6 = Number(/^Ip6FragCreates\s+(\d+)/m.exec(readFileSync('/proc/net/snmp6', 'latin1'))?.[1])
  return [v4, v6]
}

/** Sockets of the kind that the C library serves, where there is koffi. */
function listen(heard: number[], errors: unknown[]): DatagramSocket {
  return platform.bind(
    { address: '127.0.0.1', port: 0 },
    {
      onDatagram: (_bytes, start, end) => void heard.push(end - start),
      onQuiet: () => {},
      onDrain: () => {},
      onError: (error: Error & { code?: unknown }) => void errors.push(error.code),
    },
  )
}

if (INSIDE) {
  describe('with lo at 1500 bytes', () => {
    it('no packet is cut into fragments', async () => {
      expect(platform.mtuOf('127.0.0.1')).toBe(LIMIT)
      const hosts = platform.mtuOf('::1') === undefined ? ['127.0.0.1'] : ['127.0.0.1', '::1']
      const bytes = new Random(32).fill(new Uint8Array(2 * MB + 5))
      for (const host of hosts) {
        for (const [client, server] of PAIRS) {
          await withEcho(host, server, async (port) => {
            const socket = await echoed({ port, host, offload: client }, bytes, 65_536)
            expect(socket.bytesWritten).toBe(bytes.length)
          })
          expect([host, client, server, ...fragments()]).toEqual([host, client, server, 0, 0])
        }
      }
    })

    it('of a train that is too long the datagrams that are not leave, and trains go on', async () => {
      const [heard, errors]: [number[], unknown[]] = [[], []]
      const [from, to] = [listen([], errors), listen(heard, [])]
      for (const lengths of [
        [4_000, 4_000, 1_400],
        [1_300, 1_300, 1_300, 1_300, 7],
      ]) {
        for (const length of lengths) {
          if (from.reserve?.(length, '127.0.0.1', to.port) === -1) throw new Error('no room')
        }
        from.flush()
      }
      for (let i = 0; i < 100 && heard.length < 6; i++) await sleep(5)
      // dgram, where it has to do, has them cut into fragments
      const expected = from.fragments ? [4_000, 4_000] : []
      expect(heard).toEqual([...expected, 1_400, 1_300, 1_300, 1_300, 1_300, 7])
      expect(errors).toEqual(from.fragments ? [] : ['EMSGSIZE', 'EMSGSIZE'])
      from.close()
      to.close()
    })
  })
} else {
  describe('on a machine whose lo takes 1500 bytes', () => {
    const namespace = new Namespace([`ip link set lo mtu ${LIMIT} up`])

    it('no packet is cut into fragments, and trains that are too long lose what is too long alone', () => {
      // where there is no namespace, what the transfers above carry must do: others may have their fragments on this machine's lo
      if (!namespace.exists) {
        process.stderr.write(`not run, for want of a network namespace: FragCreates stays 0 with lo at ${LIMIT}\n`)
        return
      }
      const outcome = namespace.run('test/udp/kinds-of-sockets.test.ts', 'with lo at', { TEST_NAMESPACE: 'lo-1500' })
      expect(outcome).toEqual([0, expect.stringContaining('2 passed')])
    })
  })
}
