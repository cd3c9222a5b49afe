// All that is compared over loopback, by name.
import { matrixaiQuic } from './matrixai-quic.js'
import { nodeDatachannel } from './node-datachannel.js'
import { nodeNet } from './node-net.js'
import type { Peer } from './peer.js'
import { choiceOf, tcpOverUdp } from './tcp-over-udp.js'
import { udxNative } from './udx-native.js'
import { utpNative } from './utp-native.js'
import { weriftSctp } from './werift-sctp.js'

export const KERNEL = 'node:net'
export const UDX = 'udx-native'
/** With its defaults; `tcp-over-udp:1440-plain` and the like choose others. */
export const OURS = 'tcp-over-udp'

/** Those that come from bench/package.json. */
const PACKAGES: Readonly<Record<string, Peer>> = {
  [UDX]: udxNative,
  'utp-native': utpNative,
  'werift-sctp': weriftSctp,
  'node-datachannel': nodeDatachannel,
  '@matrixai/quic': matrixaiQuic,
}

/** All others, each once: node:net, what comes from npm, and ours with its defaults. */
export const EVERYBODY: readonly string[] = [KERNEL, ...Object.keys(PACKAGES), OURS]

export const isOurs = (name: string): boolean => name === OURS || name.startsWith(`${OURS}:`)
export const needsPackages = (name: string): boolean => name in PACKAGES

/** @throws Error */
export function peerNamed(name: string): Peer {
  if (isOurs(name)) return tcpOverUdp(choiceOf(name.slice(OURS.length + 1)))
  const peer = name === KERNEL ? nodeNet : PACKAGES[name]
  if (peer === undefined) throw new Error(`no peer is called ${name}: ${EVERYBODY.join(', ')}, ${OURS}:…`)
  return peer
}
