// What DEBUG=tcp-over-udp:* prints: segments in tcpdump's manner, states by their names, and nothing when it is off.
import { format } from 'node:util'
import createDebug from 'debug'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HERE, Machines, THERE } from '../support/machines.js'

const lines: string[] = []
const { log } = createDebug

beforeEach(() => {
  lines.length = 0
  createDebug.log = (...words: unknown[]) => void lines.push(format(...words))
})

afterEach(() => {
  createDebug.log = log
  createDebug.disable()
})

/** A conversation, and what was printed of it on one machine. */
async function printed(world: Machines, namespaces: string): Promise<string[]> {
  createDebug.enable(namespaces)
  const { client, served } = await world.pair()
  served.on('data', () => served.end('answer'))
  client.resume()
  client.write('question')
  await world.event(client, 'close', 5000)
  await world.network.run(1000)
  const stamp = /^.*?tcp-over-udp:(?:segment|state) /
  return lines.map((line) => line.replace(stamp, '').replace(/\s\+\d+\w+$/, ''))
}

test('segments, with numbers relative to the SYNs', async () => {
  const world = new Machines({ link: { delay: 10 } })
  const all = await printed(world, 'tcp-over-udp:segment')
  // each segment is printed where it is sent and where it arrives
  const once = all.filter((line, i) => all.indexOf(line) === i)
  const port = world.network.capture[0]!.fromPort
  const shown = once.map((line) =>
    line
      .replaceAll(`${HERE}:${port}`, 'here')
      .replaceAll(`${THERE}:9000`, 'there')
      .replace(/TS val \d+ ecr \d+/, 'TS')
      .replace(/S(\.?) seq \d+/, 'S$1 seq N')
      .replace(/(S\. seq N ack) \d+/, '$1 N'),
  )
  expect(all.length).toBe(2 * once.length)
  expect(shown.slice(0, 5)).toEqual([
    'here > there: S seq N win 65535 <mss 1452,sackOK,TS,wscale 8> length 0',
    'there > here: S. seq N ack N win 65535 <mss 1452,sackOK,TS,wscale 8> length 0',
    expect.stringMatching(/^here > there: \. ack 1 win \d+ <TS> length 0$/),
    expect.stringMatching(/^here > there: P\. seq 1:9 ack 1 win \d+ <TS> length 8$/),
    expect.stringMatching(/^there > here: FP\. seq 1:7 ack 9 win \d+ <TS> length 6$/),
  ])
})

test('states', async () => {
  const world = new Machines({ link: { delay: 10 } })
  const all = await printed(world, 'tcp-over-udp:state')
  const here = all.filter((line) => line.startsWith(HERE)).map((line) => line.split(': ')[1])
  expect(here).toEqual([
    'CLOSED -> SYN-SENT',
    'SYN-SENT -> ESTABLISHED',
    'ESTABLISHED -> CLOSE-WAIT',
    'CLOSE-WAIT -> LAST-ACK',
    'LAST-ACK -> CLOSED',
  ])
})

test('nothing, and nobody observes, when it is off', async () => {
  const world = new Machines()
  expect(await printed(world, '')).toEqual([])
  expect([world.here.stack.trace, world.there.stack.trace]).toEqual([null, null])
})
