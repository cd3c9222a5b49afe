// A branch whose answers wait to leave together, and another branch that is settled after it in the same read: the first one's wait on.
import { expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { Acceptance, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'
const config = createConfig({ sack: false })
const LENGTH = 20_000_000

it.each([
  ['says nothing to another connection', false],
  ['says a word to another connection, which has nothing to send for it', true],
])('an answer over a branch leaves in the turn of its question, whose listener %s', (_name, isBusy) => {
  const network = new Network({ link: { delay: 0.1, rate: 1e10 }, capture: false, gather: true })
  const server = new Stack(network.host(SERVER).platform)
  const acceptance = new Acceptance()
  server.listen({ address: SERVER, port: 80, recvBufferSize: 425_984 }, () => config, acceptance)
  const client = new Stack(network.host('10.0.0.9').platform)
  const clients = Array.from({ length: 2 }, () => {
    const recorder = new Recorder()
    recorder.channel = client.connect({ address: SERVER, port: 80 }, config, recorder)
    let left = LENGTH
    recorder.react = () => {
      while (left > 0) {
        const taken = recorder.channel.send(new Uint8Array(Math.min(left, 65_536)))
        left -= taken
        if (taken === 0) return
      }
    }
    return recorder
  })
  // both get a socket of their own
  while (acceptance.accepted.length < 2 || acceptance.accepted.some(({ bytes }) => bytes < LENGTH)) network.advance(1)
  network.advance(2000)
  expect(acceptance.channels.map(({ local }) => local !== local.home)).toEqual([true, true])

  const [asking] = clients as [Recorder]
  const asked = acceptance.accepted.find(({ channel }) => channel.remotePort === asking.channel.localPort) as Recorder
  const other = acceptance.channels.find((channel) => channel !== asked.channel) as Channel
  let expected = asked.bytes
  asked.react = () => {
    if (isBusy) other.setNoDelay(true)
    if (asked.bytes === expected) asked.channel.send(new Uint8Array(1))
  }
  let worst = 0
  for (let segments = 1; segments <= 200; segments++) {
    const before = asking.bytes
    const length = segments * 1000
    expected += length
    const at = network.now
    asking.channel.send(new Uint8Array(length))
    while (asking.bytes === before) network.advance(0.05)
    worst = Math.max(worst, network.now - at)
    network.advance(500)
  }
  expect(worst).toBeLessThan(2)
})
