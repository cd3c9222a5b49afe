// A socket that was destroyed holds the process for lingerTimeout at most, whoever waits for receipts.

import { connect, createServer, type Socket } from 'tcp-over-udp'
import { expect, it } from 'vitest'
import { Network } from '../../lib/testing/network.js'

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

it.each([
  ['nobody waits', false],
  ['somebody waits for acknowledged()', true],
])('a peer that is gone, and %s', async (_name, waits) => {
  const network = new Network({ capture: false })
  const there = network.host('10.0.0.1')
  const { stack, platform } = network.host('10.0.0.2')
  createServer({ stack: there.stack }, () => {}).listen(80, '10.0.0.1')
  const socket: Socket = connect({ stack, host: '10.0.0.1', port: 80 })
  await turn()
  network.advance(100)
  await turn()
  there.platform.kill()
  socket.write('x')
  if (waits) socket.acknowledged().catch(() => {})
  await turn()
  network.advance(10)
  socket.destroy()
  await turn()
  const from = network.now
  const holds = (): boolean => [...platform.sockets].some(({ refd }) => refd)
  expect(holds()).toBe(true)
  while (holds() && network.now - from < 3_600_000) {
    network.advance(1000)
    if ((network.now - from) % 60_000 < 1000) await turn()
  }
  const seconds = Math.round((network.now - from) / 1000)
  expect(seconds).toBeLessThan(10)
})
