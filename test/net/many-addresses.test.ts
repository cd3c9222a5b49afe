// A name with thousands of addresses that cannot be connected to, as whoever answers for it can make it.

import { connect } from 'tcp-over-udp'
import { expect, it } from 'vitest'
import { Network } from '../../lib/testing/network.js'

it('a name with 4,000 addresses, none of them usable, is an error and no exception', async () => {
  const addresses = Array.from({ length: 4000 }, (_, i) => ({ address: `224.0.${i >> 8}.${i & 255}`, family: 4 }))
  const thrown: unknown[] = []
  const onThrown = (error: unknown): void => void thrown.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', onThrown)
  try {
    const { stack } = new Network({ capture: false }).host('10.0.0.1')
    const socket = connect({
      stack,
      host: 'many.example',
      port: 80,
      autoSelectFamily: true,
      lookup: ((_host: string, _options: object, done: (error: null, found: object) => void) =>
        setImmediate(() => done(null, addresses))) as never,
    })
    const told = await new Promise((resolve) => {
      socket.on('error', resolve)
      setTimeout(resolve, 2000)
    })
    expect(thrown).toEqual([])
    expect(told).toMatchObject({ code: 'ENETUNREACH' })
  } finally {
    process.off('uncaughtException', onThrown)
    for (const other of others) process.on('uncaughtException', other)
  }
})
