// What throws leaves nothing bound.
import { expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { Acceptance } from '../support/recorder.js'

const config = createConfig({})

it('a listener that is refused its port leaves no sockets behind at the one that has it', () => {
  const network = new Network({ capture: false })
  const { platform } = network.host('10.0.0.1')
  const stack = new Stack(platform)
  stack.listen({ address: '0.0.0.0', port: 80 }, () => config, new Acceptance())
  const before = platform.sockets.size
  expect(() => stack.listen({ address: '::', port: 80 }, () => config, new Acceptance())).toThrow('EADDRINUSE')
  expect(platform.sockets.size).toBe(before)
})
