// What is compared over links: kernel TCP and this package, each with a congestion control, and udx-native.
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { Socket } from 'tcp-over-udp'
import { nodeNet } from '../peers/node-net.js'
import type { Peer } from '../peers/peer.js'
import { choiceOf, tcpOverUdp } from '../peers/tcp-over-udp.js'
import { type UdxStream, udxNative } from '../peers/udx-native.js'

export interface Segments {
  readonly sent: number
  readonly retransmitted: number
}

export interface LinkPeer extends Peer {
  /** What the connection has sent so far; null when it is gone. */
  segments(stream: Duplex): Segments | null
}

/** The whole namespace's, which sends on one connection only. */
function kernelSegments(): Segments {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '))
  const value = (name: string): number => Number(values[names.indexOf(name)])
  const retransmitted = value('RetransSegs')
  return { sent: value('OutSegs') + retransmitted, retransmitted }
}

const kernel: LinkPeer = { ...nodeNet, segments: kernelSegments }

const udx: LinkPeer = {
  ...udxNative,
  segments(stream) {
    const { packetsTransmitted, retransmits } = stream as UdxStream
    return { sent: packetsTransmitted, retransmitted: retransmits }
  },
}

function packageWith(control: string | undefined): LinkPeer {
  return {
    ...tcpOverUdp(choiceOf(control ?? '')),
    segments(stream) {
      const info = (stream as Socket).getInfo()
      return info === null ? null : { sent: info.segmentsSent, retransmitted: info.segmentsRetransmitted }
    },
  }
}

const CONTROLS = ['cubic', 'bbr', 'reno']
const OURS = 'ours'
const KERNEL = 'kernel'
const UDX = 'udx-native'

/** All names. */
export const linkPeers: readonly string[] = [
  ...CONTROLS.map((control) => `${KERNEL}:${control}`),
  UDX,
  OURS,
  ...CONTROLS.map((control) => `${OURS}:${control}`),
]

/** Those that ours are measured against. */
export const REFERENCES: readonly string[] = ['kernel:cubic', 'kernel:bbr', UDX]
export const DEFAULT_PEERS: readonly string[] = [...REFERENCES, 'ours:bbr', 'ours:cubic', 'ours:reno']

export const isOurs = (name: string): boolean => name.startsWith(OURS)

/** Peers that are no part of this package come from bench/package.json. */
export const needsPackages = (name: string): boolean => name === UDX

/** The kernel's congestion control that the route has to name for it. */
export function kernelControl(name: string): string | undefined {
  const [kind, control] = name.split(':')
  return kind === KERNEL ? control : undefined
}

/** @throws Error */
export function linkPeerNamed(name: string): LinkPeer {
  const [kind, control] = name.split(':')
  if (kind === KERNEL) return kernel
  if (kind === UDX) return udx
  return packageWith(control)
}
