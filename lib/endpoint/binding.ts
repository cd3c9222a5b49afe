// The UDP sockets of an endpoint: beside a wildcard one for each address, so that replies leave from the one that was called.
import type { DatagramHandler, LocalAddress, Platform } from '../platform/platform.js'
import { isIPv4Like, isIPv6, isWildcard, mapped, unmapped } from './address.js'
import { type Arrival, type DatagramSink, LocalSocket } from './local-socket.js'

/** Tries for a port that is free for all of the sockets, when any port will do. */
const ATTEMPTS = 8

const DEAF: DatagramHandler = {
  onDatagram: () => {},
  onQuiet: () => {},
  onDrain: () => {},
  onError: () => {},
}

const NONE: readonly LocalAddress[] = []

/** Between two looks for new addresses of the machine, ms. */
const ADDRESS_INTERVAL = 1000

/**
 * The UDP sockets of one endpoint, all of one port. dgram neither tells which address a datagram was sent to nor lets a reply
 * choose where it comes from; but the most specific socket gets the datagram, and what leaves through it has its address.
 */
export class Binding {
  locals: readonly LocalSocket[] = []
  /** Other processes may hold the same port, and each hears its own peers (decision 022). */
  reusePort = false
  private readonly platform: Platform
  private readonly sink: DatagramSink
  /** Wildcards that are held, to hold new addresses beside them. */
  private wildcards: readonly LocalAddress[] = NONE
  private lookedAt = -ADDRESS_INTERVAL
  private refd = false

  constructor(platform: Platform, sink: DatagramSink) {
    this.platform = platform
    this.sink = sink
  }

  get port(): number {
    return (this.locals[0] as LocalSocket).port
  }

  /** Bytes that may wait in each of its sockets for many, or in the one with the least room. */
  get buffer(): number {
    return Math.min(...this.locals.map(({ buffer }) => buffer))
  }

  /** Datagrams that found no room in any of them; undefined: the machine does not say. */
  get dropped(): number | undefined {
    let sum: number | undefined = 0
    for (const local of this.locals) sum = add(sum, local.dropped)
    return sum
  }

  /** Binds one more local address; `isRoaming`: a wildcard stays one, whatever addresses there are. @throws the machine's bind error */
  hold(local: LocalAddress, isRoaming = false): void {
    const shared = this.locals.length > 0
    if (local.peer === undefined && !isRoaming && isWildcard(local.address)) this.holdWildcard(local, shared)
    else this.holdAddress(local, shared)
    this.reusePort = local.reusePort ?? false
  }

  /** The socket bound to exactly this address, perhaps in IPv6's clothes. */
  at(address: string): LocalSocket | undefined {
    const plain = unmapped(address)
    return this.locals.find((local) => unmapped(local.address) === plain)
  }

  /** It says that it comes from where it goes to: answered, it would be answered for ever. */
  isSelf({ local, segment, address, udpPort }: Arrival): boolean {
    if (udpPort !== local.port || segment.sourcePort !== segment.destinationPort) return false
    return local.wildcard ? this.at(address) !== undefined : address === local.address
  }

  /** Whether all that `wanted` would hear is heard already. */
  covers(wanted: LocalAddress): boolean {
    if (!isWildcard(wanted.address)) return this.at(wanted.address) !== undefined
    return this.wildcards.some(({ address, ipv6Only }) => {
      if (address === wanted.address) return !ipv6Only || wanted.ipv6Only
      return address === '::' && !ipv6Only
    })
  }

  /** The machine may have got addresses since; asking it costs, so not too often. */
  refresh(now: number): void {
    if (now - this.lookedAt < ADDRESS_INTERVAL) return
    this.lookedAt = Math.ceil(now)
    for (const wildcard of this.wildcards) this.holdEach(wildcard)
  }

  /** Whether the sockets hold the process. */
  setHolding(on: boolean): void {
    this.refd = on
    for (const local of this.locals) {
      if (on) local.ref()
      else local.unref()
    }
  }

  /** What one of its sockets was given has not left yet. */
  get blocked(): boolean {
    return this.locals.some((local) => local.blocked)
  }

  flush(): void {
    for (const local of this.locals) local.flush()
  }

  close(): void {
    for (const local of this.locals) local.close()
  }

  /** The port that is asked for, or one that nobody has. @throws EADDRINUSE, unless it is to be shared */
  private ownPort(local: LocalAddress): number {
    if (local.port !== 0 && local.reusePort) return local.port
    // among those who reuse ports, Linux takes a port of others for free
    return probe(this.platform, { ...local, reusePort: false })
  }

  private holdAddress(local: LocalAddress, shared: boolean): void {
    let wanted = local
    if (local.reusePort) wanted = { ...local, port: this.ownPort(local) }
    else if (shared) wanted = { ...local, reuseAddr: true }
    this.add(new LocalSocket(this.platform, wanted, this.sink))
  }

  private holdWildcard(local: LocalAddress, shared: boolean): void {
    for (let attempt = 1; ; attempt++) {
      // without reuseAddr, so that a port in use is found; not where this endpoint is its user
      const port = shared ? local.port : this.ownPort(local)
      try {
        const together = { ...local, port, reuseAddr: !local.reusePort }
        const wildcard = new LocalSocket(this.platform, together, this.sink)
        this.add(wildcard)
        this.wildcards = [...this.wildcards, { ...together, port: wildcard.port }]
        this.holdEach({ ...together, port: wildcard.port })
        return
      } catch (error) {
        // any port would do, but somebody took this one between the two
        if (local.port !== 0 || attempt === ATTEMPTS) throw error
      }
    }
  }

  /** One more socket for each of the machine's addresses that `wildcard` covers; those that cannot be bound stay with the wildcard. */
  private holdEach(wildcard: LocalAddress): void {
    for (const own of this.platform.addresses()) {
      // an IPv6 socket may be bound to an IPv4 address in IPv6's clothes: then peers come in them too, as under '::'
      const address = isIPv6(wildcard.address) ? mapped(own) : own
      if (isIPv6(address) !== isIPv6(wildcard.address) || (wildcard.ipv6Only && isIPv4Like(address))) continue
      if (this.at(address) !== undefined) continue
      try {
        this.add(new LocalSocket(this.platform, { ...wildcard, address }, this.sink))
      } catch {}
    }
  }

  private add(local: LocalSocket): void {
    // most have one, and a list that grows has room for more
    this.locals = this.locals.length === 0 ? [local] : [...this.locals, local]
    if (!this.refd) local.unref()
  }
}

/** Nobody knows a sum of which a part is not known. */
export function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b
}

function probe(platform: Platform, local: LocalAddress): number {
  const socket = platform.bind(local, DEAF)
  const { port } = socket
  socket.close()
  return port
}
