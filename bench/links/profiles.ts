// The emulated links of the benchmarks, by name: what each direction does to packets.

/** One direction of a link, or both. */
export interface Shape {
  /** Mbit/s of IP packets. */
  readonly rate?: number
  /** One way, ms. */
  readonly delay?: number
  /** Either way of `delay`, ms. */
  readonly jitter?: number
  /** Jitter goes in straight lines between values drawn this often, ms; 0: drawn for each packet, which reorders. @default 10 */
  readonly jitterPeriod?: number
  /** Share of packets lost, independently of each other, %. */
  readonly loss?: number
  /** Share of packets lost, %, and how many in a row on average. */
  readonly burstLoss?: readonly [percent: number, meanLength: number]
  /** Where packets wait for the link; what does not fit is dropped. */
  readonly queueBytes?: number
  /** Share of packets that come late, %, and by how many ms. */
  readonly late?: readonly [percent: number, ms: number]
}

export interface Profile extends Shape {
  readonly rate: number
  readonly delay: number
  readonly summary: string
  /** How long one measurement lasts, s. */
  readonly seconds: number
  /** Of one direction, over what both have: up is from the sender to the receiver. */
  readonly up?: Shape
  readonly down?: Shape
}

type Profiles = Readonly<Record<string, Profile>>

/** The paths of the main table. */
export const profiles: Profiles = {
  lan: {
    summary: '1 Gbit/s, 0.5 ms RTT, 512 KB of queue (4 ms)',
    rate: 1000,
    delay: 0.25,
    queueBytes: 524_288,
    seconds: 4,
  },
  broadband: {
    summary: '100 Mbit/s, 20 ms RTT, no loss, a queue of 1 BDP',
    rate: 100,
    delay: 10,
    queueBytes: 250_000,
    seconds: 6,
  },
  'lossy-wifi': {
    summary: '50 Mbit/s, 30 ms RTT, 1 % loss each way, jitter of 3 ms, a queue of 1 BDP',
    rate: 50,
    delay: 15,
    jitter: 3,
    loss: 1,
    queueBytes: 187_500,
    seconds: 8,
  },
  transatlantic: {
    summary: '200 Mbit/s, 90 ms RTT, 0.1 % loss each way, a queue of 1 BDP',
    rate: 200,
    delay: 45,
    loss: 0.1,
    queueBytes: 2_250_000,
    seconds: 8,
  },
  mobile: {
    summary: '20 Mbit/s, 60 ms RTT, 2 % loss each way in bursts of 4 on average, jitter of 5 ms, a queue of 2 BDP',
    rate: 20,
    delay: 30,
    jitter: 5,
    burstLoss: [2, 4],
    queueBytes: 300_000,
    seconds: 10,
  },
  satellite: {
    summary: '50 Mbit/s, 600 ms RTT, 0.5 % loss each way, a queue of 1 BDP',
    rate: 50,
    delay: 300,
    loss: 0.5,
    queueBytes: 3_750_000,
    seconds: 15,
  },
  bufferbloat: {
    summary: '10 Mbit/s, 40 ms RTT, no loss, a queue of 1 s',
    rate: 10,
    delay: 20,
    queueBytes: 1_250_000,
    seconds: 10,
  },
}

const REORDERING = { rate: 50, delay: 15, queueBytes: 375_000, seconds: 8 }

/** Paths that change the order of packets and lose none: a packet takes 0.24 ms on the link. */
export const reordering: Profiles = {
  'jitter-1ms': {
    ...REORDERING,
    summary: '50 Mbit/s, 30 ms RTT, each packet up to 1 ms early or late: the order is lost over a few packets',
    jitter: 1,
    jitterPeriod: 0,
  },
  'jitter-5ms': {
    ...REORDERING,
    summary: '50 Mbit/s, 30 ms RTT, each packet up to 5 ms early or late: the order is lost over 40 packets',
    jitter: 5,
    jitterPeriod: 0,
  },
  'late-10ms': {
    ...REORDERING,
    summary: '50 Mbit/s, 30 ms RTT, 2 % of the packets come 10 ms late',
    late: [2, 10],
  },
}

const { broadband } = profiles

/** Paths whose way back is worse than the way there. */
export const ackPaths: Profiles = {
  'ack-loss': { ...broadband, summary: `${broadband.summary}; the way back loses 10 %`, down: { loss: 10 } },
  'ack-slow': {
    ...broadband,
    summary: `${broadband.summary}; the way back has a 50th of the rate, and a queue of 100 ms`,
    down: { rate: 2, queueBytes: 25_000 },
  },
}

/** Whether packets are lost although the queue has room: figures scatter then. */
export function isLossy({ loss = 0, burstLoss }: Profile): boolean {
  return loss > 0 || burstLoss !== undefined
}

const FLAGS: Readonly<Record<keyof Shape, string>> = {
  rate: 'rate',
  delay: 'delay',
  jitter: 'jitter',
  jitterPeriod: 'jitter-period',
  loss: 'loss',
  burstLoss: 'burst-loss',
  queueBytes: 'queue-bytes',
  late: 'late',
}

function shapeArguments(shape: Shape, prefix: string): string[] {
  return (Object.keys(FLAGS) as (keyof Shape)[]).flatMap((key) =>
    shape[key] === undefined ? [] : [`--${prefix}${FLAGS[key]}`, String(shape[key])],
  )
}

/** The profile in the emulator's words. */
export function emulatorArguments(profile: Profile): string[] {
  const { up = {}, down = {} } = profile
  return [...shapeArguments(profile, ''), ...shapeArguments(up, 'up-'), ...shapeArguments(down, 'down-')]
}
