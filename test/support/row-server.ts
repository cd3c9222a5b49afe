// A server to which what comes in one instant comes as rows, or one by one, and a peer made by hand.
import { type Config, createConfig } from '../../lib/core/config.js'
import { NEWRENO } from '../../lib/core/congestion/algorithms.js'
import type { Listener } from '../../lib/endpoint/listener.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { ACK, PSH } from '../../lib/wire/segment.js'
import { HandMade } from './hand-made.js'
import { Acceptance } from './recorder.js'
import { RowPlatform } from './row-platform.js'

export const SERVER = '10.0.0.1'
export const CLIENT = '10.0.0.9'
export const PORT = 80

export interface Served {
  readonly network: Network
  readonly rows: RowPlatform
  readonly acceptance: Acceptance
  readonly listener: Listener
  readonly stack: Stack
  readonly peer: HandMade
}

/** A server, and a peer made by hand whose segments of one instant come as rows. */
export function serve(asRows: boolean, config: Partial<Config> = {}): Served {
  const network = new Network({ link: { delay: 5 } })
  const rows = new RowPlatform(network.host(SERVER).platform, asRows)
  const stack = new Stack(rows.platform)
  const acceptance = new Acceptance()
  const chosen = createConfig({ congestion: NEWRENO, ...config })
  const listener = stack.listen({ address: SERVER, port: PORT }, () => chosen, acceptance)
  const peer = new HandMade(network, network.host(CLIENT), 5000, { address: SERVER, port: PORT })
  return { network, rows, acceptance, listener, stack, peer }
}

/** Sends `count` segments of `length` bytes in one instant. @returns numbers that are acknowledged, from the first of these on. */
export function train({ network, peer }: Served, count: number, length: number): number[] {
  const { seq } = peer
  for (let i = 0; i < count; i++) {
    peer.send(i === count - 1 ? ACK | PSH : ACK, { payload: new Uint8Array(length) })
    peer.seq += length
  }
  network.advance(11)
  return peer.take().map(({ segment }) => segment.ack - seq)
}
