// Who knows the addresses and ports of a connection, and not its numbers, sprays it from both sides: the stream stays exact (RFC 5961).
import { expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, RST, Segment, SYN } from '../../lib/wire/segment.js'
import { CLIENT, PORT, SERVER } from '../support/couple.js'
import { stream } from '../support/schedule.js'
import { datagramOf } from '../support/segments.js'
import { read } from '../support/source-tree.js'
import { Spoofer } from '../support/spoofer.js'

/** `npm run attack:blind` sprays a million. */
const SEGMENTS = Number(process.env.SPRAY ?? 200_000)
/** Per ms of virtual time. */
const RATE = 100
/** All that a segment may be. */
const FLAGS = [RST, RST | ACK, SYN, SYN | ACK, ACK, ACK | PSH, ACK | FIN, FIN | SYN | RST | ACK | PSH, 0]
const MB = 2 ** 20

/** One end: writes its half of the stream as there is room, and checks the other's byte by byte. */
class End {
  channel!: Channel
  received = 0
  wrong = 0
  private readonly out: 0 | 1
  private written = 0

  constructor(out: 0 | 1) {
    this.out = out
  }

  onEvents(): void {
    this.write()
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) {
      for (let at = 0; at < bytes.length; ) {
        const from = this.received % MB
        const part = bytes.subarray(at, at + MB - from)
        if (Buffer.compare(stream(this.out === 0 ? 1 : 0, from, from + part.length), part) !== 0) this.wrong++
        this.received += part.length
        at += part.length
      }
    }
  }

  write(): void {
    for (;;) {
      const from = this.written % MB
      const wanted = Math.min(8192, MB - from)
      const taken = this.channel.send(stream(this.out, from, from + wanted))
      this.written += taken
      if (taken < wanted) return
    }
  }
}

function scene() {
  const network = new Network({ capture: false, link: { delay: 5, rate: 20e6 } })
  const spoofers = [CLIENT, SERVER].map((address) => new Spoofer(network.host(address).platform)) as [Spoofer, Spoofer]
  const [clients, servers] = spoofers.map((spoofer) => new Stack(spoofer.platform)) as [Stack, Stack]
  const [client, server] = [new End(0), new End(1)]
  servers.listen({ address: SERVER, port: PORT }, createConfig, {
    onConnection(channel) {
      server.channel = channel
      channel.owner = server
    },
  })
  client.channel = clients.connect({ address: SERVER, port: PORT }, createConfig(), client)
  network.advance(100)
  server.write()
  client.write()
  return { network, spoofers, stacks: [clients, servers] as const, ends: [client, server] as const }
}

test(`${SEGMENTS} segments of all kinds, in the window and out of it: no byte is wrong, none is missing`, () => {
  const { network, spoofers, stacks, ends } = scene()
  const { random } = network
  const port = ends[0].channel.localPort
  const payload = new Uint8Array(1400).fill(0xee)
  const segment = new Segment()
  for (let sent = 0; sent < SEGMENTS; ) {
    for (let i = 0; i < RATE; i++, sent++) {
      const victim = sent % 2
      const end = ends[victim] as End
      segment.clear()
      segment.sourcePort = victim === 0 ? PORT : port
      segment.destinationPort = victim === 0 ? port : PORT
      segment.flags = FLAGS[random.below(FLAGS.length)] as number
      segment.seq = random.below(2 ** 32)
      segment.ack = random.below(2 ** 32)
      segment.window = random.below(65_536)
      if (random.below(2) === 0) {
        segment.hasTimestamps = true
        segment.tsVal = random.below(2 ** 32)
        segment.tsEcr = random.below(2 ** 32)
      }
      if (random.below(2) === 0) segment.payload = payload.subarray(0, 1 + random.below(1400))
      // a quarter has guessed the window, but not its edge, nor what may be acknowledged
      if (random.below(4) === 0) aim(segment, end)
      const from = victim === 0 ? SERVER : CLIENT
      spoofers[victim]?.arrive(segment.destinationPort, datagramOf(segment), from, segment.sourcePort)
    }
    for (const victim of [0, 1]) spoofers[victim]?.quiet(victim === 0 ? port : PORT)
    network.advance(1)
  }
  network.advance(1000)
  for (const { channel, wrong, received } of ends) {
    expect(channel.state).toBe('ESTABLISHED')
    expect(wrong).toBe(0)
    // it was not held up
    expect(received).toBeGreaterThan(0.9 * undisturbed(SEGMENTS / RATE + 1000))
  }
  for (const stack of stacks) {
    const totals = stack.getTotals()
    // RFC 5961 §7: a few answers, whatever comes
    expect(totals.challengesSent).toBeLessThanOrEqual(10 + (10 * (SEGMENTS / RATE + 1000)) / 1000)
    expect(totals.challengesSuppressed).toBeGreaterThan(SEGMENTS / 20)
    // each defence had its share
    for (const name of ['outOfWindow', 'resetsDropped', 'resetsDoubted', 'synsDoubted', 'acksDoubted'] as const) {
      expect([name, totals[name] > 0]).toEqual([name, true])
    }
    expect(totals.timestampsMissing).toBeGreaterThan(SEGMENTS / 20)
    expect(totals.timestampsOld).toBeGreaterThan(SEGMENTS / 20)
  }
})

test('the odds of success are those that docs/reliability.md states', () => {
  const NUMBERS = 2 ** 32
  const LONGEST = 65_487
  const rows = [...read('docs/reliability.md').matchAll(/^\| (\d+) \| (\S+) \| (\S+) \|$/gm)]
  expect(rows.length).toBe(3)
  for (const [, bytes, reset, text] of rows) {
    const window = Number(bytes)
    // it reaches into the receive window; its ACK is no older than a send window, and of what may be in flight; its TSval is not old
    const oneIn = (NUMBERS / (window + LONGEST)) * (NUMBERS / (2 * window)) * 2
    expect([reset, text]).toEqual([NUMBERS.toExponential(1), oneIn.toExponential(1)])
  }
})

/** Bytes that each end receives in `ms` when nobody disturbs it: the lesser of the two. */
function undisturbed(ms: number): number {
  const { network, ends } = scene()
  network.advance(ms)
  return Math.min(...ends.map(({ received }) => received))
}

/** In the window of `victim` but for the one number that a RST must hit; its ACK is of what was never sent. */
function aim(segment: Segment, { channel }: End): void {
  const { sndNxt, rcvNxt, tsVal } = numbersOf(channel.connection)
  segment.seq = (rcvNxt + 1 + (segment.seq % 30_000)) >>> 0
  segment.ack = (sndNxt + 1_000_000 + (segment.ack % 2 ** 30)) >>> 0
  if (segment.hasTimestamps) segment.tsVal = tsVal
}

/** What is on the wire of a connection at this moment; nobody but its two ends can know. */
function numbersOf(connection: Channel['connection']): { sndNxt: number; rcvNxt: number; tsVal: number } {
  const { tcb } = connection as unknown as { tcb: Record<'iss' | 'irs' | 'sndNxt' | 'rcvNxt' | 'tsRecent', number> }
  return { sndNxt: (tcb.iss + tcb.sndNxt) >>> 0, rcvNxt: (tcb.irs + tcb.rcvNxt) >>> 0, tsVal: (tcb.tsRecent + 1) >>> 0 }
}

test('what the machine says of ICMP, spoofed or not, ends no established connection (RFC 5927)', () => {
  const { network, spoofers, ends } = scene()
  const port = ends[0].channel.localPort
  const codes = [
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EMSGSIZE',
    'EACCES',
    'EPERM',
    'EHOSTDOWN',
    'EPROTO',
  ]
  const before = ends.map(({ received }) => received)
  for (let i = 0; i < 200; i++) {
    const code = codes[i % codes.length]
    spoofers[0].error(port, Object.assign(new Error(code), { code, address: SERVER, port: PORT }))
    spoofers[1].error(PORT, Object.assign(new Error(code), { code, address: CLIENT, port }))
    network.advance(5)
  }
  for (const [i, { channel, wrong, received }] of ends.entries()) {
    expect([channel.state, wrong]).toEqual(['ESTABLISHED', 0])
    expect(received - (before[i] as number)).toBeGreaterThan(500_000)
    // segments go no lower than the default MSS (RFC 5927 §7.2)
    expect(channel.status().sendMss).toBeGreaterThanOrEqual(536 - 12)
  }
})
