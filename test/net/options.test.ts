// Our own options: what they accept, what they throw, and what the core is told.
import { connect, createServer, Socket, Stack } from 'tcp-over-udp'
import { describe, expect, test } from 'vitest'
import { configOf, lingerTimeoutOf, resolveTransport, SWITCHES } from '../../lib/net/options.js'
import { Machines } from '../support/machines.js'

const configFor = (options: object, family = 4): ReturnType<typeof configOf> =>
  configOf(resolveTransport(options), family, SWITCHES)

const NUMBERS = [
  ['connectTimeout', 0, 2 ** 31 - 1],
  ['initialRto', 1, 2 ** 31 - 1],
  ['minRto', 1, 2 ** 31 - 1],
  ['maxRto', 1, 2 ** 31 - 1],
  ['maxRetries', 1, 255],
  ['keepAliveInterval', 1, 2 ** 31 - 1],
  ['keepAliveCount', 1, 255],
  ['userTimeout', 0, 2 ** 31 - 1],
  ['msl', 0, 2 ** 31 - 1],
  ['lingerTimeout', 0, 2 ** 31 - 1],
  ['sendBuffer', 1, 2 ** 31 - 1],
  ['maxReceiveBuffer', 1, 2 ** 31 - 1],
  ['recvBufferSize', 0, 2 ** 31 - 1],
  ['mss', 536, 65495],
  ['mtu', 576, 65535],
  ['udpPort', 0, 65535],
  ['localUdpPort', 0, 65535],
] as const

describe.each(NUMBERS)('%s', (name, min, max) => {
  test(`takes integers from ${min} to ${max}`, () => {
    for (const value of [min, max, undefined]) resolveTransport({ [name]: value })
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Infinity]) {
      expect(() => resolveTransport({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', name: 'RangeError' }),
      )
    }
    for (const value of [null, '5', true, {}]) {
      expect(() => resolveTransport({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError' }),
      )
    }
  })
})

test('they are thrown out of the call that they were given to, before anything is opened', () => {
  const wrong = { port: 1, host: '127.0.0.1', msl: -1 }
  for (const call of [
    () => connect(wrong),
    () => new Socket(wrong),
    () => new Socket().connect(wrong),
    () => createServer(wrong),
    () => createServer().listen({ port: 0, udpPort: -1 }),
  ]) {
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
  }
  expect(() => connect(wrong)).toThrow(
    'The value of "options.msl" is out of range. It must be >= 0 && <= 2147483647. Received -1',
  )
})

test('what is no number', () => {
  const TypeErrors = { code: 'ERR_INVALID_ARG_TYPE' }
  for (const options of [{ sack: 1 }, { timestamps: 'no' }, { windowScaling: null }, { stack: {} }, { stack: 'x' }]) {
    expect(() => resolveTransport(options)).toThrow(expect.objectContaining(TypeErrors))
  }
  expect(() => resolveTransport({ congestionControl: 5 })).toThrow(expect.objectContaining(TypeErrors))
  expect(() => resolveTransport({ congestionControl: 'vegas' })).toThrow(/must be one of: 'reno'/)
  expect(() => resolveTransport({ timeWait: 'drop' })).toThrow(/must be one of: 'keep', 'release'/)
  const { stack } = new Machines().here
  expect(stack).toBeInstanceOf(Stack)
  expect(resolveTransport({ stack }).stack).toBe(stack)
})

test('the defaults', () => {
  expect(configFor({})).toMatchObject({
    ...{ mss: 65_487, initialRto: 1000, minRto: 200, maxRto: 60_000, maxRetries: 15, maxSynRetries: 7 },
    ...{ maxSynAckRetries: 5, msl: 30_000, connectTimeout: 0, userTimeout: 0, sendBuffer: 16_777_216 },
    ...{ maxReceiveBuffer: 12_582_912, keepAliveInitialDelay: 7_200_000, windowScaling: true, sack: true },
  })
  expect(configFor({}, 6).mss).toBe(65_467)
  expect(lingerTimeoutOf({})).toBe(5000)
})

test('sizes follow the packet: mtu and mss only lower', () => {
  expect(configFor({ mtu: 1280 }).mss).toBe(1232)
  expect(configFor({ mtu: 1280 }, 6).mss).toBe(1212)
  expect(configFor({ mss: 1000 }).mss).toBe(1000)
  expect(configFor({ mss: 5000 }).mss).toBe(5000)
  expect(configFor({ mss: 5000, mtu: 1500 }).mss).toBe(1452)
  expect(configFor({ mss: 5000, mtu: 9000 }).mss).toBe(5000)
  expect(configFor({ mtu: 576 }).mss).toBe(536)
})

test('one limit moves the default of the other out of its way', () => {
  expect(configFor({ maxRto: 100 })).toMatchObject({ minRto: 100, maxRto: 100 })
  expect(configFor({ minRto: 90_000 })).toMatchObject({ minRto: 90_000, maxRto: 90_000 })
  expect(() => configFor({ minRto: 300, maxRto: 200 })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
})

test('maxRetries holds for every kind of segment', () => {
  expect(configFor({ maxRetries: 3 })).toMatchObject({ maxRetries: 3, maxSynRetries: 3, maxSynAckRetries: 3 })
})

test('what new Socket() was told holds for its connect(), which may say otherwise', async () => {
  const world = new Machines()
  world.listen()
  const socket = new Socket({ stack: world.here.stack, mss: 600, congestionControl: 'reno' })
  socket.connect({ port: 9000, host: '10.0.0.2', sack: false })
  await world.event(socket, 'connect', 1000)
  expect(socket.getInfo()).toMatchObject({ sack: false, sendMss: 600 - 12 })
})
