// Trains and what stands in their way: a C library in memory refuses what a test wants, and nothing may be lost or change its order.

import { constants } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createOffload } from '../../lib/platform/offload.js'
import { OffloadSocket } from '../../lib/platform/offload-socket.js'
import { FakeLibc } from '../support/fake-libc.js'

const { EAGAIN, ECONNREFUSED, EINVAL, EIO, EMSGSIZE, ENOBUFS, ENOPROTOOPT, EOPNOTSUPP, EPERM } = constants.errno
const WRITE = 4

const kernel = new FakeLibc()
const offload = createOffload(kernel)
let open: Scene[] = []

beforeEach(() => kernel.clear())

afterEach(() => {
  for (const { socket } of open) socket.close()
  open = []
})

class Scene {
  readonly libc: FakeLibc = kernel
  readonly socket: OffloadSocket
  readonly errors: unknown[] = []
  drains = 0
  private count = 0

  constructor(peer?: { address: string; port: number }) {
    const handler = {
      onDatagram: () => {},
      onQuiet: () => {},
      onDrain: () => void this.drains++,
      onError: (error: Error & { code?: unknown }) => void this.errors.push(error.code),
    }
    const local = { address: '127.0.0.1', port: 0 }
    this.socket = new OffloadSocket(offload, peer === undefined ? local : { ...local, peer }, handler)
    open.push(this)
  }

  /** A datagram of `length` bytes that names its number, as the stack sends: from `cargo`, or by itself. @returns that number. */
  send(length: number, port = 7): number {
    const { socket } = this
    const bytes = numbered(this.count, length)
    const at = socket.reserve(length, '127.0.0.1', port)
    if (at < 0) socket.send([bytes.subarray(0, 8), bytes.subarray(8)], '127.0.0.1', port)
    else socket.cargo.set(bytes, at)
    return this.count++
  }

  sendEach(...lengths: number[]): this {
    for (const length of lengths) this.send(length)
    return this
  }

  /** What has left, checked byte by byte, by its numbers. */
  get left(): number[] {
    return this.libc.sent.map(({ bytes }) => {
      const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
      expect(Buffer.compare(bytes, numbered(number, bytes.length))).toBe(0)
      return number
    })
  }

  get lengths(): number[] {
    return this.libc.sent.map(({ bytes }) => bytes.length)
  }
}

function numbered(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 4; i < length; i++) bytes[i] = number * 7 + i
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const same = (count: number, length: number): number[] => new Array<number>(count).fill(length)

describe('what the network tells of an earlier datagram', () => {
  it.each([
    ['a train', 5, 900],
    ['one', 1, 900],
    ['a long one', 1, 60_000],
  ])('costs %s nothing: it is told, and what was to leave leaves', async (_, count, length) => {
    const scene = new Scene({ address: '127.0.0.1', port: 7 })
    scene.libc.refuse = (_datagrams, call) => (call === 0 ? ECONNREFUSED : 0)
    scene.sendEach(...same(count, length)).socket.flush()
    expect(scene.left).toEqual(upTo(count))
    expect(scene.libc.trains).toBe(count > 1 ? 2 : 0)
    await turn()
    expect(scene.errors).toEqual(['ECONNREFUSED'])
  })
})

describe('an event of a descriptor that had the number before', () => {
  it('changes nothing', () => {
    const scene = new Scene()
    scene.socket.onWritable()
    scene.libc.refuse = () => EAGAIN
    scene.send(60_000)
    expect(scene.libc.awaited & WRITE).toBe(WRITE)
    scene.libc.refuse = () => 0
    scene.socket.onWritable()
    expect([scene.left, scene.drains]).toEqual([[0], 1])
    expect(scene.libc.awaited & WRITE).toBe(0)
  })
})

describe('what goes into a train', () => {
  it('datagrams of one length to one place, 64 of them at most, and a shorter one at the end', () => {
    const scene = new Scene()
    scene.sendEach(...same(70, 900), 300).socket.flush()
    expect(scene.left).toEqual(upTo(71))
    expect(scene.lengths).toEqual([...same(70, 900), 300])
    expect(scene.libc.trains).toBe(2)
  })

  it('no more bytes than UDP has, and nothing behind a short one', () => {
    const scene = new Scene()
    scene.sendEach(...same(9, 9_000), 100, 9_000).socket.flush()
    expect(scene.left).toEqual(upTo(11))
    // seven, then two and the short one, then what is by itself
    expect(scene.libc.trains).toBe(2)
    expect(scene.libc.sent.at(-1)?.ofTrain).toBe(false)
  })

  it('what is longer than the one before, goes elsewhere, or is long, begins anew', () => {
    const scene = new Scene()
    scene.send(500)
    scene.send(600)
    scene.send(600, 8)
    scene.send(60_000, 8)
    scene.send(600, 8)
    scene.socket.flush()
    expect(scene.left).toEqual(upTo(5))
    expect(scene.libc.sent.map(({ port }) => port)).toEqual([7, 7, 8, 8, 8])
    expect(scene.libc.trains).toBe(0)
  })

  it('two peers with segments of their own sizes, in turn', () => {
    const scene = new Scene()
    for (let round = 0; round < 5; round++) {
      for (const length of [1_400, 1_400, 1_400, 77]) scene.send(length, 7)
      for (const length of [536, 536, 5]) scene.send(length, 8)
    }
    scene.socket.flush()
    expect(scene.left).toEqual(upTo(35))
    expect(scene.libc.trains).toBe(10)
    const elsewhere = scene.libc.sent.filter(({ port, bytes }) => (port === 7) !== [1_400, 77].includes(bytes.length))
    expect(elsewhere).toEqual([])
  })
})

describe('a device that cannot cut trains apart', () => {
  it.each([
    ['EIO', EIO],
    ['EINVAL', EINVAL],
    ['EOPNOTSUPP', EOPNOTSUPP],
    ['ENOPROTOOPT', ENOPROTOOPT],
  ])('%s: each leaves by itself, not a byte is lost, and no more trains are tried', async (_, code) => {
    const scene = new Scene()
    scene.libc.refuse = (datagrams) => (datagrams.length > 1 ? code : 0)
    scene.sendEach(...same(10, 900), 300).socket.flush()
    scene.sendEach(...same(10, 900), 300).socket.flush()
    expect(scene.left).toEqual(upTo(22))
    expect(scene.libc.trains).toBe(1)
    await turn()
    expect(scene.errors).toEqual([])
  })

  it('another socket finds out by itself', () => {
    const [one, two] = [new Scene(), new Scene()]
    kernel.refuse = (datagrams) => (datagrams.length > 1 ? EIO : 0)
    one.sendEach(900, 900).socket.flush()
    kernel.refuse = () => 0
    two.sendEach(900, 900).socket.flush()
    expect(kernel.sent.map(({ ofTrain }) => ofTrain)).toEqual([false, false, true, true])
  })
})

describe('what no packet of the interface holds', () => {
  it.each([
    ['EMSGSIZE, as newer kernels say of the train', EMSGSIZE],
    ['EINVAL, as older ones do', EINVAL],
  ])('%s: what does fit leaves, the rest is told of once each, and trains go on', async (_, code) => {
    const scene = new Scene()
    scene.libc.refuse = (datagrams) => {
      if (datagrams.every(({ length }) => length <= 1_400)) return 0
      return datagrams.length > 1 ? code : EMSGSIZE
    }
    scene.sendEach(4_000, 4_000, 1_400).socket.flush()
    scene.sendEach(1_400, 1_400).socket.flush()
    expect(scene.left).toEqual([2, 3, 4])
    expect(scene.libc.sent.map(({ ofTrain }) => ofTrain)).toEqual([false, true, true])
    await turn()
    expect(scene.errors).toEqual(['EMSGSIZE', 'EMSGSIZE'])
  })
})

describe('other errors', () => {
  it('ICMP has told of an earlier datagram: the train that hears of it leaves all the same, and the error is told', async () => {
    const scene = new Scene()
    scene.libc.refuse = (_, call) => (call === 0 ? ECONNREFUSED : 0)
    scene.sendEach(900, 900, 900).socket.flush()
    expect(scene.left).toEqual([0, 1, 2])
    await turn()
    expect(scene.errors).toEqual(['ECONNREFUSED'])
  })

  it('a rule forbids it: told, and nothing thrown', async () => {
    const scene = new Scene()
    scene.libc.refuse = () => EPERM
    scene.sendEach(900, 60_000).socket.flush()
    expect(scene.left).toEqual([])
    await turn()
    expect(scene.errors).toEqual(['EPERM', 'EPERM'])
  })

  it('one without a number', async () => {
    const scene = new Scene()
    scene.libc.refuse = () => Number.NaN
    scene.sendEach(900).socket.flush()
    await turn()
    expect(scene.errors).toHaveLength(1)
  })
})

describe('no room', () => {
  it.each([
    ['EAGAIN', EAGAIN],
    ['ENOBUFS', ENOBUFS],
  ])('%s: what waits leaves first when there is some, in order, and then the owner is told', (_, code) => {
    const scene = new Scene()
    const { socket, libc } = scene
    // the train, and the third of its datagrams
    libc.refuse = (_datagrams, call) => (call === 0 || call >= 3 ? code : 0)
    scene.sendEach(...same(5, 900))
    expect(socket.flush()).toBe(false)
    expect(libc.awaited & WRITE).toBe(WRITE)
    expect(socket.reserve(900, '127.0.0.1', 7)).toBe(-1)
    scene.sendEach(700, 20_000)
    expect(scene.left).toEqual([0, 1])
    socket.onWritable()
    expect([scene.left, scene.drains]).toEqual([[0, 1], 0])
    libc.refuse = () => 0
    socket.onWritable()
    expect([scene.left, scene.drains, libc.awaited & WRITE]).toEqual([upTo(7), 1, 0])
    expect(socket.flush()).toBe(true)
  })

  it('any lengths and places, any calls that find none, on a device with trains or without: all leave once, in order', () => {
    const datagram = fc.record({
      length: fc.oneof(fc.constant(900), fc.integer({ min: 9, max: 1_500 }), fc.integer({ min: 8_000, max: 65_000 })),
      port: fc.constantFrom(7, 7, 7, 8),
      next: fc.constantFrom('more', 'more', 'flush', 'writable'),
    })
    const refusals = fc.array(fc.constantFrom(0, 0, 0, EAGAIN, ENOBUFS), { maxLength: 40 })
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 60 }), refusals, fc.boolean(), (datagrams, codes, hasTrains) => {
        kernel.clear()
        const scene = new Scene()
        scene.libc.refuse = (all, call) => (!hasTrains && all.length > 1 ? EIO : (codes[call] ?? 0))
        for (const { length, port, next } of datagrams) {
          scene.send(length, port)
          if (next === 'flush') scene.socket.flush()
          // only after it was asked for
          if (next === 'writable' && scene.libc.awaited & WRITE) scene.socket.onWritable()
        }
        for (let i = 0; i <= codes.length && !scene.socket.flush(); i++) scene.socket.onWritable()
        expect(scene.left).toEqual(upTo(datagrams.length))
        expect(scene.lengths).toEqual(datagrams.map(({ length }) => length))
        expect(scene.errors).toEqual([])
        scene.socket.close()
      }),
      { numRuns: 300 },
    )
  })
})
