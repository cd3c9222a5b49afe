// What wrong arguments throw: class, code and text as node:net's, before anything is opened.
import { describe, expect, test } from 'vitest'
import { type Net, overKernel, overUdp } from '../support/net-oracle.js'

type Call = (net: Net, value: never) => unknown

/** What a call throws; what it opened is closed. */
function thrownBy(net: Net, call: Call, value: unknown): string {
  try {
    const opened = call(net, value as never) as { on?: unknown; destroy?(): void; close?(): void }
    if (opened instanceof net.Socket) opened.on('error', () => {}).destroy()
    else if (opened instanceof net.Server) opened.on('error', () => {}).close()
    return 'nothing'
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException
    return `${name} [${code}]: ${message} (${String(error)})`
  }
}

const VALUES = [
  undefined,
  null,
  true,
  false,
  {},
  [],
  () => {},
  '',
  ' ',
  'x',
  '0x',
  '-0x1',
  '80abc',
  Symbol.iterator,
] as const
const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1.5, 65536, 2 ** 40] as const

const CALLS: readonly [name: string, call: Call, values: readonly unknown[]][] = [
  ['connect(x)', (net, x) => net.connect(x), [undefined, null, true, {}, [], ...NUMBERS]],
  ['connect({ port: x })', (net, port) => net.connect({ port, host: '127.0.0.1' }), [...VALUES, ...NUMBERS]],
  ['connect({ host: x })', (net, host) => net.connect({ port: 1, host }), [5, true, {}, []]],
  ['connect({ path: x })', (net, path) => net.connect({ path }), [5, true, {}]],
  ['connect({ localAddress: x })', (net, x) => net.connect({ port: 1, localAddress: x }), ['x', 5, '1.2.3']],
  ['connect({ localPort: x })', (net, x) => net.connect({ port: 1, host: '127.0.0.1', localPort: x }), ['x', true, {}]],
  ['connect({ lookup: x })', (net, lookup) => net.connect({ port: 1, host: 'a', lookup }), ['x', 5, {}]],
  ['connect({ hints: x })', (net, hints) => net.connect({ port: 1, host: 'a', hints }), [1000000, 'x', {}]],
  ['connect({ family: x })', (net, family) => net.connect({ port: 1, host: 'a', family }), [5, 'x', {}, true]],
  ['connect({ autoSelectFamily: x })', (net, x) => net.connect({ port: 1, autoSelectFamily: x }), ['x', 5, {}]],
  [
    'connect({ autoSelectFamilyAttemptTimeout: x })',
    (net, x) => net.connect({ port: 1, autoSelectFamilyAttemptTimeout: x }),
    ['x', 0, -1, 1.5, {}, true, 2 ** 40],
  ],
  ['connect({ signal: x })', (net, signal) => net.connect({ port: 1, signal } as never), ['x', 5, {}]],
  ['new Socket({ signal: x })', (net, signal) => new net.Socket({ signal }), ['x', 5, {}]],
  ['new Socket({ objectMode })', (net, x) => new net.Socket({ objectMode: x } as never), [true, 1]],
  ['new Socket({ readableObjectMode })', (net, x) => new net.Socket({ readableObjectMode: x } as never), [true, 1]],
  ['new Socket({ writableObjectMode })', (net, x) => new net.Socket({ writableObjectMode: x } as never), [true, 1]],
  [
    'new Socket({ keepAliveInitialDelay })',
    (net, x) => new net.Socket({ keepAliveInitialDelay: x } as never),
    ['x', {}],
  ],
  ['createServer(x)', (net, x) => net.createServer(x), ['x', 0, 5, true, Symbol.iterator]],
  ['createServer({ keepAliveInitialDelay })', (net, x) => net.createServer({ keepAliveInitialDelay: x }), ['x', {}]],
  ['createServer({ highWaterMark })', (net, x) => net.createServer({ highWaterMark: x } as never), ['x', {}]],
  ['listen(x)', (net, x) => net.createServer().listen(x), [undefined, null, true, false, {}, [], '0', ...NUMBERS]],
  [
    'listen({ port: x })',
    (net, port) => net.createServer().listen({ port }),
    [true, {}, [], '', 'x', null, ...NUMBERS],
  ],
  ['listen({ path: x })', (net, path) => net.createServer().listen({ path }), [1, true, null, undefined]],
  ['listen({ port: x, path })', (net, port) => net.createServer().listen({ port, path: '/x' }), NUMBERS],
  ['listen({ fd: x })', (net, fd) => net.createServer().listen({ fd } as never), [-1, 'x']],
  ['listen({ signal: x })', (net, signal) => net.createServer().listen({ port: 0, signal }), ['x', 5, null, {}]],
  [
    'setTimeout(x)',
    (net, x) => new net.Socket().setTimeout(x),
    [undefined, null, '1', true, {}, -1, Number.NaN, Infinity],
  ],
  ['setTimeout(0, x)', (net, x) => new net.Socket().setTimeout(0, x), ['x', 5, {}, null]],
  ['setTimeout(1, x)', (net, x) => new net.Socket().setTimeout(1, x), ['x', 5, {}, null]],
  ['getConnections(x)', (net, x) => net.createServer().getConnections(x), ['x', {}]],
  ['write(x)', (net, x) => new net.Socket().write(x), [null, undefined, 5, true, {}, []]],
  ['setNoDelay(x)', (net, x) => new net.Socket().setNoDelay(x), ['x', null, {}]],
  ['setKeepAlive(x, x)', (net, x) => new net.Socket().setKeepAlive(x, x), ['x', null, {}, -5]],
]

const show = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

describe.each(CALLS)('%s', (_name, call, values) => {
  for (const value of values) {
    test(`with ${typeof value} ${show(value)}`, () => {
      expect(thrownBy(overUdp, call, value)).toBe(thrownBy(overKernel, call, value))
    })
  }
})
