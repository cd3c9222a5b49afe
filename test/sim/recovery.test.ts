// How well losses are repaired, as tables in virtual time: a change of behaviour shows as a difference (-u writes them anew).
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { congestionControls, findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import type { Host } from '../../lib/testing/host.js'
import { Link, type LinkOptions } from '../../lib/testing/link.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'
import { CLIENT, Couple, type Party, PORT, SERVER } from '../support/couple.js'
import { stream } from '../support/schedule.js'

const MB = 1_000_000

type Options = NonNullable<Parameters<typeof createConfig>[0]>

/** `bytes` from client to server, and the close of both. @throws when it takes more than `limit` ms */
function transfer(
  bytes: number,
  network: NetworkOptions,
  config: Options = {},
  limit = 7_200_000,
): { couple: Couple; finishedAt: number } {
  const couple = new Couple({ network: { capture: false, ...network }, config }).listen()
  couple.connect()
  const flow = start(couple, bytes)
  couple.network.advanceUntil(() => flow.received === bytes, limit)
  return { couple, finishedAt: couple.network.now }
}

/** Writes as there is room, and checks what arrives. */
function start(couple: Couple, bytes: number): { received: number } {
  const { client } = couple
  const flow = { received: 0 }
  let sent = 0
  client.onEvents = () => {
    while (sent < bytes) {
      const from = sent % (4 * MB)
      const taken = client.channel.send(stream(0, from, Math.min(from + 65_536, 4 * MB, from + bytes - sent)))
      if (taken === 0) return
      sent += taken
    }
  }
  const check = (chunk: Uint8Array): void => {
    for (let at = 0; at < chunk.length; ) {
      const from = flow.received % (4 * MB)
      const to = Math.min(from + chunk.length - at, 4 * MB)
      if (stream(0, from, to).compare(chunk, at, at + to - from) !== 0) throw new Error(`wrong at ${flow.received}`)
      flow.received += to - from
      at += to - from
    }
  }
  const read = (server: Party): void => {
    server.onEvents = () => {
      for (let chunk = server.channel.receive(); chunk !== null; chunk = server.channel.receive()) check(chunk)
    }
  }
  couple.onAccepted = read
  if (couple.accepted.length > 0) read(couple.server)
  client.onEvents(0)
  return flow
}

const kbps = (bytes: number, ms: number): number => Math.round(bytes / ms)

function table(corner: string, columns: readonly string[], rows: readonly (readonly [string, ...string[]])[]): string {
  const lines = [[corner, ...columns], ...rows]
  return [
    '',
    ...lines.map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(9))).join('')),
    '',
  ].join('\n')
}

const LOSSES = [0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3]
const RTTS = [1, 10, 50, 200]

/** kB/s, the mean over some seeds. */
function goodput(bytes: number, link: Partial<LinkOptions>, config: Options = {}, seeds = 4): string {
  let ms = 0
  for (let seed = 1; seed <= seeds; seed++) ms += transfer(bytes, { seed, link }, config).finishedAt
  return `${kbps(bytes * seeds, ms)}`
}

describe('goodput', () => {
  test('by loss and round trip', () => {
    const rows = LOSSES.map((loss) => {
      const cells = RTTS.map((rtt) => goodput(MB, { loss, delay: rtt / 2, rate: 100e6, queue: 250_000 }))
      return [`${loss * 100} %`, ...cells] as const
    })
    const columns = RTTS.map((rtt) => `${rtt} ms`)
    expect(table('kB/s, 1 MB', columns, rows)).toMatchInlineSnapshot(`
      "
      kB/s, 1 MB       1 ms    10 ms    50 ms   200 ms
      0 %             11786     8259     2604      656
      0.1 %           11773     7752     2087      538
      1 %             11427     2350      476      127
      5 %              2998      596      132       36
      10 %              319      228       70       21
      20 %               26       21       18        5
      30 %                4        4        3        1
      "
    `)
  })

  test('by what the peers agree to, at 20 ms', () => {
    const options: readonly [string, Options][] = [
      ['all', {}],
      ['no times', { timestamps: false }],
      ['no SACK', { sack: false }],
      ['neither', { sack: false, timestamps: false }],
    ]
    const rows = [0.001, 0.01, 0.05, 0.1].map((loss) => {
      const link = { loss, delay: 10, rate: 100e6, queue: 250_000 }
      return [`${loss * 100} %`, ...options.map(([, config]) => goodput(MB, link, config))] as const
    })
    const columns = options.map(([name]) => name)
    expect(table('kB/s, 1 MB', columns, rows)).toMatchInlineSnapshot(`
      "
      kB/s, 1 MB        all no times  no SACK  neither
      0.1 %            4328     4333     2010     2214
      1 %              1184     1192      970     1029
      5 %               306      308      256      265
      10 %              131      151       67       28
      "
    `)
  })

  test('by congestion control, at 20 ms', () => {
    const rows = LOSSES.map((loss) => {
      const link = { loss, delay: 10, rate: 100e6, queue: 250_000 }
      const cells = congestionControls.map((name) => goodput(MB, link, { congestion: findCongestionControl(name) }))
      return [`${loss * 100} %`, ...cells] as const
    })
    expect(table('kB/s, 1 MB', congestionControls, rows)).toMatchInlineSnapshot(`
      "
      kB/s, 1 MB       reno    cubic      bbr
      0 %              4684     4684     5646
      0.1 %            4094     4328     5616
      1 %               960     1184     5445
      5 %               286      306     3753
      10 %              134      131     2413
      20 %               27       16      617
      30 %                4        3       31
      "
    `)
  })

  test('by what else a path may do, at 20 ms', () => {
    const base = { delay: 10, rate: 20e6, queue: 100_000 }
    const paths: readonly [string, Partial<LinkOptions>][] = [
      ['clean', {}],
      ['jitter 5', { jitter: 5 }],
      ['reorder 1%', { reorder: 0.01, reorderDelay: 5 }],
      ['reorder 10%', { reorder: 0.1, reorderDelay: 5 }],
      ['double 10%', { duplicate: 0.1 }],
      ['bursts', { burst: { enter: 0.001, leave: 0.2 } }],
    ]
    const rows = paths.map(([name, path]) => [name, goodput(2 * MB, { ...base, ...path })] as const)
    expect(table('2 MB', ['kB/s'], rows)).toMatchInlineSnapshot(`
      "
      2 MB             kB/s
      clean            2256
      jitter 5         2198
      reorder 1%       2246
      reorder 10%      2233
      double 10%       2256
      bursts           2237
      "
    `)
  })

  test('by the queue in front of a 20 Mbit/s link of 40 ms, 20 MB', () => {
    const rows = [10_000, 50_000, 100_000, 400_000].map((queue) => {
      const { finishedAt, couple } = transfer(20 * MB, { link: { delay: 20, rate: 20e6, queue } })
      const { segmentsRetransmitted, timeouts } = couple.client.channel.status()
      const cells = [kbps(20 * MB, finishedAt), segmentsRetransmitted, timeouts].map(String)
      return [`${queue / 1000} kB`, ...cells] as const
    })
    expect(table('queue', ['kB/s', 'resent', 'timeouts'], rows)).toMatchInlineSnapshot(`
      "
      queue            kB/s   resent timeouts
      10 kB            1931        9        0
      50 kB            2360       71        0
      100 kB           2360       70        0
      400 kB           2360       93        0
      "
    `)
  })
})

/**
 * Two senders, by their congestion controls, through one link to the server, and back over `delays` ms; the second begins
 * `later` ms later.
 */
function share(names: readonly [string, string], delays: readonly [number, number], later: number): readonly string[] {
  const network = new Network({ capture: false, seed: 3 })
  const server = network.host(SERVER)
  const bottleneck = new Link(network.clock, network.random.fork(), { rate: 20e6, queue: 100_000, delay: 10 })
  const got = [0, 0]
  server.stack.listen({ address: SERVER, port: PORT }, createConfig, {
    onConnection(channel) {
      const index = channel.remoteAddress === CLIENT ? 0 : 1
      channel.owner = {
        onEvents() {
          for (let chunk = channel.receive(); chunk !== null; chunk = channel.receive()) got[index] += chunk.length
        },
      }
    },
  })
  const begin = (host: Host, name: string): void => {
    const onEvents = (): void => {
      while (channel.send(stream(0, 0, 65_536)) > 0);
    }
    const config = createConfig({ congestion: findCongestionControl(name) })
    const channel = host.stack.connect({ address: SERVER, port: PORT }, config, { onEvents })
  }
  const hosts = [CLIENT, '10.0.0.3'].map((address) => network.host(address))
  hosts.forEach((host, i) => {
    network.route(host, server, bottleneck)
    network.link(server, host).set({ delay: delays[i] ?? 0 })
  })
  begin(hosts[0] as Host, names[0])
  network.advance(later)
  begin(hosts[1] as Host, names[1])
  // once both have found their place
  network.advance(10_000)
  const before = [...got]
  network.advance(30_000)
  const [a = 0, b = 0] = got.map((bytes, i) => kbps(bytes - (before[i] ?? 0), 30_000))
  const fairness = (a + b) ** 2 / (2 * (a * a + b * b))
  return [`${a}`, `${b}`, fairness.toFixed(3)]
}

describe('fairness', () => {
  test('two flows through one link of 20 Mbit/s: 2,500 kB/s to share', () => {
    const rows = [
      ['together', ...share(['reno', 'reno'], [10, 10], 7)],
      ['10 s later', ...share(['reno', 'reno'], [10, 10], 10_000)],
      ['rtt 20:40', ...share(['reno', 'reno'], [10, 30], 7)],
      ['cubic', ...share(['cubic', 'cubic'], [10, 10], 7)],
      ['bbr', ...share(['bbr', 'bbr'], [10, 10], 7)],
      ['reno, cubic', ...share(['reno', 'cubic'], [10, 10], 7)],
      ['reno, bbr', ...share(['reno', 'bbr'], [10, 10], 7)],
    ] as const
    expect(table('', ['first', 'second', 'Jain'], rows)).toMatchInlineSnapshot(`
      "
                      first   second     Jain
      together         1175     1225    1.000
      10 s later       1232     1167    0.999
      rtt 20:40        1649      752    0.878
      cubic            1337     1063    0.987
      bbr              1159     1196    1.000
      reno, cubic       950     1450    0.958
      reno, bbr        1051     1349    0.985
      "
    `)
    for (const [, first, second, jain] of rows) {
      // what is left over of the link is headers, and not much else
      expect(Number(first) + Number(second)).toBeGreaterThan(2_000)
      expect(Number(jain)).toBeGreaterThan(0.8)
    }
  })
})

describe('a path that changes', () => {
  /** The longest time without a byte arriving from now on, until all has arrived, ms. */
  function longestPause(couple: Couple, flow: { received: number }, bytes: number, limit: number): number {
    const { network } = couple
    let last = network.now
    let longest = 0
    while (flow.received < bytes) {
      const before = flow.received
      network.advanceUntil(() => flow.received > before, limit)
      longest = Math.max(longest, network.now - last)
      last = network.now
    }
    return longest
  }

  test('packets above 1200 bytes begin to vanish: the transfer moves again within 20 s, and stays in motion', () => {
    for (const direction of ['out', 'both'] as const) {
      const couple = new Couple({ network: { link: { delay: 20, rate: 20e6, queue: 100_000 } } }).establish()
      const flow = start(couple, 10 * MB)
      couple.network.advanceUntil(() => flow.received > 2 * MB, 60_000)
      couple.network.link(couple.clientHost, couple.serverHost).set({ mtu: 1_200 })
      if (direction === 'both') couple.network.link(couple.serverHost, couple.clientHost).set({ mtu: 1_200 })
      expect(longestPause(couple, flow, 10 * MB, 20_000)).toBeLessThan(20_000)
      expect(couple.client.channel.state).toBe('ESTABLISHED')
    }
  })

  test('the hole closes again: large packets come back', () => {
    const couple = new Couple({ network: { link: { delay: 20, rate: 20e6, queue: 100_000 } } }).establish()
    const flow = start(couple, 60 * MB)
    const link = couple.network.link(couple.clientHost, couple.serverHost)
    couple.network.advanceUntil(() => flow.received > MB, 60_000)
    const full = couple.client.channel.status().sendMss
    link.set({ mtu: 1_200 })
    couple.network.advanceUntil(() => flow.received > 3 * MB, 60_000)
    expect(couple.client.channel.status().sendMss).toBeLessThan(1_160)
    link.set({ mtu: Number.POSITIVE_INFINITY })
    couple.network.advanceUntil(() => couple.client.channel.status().sendMss === full, 60_000)
  })

  test('2.5 s without a link in mid-transfer, with 30 % loss all the while: no error, and all arrives', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const couple = new Couple({ network: { seed, capture: false, link: { delay: 20, loss: 0.3 } } }).listen()
      couple.connect()
      const flow = start(couple, 300_000)
      couple.network.advanceUntil(() => flow.received > 30_000, 600_000)
      const outages = [[couple.network.now, couple.network.now + 2_500]] as const
      couple.network.path(couple.clientHost, couple.serverHost, { outages })
      couple.network.advanceUntil(() => flow.received === 300_000, 3_600_000)
      expect([couple.client.channel.reason, couple.server.channel.reason]).toEqual([null, null])
    }
  })

  test('a link that is gone for a minute, without loss: the transfer goes on within the next', () => {
    const couple = new Couple({ network: { link: { delay: 20, rate: 20e6, queue: 100_000 } } }).establish()
    const flow = start(couple, 10 * MB)
    couple.network.advanceUntil(() => flow.received > 2 * MB, 60_000)
    const outages = [[couple.network.now, couple.network.now + 60_000]] as const
    couple.network.path(couple.clientHost, couple.serverHost, { outages })
    expect(longestPause(couple, flow, 10 * MB, 200_000)).toBeLessThan(120_000)
  })

  test('a route that becomes four times as long: no more than one needless time-out', () => {
    const couple = new Couple({ network: { link: { delay: 10, rate: 20e6, queue: 200_000 } } }).establish()
    const flow = start(couple, 8 * MB)
    couple.network.advanceUntil(() => flow.received > 2 * MB, 60_000)
    const { timeouts } = couple.client.channel.status()
    couple.network.path(couple.clientHost, couple.serverHost, { delay: 40 })
    couple.network.advanceUntil(() => flow.received === 8 * MB, 60_000)
    expect(couple.client.channel.status().timeouts - timeouts).toBeLessThanOrEqual(1)
  })
})
