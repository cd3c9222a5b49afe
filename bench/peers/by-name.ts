// The peers, in the order of the tables.
import { nodeNet } from './node-net.js'
import type { Peer } from './peer.js'
import { tcpOverUdp, tcpOverUdpBbr } from './tcp-over-udp.js'

export const peers: readonly Peer[] = [tcpOverUdp, tcpOverUdpBbr, nodeNet]

/** @throws Error */
export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name)
  if (peer === undefined) throw new Error(`no peer is called ${name}: ${peers.map((one) => one.name).join(', ')}`)
  return peer
}
