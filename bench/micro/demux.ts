// Whose segment is this: with few connections and with many.
import { Demux, type Tenant } from '../../lib/endpoint/demux.js'
import type { LocalSocket } from '../../lib/endpoint/local-socket.js'
import type { Case } from './case.js'

const PORT = 9_000
const SECRET = 0x9e37_79b1
const FIRST_UDP_PORT = 1_024
/** Clients of an address. */
const OF_AN_ADDRESS = 50_000
/** Coprime to all counts: the next segment is of anyone. */
const STEP = 7_919

/** `busy`: so many of them, who get all segments; the memory of others need not be looked at. */
function find(count: number, busy: number): Case {
  // all that it looks at
  const seen = { wildcard: false, home: {} }
  seen.home = seen
  const local = seen as unknown as LocalSocket
  const demux = new Demux(SECRET)
  const tenants = Array.from({ length: count }, (_, i): Tenant => {
    const port = FIRST_UDP_PORT + (i % OF_AN_ADDRESS)
    const peerAddress = `10.0.0.${Math.floor(i / OF_AN_ADDRESS)}`
    return { local, peerAddress, remoteUdpPort: port, remotePort: port, localPort: PORT, nextInChain: null }
  })
  for (const tenant of tenants) demux.add(tenant)
  const heard = tenants.filter((_, i) => i % (count / busy) === 0)
  let at = 0
  return {
    name: `demux: one of ${count}${busy < count ? `, of whom ${busy} are busy` : ''}`,
    run: () => {
      at = (at + STEP) % busy
      const { peerAddress, remoteUdpPort, remotePort } = heard[at]
      const found = demux.find(local, peerAddress, remoteUdpPort, remotePort, PORT)
      if (found !== heard[at]) throw new Error('another was found')
    },
  }
}

export const demux: readonly Case[] = [find(10, 10), find(100_000, 10), find(100_000, 100_000)]
