// New text that poll() gives as one segment for several: taken apart it is, byte for byte, what leaves one by one, at the same times.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { congestionControls, NEWRENO } from '../../lib/core/congestion/algorithms.js'
import type { CongestionAlgorithm } from '../../lib/core/congestion/controller.js'
import { Connection } from '../../lib/core/connection.js'
import { NOWHERE } from '../../lib/core/surroundings.js'
import { Random } from '../../lib/testing/random.js'
import { ACK, decode, FIN, PSH, Segment, SYN } from '../../lib/wire/segment.js'
import { type Chosen, configOf, textOf } from '../support/chosen.js'
import { flagsOf } from '../support/hand-made.js'
import { Pair, type Sent } from '../support/pair.js'

const TOGETHER = 64
const TO_THE_END = 600_000

type Side = 'a' | 'b'

interface Action {
  /** ms since the one before. */
  readonly after: number
  readonly by: Side
  readonly does: 'write' | 'close' | 'abort' | 'stop reading' | 'read' | 'noDelay'
  readonly length: number
}

interface Scene {
  readonly a: Chosen
  readonly b: Chosen
  readonly delay: number
  readonly loss: number
  readonly jitter: number
  readonly seed: number
  readonly actions: readonly Action[]
}

function drain(connection: Connection | null): number {
  let bytes = 0
  for (let chunk = connection?.receive(); chunk; chunk = connection?.receive()) bytes += chunk.length
  return bytes
}

interface Told {
  readonly sent: Sent[]
  readonly received: Record<Side, number>
  readonly states: (string | undefined)[]
  readonly counted: unknown[]
  /** Those that stood for several. */
  readonly together: number
}

function play({ a, b, delay, loss, jitter, seed, actions }: Scene, most: number): Told {
  const random = new Random(seed)
  const sent: Sent[] = []
  const pair = new Pair({
    a: configOf(a),
    b: configOf(b),
    delay,
    most,
    filter: () => random.next() >= loss,
    jitter: () => (random.next() < 0.1 ? random.next() * jitter : 0),
    onSent: (one) => void sent.push(one),
  })
  const reads = { a: true, b: true }
  const received = { a: 0, b: 0 }
  const waiting = { a: 0, b: 0 }
  const closing = { a: false, b: false }
  const text = textOf(0, 300_000)
  const each = (): void => {
    for (const side of ['a', 'b'] as const) {
      const connection = pair[side]
      if (connection === null) continue
      if (reads[side]) received[side] += drain(connection)
      if (waiting[side] > 0) waiting[side] -= connection.send(text.subarray(0, waiting[side]))
      if (closing[side] && waiting[side] === 0) connection.close()
    }
  }
  const act = ({ by, does, length }: Action): void => {
    if (does === 'write' && !closing[by]) waiting[by] = Math.min(text.length, waiting[by] + length)
    else if (does === 'close') closing[by] = true
    else if (does === 'abort') pair[by]?.abort()
    else if (does === 'noDelay') pair[by]?.setNoDelay(true)
    else if (does === 'read' || does === 'stop reading') reads[by] = does === 'read'
  }
  for (const action of actions) {
    if (action.after > 0) pair.run(action.after, () => false, each)
    act(action)
  }
  reads.a = reads.b = true
  closing.a = closing.b = true
  pair.run(TO_THE_END, () => false, each)
  const counted = [pair.a, pair.b].map((connection) => {
    const { segmentsSent, segmentsReceived, bytesSent, segmentsRetransmitted } = connection?.status(pair.now) ?? {}
    return { segmentsSent, segmentsReceived, bytesSent, segmentsRetransmitted }
  })
  return { sent, received, states: [pair.a.state, pair.b?.state], counted, together: pair.together }
}

/** As a line, for a failure to be read. */
function lineOf({ at, from, bytes }: Sent): string {
  const segment = new Segment()
  decode(bytes, segment)
  const { seq, ack, window, payload, sackCount, hasTimestamps, tsVal, tsEcr } = segment
  const times = hasTimestamps ? ` ts ${tsVal} ${tsEcr}` : ''
  return `${at} ${from} ${flagsOf(segment)} ${seq}+${payload.length} ack ${ack} win ${window} sack ${sackCount}${times}`
}

function compare(scene: Scene): Told {
  const together = play(scene, TOGETHER)
  const alone = play(scene, 1)
  expect(alone.together).toBe(0)
  const differs = alone.sent.findIndex((one, i) => {
    const other = together.sent[i]
    return other?.at !== one.at || other.from !== one.from || !Buffer.from(one.bytes).equals(other.bytes)
  })
  if (differs >= 0) {
    const around = (sent: Sent[]) => sent.slice(Math.max(0, differs - 2), differs + 3).map(lineOf)
    expect(around(together.sent)).toEqual(around(alone.sent))
  }
  expect({ ...together, sent: together.sent.length, together: 0 }).toEqual({ ...alone, sent: alone.sent.length })
  return together
}

const side = fc.record({
  mss: fc.constantFrom(536, 1000, 1440, 1452, 4096, 9000, 40_000),
  congestion: fc.constantFrom(...congestionControls),
  noDelay: fc.boolean(),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScaling: fc.boolean(),
  sendBuffer: fc.constantFrom(5_000, 70_000, 2 ** 20, 2 ** 24),
  maxReceiveBuffer: fc.constantFrom(3_000, 20_000, 2 ** 18, 2 ** 24),
  initialReceiveBuffer: fc.constantFrom(2_000, 65_536, 2 ** 20),
})

const anyAction: fc.Arbitrary<Action> = fc.record({
  after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3000 })),
  by: fc.constantFrom('a', 'b'),
  does: fc.oneof(
    { weight: 12, arbitrary: fc.constant('write' as const) },
    { weight: 5, arbitrary: fc.constantFrom('close' as const, 'stop reading', 'read', 'read', 'noDelay', 'abort') },
  ),
  length: fc.oneof(
    fc.integer({ min: 1, max: 3000 }),
    fc.integer({ min: 1, max: 20 }).map((count) => count * 1440),
    fc.integer({ min: 1, max: 300_000 }),
  ),
})

const anyScene: fc.Arbitrary<Scene> = fc.record({
  a: side,
  b: side,
  delay: fc.constantFrom(0, 0.3, 5, 50),
  loss: fc.constantFrom(0, 0, 0.01, 0.05),
  jitter: fc.constantFrom(0, 0, 20),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  actions: fc.array(anyAction, { minLength: 1, maxLength: 12 }),
})

describe('a connection polled for many segments', () => {
  it('sends what one sends that is polled for each', () => {
    let together = 0
    fc.assert(
      fc.property(anyScene, (scene) => {
        together += compare(scene).together
      }),
      { numRuns: 60 },
    )
    expect(together).toBeGreaterThan(100)
  })
})

describe('at the edges', () => {
  const plain: Chosen = { congestion: 'reno', noDelay: true }
  const scene = { a: plain, b: plain, delay: 5, loss: 0, jitter: 0, seed: 1 }
  const write = (by: Side, length: number, after = 0): Action => ({ after, by, does: 'write', length })
  const close = (by: Side): Action => ({ after: 0, by, does: 'close', length: 0 })

  it.each([
    ['a multiple of the segment', 10 * 1440],
    ['a byte more', 10 * 1440 + 1],
    ['a byte less', 10 * 1440 - 1],
  ])('a FIN leaves with the last of the text, which is %s', (_, length) => {
    const a = { ...plain, mss: 1452 }
    const { sent, together } = compare({ ...scene, a, b: a, actions: [write('a', length, 100), close('a')] })
    expect(together).toBeGreaterThan(0)
    const lengths = sent.filter(({ from, bytes }) => from === 'a' && bytes.length > 32 && (bytes[13] & SYN) === 0)
    expect(lengths).toHaveLength(Math.ceil(length / 1440))
    expect(lengths.map(({ bytes }) => bytes[13] & (FIN | PSH)).lastIndexOf(0)).toBe(lengths.length - 2)
  })

  it('duplicate ACKs that are owed to a peer without SACK leave with a segment each', () => {
    const a = { ...plain, sack: false, timestamps: false, mss: 536, sendBuffer: 5_000, maxReceiveBuffer: 3_000 }
    const actions = [write('a', 60_000, 50), write('b', 60_000)]
    for (let seed = 1; seed <= 10; seed++) compare({ ...scene, a, b: a, loss: 0.05, seed, actions })
  })

  it('text in slabs of any size: small writes, then long ones, and what straddles them', () => {
    const actions = Array.from({ length: 40 }, (_, i) => write('a', 1 + ((i * 7919) % 9_000), 3))
    const { together } = compare({ ...scene, actions: [...actions, write('a', 300_000, 1)] })
    expect(together).toBeGreaterThan(20)
  })

  it('what left after a pause, all at once, was counted segment by segment: the pacer’s train is as long', () => {
    const cubic = { ...plain, congestion: 'cubic' }
    const pauses = Array.from({ length: 6 }, () => write('a', 200_000, 700))
    expect(compare({ ...scene, a: cubic, b: cubic, delay: 20, actions: pauses }).together).toBeGreaterThan(20)
  })

  it('the question of a path is answered by one segment alone', () => {
    const pair = new Pair({ b: { followPeer: true } })
    pair.run(100)
    const question = new Segment()
    const { a, b } = pair as { a: Connection; b: Connection }
    a.fillPathProbe(question, 12_345, pair.now)
    b.handleSegment(question, pair.now)
    b.send(new Uint8Array(8 * 1440))
    const echoes: [count: number, isAnswer: boolean][] = []
    for (const out = new Segment(); b.poll(out, pair.now, TOGETHER); ) echoes.push([out.count, out.tsEcr === 12_345])
    expect(echoes).toEqual([
      [1, true],
      [7, false],
    ])
  })

  it('no more flights than there is memory for', () => {
    const boundless: CongestionAlgorithm = {
      name: 'boundless',
      create: (mss) => Object.assign(NEWRENO.create(mss, Math.random), { window: 1e9 }),
    }
    const config = {
      congestion: boundless,
      mss: 536,
      sendBuffer: 2 ** 25,
      maxReceiveBuffer: 2 ** 26,
      timestamps: false,
    }
    const pair = new Pair({ a: config, b: { ...config, initialReceiveBuffer: 2 ** 26 } })
    const { a } = pair
    pair.run(100)
    a.send(new Uint8Array(1))
    pair.run(100)
    const out = new Segment()
    const text = new Uint8Array(2 ** 20)
    let segments = 0
    for (let taken = 1; taken > 0; ) {
      taken = a.send(text)
      while (a.poll(out, pair.now, TOGETHER)) segments += out.count
    }
    expect(segments).toBe(32_768)
  })

  it('and no more than are asked for; one that is traced sends each by itself', () => {
    const pair = new Pair()
    pair.run(100)
    const out = new Segment()
    pair.a.send(new Uint8Array(20_000))
    expect(pair.a.poll(out, pair.now, 3) && out.count).toBe(3)
    expect(pair.a.poll(out, pair.now) && out.count).toBe(1)
    const seen: number[] = []
    const trace = { onSegmentSent: (sent: Segment) => void seen.push(sent.count), onSegmentReceived: () => {} }
    const traced = Connection.active(createConfig(), 1, 1, { ...NOWHERE, trace: { ...trace, onState: () => {} } })
    traced.open(0)
    traced.poll(out, 0)
    const answer = Object.assign(new Segment(), { seq: 9, ack: 2, flags: SYN | ACK, window: 65_535, mss: 1000 })
    traced.handleSegment(answer, 1)
    traced.send(new Uint8Array(5_000))
    while (traced.poll(out, 1, TOGETHER)) expect(out.count).toBe(1)
    expect(seen).toEqual([1, 1, 1, 1, 1, 1])
  })
})
