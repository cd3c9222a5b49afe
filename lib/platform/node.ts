// The machine through Node: dgram, performance.now, setTimeout, setImmediate, crypto; each with what makes it prompt.
import { randomFillSync } from 'node:crypto'
import dgram from 'node:dgram'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Alarm, DatagramHandler, DatagramSocket, LocalAddress, Platform } from './platform.js'

const MAX_TIMEOUT = 2 ** 31 - 1
/** The discard port: nothing is sent there, a route is looked up. */
const DISCARD = 9

/**
 * A turn of the loop reads up to 32 datagrams, and nothing but setImmediate() tells when it has read the last one. Where turns bring
 * one each, as questions and answers do, each is answered at once, and only every so many is the turn looked at again.
 */
const ASK_AFTER = 16
/** Turns with one datagram each, before they are taken for the rule. */
const WATCHED_TURNS = 8

/** This machine. */
export function createNodePlatform(): Platform {
  return new NodePlatform()
}

class NodePlatform implements Platform {
  // read while there are descriptors to read it with
  readonly descriptorLimit: number | undefined = readDescriptorLimit()

  now(): number {
    return performance.now()
  }

  random(into: Uint8Array): void {
    randomFillSync(into)
  }

  defer(run: () => void): void {
    setImmediate(run)
  }

  alarm(ring: () => void): Alarm {
    return new TimeoutAlarm(ring)
  }

  bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket {
    return new NodeDatagramSocket(local, handler)
  }

  addresses(): readonly string[] {
    const addresses: string[] = []
    for (const [name, each] of Object.entries(interfaces())) {
      for (const { address, family, ...more } of each ?? []) {
        const zoned = family === 'IPv6' && 'scopeid' in more && more.scopeid !== 0
        addresses.push(zoned ? `${address}%${name}` : address)
      }
    }
    return addresses
  }

  sourceAddress(address: string): string | undefined {
    const socket = createSocket({ address, port: 0 })
    try {
      // connecting a UDP socket sends nothing; it fails, in the next tick, if there is no route
      socket.on('error', () => {})
      socket.connect(DISCARD, address)
      socket.remoteAddress()
      return socket.address().address
    } catch {
      return undefined
    } finally {
      socket.close()
    }
  }
}

/** setTimeout, moved only to an earlier time: when it rings too early, it is set anew. */
class TimeoutAlarm implements Alarm {
  private readonly onRing: () => void
  private timer: NodeJS.Timeout | null = null
  private timerAt = Number.POSITIVE_INFINITY
  private at = Number.POSITIVE_INFINITY
  private refd = true

  constructor(onRing: () => void) {
    this.onRing = onRing
  }

  set(at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.clear()
      return
    }
    this.at = at
    if (this.timer !== null) {
      if (this.timerAt <= at) return
      clearTimeout(this.timer)
    }
    this.start()
  }

  clear(): void {
    this.at = Number.POSITIVE_INFINITY
    this.timerAt = Number.POSITIVE_INFINITY
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  ref(): void {
    this.refd = true
    this.timer?.ref()
  }

  unref(): void {
    this.refd = false
    this.timer?.unref()
  }

  private start(): void {
    const delay = Math.min(Math.max(1, Math.ceil(this.at - performance.now())), MAX_TIMEOUT)
    this.timerAt = this.at
    this.timer = setTimeout(this.ring, delay)
    if (!this.refd) this.timer.unref()
  }

  private readonly ring = (): void => {
    this.timer = null
    this.timerAt = Number.POSITIVE_INFINITY
    if (this.at === Number.POSITIVE_INFINITY) return
    if (this.at > performance.now() + 1) {
      this.start()
      return
    }
    this.at = Number.POSITIVE_INFINITY
    this.onRing()
  }
}

/** A dgram socket whose bind, connect and send are done when they return. */
class NodeDatagramSocket implements DatagramSocket {
  readonly address: string
  readonly port: number
  readonly peerAddress: string | undefined
  private readonly socket: dgram.Socket
  private readonly handler: DatagramHandler
  private connected = false
  private holding = false
  private closed = false
  /** Datagrams since the socket was last asked how many a turn brings. */
  private unasked = 0
  /** Turns to be watched for how many datagrams they bring: as long as it is several, these are answered together. */
  private watching = 0
  /** Datagrams of this turn, while it is watched. */
  private ofTurn = 0

  constructor(local: LocalAddress, handler: DatagramHandler) {
    this.handler = handler
    this.socket = createSocket(local)
    bindNow(this.socket, local)
    askForBuffer(this.socket, local.recvBufferSize)
    this.socket.on('error', (error) => this.handler.onError(error))
    this.socket.on('message', this.onMessage)
    if (local.peer !== undefined) this.peerAddress = this.connect(local.peer)
    const { address, port } = this.socket.address()
    this.address = address
    this.port = port
  }

  send(parts: readonly Uint8Array[], address: string, port: number): boolean {
    if (this.closed) return true
    if (this.connected) this.socket.send(parts, this.onSent)
    else this.socket.send(parts, port, address, this.onSent)
    if (this.socket.getSendQueueCount() === 0) return true
    this.holding = true
    return false
  }

  flush(): void {}

  ref(): void {
    this.socket.ref()
  }

  unref(): void {
    this.socket.unref()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.socket.close()
  }

  /** @returns the peer as datagrams from it are reported; undefined: no route, and then each send says why. */
  private connect(peer: { address: string; port: number }): string | undefined {
    this.socket.connect(peer.port, peer.address)
    try {
      const { address } = this.socket.remoteAddress()
      this.connected = true
      return address
    } catch {
      return undefined
    }
  }

  private readonly onMessage = (bytes: Uint8Array, from: { address: string; port: number }): void => {
    if (this.ofTurn === 0 && this.watching === 0 && ++this.unasked < ASK_AFTER) {
      try {
        this.handler.onDatagram(bytes, from.address, from.port)
      } finally {
        this.handler.onQuiet()
      }
      return
    }
    if (this.ofTurn++ === 0) setImmediate(this.onTurnOver)
    this.handler.onDatagram(bytes, from.address, from.port)
  }

  private readonly onTurnOver = (): void => {
    if (this.ofTurn > 1) this.watching = WATCHED_TURNS
    else if (this.watching > 0) this.watching--
    this.unasked = 0
    this.ofTurn = 0
    this.handler.onQuiet()
  }

  // one for all sends: what failed, and that a queue has drained, is told nowhere else
  private readonly onSent = (error: Error | null): void => {
    if (this.closed) return
    if (error) this.handler.onError(error)
    if (!this.holding || this.socket.getSendQueueCount() > 0) return
    this.holding = false
    this.handler.onDrain()
  }
}

function createSocket({ address, ipv6Only, reuseAddr, reusePort }: LocalAddress): dgram.Socket {
  const family = isIPv6(address) ? 6 : 4
  return dgram.createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: ipv6Only ?? false,
    reuseAddr: reuseAddr ?? false,
    ...(reusePort ? { reusePort } : {}),
    // addresses are literals here: without a wait for the resolver all is done when the call returns
    lookup: (host, _options, done) => done(null, host, family),
  })
}

/** Binds at once. @throws what Node would emit. */
function bindNow(socket: dgram.Socket, { address, port, reusePort }: LocalAddress): void {
  let failure: Error | undefined
  const onError = (error: Error): void => {
    failure = error
  }
  socket.on('error', onError)
  if (reusePort && !canReusePort()) failure = unsupported()
  // a worker of a cluster would share the socket of its primary
  else socket.bind({ address, port, exclusive: true })
  socket.off('error', onError)
  if (failure === undefined) return
  // it emits once more, in some versions, as it closes
  socket.on('error', () => {})
  socket.close()
  throw failure
}

// dgram has taken the option since 22.12, and ignores what it does not know
function canReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major >= 23 || (major === 22 && minor >= 12)
}

function unsupported(): Error {
  const message = 'bind ENOTSUP: reusePort needs Node.js 22.12 or later'
  return Object.assign(new Error(message), { code: 'ENOTSUP', syscall: 'bind' })
}

/** As much of it as the machine grants. */
function askForBuffer(socket: dgram.Socket, size: number | undefined): void {
  for (let asked = size ?? 0; asked >= 2 ** 17; asked /= 2) {
    try {
      socket.setRecvBufferSize(Math.floor(asked))
      return
    } catch {}
  }
}

// asking takes a descriptor: who has none left hears of no addresses, and asks again later
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces()
  } catch {
    return {}
  }
}

// only Linux says so in a file; elsewhere Node has raised the limit to the system's own
function readDescriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return limit === null ? undefined : Number(limit[1])
  } catch {
    return undefined
  }
}
