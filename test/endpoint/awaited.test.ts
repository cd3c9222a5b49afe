// The program's turn: what it says in ticks and promises, once it is told of a connection or of an end, takes the ACK along.
import { describe, expect, it } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { CONNECTED, ENDED, READABLE } from '../../lib/core/connection.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, FIN, PSH, RST, SYN } from '../../lib/wire/segment.js'
import { Acceptance, closeInReturn, Recorder } from '../support/recorder.js'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.9'
const BYTE = new Uint8Array(1)

function scene() {
  const network = new Network({ link: { delay: 5 } })
  const [serverHost, clientHost] = [network.host(SERVER), network.host(CLIENT)]
  const [server, client] = [new Stack(serverHost.platform), new Stack(clientHost.platform)]
  const acceptance = new Acceptance()
  const config = createConfig()
  server.listen({ address: SERVER, port: 80 }, () => config, acceptance)
  const connect = (react: (events: number, channel: Channel) => void = () => {}): Recorder => {
    const recorder = new Recorder()
    recorder.react = react
    recorder.channel = client.connect({ address: SERVER, port: 80 }, config, recorder)
    return recorder
  }
  return {
    network,
    client,
    acceptance,
    connect,
    /** As a program that says it in a tick: after what has told it of something, and before the next turn. */
    soon: (say: () => void): void => clientHost.platform.defer(say),
    soonAtServer: (say: () => void): void => serverHost.platform.defer(say),
    flagsFrom: (address: string): number[] =>
      network.capture.filter(({ from }) => from === address).map(({ segment }) => segment?.flags ?? 0),
  }
}

describe('the ACK of a SYN,ACK', () => {
  it('goes with what the program writes in the same turn', () => {
    const { network, connect, soon, flagsFrom, acceptance } = scene()
    connect((events, channel) => {
      if (events & CONNECTED) soon(() => channel.send(BYTE))
    })
    network.advance(20)
    expect(flagsFrom(CLIENT)).toEqual([SYN, ACK | PSH])
    expect(acceptance.accepted[0]?.bytes).toBe(1)
  })

  it('leaves at the same instant when it writes nothing', () => {
    const { network, connect, flagsFrom } = scene()
    connect()
    network.advance(10)
    expect(flagsFrom(CLIENT)).toEqual([SYN, ACK])
    expect(network.capture[2]?.at).toBe(network.capture[1]?.arrivedAt)
  })

  it('of one connection waits for no other', () => {
    const { network, connect, soon, flagsFrom } = scene()
    for (let i = 0; i < 3; i++) {
      connect((events, channel) => {
        if (events & CONNECTED && i === 1) soon(() => channel.send(BYTE))
      })
    }
    network.advance(10)
    expect(flagsFrom(CLIENT).sort()).toEqual([SYN, SYN, SYN, ACK, ACK, ACK | PSH].sort())
  })

  it('comes before a reset, whenever that is: the other side hears of a connection, and of its end', () => {
    for (const when of [(say: () => void) => say(), null]) {
      const { network, connect, soon, flagsFrom, acceptance } = scene()
      connect((events, channel) => {
        if (events & CONNECTED) (when ?? soon)(() => channel.abort())
      })
      network.advance(20)
      expect(flagsFrom(CLIENT)).toEqual([SYN, ACK, RST | ACK])
      expect(acceptance.channels.map(({ reason }) => reason)).toEqual(['reset'])
    }
  })

  it('comes before what is said afterwards, be it a reset', () => {
    const { network, client, connect, flagsFrom, acceptance } = scene()
    connect((events, channel) => {
      if (events & CONNECTED) client.afterwards(() => channel.abort())
    })
    network.advance(20)
    expect(flagsFrom(CLIENT).slice(0, 2)).toEqual([SYN, ACK])
    expect(acceptance.channels[0]?.reason).toBe('reset')
  })
})

describe('the ACK of the text that ends a handshake', () => {
  /** A client that writes at once; `react`: at the server. */
  const exchange = (react: (channel: Channel, soon: (say: () => void) => void) => void): number[] => {
    const { network, connect, soonAtServer, flagsFrom, acceptance } = scene()
    acceptance.react = (events, channel) => {
      if (events & READABLE) react(channel, soonAtServer)
    }
    connect((events, channel) => {
      if (events & CONNECTED) channel.send(BYTE)
    })
    network.advance(30)
    expect(acceptance.accepted[0]?.bytes).toBe(1)
    expect(network.capture[3]?.at).toBe(network.capture[2]?.arrivedAt)
    return flagsFrom(SERVER)
  }

  it('goes with the answer of a listener that has just been told of the connection, and reads in a tick', () => {
    expect(exchange((channel, soon) => soon(() => channel.send(BYTE)))).toEqual([SYN | ACK, ACK | PSH])
  })

  it('leaves at the same instant when there is no answer', () => {
    expect(exchange(() => {})).toEqual([SYN | ACK, ACK])
  })
})

describe('the ACK of a FIN', () => {
  it('goes with the FIN of a program that ends in return', () => {
    const { network, connect, soonAtServer, flagsFrom, acceptance } = scene()
    acceptance.react = (events, channel) => {
      if (events & ENDED) soonAtServer(() => channel.close())
    }
    const one = connect()
    network.advance(20)
    one.channel.close()
    network.advance(50)
    expect(flagsFrom(SERVER)).toEqual([SYN | ACK, FIN | ACK])
    expect(one.channel).toMatchObject({ state: 'TIME-WAIT', reason: null })
  })

  it('leaves at the same instant when the program has more to send, later', () => {
    const { network, connect, flagsFrom, acceptance } = scene()
    const one = connect()
    network.advance(20)
    one.channel.close()
    network.advance(10)
    expect(flagsFrom(SERVER)).toEqual([SYN | ACK, ACK])
    expect(one.channel.state).toBe('FIN-WAIT-2')
    acceptance.channels[0]?.send(BYTE)
    acceptance.channels[0]?.close()
    network.advance(20)
    expect(one).toMatchObject({ bytes: 1 })
    expect(one.channel.state).toBe('TIME-WAIT')
  })

  it('does not wait when text came with the FIN', () => {
    const { network, connect, soonAtServer, flagsFrom, acceptance } = scene()
    acceptance.react = (events, channel) => {
      if (events & ENDED) soonAtServer(() => channel.abort())
    }
    const one = connect()
    network.advance(20)
    one.channel.send(new Uint8Array(3))
    one.channel.close()
    network.advance(50)
    expect(flagsFrom(SERVER)).toEqual([SYN | ACK, ACK, RST | ACK])
    expect(one.channel.status().bytesAcked).toBe(3)
  })

  it('is sent though the program has thrown', () => {
    const { network, connect, flagsFrom, acceptance } = scene()
    acceptance.react = (events) => {
      if (events & ENDED) throw new Error('the program')
    }
    const one = connect()
    network.advance(20)
    one.channel.close()
    expect(() => network.advance(50)).toThrow('the program')
    network.advance(50)
    expect(flagsFrom(SERVER)).toEqual([SYN | ACK, ACK])
  })
})

it('many connections that come and go: as many datagrams as there is something to say', () => {
  const { network, connect, soon, acceptance, flagsFrom } = scene()
  acceptance.react = (events, channel) => {
    if (!(events & ENDED)) channel.send(BYTE)
    closeInReturn(events, channel)
  }
  for (let i = 0; i < 20; i++) {
    const one = connect((events, channel) => {
      if (events & CONNECTED) soon(() => channel.send(BYTE))
      if (one.bytes > 0) channel.close()
    })
  }
  network.advance(100)
  expect(acceptance.channels.map(({ state }) => state)).toEqual(new Array(20).fill('CLOSED'))
  // SYN, text, FIN, ACK; SYN,ACK, text, FIN
  expect(flagsFrom(CLIENT)).toHaveLength(20 * 4)
  expect(flagsFrom(SERVER)).toHaveLength(20 * 3)
})
