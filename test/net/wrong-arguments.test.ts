// What is no argument at all is refused at once, with Node's codes, at each door beside net's own (test/differential has those).
import { Stack } from 'tcp-over-udp'
import { connectTls, serve } from 'tcp-over-udp/http'
import { MessageStream } from 'tcp-over-udp/message'
import { Network } from 'tcp-over-udp/testing'
import { expect, it } from 'vitest'
import { duplexPair } from '../support/duplex-pair.js'

type Loose = (...args: unknown[]) => unknown

const { platform } = new Network().host('10.0.0.1')
const messages: Loose = (...args) => new MessageStream(...(args as [never]))
const stack: Loose = (...args) => new Stack(...(args as [never]))

it.each<[string, Loose, unknown[], string]>([
  ['MessageStream', messages, [undefined], 'ERR_INVALID_ARG_TYPE'],
  ['MessageStream', messages, [{}], 'ERR_INVALID_ARG_TYPE'],
  ['MessageStream', messages, [duplexPair()[0], null], 'ERR_INVALID_ARG_TYPE'],
  ['MessageStream', messages, [duplexPair()[0], 1000], 'ERR_INVALID_ARG_TYPE'],
  ['serve', serve as Loose, [], 'ERR_INVALID_ARG_TYPE'],
  ['serve', serve as Loose, [null], 'ERR_INVALID_ARG_TYPE'],
  ['serve', serve as Loose, [() => {}], 'ERR_INVALID_ARG_TYPE'],
  ['connectTls', connectTls as Loose, [], 'ERR_INVALID_ARG_TYPE'],
  ['connectTls', connectTls as Loose, [8443, 'example.org'], 'ERR_INVALID_ARG_TYPE'],
  ['Stack', stack, [], 'ERR_INVALID_ARG_TYPE'],
  ['Stack', stack, [platform, null], 'ERR_INVALID_ARG_TYPE'],
  ['Stack', stack, [platform, { backlog: 5 }], 'ERR_INVALID_ARG_VALUE'],
  ['Stack', stack, [platform, { maxResets: 0 }], 'ERR_OUT_OF_RANGE'],
])('%s', (_name, make, args, code) => {
  expect(() => make(...args)).toThrow(expect.objectContaining({ code }))
})
