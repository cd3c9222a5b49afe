// Paths that hurt, one flow and two, as a table for each controller: a change of behaviour shows as a difference (-u writes it anew).
import { describe, expect, test } from 'vitest'
import { type Flow, FlowRun, type Path, percentile } from '../support/flow.js'

interface Profile extends Path {
  readonly seconds: number
}

const symmetric = (link: Path['forth'], seconds: number): Profile => ({ forth: link, seconds })
/** ±`ms` around the delay, order kept; or, `reorder`, not kept. */
const around = (delay: number, ms: number): Path['forth'] => ({ delay: delay - ms, jitter: 2 * ms })

const PROFILES: Readonly<Record<string, Profile>> = {
  broadband: symmetric({ rate: 100e6, delay: 10, queue: 250_000 }, 4),
  'lossy-wifi': symmetric({ rate: 50e6, ...around(15, 3), loss: 0.01, queue: 187_500 }, 5),
  transatlantic: symmetric({ rate: 200e6, delay: 45, loss: 0.001, queue: 2_250_000 }, 4),
  mobile: {
    forth: { rate: 20e6, ...around(30, 5), burst: { enter: 0.02 / 4 / 0.98, leave: 1 / 4 }, queue: 300_000 },
    back: { rate: 20e6, ...around(30, 5), queue: 300_000 },
    seconds: 10,
  },
  satellite: symmetric({ rate: 50e6, delay: 300, loss: 0.005, queue: 3_750_000 }, 20),
  bufferbloat: symmetric({ rate: 10e6, delay: 20, queue: 1_250_000 }, 15),
  reordering: symmetric({ rate: 50e6, delay: 20, reorder: 0.3, reorderDelay: 4, queue: 250_000 }, 5),
  'ACKs -10 %': {
    forth: { rate: 50e6, delay: 10, queue: 125_000 },
    back: { rate: 50e6, delay: 10, loss: 0.1 },
    seconds: 5,
  },
  'ACKs 1/50': {
    forth: { rate: 50e6, delay: 10, queue: 125_000 },
    back: { rate: 1e6, delay: 10, queue: 20_000 },
    seconds: 5,
  },
}

const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(14) : String(cell).padStart(9))).join('')

/** Repetitions of what was not lost: the receiver had it already. */
function inVain(flow: Flow): number {
  return flow.status.dsacks
}

function measure(profile: Profile, control: string, seed: number): (string | number)[] {
  const run = new FlowRun(profile, seed)
  const flow = run.start(control)
  const { rate = 1, delay = 0 } = profile.forth
  // the handshake is no part of it
  run.run(4 * delay)
  run.queued.length = 0
  const [bytes = 0] = run.run(profile.seconds * 1000)
  const { recoveries, timeouts, segmentsRetransmitted } = flow.status
  const queue = (percentile(run.queued, 0.95) * 8) / rate
  return [
    `${((bytes * 8) / rate / profile.seconds).toFixed(3)}`,
    `${(queue * 1000).toFixed(0)} ms`,
    recoveries,
    timeouts,
    segmentsRetransmitted,
    inVain(flow),
  ]
}

/** The share of the link in the first second from when the first byte arrives after an outage of 3 s, and when that is. */
function outage(control: string): string {
  const forth = { rate: 50e6, delay: 15, queue: 187_500, outages: [[3_000, 6_000]] as const }
  const run = new FlowRun({ forth })
  const flow = run.start(control)
  run.run(6_000)
  const before = flow.received
  run.network.advanceUntil(() => flow.received > before, 10_000)
  const back = run.network.now
  const [first = 0] = run.run(1000)
  const [second = 0] = run.run(1000)
  const share = (bytes: number): string => ((bytes * 8) / 50e6).toFixed(3)
  return row(['outage of 3 s', `+${(back - 6000).toFixed(0)} ms`, share(first), share(second)])
}

/** Jain's index of two flows, the second a second later, over what follows. */
function share(profile: Profile, controls: readonly [string, string], seconds: number): string {
  const run = new FlowRun(profile)
  run.start(controls[0])
  run.run(1000)
  run.start(controls[1])
  run.run(3000)
  const [a = 0, b = 0] = run.run(seconds * 1000)
  return ((a + b) ** 2 / (2 * (a * a + b * b))).toFixed(2)
}

function table(control: string): string {
  const lines = [row([control, 'of link', 'queue 95', 'repairs', 'timeouts', 'resent', 'in vain'])]
  for (const [name, profile] of Object.entries(PROFILES)) lines.push(row([name, ...measure(profile, control, 1)]))
  lines.push(outage(control))
  const { bufferbloat } = PROFILES as { bufferbloat: Profile }
  const slower = symmetric({ rate: 20e6, delay: 10, queue: 50_000 }, 0)
  lines.push(row(['two flows', share(slower, [control, control], 15), share(bufferbloat, [control, control], 20)]))
  return `\n${lines.join('\n')}\n`
}

describe('one flow, two flows, an outage', () => {
  test('reno', () => {
    expect(table('reno')).toMatchInlineSnapshot(`
      "
      reno            of link queue 95  repairs timeouts   resent  in vain
      broadband         0.947    15 ms        2        0      338        0
      lossy-wifi        0.093     0 ms       19        0       26        0
      transatlantic     0.079     0 ms        5        0        7        0
      mobile            0.134     1 ms       15        0       50        0
      satellite         0.012     0 ms        6        0        8        0
      bufferbloat       0.957   999 ms        2        0      871        0
      reordering        0.919    29 ms        2        0      193        1
      ACKs -10 %        0.951    19 ms        3        0      173        0
      ACKs 1/50         0.908    19 ms        2        0      171        0
      outage of 3 s   +829 ms    0.650    0.930
      two flows          1.00     0.53
      "
    `)
  })

  test('cubic', () => {
    expect(table('cubic')).toMatchInlineSnapshot(`
      "
      cubic           of link queue 95  repairs timeouts   resent  in vain
      broadband         0.947    20 ms        3        0      453        0
      lossy-wifi        0.118     0 ms       22        0       30        0
      transatlantic     0.111     0 ms        6        0        9        0
      mobile            0.169     1 ms       18        0       60        0
      satellite         0.026     0 ms        7        0       14        0
      bufferbloat       0.912   997 ms        1        0      175        0
      reordering        0.930    38 ms        4        0      149        1
      ACKs -10 %        0.952    20 ms        4        0      224        0
      ACKs 1/50         0.869    20 ms        4        0      172        0
      outage of 3 s   +952 ms    0.772    0.949
      two flows          0.99     0.86
      "
    `)
  })

  test('bbr', () => {
    expect(table('bbr')).toMatchInlineSnapshot(`
      "
      bbr             of link queue 95  repairs timeouts   resent  in vain
      broadband         0.939     5 ms        1        0       10        0
      lossy-wifi        0.879    11 ms       60        0      221        0
      transatlantic     0.811    90 ms       19        0      130        0
      mobile            0.916    24 ms       46        0      291        0
      satellite         0.725   468 ms       14        0      310        0
      bufferbloat       0.950    12 ms        0        0        0        0
      reordering        0.937    29 ms        2        0       15        1
      ACKs -10 %        0.945     5 ms        1        0        4        0
      ACKs 1/50         0.929     5 ms        1        0        8        0
      outage of 3 s   +616 ms    0.932    0.942
      two flows          1.00     0.98
      "
    `)
  })
})
