// What may happen to a connection, as fast-check draws it: the path, both sides' settings, and what their programs do and when.
import fc from 'fast-check'
import { type CongestionControlName, congestionControls } from '../../lib/core/congestion/algorithms.js'
import type { LinkOptions } from '../../lib/testing/link.js'

/** A step of a program, `wait` ms after the one before. */
export interface Step {
  wait: number
  act:
    | { kind: 'write'; bytes: number }
    | { kind: 'pause' }
    | { kind: 'resume' }
    | { kind: 'noDelay'; on: boolean }
    | { kind: 'end' }
    | { kind: 'abort' }
    | { kind: 'destroy' }
}

export interface Settings {
  mss: number
  sendBuffer: number
  maxReceiveBuffer: number
  windowScaling: boolean
  timestamps: boolean
  sack: boolean
  noDelay: boolean
  congestionControl: CongestionControlName
}

export interface Program {
  settings: Settings
  steps: Step[]
  /** After the steps: end at once, or when the other has ended. */
  waitsForEnd: boolean
  /** ms between two chunks that it reads; 0: all at once. */
  readPause: number
}

export interface Schedule {
  /** Of the network. */
  seed: number
  /** From client to server, and back. */
  out: Partial<LinkOptions>
  back: Partial<LinkOptions>
  /** The machines' sockets gather sends until flush(). */
  gather: boolean
  /** They have a kernel buffer: sends may be held, and views with them. */
  kernelBuffer: { rate: number; bytes: number } | null
  /** The server stops listening when it has accepted. */
  closesListener: boolean
  client: Program
  server: Program
}

const often = <T>(usual: T, arbitrary: fc.Arbitrary<T>, weight = 2): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(usual), weight }, { arbitrary, weight: 1 })

/** Times are whole ms: what two programs do may well fall into one instant. */
const ms = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
const share = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: max * 100 }).map((n) => n / 100)

const link: fc.Arbitrary<Partial<LinkOptions>> = fc.record({
  delay: ms(120),
  jitter: often(0, ms(40)),
  loss: often(0, share(0.3), 1),
  reorder: often(0, share(0.3)),
  reorderDelay: ms(60),
  duplicate: often(0, share(0.2)),
  burst: often(null, fc.record({ enter: share(0.04), leave: fc.integer({ min: 50, max: 90 }).map((n) => n / 100) }), 5),
  rate: often(Infinity, fc.integer({ min: 200_000, max: 50_000_000 })),
  queue: fc.integer({ min: 3_000, max: 200_000 }),
})

const length = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 3 }), weight: 2 },
  { arbitrary: fc.integer({ min: 1, max: 5_000 }), weight: 6 },
  { arbitrary: fc.integer({ min: 5_000, max: 60_000 }), weight: 2 },
)
const large = fc.oneof(
  { arbitrary: length, weight: 4 },
  { arbitrary: fc.integer({ min: 60_000, max: 600_000 }), weight: 1 },
)

const rarely = fc.constantFrom({ kind: 'abort' } as const, { kind: 'destroy' } as const)

function steps(bytes: fc.Arbitrary<number>, destructive: boolean): fc.Arbitrary<Step[]> {
  const write = bytes.map((count) => ({ kind: 'write', bytes: count }) as const)
  const others = fc.oneof(
    fc.constant({ kind: 'pause' } as const),
    fc.constant({ kind: 'resume' } as const),
    fc.boolean().map((on) => ({ kind: 'noDelay', on }) as const),
  )
  const act = fc.oneof(
    { arbitrary: write, weight: 8 },
    { arbitrary: others, weight: 4 },
    { arbitrary: fc.constant({ kind: 'end' } as const), weight: 1 },
    { arbitrary: rarely, weight: destructive ? 1 : 0 },
  )
  return fc.array(fc.record({ wait: fc.oneof(fc.constant(0), ms(30), ms(2_000)), act }), { maxLength: 12 })
}

const size = fc.oneof(
  { arbitrary: fc.integer({ min: 100, max: 3_000 }), weight: 1 },
  { arbitrary: fc.integer({ min: 3_000, max: 70_000 }), weight: 3 },
  { arbitrary: fc.integer({ min: 70_000, max: 1_000_000 }), weight: 3 },
)

const settings: fc.Arbitrary<Settings> = fc.record({
  mss: fc.integer({ min: 536, max: 1452 }),
  sendBuffer: size,
  maxReceiveBuffer: size,
  windowScaling: often(true, fc.boolean()),
  timestamps: often(true, fc.boolean()),
  sack: often(true, fc.boolean()),
  noDelay: fc.boolean(),
  congestionControl: fc.constantFrom(...congestionControls),
})

function program(bytes: fc.Arbitrary<number>, destructive: boolean): fc.Arbitrary<Program> {
  return fc.record({
    settings,
    steps: steps(bytes, destructive),
    waitsForEnd: fc.boolean(),
    readPause: often(0, ms(50), 4),
  })
}

function schedule(bytes: fc.Arbitrary<number>, destructive: boolean): fc.Arbitrary<Schedule> {
  return fc.record({
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    out: link,
    back: link,
    gather: fc.boolean(),
    kernelBuffer: often(
      null,
      fc.record({
        rate: fc.integer({ min: 500_000, max: 100_000_000 }),
        bytes: fc.integer({ min: 2_000, max: 200_000 }),
      }),
      3,
    ),
    closesListener: fc.boolean(),
    client: program(bytes, destructive),
    server: program(bytes, destructive),
  })
}

/** Most are small and friendly, some move more, some break off. */
export const anySchedule: fc.Arbitrary<Schedule> = fc.oneof(
  { arbitrary: schedule(length, false), weight: 6 },
  { arbitrary: schedule(large, false), weight: 1 },
  { arbitrary: schedule(length, true), weight: 3 },
)

/** Whether it may end by abort() or destroy(). */
export function breaksOff({ steps }: Program): boolean {
  return steps.some(({ act }) => act.kind === 'abort' || act.kind === 'destroy')
}

/** The stream of one direction: byte by offset, so that a byte out of its place shows. */
const STREAM = 8 * 2 ** 20
const streams = [0, 1].map((direction) => {
  const bytes = Buffer.alloc(STREAM)
  for (let i = 0, x = 7 + direction; i < STREAM; i += 4) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0
    bytes.writeUInt32LE(x, i)
  }
  return bytes
})

/** Bytes `from` to `to` of what the client (0) or the server (1) writes. */
export function stream(direction: 0 | 1, from: number, to: number): Buffer {
  if (to > STREAM) throw new RangeError('a schedule writes less than that')
  return (streams[direction] as Buffer).subarray(from, to)
}
