// Addresses that no machine has alone: RFC 9293 §3.9.1.1 (OPEN), §3.9.2.3 (incoming segments).

import { connect } from 'tcp-over-udp'
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { isUnicast } from '../../lib/endpoint/address.js'
import { Stack } from '../../lib/endpoint/stack.js'
import type { DatagramHandler, Platform } from '../../lib/platform/platform.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, Segment, SYN } from '../../lib/wire/segment.js'
import { Acceptance } from '../support/recorder.js'
import { datagramOf } from '../support/segments.js'

const INVALID = [
  '224.0.0.1',
  '239.255.255.255',
  '255.255.255.255',
  '240.0.0.1',
  '::ffff:224.0.0.1',
  'ff02::1',
  'FF05::2%lo',
]
const VALID = ['10.0.0.1', '127.0.0.1', '223.255.255.255', '::1', '::ffff:10.0.0.1', 'fe80::1%lo', '2001:db8::ff']

describe('an address', () => {
  it.each(INVALID)('%s is not one machine’s', (address) => {
    expect(isUnicast(address)).toBe(false)
  })

  it.each(VALID)('%s may be', (address) => {
    expect(isUnicast(address)).toBe(true)
  })
})

describe('connecting', () => {
  it.each(['224.0.0.1', '255.255.255.255', 'ff02::1'])(
    'MUST-46 (§3.9.1.1): to %s is an error, and nothing is sent',
    async (host) => {
      const network = new Network()
      const machine = network.host('10.0.0.1')
      const socket = connect({ host, port: 80, stack: machine.stack })
      const error = await network.wait(new Promise((resolve) => socket.once('error', resolve)), 1000)
      expect(error).toMatchObject({ code: 'ENETUNREACH', syscall: 'connect', address: host, port: 80 })
      expect(network.capture).toEqual([])
    },
  )
})

describe('a segment from such an address', () => {
  it('MUST-63 (§3.9.2.3): is dropped in silence, whatever it is', () => {
    const network = new Network()
    const { platform } = network.host('10.0.0.1')
    let heard: DatagramHandler | undefined
    const sent: string[] = []
    const bind: Platform['bind'] = (local, handler) => {
      heard = handler
      const socket = platform.bind(local, handler)
      const { send } = socket
      socket.send = (parts, address, port) => {
        sent.push(address)
        return send.call(socket, parts, address, port)
      }
      return socket
    }
    const watched: Platform = Object.assign(Object.create(platform), { bind })
    const stack = new Stack(watched)
    stack.listen({ address: '10.0.0.1', port: 80 }, () => createConfig(), new Acceptance())
    const segment = new Segment()
    segment.sourcePort = 5000
    segment.destinationPort = 80
    const hear = (from: string): void => {
      const bytes = datagramOf(segment)
      heard?.onDatagram(bytes, 0, bytes.length, from, 5000, false)
      heard?.onQuiet()
    }
    for (const flags of [SYN, ACK]) {
      segment.flags = flags
      for (const address of INVALID) hear(address)
    }
    network.advance(100)
    expect(sent).toEqual([])
    hear('10.0.0.2')
    network.advance(100)
    expect(sent).toEqual(['10.0.0.2'])
  })
})
