// This package, with its default options or with those that a name chooses.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, defaultStack, type Server, Stack } from 'tcp-over-udp'
import { type CongestionControlName, congestionControls } from 'tcp-over-udp/core'
import { ImpairedPlatform } from 'tcp-over-udp/testing'
import { paths } from '../links/paths.js'
import type { Peer } from './peer.js'

/** What names choose of a socket's and a server's options. */
export interface Choice {
  readonly congestionControl?: CongestionControlName
  readonly mss?: number
  readonly offload?: boolean
  readonly recvBufferSize?: number
}

/** The words of a name, which `-` joins. */
const WORDS: Readonly<Record<string, Choice>> = {
  ...Object.fromEntries(congestionControls.map((name) => [name, { congestionControl: name }])),
  1440: { mss: 1440 },
  plain: { offload: false },
  // what Linux gives a socket that asks for nothing
  'small-buffer': { recvBufferSize: 212_992 },
}

/** `1440-plain`: both; no word: the defaults. @throws Error for a word that is none. */
export function choiceOf(words: string): Choice {
  if (words === '') return {}
  const word = Object.keys(WORDS).find((one) => words === one || words.startsWith(`${one}-`))
  if (word === undefined) throw new Error(`ours can be ${Object.keys(WORDS).join(', ')}, joined by -, not ${words}`)
  return { ...WORDS[word], ...choiceOf(words.slice(word.length + 1)) }
}

/** The same datagrams are lost in every run, as far as the timing is the same. */
const SEED = 1

function impairedStack(path: string): Stack {
  const { link } = paths[path]
  return new Stack(new ImpairedPlatform(defaultStack().platform, { seed: SEED, outgoing: link, incoming: link }))
}

export function tcpOverUdp(choice: Choice): Peer {
  const options = { allowHalfOpen: true, noDelay: true, ...choice }
  const servers: Server[] = []
  return {
    async listen(address, port, onConnection) {
      const server = createServer(options, onConnection)
      servers.push(server)
      server.listen(port, address)
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    },
    async connect(address, port, path) {
      const stack = path === undefined ? undefined : impairedStack(path)
      const socket = connect({ ...options, host: address, port, stack })
      await once(socket, 'connect')
      return socket
    },
    datagrams: () => servers.reduce((sum, server) => sum + (server.getStats()?.datagrams ?? 0), 0),
  }
}
