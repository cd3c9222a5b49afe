// Which UDP sockets a local address takes: beside a wildcard one for each address, so that replies leave from the one that was called.
import type { DatagramHandler, LocalAddress, Platform } from '../platform/platform.js'
import { isIPv4Like, isIPv6, isWildcard, mapped } from './address.js'
import { type DatagramSink, LocalSocket } from './local-socket.js'

/** Tries for a port that is free for all of the sockets, when any port will do. */
const ATTEMPTS = 8

const DEAF: DatagramHandler = { onDatagram: () => {}, onDrain: () => {}, onError: () => {} }

/**
 * Binds `local`. dgram neither tells which address a datagram was sent to nor lets a reply choose where it comes from; but
 * the most specific socket gets the datagram, and what leaves through it has its address.
 * @param shared the caller holds this port on other addresses already: no search for a collision
 * @throws the machine's bind error
 */
export function bindLocal(platform: Platform, local: LocalAddress, sink: DatagramSink, shared: boolean): LocalSocket[] {
  if (local.peer !== undefined || !isWildcard(local.address)) {
    return [new LocalSocket(platform, { ...local, reuseAddr: shared }, sink)]
  }
  for (let attempt = 1; ; attempt++) {
    // without reuseAddr, so that a port in use is found
    const port = shared || local.reusePort ? local.port : probe(platform, local)
    try {
      const wildcard = new LocalSocket(platform, { ...local, port, reuseAddr: !local.reusePort }, sink)
      return [wildcard, ...bindEach(platform, { ...local, port: wildcard.port }, sink, [])]
    } catch (error) {
      // somebody took it between the two
      if (local.port !== 0 || attempt === ATTEMPTS) throw error
    }
  }
}

/** One more socket for each of the machine's addresses that `wildcard` covers and `held` lacks; those that cannot be bound stay with the wildcard. */
export function bindEach(
  platform: Platform,
  wildcard: LocalAddress,
  sink: DatagramSink,
  held: readonly LocalSocket[],
): LocalSocket[] {
  const added: LocalSocket[] = []
  for (const own of platform.addresses()) {
    // an IPv6 socket may be bound to an IPv4 address in IPv6's clothes: then peers come in them too, as under '::'
    const address = isIPv6(wildcard.address) ? mapped(own) : own
    if (isIPv6(address) !== isIPv6(wildcard.address) || (wildcard.ipv6Only && isIPv4Like(address))) continue
    if (held.some((local) => local.address === address)) continue
    try {
      added.push(new LocalSocket(platform, { ...wildcard, address, reuseAddr: !wildcard.reusePort }, sink))
    } catch {}
  }
  return added
}

function probe(platform: Platform, local: LocalAddress): number {
  const socket = platform.bind(local, DEAF)
  const { port } = socket
  socket.close()
  return port
}
