// What wrong arguments throw: class, code and text as node:net's, before anything is opened.
import { describe } from 'vitest'
import { type Log, type Net, sameAsNet, thrown } from '../support/net-oracle.js'

type Call = (net: Net, value: never) => unknown

/** What a call throws; what it opened is closed. */
function traceCall(net: Net, log: Log, call: Call, value: unknown): void {
  const error = thrown(() => {
    const opened = call(net, value as never)
    if (opened instanceof net.Socket) opened.on('error', () => {}).destroy()
    else if (opened instanceof net.Server) opened.on('error', () => {}).close()
  })
  log(error, String(error), error instanceof Error && Object.keys(error))
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
  ['connect({ hints: x })', (net, hints) => net.connect({ port: 1, host: 'a', hints }), [1000000, 'x', {}, true, -1]],
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
  ['connect(x, host)', (net, x) => net.connect(x, '127.0.0.1'), ['', ' ', ...NUMBERS]],
  ['connect(x, cb)', (net, x) => net.connect(x, (() => {}) as never), [undefined, null, true, -1, 65536]],
  ['connect({ port: x }) of a name', (net, port) => net.connect({ port }), [true, null, {}, '', -1, 65536, Number.NaN]],
  ['new Socket().connect(x)', (net, x) => new net.Socket().connect(x), [undefined, null, true, {}, [], -1, 65536]],
  ['new Socket().connect({ port: x })', (net, port) => new net.Socket().connect({ port }), [true, null, '', -1, 65536]],
  ['connect({ port, path: x })', (net, path) => net.connect({ port: 1, path } as never), [5, true, {}]],
  [
    'connect({ localAddress: x }) of a name',
    (net, x) => net.connect({ port: 1, host: 'a', localAddress: x }),
    ['x', '::x'],
  ],
  [
    'connect({ localPort: x }) of a name',
    (net, x) => net.connect({ port: 1, host: 'a', localPort: x }),
    ['x', true, {}],
  ],
  [
    'connect({ localPort: x }) out of range',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', localPort: x }),
    NUMBERS,
  ],
  [
    'connect({ autoSelectFamily: x }) of an address',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', autoSelectFamily: x }),
    ['x', 5, {}, null],
  ],
  [
    'connect({ autoSelectFamilyAttemptTimeout: x }) of an address',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', autoSelectFamilyAttemptTimeout: x }),
    ['x', 0, -1, 1.5, null, 2 ** 31],
  ],
  [
    'connect({ timeout: x })',
    (net, timeout) => net.connect({ port: 1, host: '127.0.0.1', timeout }),
    ['x', '5', true, {}, -1, Number.NaN, Number.POSITIVE_INFINITY, null, 0, false],
  ],
  ['connect({ onread: x })', (net, onread) => net.connect({ port: 1, host: '127.0.0.1', onread }), ['x', 5, null, {}]],
  [
    'connect({ keepAliveInitialDelay: x })',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', keepAliveInitialDelay: x }),
    ['x', {}, null, true, -5, Number.NaN],
  ],
  [
    'connect({ objectMode: x })',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', objectMode: x } as never),
    [true, 1, 'x'],
  ],
  [
    'connect({ highWaterMark: x })',
    (net, x) => net.connect({ port: 1, host: '127.0.0.1', highWaterMark: x } as never),
    ['x', {}, -1, 1.5, Number.NaN, null, true],
  ],
  ['new Socket(x)', (net, x) => new net.Socket(x), ['x', true, undefined, null, {}, []]],
  ['new Socket({ allowHalfOpen: x })', (net, x) => new net.Socket({ allowHalfOpen: x }), ['x', 5, null, {}]],
  [
    'new Socket({ readableHighWaterMark: x })',
    (net, x) => new net.Socket({ readableHighWaterMark: x } as never),
    ['x', -1, 1.5],
  ],
  [
    'new Socket({ writableHighWaterMark: x })',
    (net, x) => new net.Socket({ writableHighWaterMark: x } as never),
    ['x', -1, 1.5],
  ],
  ['new Socket({ defaultEncoding: x })', (net, x) => new net.Socket({ defaultEncoding: x } as never), ['x', 'hex']],
  ['new Server(x)', (net, x) => new net.Server(x), ['x', 0, true, null, undefined, [], {}]],
  ['Server(x) without new', (net, x) => (net.Server as never as (x: unknown) => unknown)(x), ['x', 0, true]],
  ['createServer(x, listener)', (net, x) => net.createServer(x, () => {}), ['x', 0, true, null, undefined]],
  ['createServer({}, x)', (net, x) => net.createServer({}, x), ['x', 5, {}, null]],
  [
    'createServer({ keepAliveInitialDelay: x })',
    (net, x) => net.createServer({ keepAliveInitialDelay: x }),
    [null, true, -5, Number.NaN],
  ],
  [
    'createServer({ highWaterMark: x })',
    (net, x) => net.createServer({ highWaterMark: x } as never),
    [null, true, Number.NaN],
  ],
  ['createServer({ allowHalfOpen: x })', (net, x) => net.createServer({ allowHalfOpen: x }), ['x', 5, null]],
  ['listen(x, cb)', (net, x) => net.createServer().listen(x, () => {}), [true, {}, [], -1, 65536, 1.5]],
  ['listen(x, host)', (net, x) => net.createServer().listen(x, '127.0.0.1'), [true, {}, -1, 65536, Number.NaN]],
  ['listen(0, x)', (net, x) => net.createServer().listen(0, x), [true, {}, [], 5, null]],
  ['listen(0, host, x)', (net, x) => net.createServer().listen(0, '127.0.0.1', x), ['x', {}, true, -1, null]],
  ['listen({ port: 0, host: x })', (net, host) => net.createServer().listen({ port: 0, host }), ['', null, undefined]],
  ['listen({ backlog: x })', (net, backlog) => net.createServer().listen({ port: 0, backlog }), ['x', -1, {}, 1.5]],
  ['listen({ port: 0, signal: x })', (net, signal) => net.createServer().listen({ port: 0, signal }), [true, [], '']],
  [
    'listen({ path: x, port: undefined })',
    (net, path) => net.createServer().listen({ path, port: undefined }),
    [1, true],
  ],
  ['listen({ fd: x })', (net, fd) => net.createServer().listen({ fd }), [null, true, -5, Number.NaN]],
  ['listen(a Date)', (net, x) => net.createServer().listen(x), [new Date(0), /x/, new Map()]],
  ['setTimeout(x, cb)', (net, x) => new net.Socket().setTimeout(x, () => {}), ['1', null, -1, Number.NaN, {}]],
  ['setTimeout(bigint or symbol)', (net, x) => new net.Socket().setTimeout(x), [5n, Symbol.iterator, () => {}, []]],
  ['getConnections(x)', (net, x) => net.createServer().getConnections(x), [5, null, true]],
  ['setEncoding(x)', (net, x) => new net.Socket().setEncoding(x), ['x', 5, null, undefined, {}]],
  ['end(x)', (net, x) => new net.Socket().on('error', () => {}).end(x), [5, true, {}, []]],
  ['write(x, cb)', (net, x) => new net.Socket().write(x, () => {}), [null, undefined, 5, {}]],
  ['write(text, encoding x)', (net, x) => new net.Socket().on('error', () => {}).write('a', x), ['x', 'klingon']],
  ['setDefaultEncoding(x)', (net, x) => new net.Socket().setDefaultEncoding(x), ['x', 5, null]],
  ['setNoDelay(x)', (net, x) => new net.Socket().setNoDelay(x), [0, undefined, Symbol.iterator]],
  [
    'ref(x) and unref(x)',
    (net, x) => [
      (new net.Socket().ref as (x: unknown) => unknown)(x),
      (new net.Socket().unref as (x: unknown) => unknown)(x),
    ],
    ['x', 5],
  ],
  ['pause, resume and read', (net, x) => new net.Socket().pause().resume().read(x), ['x', -1, null]],
  ['setDefaultAutoSelectFamily(x)', (net, x) => net.setDefaultAutoSelectFamily(x), ['x', 1, null, undefined]],
]

const show = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

describe.each(CALLS)('%s', (_name, call, values) => {
  for (const value of values) {
    sameAsNet(`with ${typeof value} ${show(value)}`, (net, log) => traceCall(net, log, call, value))
  }
})
