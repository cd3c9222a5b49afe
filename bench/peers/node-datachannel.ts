// node-datachannel as a peer: a WebRTC data channel (libdatachannel: ICE, DTLS, SCTP) for each connection, signalled over kernel TCP.
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Duplex } from 'node:stream'
import { required } from '../packages.js'
import type { Peer } from './peer.js'

interface Channel {
  maxMessageSize(): number
  bufferedAmount(): number
  setBufferedAmountLowThreshold(bytes: number): void
  onBufferedAmountLow(listener: () => void): void
  onMessage(listener: (bytes: Buffer) => void): void
  onOpen(listener: () => void): void
  onClosed(listener: () => void): void
  onError(listener: (message: string) => void): void
  sendMessageBinary(bytes: Uint8Array): boolean
  close(): void
}

interface Connection {
  onLocalDescription(listener: (sdp: string, type: string) => void): void
  onLocalCandidate(listener: (candidate: string, mid: string) => void): void
  onDataChannel(listener: (channel: Channel) => void): void
  setRemoteDescription(sdp: string, type: string): void
  addRemoteCandidate(candidate: string, mid: string): void
  createDataChannel(label: string): Channel
  close(): void
}

interface DataChannels {
  initLogger(level: string, listener: () => void): void
  PeerConnection: new (name: string, config: { iceServers: string[]; bindAddress: string }) => Connection
}

type Signal = { sdp: string; type: string } | { candidate: string; mid: string }

/** Bytes that may wait in a channel. */
const BUFFERED = 1 << 20
/** Bytes of a message at most. */
const MESSAGE = 65_536

let instance: DataChannels | undefined
let connections = 0

/** An empty message ends a direction: a channel has no half-close. */
class ChannelStream extends Duplex {
  private readonly channel: Channel
  private readonly connection: Connection
  private readonly signals: Socket
  private readonly most: number
  private proceed: (() => void) | null = null

  constructor(channel: Channel, connection: Connection, signals: Socket) {
    super({ allowHalfOpen: true })
    this.channel = channel
    this.connection = connection
    this.signals = signals
    this.most = Math.min(channel.maxMessageSize(), MESSAGE)
    channel.setBufferedAmountLowThreshold(BUFFERED / 2)
    channel.onBufferedAmountLow(() => {
      const { proceed } = this
      this.proceed = null
      proceed?.()
    })
    channel.onMessage((bytes) => this.push(bytes.length === 0 ? null : bytes))
    channel.onClosed(() => this.destroy())
    channel.onError((message) => this.destroy(new Error(message)))
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: BufferEncoding, done: () => void): void {
    const next = (from: number): void => {
      for (let at = from; at < bytes.length; at += this.most) {
        if (this.destroyed) return
        if (this.channel.bufferedAmount() > BUFFERED) {
          this.proceed = () => next(at)
          return
        }
        this.channel.sendMessageBinary(bytes.subarray(at, at + this.most))
      }
      done()
    }
    next(0)
  }

  override _final(done: () => void): void {
    if (!this.destroyed) this.channel.sendMessageBinary(Buffer.alloc(0))
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.channel.close()
    this.connection.close()
    this.signals.destroy()
    done(error)
  }
}

function open(address: string, signals: Socket): Connection {
  if (instance === undefined) {
    instance = required<DataChannels>('node-datachannel')
    instance.initLogger('Fatal', () => undefined)
  }
  const connection = new instance.PeerConnection(`${connections++}`, { iceServers: [], bindAddress: address })
  const tell = (signal: Signal): void => void signals.write(`${JSON.stringify(signal)}\n`)
  connection.onLocalDescription((sdp, type) => tell({ sdp, type }))
  connection.onLocalCandidate((candidate, mid) => tell({ candidate, mid }))
  signals.on('error', () => undefined)
  createInterface({ input: signals }).on('line', (line) => {
    const signal = JSON.parse(line) as Signal
    try {
      if ('sdp' in signal) connection.setRemoteDescription(signal.sdp, signal.type)
      else connection.addRemoteCandidate(signal.candidate, signal.mid)
    } catch {
      // a candidate that comes late: the connection is there already, or gone
    }
  })
  return connection
}

export const nodeDatachannel: Peer = {
  async listen(address, port, onConnection) {
    const server = createServer((signals) => {
      const connection = open(address, signals)
      connection.onDataChannel((channel) => onConnection(new ChannelStream(channel, connection, signals)))
    })
    server.listen(port, address)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  async connect(address, port) {
    const signals = netConnect(port, address)
    await once(signals, 'connect')
    const connection = open(address, signals)
    const channel = connection.createDataChannel('bench')
    await new Promise<void>((done, fail) => {
      channel.onOpen(done)
      channel.onError((message) => fail(new Error(message)))
    })
    return new ChannelStream(channel, connection, signals)
  },
}
