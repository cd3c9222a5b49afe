// Schedules that once failed, as they were printed, and what was wrong: they run with every run of the property.
import type { Schedule, Settings } from './schedule.js'

const settings: Settings = {
  mss: 536,
  sendBuffer: 3000,
  maxReceiveBuffer: 3000,
  windowScaling: true,
  timestamps: true,
  sack: true,
  noDelay: false,
  congestionControl: 'reno',
}
const link = { delay: 0, jitter: 0, loss: 0, reorder: 0, reorderDelay: 0, duplicate: 0, burst: null, queue: 3000 }
const idle = { settings, steps: [], waitsForEnd: false, readPause: 0 }

export const foundSchedules: readonly [why: string, schedule: Schedule][] = [
  [
    'a retransmission from a peer with a full buffer moved SND.UNA and not the send window: bytes left beyond it',
    {
      seed: 616875033,
      out: { ...link, loss: 0.19, rate: 200_000 },
      back: { ...link, rate: Number.POSITIVE_INFINITY },
      gather: false,
      kernelBuffer: { rate: 500_000, bytes: 2000 },
      closesListener: false,
      client: {
        ...idle,
        settings: {
          ...settings,
          sendBuffer: 539,
          maxReceiveBuffer: 2144,
          windowScaling: false,
          timestamps: false,
          sack: false,
          noDelay: true,
        },
        steps: [
          { wait: 0, act: { kind: 'write', bytes: 537 } },
          { wait: 0, act: { kind: 'pause' } },
          { wait: 1, act: { kind: 'write', bytes: 1 } },
          { wait: 1, act: { kind: 'write', bytes: 1 } },
          { wait: 244, act: { kind: 'abort' } },
        ],
      },
      server: {
        ...idle,
        settings: { ...settings, maxReceiveBuffer: 539 },
        steps: [{ wait: 0, act: { kind: 'write', bytes: 5000 } }],
      },
    },
  ],
  [
    'the time of a keep-alive probe was set as a sum and looked at as a difference, which rounded to less: time stood still',
    {
      seed: 20,
      out: { ...link, loss: 0.16, rate: 200_000 },
      back: { ...link, delay: 79, reorder: 0.01, reorderDelay: 19, rate: Number.POSITIVE_INFINITY },
      gather: false,
      kernelBuffer: null,
      closesListener: false,
      client: {
        ...idle,
        steps: [
          { wait: 0, act: { kind: 'write', bytes: 3142 } },
          { wait: 30, act: { kind: 'write', bytes: 3 } },
          { wait: 1597, act: { kind: 'write', bytes: 892 } },
          { wait: 1, act: { kind: 'abort' } },
        ],
      },
      server: { ...idle, settings: { ...settings, sendBuffer: 70_000, windowScaling: false } },
    },
  ],
  [
    'a SYN,ACK left in answer to a last SYN, and its connection was given up in the same millisecond: the peer got a RST',
    {
      seed: 1872483895,
      out: { ...link, reorder: 0.05, reorderDelay: 1, rate: 16_551_868 },
      back: { ...link, burst: { enter: 0.01, leave: 0.5 }, rate: Number.POSITIVE_INFINITY },
      gather: false,
      kernelBuffer: null,
      closesListener: false,
      client: idle,
      server: { ...idle, settings: { ...settings, maxReceiveBuffer: 70_000, timestamps: false } },
    },
  ],
]
