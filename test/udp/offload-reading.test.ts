// Trains as they are read, with whatever a kernel could say of them: what is ambiguous is never delivered, and nothing throws.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOffload } from '../../lib/platform/offload.js'
import { OffloadSocket } from '../../lib/platform/offload-socket.js'
import { FakeLibc, PORT, type Slot, SOL_UDP, UDP_GRO, UDP_SEGMENT } from '../support/fake-libc.js'
import { uncaughtDuring } from '../support/uncaught.js'

const MSG_TRUNC = 0x20
const MSG_CTRUNC = 0x08

const libc = new FakeLibc()
const offload = createOffload(libc)

/** What a socket hands over of one read. */
function read(...slots: Slot[]): {
  heard: string[]
  ranges: [start: number, end: number][]
  quiets: number
} {
  libc.clear()
  const heard: string[] = []
  const ranges: [number, number][] = []
  let quiets = 0
  const socket = new OffloadSocket(
    offload,
    { address: '127.0.0.1', port: 0 },
    {
      onDatagram: (bytes, start, end, address, port) => {
        expect([address, port]).toEqual(['127.0.0.1', PORT])
        ranges.push([start, end])
        heard.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
      },
      onQuiet: () => void quiets++,
      onDrain: () => {},
      onError: (error) => {
        throw error
      },
    },
  )
  libc.found.push(slots)
  socket.onReadable()
  socket.close()
  return { heard, ranges, quiets }
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1')
const gro = (value: string, size: number, more: object = {}): Slot => ({
  bytes: text(value),
  control: { value: size, ...more },
})

describe('a socket that is closed as it reads', () => {
  it('sets no option: the number may be another’s already', () => {
    libc.clear()
    const socket: OffloadSocket = new OffloadSocket(
      offload,
      { address: '127.0.0.1', port: 0 },
      {
        onDatagram: () => socket.close(),
        onQuiet: () => {},
        onDrain: () => {},
        onError: () => {},
      },
    )
    libc.options.length = 0
    libc.found.push(Array.from({ length: 16 }, () => ({ bytes: text('x') })))
    socket.onReadable()
    expect(libc.options).toEqual([])
  })
})

it('a handler that throws costs nothing of what was read in the same call', async () => {
  libc.clear()
  const heard: string[] = []
  const uncaught = await uncaughtDuring(async () => {
    const socket = new OffloadSocket(
      offload,
      { address: '127.0.0.1', port: 0 },
      {
        onDatagram: (bytes, start, end) => {
          heard.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
          throw new Error(heard.at(-1))
        },
        onQuiet: () => void heard.push('quiet'),
        onDrain: () => {},
        onError: () => {},
      },
    )
    libc.found.push([{ bytes: text('one') }, gro('aab', 2), { bytes: text('last') }])
    socket.onReadable()
    socket.close()
    await new Promise(setImmediate)
  })
  expect(heard).toEqual(['one', 'aa', 'b', 'last', 'quiet'])
  expect(uncaught.map((error) => (error as Error).message)).toEqual(['one', 'aa', 'b', 'last'])
})

describe('a handler that takes rows', () => {
  type Act = (socket: OffloadSocket, heard: string) => void

  /** It takes `most` datagrams of a row at a time. @returns what it heard, each time by itself. */
  async function rows(slots: Slot[], most: number, act: Act = () => {}) {
    libc.clear()
    const heard: string[] = []
    const uncaught = await uncaughtDuring(async () => {
      const tell = (bytes: Uint8Array, start: number, end: number): void => {
        heard.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
        act(socket, heard.at(-1) as string)
      }
      const socket: OffloadSocket = new OffloadSocket(
        offload,
        { address: '127.0.0.1', port: 0 },
        {
          onDatagram: tell,
          onRow: (row, address, port) => {
            expect([address, port]).toEqual(['127.0.0.1', PORT])
            const start = row.at
            row.at = Math.min(start + most * row.part, row.end)
            tell(row.bytes, start, row.at)
          },
          onQuiet: () => void heard.push('quiet'),
          onDrain: () => {},
          onError: () => {},
        },
      )
      libc.found.push(slots)
      socket.onReadable()
      socket.close()
      await new Promise(setImmediate)
    })
    return { heard, thrown: uncaught.map((error) => (error as Error).message) }
  }

  const slots = [{ bytes: text('one') }, gro('aabbccddeef', 2), { bytes: text('last') }]

  it('has what is left of one until it has taken all; what is no train comes by itself', async () => {
    expect((await rows(slots, 1)).heard).toEqual(['one', 'aa', 'bb', 'cc', 'dd', 'ee', 'f', 'last', 'quiet'])
    expect((await rows(slots, 4)).heard).toEqual(['one', 'aabbccdd', 'eef', 'last', 'quiet'])
    expect((await rows(slots, 64)).heard).toEqual(['one', 'aabbccddeef', 'last', 'quiet'])
  })

  it('throws in the middle: the rest comes all the same, and the error is the program’s', async () => {
    const { heard, thrown } = await rows(slots, 2, (_, said) => {
      if (said !== 'one' && said !== 'last') throw new Error(said)
    })
    expect(heard).toEqual(['one', 'aabb', 'ccdd', 'eef', 'last', 'quiet'])
    expect(thrown).toEqual(['aabb', 'ccdd', 'eef'])
  })

  it('closes the socket in the middle, and even throws: nothing more is told', async () => {
    for (const throws of [false, true]) {
      const { heard, thrown } = await rows(slots, 2, (socket, said) => {
        if (said !== 'ccdd') return
        socket.close()
        if (throws) throw new Error(said)
      })
      expect(heard).toEqual(['one', 'aabb', 'ccdd', 'quiet'])
      expect(thrown).toEqual(throws ? ['ccdd'] : [])
    }
  })
})

describe('a train', () => {
  it('is taken apart by the length that the kernel tells; the last may be shorter', () => {
    expect(read(gro('aaabbbcc', 3)).heard).toEqual(['aaa', 'bbb', 'cc'])
    expect(read(gro('aaabbb', 3)).heard).toEqual(['aaa', 'bbb'])
    expect(read(gro('abc', 1)).heard).toEqual(['a', 'b', 'c'])
  })

  it('without a length it is a datagram; nor is it more where the length covers all of it', () => {
    expect(read({ bytes: text('aaabbbcc') }).heard).toEqual(['aaabbbcc'])
    expect(read(gro('aaabbbcc', 8)).heard).toEqual(['aaabbbcc'])
    expect(read(gro('aaabbbcc', 9)).heard).toEqual(['aaabbbcc'])
    expect(read(gro('aaabbbcc', 2 ** 31 - 1)).heard).toEqual(['aaabbbcc'])
  })

  it('others that are read with it are what they are', () => {
    const { heard, quiets } = read({ bytes: text('first') }, gro('aaabbbcc', 3), { bytes: text('last') })
    expect([heard, quiets]).toEqual([['first', 'aaa', 'bbb', 'cc', 'last'], 1])
  })

  it('is asked for once much comes at a time', () => {
    const option = `${SOL_UDP}/${UDP_GRO}`
    const one: Slot = { bytes: text('x') }
    read(one, one)
    expect(libc.options).not.toContain(option)
    read(...new Array<Slot>(16).fill(one))
    expect(libc.options).toContain(option)
  })
})

describe('what is ambiguous is dropped, and what is beside it is not', () => {
  it.each<[string, Slot]>([
    ['a length of 0', gro('aaabbbcc', 0)],
    ['a length below 0', gro('aaabbbcc', -1)],
    ['the lowest length there is', gro('aaabbbcc', -(2 ** 31))],
    ['control messages that were cut off', { bytes: text('aaabbbcc'), flags: MSG_CTRUNC }],
    ['such with a length all the same', { ...gro('aaabbbcc', 3), flags: MSG_CTRUNC }],
    ['a datagram that was cut off', { ...gro('aaabbbcc', 3), flags: MSG_TRUNC }],
    ['more bytes than the slot has', { ...gro('aaabbbcc', 3), length: 65_537 }],
    ['as many as a u32 holds', { bytes: text('aaabbbcc'), length: 2 ** 32 - 1 }],
    ['half a control message', gro('aaabbbcc', 3, { all: 8 })],
    ['one that is shorter than what it should hold', gro('aaabbbcc', 3, { length: 16 })],
    ['one of another kind', gro('aaabbbcc', 3, { type: UDP_SEGMENT })],
    ['one of another level', gro('aaabbbcc', 3, { level: 1 })],
  ])('%s', (_, slot) => {
    expect(read({ bytes: text('first') }, slot, { bytes: text('last') }).heard).toEqual(['first', 'last'])
  })

  it('an empty datagram is one', () => {
    expect(read({ bytes: text('') }, gro('', 3)).heard).toEqual(['', ''])
  })
})

describe('whatever the kernel says', () => {
  it('nothing throws, and what is handed over of a slot lies within it, cut at equal lengths', () => {
    const number = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -3, max: 40 }))
    const slot = fc.record({
      size: fc.integer({ min: 1, max: 40 }),
      flags: fc.oneof(fc.constant(0), fc.nat(2 ** 16)),
      told: fc.oneof(fc.constant(-1), fc.nat(2 ** 20)),
      control: fc.option(
        fc.record({
          all: fc.constantFrom(24, 24, 20, 16, 8, 1, 32),
          length: fc.constantFrom(20, 20, 0, 16, 2 ** 31),
          level: fc.constantFrom(SOL_UDP, SOL_UDP, 1, -1),
          type: fc.constantFrom(UDP_GRO, UDP_GRO, 0),
          value: number,
        }),
        { nil: undefined },
      ),
    })
    fc.assert(
      fc.property(fc.array(slot, { minLength: 1, maxLength: 16 }), (slots) => {
        const made = slots.map(({ size, flags, told, control }, i): Slot => {
          const bytes = text(String.fromCharCode(97 + i).repeat(size))
          const length = told < 0 ? size : told
          return control === undefined ? { bytes, flags, length } : { bytes, flags, length, control }
        })
        const { ranges } = read(...made)
        let slotsHeard = 0
        let [at, part] = [0, 0]
        for (const [i, [start, end]] of ranges.entries()) {
          if (start === 0) slotsHeard++
          else expect([start, end - start <= part]).toEqual([at, true])
          // only the last of a slot may be shorter
          if (i > 0 && start > 0 && ranges[i + 1]?.[0] !== 0 && i + 1 < ranges.length) expect(end - start).toBe(part)
          if (start === 0) part = end
          at = end
          expect(end).toBeLessThanOrEqual(65_536)
        }
        expect(slotsHeard).toBeLessThanOrEqual(slots.length)
      }),
      { numRuns: 150 },
    )
  })
})
