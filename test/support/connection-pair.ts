// Two bare Connections, each on a machine of a simulated network: the core alone, without endpoint and sockets.
import type { Config } from '../../lib/core/config.js'
import { Connection } from '../../lib/core/connection.js'
import type { Alarm, DatagramHandler, DatagramSocket } from '../../lib/platform/platform.js'
import type { Host } from '../../lib/testing/host.js'
import type { LinkOptions } from '../../lib/testing/link.js'
import { Network } from '../../lib/testing/network.js'
import { Random } from '../../lib/testing/random.js'
import { decode, encode, MAX_HEADER_LENGTH, RST, Segment, SYN } from '../../lib/wire/segment.js'

export interface ConnectionPairOptions {
  /** Of the network and of both initial sequence numbers. @default 1 */
  seed?: number
  /** Of both sides. */
  config: Config
  /** Of the server, when it is another. */
  serverConfig?: Config
  /** From client to server. @default {} */
  link?: Partial<LinkOptions>
  /** From server to client. @default link */
  back?: Partial<LinkOptions>
}

/** UDP port and TCP port of both sides. */
const PORT = 9000

/**
 * A client and a server, 10.0.0.1 and 10.0.0.2. The server takes the first SYN, unless it opens itself (simultaneous open).
 * A connection in TIME-WAIT answers nothing: that is the endpoint's part.
 */
export class ConnectionPair {
  readonly network: Network
  readonly client: Side
  readonly server: Side

  constructor(options: ConnectionPairOptions) {
    const { seed = 1, config, serverConfig = config, link = {}, back = link } = options
    this.network = new Network({ seed })
    const [a, b] = [this.network.host('10.0.0.1'), this.network.host('10.0.0.2')]
    this.network.path(a, b, link, back)
    const random = new Random(seed)
    this.client = new Side(a, '10.0.0.1', '10.0.0.2', config, random)
    this.server = new Side(b, '10.0.0.2', '10.0.0.1', serverConfig, random)
  }

  /** The client sends its SYN. */
  open(): void {
    this.client.open()
  }
}

export class Side implements DatagramHandler {
  /** null: before open(), and before a SYN came. */
  connection: Connection | null = null
  /** Every event since the beginning, as bits of core/connection. */
  events = 0
  /** Whether it reads what arrives. @default true */
  reading = true
  /** What it has read. */
  readonly received: Uint8Array[] = []
  /** Initial send sequence number: set it before anything is sent. */
  iss: number
  private readonly host: Host
  private readonly config: Config
  private readonly remote: string
  private readonly timestampOffset: number
  private readonly socket: DatagramSocket
  private readonly alarm: Alarm
  private readonly segment: Segment = new Segment()
  private readonly header: Uint8Array = new Uint8Array(MAX_HEADER_LENGTH)
  private dirty = false

  constructor(host: Host, local: string, remote: string, config: Config, random: Random) {
    this.host = host
    this.config = config
    this.remote = remote
    this.iss = random.u32()
    this.timestampOffset = random.u32()
    this.socket = host.platform.bind({ address: local, port: PORT }, this)
    this.alarm = host.platform.alarm(() => {
      this.connection?.handleTimeout(host.platform.now())
      this.touch()
    })
  }

  /** A connection of its own: its SYN leaves. */
  open(): void {
    this.connection = Connection.active(this.config, this.iss, this.timestampOffset)
    this.use((connection, now) => connection.open(now))
  }

  /** Calls of the user; what follows from them leaves in this instant. */
  use<T>(calls: (connection: Connection, now: number) => T): T {
    if (this.connection === null) throw new Error('there is no connection yet')
    const result = calls(this.connection, this.host.platform.now())
    this.touch()
    return result
  }

  /** Bytes that it has read. */
  get bytesReceived(): number {
    return this.received.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  onDatagram(bytes: Uint8Array): void {
    const { segment } = this
    if (!decode(bytes, segment)) return
    const now = this.host.platform.now()
    if (this.connection !== null) this.connection.handleSegment(segment, now)
    else if ((segment.flags & (SYN | RST)) === SYN) {
      this.connection = Connection.passive(this.config, this.iss, this.timestampOffset, segment, now)
    }
    this.touch()
  }

  onDrain(): void {}

  onError(error: Error): void {
    throw error
  }

  /** Settles at the end of this instant. */
  touch(): void {
    if (this.dirty) return
    this.dirty = true
    this.host.platform.defer(() => {
      this.dirty = false
      if (this.connection !== null) this.settle(this.connection)
    })
  }

  private settle(connection: Connection): void {
    const { segment, header, socket } = this
    if (this.reading) {
      for (let bytes = connection.receive(); bytes !== null; bytes = connection.receive()) this.received.push(bytes)
    }
    while (connection.poll(segment, this.host.platform.now())) {
      segment.sourcePort = segment.destinationPort = PORT
      const head = header.subarray(0, encode(segment, header))
      socket.send([head, segment.payload, segment.payloadTail], this.remote, PORT)
    }
    socket.flush()
    this.events |= connection.takeEvents()
    this.alarm.set(connection.wakeAt)
  }
}
