// What the kernel has put together, and what it hands over one by one, come to the same: the same bytes, the same segments in answer.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { congestionControls } from '../../lib/core/congestion/algorithms.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { Network } from '../../lib/testing/network.js'
import { type Chosen, configOf, textOf } from '../support/chosen.js'
import { RowPlatform } from '../support/row-platform.js'
import { CLIENT, PORT, SERVER } from '../support/row-server.js'

/** Writes a text, as there is room, and closes; reads when it is told to. */
class Party implements ChannelOwner {
  readonly channel: Channel
  readonly received: Uint8Array[] = []
  reads = true
  private readonly text: Uint8Array
  private sent = 0

  constructor(channel: Channel, text: Uint8Array, reads: boolean) {
    this.channel = channel
    this.text = text
    this.reads = reads
  }

  onEvents(): void {
    this.read()
    this.write()
  }

  read(): void {
    if (!this.reads) return
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) this.received.push(bytes)
  }

  private write(): void {
    while (this.sent < this.text.length) {
      const taken = this.channel.send(this.text.subarray(this.sent))
      if (taken === 0) return
      this.sent += taken
    }
    this.channel.close()
  }
}

interface Scene {
  readonly seed: number
  readonly client: Chosen
  readonly server: Chosen
  /** Through one UDP socket of the client's. */
  readonly shares: boolean
  readonly link: Partial<LinkOptions>
  readonly connections: readonly { readonly forth: number; readonly back: number; readonly after: number }[]
  /** ms in which they read, and do not, by turns; 0: they always do. */
  readonly pauses: number
  /** Sockets hold what the kernel has no room for, by reference. */
  readonly sendBuffer?: { rate: number; bytes: number }
}

interface Told {
  readonly wire: string[]
  /** Of each connection: what came there and back is what was sent. */
  readonly whole: boolean[]
  readonly counted: unknown[]
  readonly rows: number
  readonly inRows: number
}

function play(scene: Scene, asRows: boolean, traced = false): Told {
  const network = new Network({ seed: scene.seed, link: scene.link, sendBuffer: scene.sendBuffer ?? null })
  const [serverSide, clientSide] = [SERVER, CLIENT].map(
    (address) => new RowPlatform(network.host(address).platform, asRows),
  )
  const [server, client] = [new Stack(serverSide.platform), new Stack(clientSide.platform)]
  const seen: number[] = []
  if (traced) server.trace = () => ({ ...QUIET, onSegmentReceived: (segment) => void seen.push(segment.count) })
  const texts = scene.connections.map(({ forth, back }, i) => [textOf(2 * i, forth), textOf(2 * i + 1, back)])
  const reads = scene.pauses === 0
  const parties: Party[] = []
  const served: Map<number, Party> = new Map()
  const listener = server.listen({ address: SERVER, port: PORT }, () => configOf(scene.server), {
    onConnection: (channel) => {
      const party = new Party(channel, texts[channel.remotePort - 1000][1], reads)
      channel.owner = party
      served.set(channel.remotePort - 1000, party)
    },
  })
  for (const [i, { after }] of scene.connections.entries()) {
    network.advance(after)
    const owner: ChannelOwner = { onEvents: () => parties[i]?.onEvents() }
    const ports = { localPort: 1000 + i, localUdpPort: scene.shares ? 5000 : 1000 + i }
    const channel = client.connect({ address: SERVER, port: PORT, ...ports }, configOf(scene.client), owner)
    parties[i] = new Party(channel, texts[i][0], reads)
  }
  for (let waited = 0; waited < 600_000 && !scene.connections.every((_, i) => isOver(parties[i])); waited += 500) {
    network.advance(scene.pauses || 500)
    for (const party of [...parties, ...served.values()]) {
      if (scene.pauses > 0) party.reads = !party.reads
      party.read()
    }
  }
  const whole = texts.map(([forth, back], i) => {
    const came = [served.get(i)?.received ?? [], parties[i].received].map((chunks) => Buffer.concat(chunks))
    return came[0].equals(forth) && came[1].equals(back)
  })
  if (traced) expect(seen.every((count) => count === 1)).toBe(true)
  const { datagrams, malformed } = listener.getStats()
  const received = [...parties, ...served.values()].map(({ channel }) => channel.status().segmentsReceived)
  return {
    wire: network.capture.map((datagram) => `${datagram.at} ${datagram}`),
    whole,
    counted: [datagrams, malformed, received, seen.length],
    rows: serverSide.rows + clientSide.rows,
    inRows: serverSide.inRows + clientSide.inRows,
  }
}

const QUIET = { onSegmentSent: () => {}, onSegmentReceived: () => {}, onState: () => {} }

function isOver({ channel }: Party): boolean {
  return channel.state === 'CLOSED' || channel.state === 'TIME-WAIT'
}

/** Rows make no difference. @returns how many datagrams came in them. */
function compare(scene: Scene, traced = false): number {
  const rows = play(scene, true, traced)
  const alone = play(scene, false, traced)
  expect(alone.rows).toBe(0)
  const differs = rows.wire.findIndex((line, i) => line !== alone.wire[i])
  if (differs >= 0) {
    const around = ({ wire }: Told) => wire.slice(Math.max(0, differs - 5), differs + 5)
    expect(around(rows)).toEqual(around(alone))
  }
  expect(rows.wire.length).toBe(alone.wire.length)
  expect(rows.whole).not.toContain(false)
  expect(rows.counted).toEqual(alone.counted)
  return rows.inRows
}

const chosen = fc.record({
  congestion: fc.constantFrom(...congestionControls),
  mss: fc.constantFrom(536, 1000, 1440, 1452),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  noDelay: fc.boolean(),
  maxReceiveBuffer: fc.constantFrom(4_000, 30_000, 2 ** 18, 2 ** 24),
  initialReceiveBuffer: fc.constantFrom(4_000, 65_536, 2 ** 20),
})

const length = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 300_000 }))

const anyScene: fc.Arbitrary<Scene> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  client: chosen,
  server: chosen,
  shares: fc.boolean(),
  link: fc.record({
    delay: fc.constantFrom(0.5, 5, 40),
    loss: fc.constantFrom(0, 0, 0.005, 0.03),
    reorder: fc.constantFrom(0, 0, 0.01),
    reorderDelay: fc.constantFrom(0, 5),
    duplicate: fc.constantFrom(0, 0, 0.02),
  }),
  connections: fc.array(fc.record({ forth: length, back: length, after: fc.constantFrom(0, 0, 3, 100) }), {
    minLength: 1,
    maxLength: 3,
  }),
  pauses: fc.constantFrom(0, 0, 20, 250),
})

const SOME: Chosen = { congestion: 'reno' }
const LONG: Scene = {
  seed: 1,
  client: SOME,
  server: SOME,
  shares: true,
  link: { delay: 5 },
  connections: [{ forth: 2_000_000, back: 0, after: 0 }],
  pauses: 0,
}

describe('transfers', () => {
  it('end with the same bytes by the same segments, in rows or not', () => {
    let inRows = 0
    fc.assert(
      fc.property(anyScene, (scene) => {
        inRows += compare(scene)
      }),
      { numRuns: 30 },
    )
    expect(inRows).toBeGreaterThan(1000)
  })

  it('a long one, most of which comes in rows', () => {
    expect(compare(LONG)).toBeGreaterThan(1000)
  })

  it('in both directions, of several connections through one socket each', () => {
    const connections = Array.from({ length: 4 }, (_, i) => ({ forth: 200_000 + i, back: 150_000 - i, after: 0 }))
    expect(compare({ ...LONG, connections })).toBeGreaterThan(500)
  })

  it('a queue in front of the kernel holds all of what left as one, and each header is its own', () => {
    const connections = Array.from({ length: 2 }, (_, i) => ({ forth: 600_000 + i, back: 300_000, after: 0 }))
    compare({ ...LONG, connections, sendBuffer: { rate: 20_000_000, bytes: 10_000 } })
  })

  it('a traced connection sees each segment by itself', () => {
    expect(compare(LONG, true)).toBeGreaterThan(1000)
  })
})
