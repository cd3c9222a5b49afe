// The machine through Node: what is promised of bind, send, memory, errors and alarms, on real sockets.
import { syncBuiltinESMExports } from 'node:module'
import { isIP } from 'node:net'
import os, { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { canReusePort } from '../../lib/platform/dgram-socket.js'
import { loadLibc } from '../../lib/platform/libc.js'
import { createNodePlatform } from '../../lib/platform/node.js'
import type { DatagramSocket, LocalAddress } from '../../lib/platform/platform.js'

const platform = createNodePlatform()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (of: Uint8Array): string => new TextDecoder().decode(of)
const code = (name: string) => expect.objectContaining({ code: name })

interface Ear {
  readonly socket: DatagramSocket
  /** What was lent is a copy here. */
  readonly heard: { bytes: Uint8Array; address: string; port: number; isLent: boolean }[]
  readonly errors: (Error & { code?: string })[]
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !done(); i++) await sleep(5)
  expect(done()).toBe(true)
}

/** Sockets of one of the two kinds. */
class Kind {
  private readonly offload: boolean

  constructor(offload: boolean) {
    this.offload = offload
  }

  bind(local: Partial<LocalAddress>): Ear {
    const heard: Ear['heard'] = []
    const errors: Ear['errors'] = []
    const socket = platform.bind(
      { address: '127.0.0.1', port: 0, offload: this.offload, ...local },
      {
        onDatagram: (memory, start, end, address, port, isLent) => {
          const each = memory.subarray(start, end)
          heard.push({ bytes: isLent ? new Uint8Array(each) : each, address, port, isLent })
        },
        onQuiet: () => {},
        onDrain: () => {},
        onError: (error) => void errors.push(error),
      },
    )
    return { socket, heard, errors }
  }

  async withSockets(locals: Partial<LocalAddress>[], body: (...ears: Ear[]) => Promise<void>): Promise<void> {
    const ears: Ear[] = []
    try {
      for (const local of locals) ears.push(this.bind(local))
      await body(...ears)
    } finally {
      for (const { socket } of ears) socket.close()
    }
  }
}

/** It leaves at once. */
function send({ socket }: Ear, parts: readonly Uint8Array[], port: number): boolean {
  const sent = socket.send(parts, '127.0.0.1', port)
  return socket.flush() && sent
}

describe.each([
  ['read and written by the C library, where there is koffi', true],
  ['of dgram', false],
])('sockets %s', (_, offload) => {
  const kind = new Kind(offload)

  describe('bind', () => {
    it('is done when it returns', async () => {
      await kind.withSockets([{}, { address: '0.0.0.0' }], async (one, two) => {
        expect(one.socket).toMatchObject({ address: '127.0.0.1', port: expect.any(Number) })
        expect(one.socket.port).toBeGreaterThan(0)
        expect(two.socket.address).toBe('0.0.0.0')
        await sleep(0)
      })
    })

    it('throws the machine’s error out of the call, and leaves no socket behind', async () => {
      await kind.withSockets([{}], async ({ socket: { port }, errors }) => {
        expect(() => kind.bind({ port })).toThrow(code('EADDRINUSE'))
        expect(() => kind.bind({ address: '203.0.113.7' })).toThrow(code('EADDRNOTAVAIL'))
        expect(() => kind.bind({ port })).toThrow(
          expect.objectContaining({ syscall: 'bind', address: '127.0.0.1', port }),
        )
        await sleep(10)
        expect(errors).toEqual([])
      })
    })

    it('reusePort: those who ask for it share a port, and each peer stays with one of them', async () => {
      if (!offload && !canReusePort() && loadLibc() === null) {
        expect(() => kind.bind({ reusePort: true })).toThrow(code('ENOTSUP'))
        return
      }
      const free = kind.bind({})
      const { port } = free.socket
      free.socket.close()
      const member = { port, reusePort: true }
      await kind.withSockets([member, member, member], async (...group) => {
        expect(() => kind.bind({ port })).toThrow(code('EADDRINUSE'))
        const peers = Array.from({ length: 32 }, () => kind.bind({}))
        for (let i = 0; i < 3; i++) for (const peer of peers) send(peer, [bytes('x')], port)
        await until(() => group.reduce((sum, { heard }) => sum + heard.length, 0) === 96)
        for (const { heard } of group) {
          for (const { port: from } of heard) expect(heard.filter((each) => each.port === from)).toHaveLength(3)
        }
        for (const { socket } of peers) socket.close()
      })
    })

    it('a receive buffer that no machine grants does no harm', async () => {
      await kind.withSockets([{ recvBufferSize: 2 ** 30 }, { recvBufferSize: 1 }], async (one, two) => {
        send(two, [bytes('in')], one.socket.port)
        await until(() => one.heard.length === 1)
      })
    })
  })

  describe('datagrams', () => {
    it('parts make one datagram, and their memory is free when send() says so', async () => {
      await kind.withSockets([{}, {}], async (one, two) => {
        const scratch = new Uint8Array(3)
        for (let i = 0; i < 5; i++) {
          scratch.fill(97 + i)
          expect(send(two, [scratch, bytes('-'), bytes(`${i}`)], one.socket.port)).toBe(true)
        }
        await until(() => one.heard.length === 5)
        expect(one.heard.map((each) => text(each.bytes))).toEqual(['aaa-0', 'bbb-1', 'ccc-2', 'ddd-3', 'eee-4'])
        expect(one.heard[0]).toMatchObject({ address: '127.0.0.1', port: two.socket.port })
      })
    })

    it('each that is not lent has memory of its own, and long ones are not lent', async () => {
      await kind.withSockets([{}, {}], async (one, two) => {
        for (let i = 0; i < 5; i++) {
          send(two, [bytes(`number ${i}`)], one.socket.port)
          send(two, [new Uint8Array(40_000).fill(i)], one.socket.port)
        }
        await until(() => one.heard.length === 10)
        const kept = one.heard.filter(({ isLent }) => !isLent)
        expect(new Set(kept.map((each) => each.bytes.buffer)).size).toBe(kept.length)
        for (const [i, { bytes: each, isLent }] of one.heard.entries()) {
          if (i % 2 === 0) expect(text(each)).toBe(`number ${i / 2}`)
          else expect([isLent, each.length, each[0], each[39_999]]).toEqual([false, 40_000, (i - 1) / 2, (i - 1) / 2])
        }
      })
    })

    it('too long: an error, told after the call, and no crash', async () => {
      await kind.withSockets([{}], async (one) => {
        const { errors } = one
        expect(send(one, [new Uint8Array(70_000)], 9)).toBe(true)
        expect(errors).toEqual([])
        await until(() => errors.length === 1)
        expect(errors[0]).toMatchObject({ code: 'EMSGSIZE', address: '127.0.0.1', port: 9 })
      })
    })

    it('nothing is sent or told after close()', async () => {
      const one = kind.bind({})
      send(one, [new Uint8Array(70_000)], 9)
      one.socket.close()
      one.socket.close()
      expect(send(one, [bytes('late')], 9)).toBe(true)
      await sleep(10)
      expect(one.errors).toEqual([])
    })
  })

  describe('a connected socket', () => {
    it('knows the address it sends from, and the peer as it is reported', async () => {
      await kind.withSockets([{}], async (one) => {
        const peer = { address: '127.0.0.1', port: one.socket.port }
        await kind.withSockets([{ address: '0.0.0.0', peer }], async (own) => {
          expect(own.socket).toMatchObject({ address: '127.0.0.1', peerAddress: '127.0.0.1' })
          send(own, [bytes('hello')], peer.port)
          await until(() => one.heard.length === 1)
          send(one, [bytes('you too')], own.socket.port)
          await until(() => own.heard.length === 1)
          expect(own.heard[0].address).toBe('127.0.0.1')
        })
      })
    })

    it('hears its peer alone', async () => {
      await kind.withSockets([{}, {}], async (one, two) => {
        const peer = { address: '127.0.0.1', port: one.socket.port }
        await kind.withSockets([{ address: '0.0.0.0', peer }], async (own) => {
          send(two, [bytes('stranger')], own.socket.port)
          send(one, [bytes('peer')], own.socket.port)
          await until(() => own.heard.length === 1)
          expect(text(own.heard[0].bytes)).toBe('peer')
        })
      })
    })

    it('is told that nobody listens there', async () => {
      const gone = kind.bind({})
      gone.socket.close()
      const peer = { address: '127.0.0.1', port: gone.socket.port }
      await kind.withSockets([{ address: '0.0.0.0', peer }], async (own) => {
        send(own, [bytes('anybody?')], peer.port)
        await until(() => own.errors.length > 0)
        expect(own.errors[0].code).toBe('ECONNREFUSED')
      })
    })
  })
})

describe('the machine', () => {
  it('its addresses are all that it says it has, and can be bound', () => {
    const own = platform.addresses()
    expect(own).toContain('127.0.0.1')
    expect(own).toHaveLength(Object.values(networkInterfaces()).flat().length)
    for (const address of own) {
      expect(isIP(address)).toBeGreaterThan(0)
      const { socket } = new Kind(true).bind({ address })
      expect(socket.address).toBe(address)
      socket.close()
    }
  })

  it('the address towards a peer', () => {
    expect(platform.sourceAddress('127.0.0.1')).toBe('127.0.0.1')
    expect(platform.sourceAddress('::ffff:127.0.0.1')).toBe('::ffff:127.0.0.1')
  })

  it('random bytes, and a clock with fractions that does not go back', () => {
    const [one, two] = [new Uint8Array(16), new Uint8Array(16)]
    platform.random(one)
    platform.random(two)
    expect(one).not.toEqual(two)
    const times = Array.from({ length: 100 }, () => platform.now())
    expect([...times].sort((a, b) => a - b)).toEqual(times)
    expect(times.some((each) => !Number.isInteger(each))).toBe(true)
  })

  it('no addresses when the machine fails to tell them, as one without free descriptors does', () => {
    const { networkInterfaces } = os
    os.networkInterfaces = () => {
      throw new Error('uv_interface_addresses returned EMFILE')
    }
    syncBuiltinESMExports()
    try {
      expect(platform.addresses()).toEqual([])
    } finally {
      os.networkInterfaces = networkInterfaces
      syncBuiltinESMExports()
    }
    expect(platform.addresses()).not.toEqual([])
  })

  it('the limit of descriptors, if it can be read', () => {
    const limit = platform.descriptorLimit
    if (process.platform === 'linux') expect(limit).toBeGreaterThan(0)
    else expect(limit === undefined || limit > 0).toBe(true)
  })
})

describe('an alarm', () => {
  const start = platform.now()
  const rings = (set: (alarm: ReturnType<typeof platform.alarm>, now: number) => void): Promise<number[]> => {
    const times: number[] = []
    const began = platform.now()
    const alarm = platform.alarm(() => void times.push(platform.now() - began))
    set(alarm, began)
    return sleep(80).then(() => times)
  }

  it('rings once, not before its time', async () => {
    const times = await rings((alarm, now) => alarm.set(now + 20))
    expect(times).toHaveLength(1)
    expect(times[0]).toBeGreaterThan(18.9)
  })

  it('the last time set is the one that counts, later or earlier', async () => {
    const [later, earlier] = await Promise.all([
      rings((alarm, now) => {
        alarm.set(now + 5)
        alarm.set(now + 40)
      }),
      rings((alarm, now) => {
        alarm.set(now + 1e9)
        alarm.set(now + 5)
      }),
    ])
    expect([later.length, earlier.length]).toEqual([1, 1])
    expect(later[0]).toBeGreaterThan(38.9)
  })

  it('cleared, or set to what never comes, it is silent', async () => {
    const [cleared, never, far] = await Promise.all([
      rings((alarm, now) => {
        alarm.set(now + 5)
        alarm.clear()
      }),
      rings((alarm, now) => {
        alarm.set(now + 5)
        alarm.set(Number.POSITIVE_INFINITY)
        alarm.unref()
      }),
      rings((alarm, now) => {
        alarm.set(now + 2 ** 40)
        alarm.unref()
      }),
    ])
    expect([cleared, never, far]).toEqual([[], [], []])
    expect(platform.now()).toBeGreaterThan(start)
  })

  it('rings by the machine’s clock, and a turn ends, though a test has put its own in the place of Node’s', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
    const [frozen, began] = [performance.now(), platform.now()]
    try {
      const rung = new Promise<void>((resolve) => platform.alarm(resolve).set(began + 20))
      await Promise.all([rung, new Promise<void>((resolve) => platform.defer(resolve))])
      expect(performance.now()).toBe(frozen)
      expect(platform.now() - began).toBeGreaterThan(18)
    } finally {
      vi.useRealTimers()
    }
  })

  it('may be set anew as it rings', async () => {
    const times: number[] = []
    const alarm = platform.alarm(() => {
      times.push(platform.now())
      if (times.length < 3) alarm.set(platform.now() + 5)
    })
    alarm.set(platform.now())
    await sleep(60)
    expect(times).toHaveLength(3)
  })
})
