// Connection attempts to several addresses of a name, each with a head start on the next (RFC 8305 §5), in virtual time.
import { once } from 'node:events'
import type { LookupFunction } from 'node:net'
import { connect, createServer, type NetConnectOpts, type Socket } from 'tcp-over-udp'
import { type Host, Network } from 'tcp-over-udp/testing'
import { describe, expect, test } from 'vitest'
import { SYN } from '../../lib/wire/segment.js'

const PORT = 80
const EVENTS = ['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout', 'connect', 'error', 'close']

/** A client and machines at 10.0.0.1, 10.0.0.2, …, each a one-way delay away; Infinity: silent. */
class Race {
  readonly network = new Network()
  readonly here: Host = this.network.host('10.0.1.1')
  readonly lines: string[] = []
  readonly heard: string[] = []
  private readonly addresses: string[]

  /** `delays`: ms; `refusing`: addresses where nobody listens. */
  constructor(delays: readonly number[], refusing: readonly string[] = []) {
    this.addresses = delays.map((_, index) => `10.0.0.${index + 1}`)
    this.addresses.forEach((address, index) => {
      const host = this.network.host(address)
      const delay = delays[index] as number
      const silent = delay === Number.POSITIVE_INFINITY
      for (const link of [this.network.link(this.here, host), this.network.link(host, this.here)]) {
        link.set(silent ? { loss: 1 } : { delay })
      }
      if (refusing.includes(address)) return
      const server = createServer({ stack: host.stack }, (socket) => {
        socket.on('data', (data: Buffer) => this.heard.push(`${address}: ${data}`))
        socket.on('error', (error) => this.heard.push(`${address}: ${error.message}`))
      })
      server.listen(PORT, address)
    })
  }

  connect(options: Partial<NetConnectOpts> = {}): Socket {
    const lookup = (_host: string, _options: object, done: (...answer: unknown[]) => void): void => {
      done(
        null,
        this.addresses.map((address) => ({ address, family: 4 })),
      )
    }
    const socket = connect({
      ...{ stack: this.here.stack, host: 'several.test', port: PORT, autoSelectFamilyAttemptTimeout: 100 },
      ...{ lookup: lookup as unknown as LookupFunction },
      ...options,
    })
    for (const event of EVENTS) {
      socket.on(event, (first: unknown) => this.lines.push(`${Math.round(this.network.now)} ${event} ${first ?? ''}`))
    }
    return socket
  }

  async over(socket: Socket, event: string, limit = 10_000): Promise<void> {
    await this.network.wait(once(socket, event), limit)
  }
}

describe('an attempt whose time is over', () => {
  test('goes on beside the next, and wins if it is first', async () => {
    const race = new Race([75, Number.POSITIVE_INFINITY])
    const socket = race.connect()
    socket.write('once')
    await race.over(socket, 'connect')
    expect(socket.remoteAddress).toBe('10.0.0.1')
    expect(race.lines).toEqual([
      '0 connectionAttempt 10.0.0.1',
      '100 connectionAttemptTimeout 10.0.0.1',
      '100 connectionAttempt 10.0.0.2',
      '150 connect ',
    ])
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
    await race.network.run(1_000)
    expect(race.heard).toEqual(['10.0.0.1: once'])
  })

  test('loses to a later one that is faster, and leaves no trace', async () => {
    const race = new Race([200, 20])
    const socket = race.connect()
    socket.write('once')
    await race.over(socket, 'connect')
    expect(socket.remoteAddress).toBe('10.0.0.2')
    await race.network.run(5_000)
    expect(race.heard).toEqual(['10.0.0.2: once'])
    socket.destroy()
    await race.network.run(5_000)
    expect(race.here.holdsProcess).toBe(false)
  })

  test('has as much time again when the last is refused', async () => {
    const race = new Race([85, 1], ['10.0.0.2'])
    const socket = race.connect()
    await race.over(socket, 'connect')
    expect(race.lines.at(-2)).toBe('102 connectionAttemptFailed 10.0.0.2')
    expect(race.lines.at(-1)).toBe('170 connect ')
  })

  test('is given up then', async () => {
    const race = new Race([Number.POSITIVE_INFINITY, 1], ['10.0.0.2'])
    const errors: AggregateError[] = []
    const socket = race.connect().on('error', (error) => errors.push(error as AggregateError))
    await race.over(socket, 'close').catch(() => {})
    await race.network.run(10)
    expect(errors[0]).toBeInstanceOf(AggregateError)
    expect(errors[0]).toMatchObject({
      code: 'ETIMEDOUT',
      errors: [{ message: 'connect ETIMEDOUT 10.0.0.1:80' }, { message: 'connect ECONNREFUSED 10.0.0.2:80' }],
    })
    expect(race.lines.at(-1)).toBe('202 close true')
    const syns = race.network.capture.length
    await race.network.run(60_000)
    expect(race.network.capture).toHaveLength(syns)
  })
})

test('all refuse: each error in turn, as soon as the last is known', async () => {
  const race = new Race([10, 10, 10], ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  const socket = race.connect()
  const failure = new Promise<Error>((resolve) => socket.once('error', resolve))
  const error = (await race.network.wait(failure, 1_000)) as AggregateError
  expect(error.errors.map(({ code }) => code)).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'])
  expect(race.lines.filter((line) => line.includes('connectionAttempt '))).toEqual([
    '0 connectionAttempt 10.0.0.1',
    '20 connectionAttempt 10.0.0.2',
    '40 connectionAttempt 10.0.0.3',
  ])
})

test('destroy() ends every attempt', async () => {
  const race = new Race([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
  const socket = race.connect()
  await race.network.run(250)
  socket.destroy()
  await race.network.run(1)
  const { length } = race.network.capture
  await race.network.run(60_000)
  expect(race.network.capture.length - length).toBe(0)
  expect(race.lines.at(-1)).toContain('close false')
  expect(race.here.holdsProcess).toBe(false)
})

test('unref() and switches reach every attempt', async () => {
  const race = new Race([75, Number.POSITIVE_INFINITY])
  const socket = race.connect()
  await race.network.run(120)
  expect(race.here.holdsProcess).toBe(true)
  socket.unref().setKeepAlive(true, 1_000)
  await race.network.run(1)
  expect(race.here.holdsProcess).toBe(false)
  await race.over(socket, 'connect')
  await race.network.run(3_000)
  expect(socket.getInfo()?.keepAliveProbes).toBeGreaterThan(0)
  expect(race.here.holdsProcess).toBe(false)
  socket.destroy()
  await race.network.run(10)
})

test('from a port of one’s own they take turns: two cannot leave from it', async () => {
  const race = new Race([Number.POSITIVE_INFINITY, 10])
  const socket = race.connect({ localPort: 5_555 })
  await race.over(socket, 'connect')
  expect([socket.remoteAddress, socket.localPort]).toEqual(['10.0.0.2', 5_555])
  const syns = race.network.capture.filter(({ segment }) => segment !== null && segment.flags === SYN)
  expect(syns).toHaveLength(2)
})
