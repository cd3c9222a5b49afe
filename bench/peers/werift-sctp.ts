// werift-sctp as a peer: SCTP in TypeScript over node:dgram, an association for each connection, its one stream made a Duplex here.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { required } from '../packages.js'
import type { Peer } from './peer.js'

interface Transport {
  onData?: (bytes: Buffer) => void
  send(bytes: Buffer): Promise<void>
  close(): void
}

interface Association {
  readonly state: string
  readonly outboundQueue: readonly unknown[]
  readonly onReceive: { subscribe(listener: (id: number, protocol: number, bytes: Buffer) => void): void }
  readonly stateChanged: Readonly<
    Record<'connected' | 'closed', { asPromise(ms: number): Promise<unknown>; subscribe(listener: () => void): void }>
  >
  start(port: number): Promise<void>
  send(id: number, protocol: number, bytes: Buffer): Promise<void>
  abort(): Promise<void>
}

interface Werift {
  readonly SCTP: Readonly<Record<'client' | 'server', (transport: Transport) => Association>>
  readonly WEBRTC_PPID: Readonly<Record<'BINARY' | 'STRING_EMPTY', number>>
}

/** Chunks in its queue beyond which a write waits, ms until it looks again, and bytes that it is given at a time. */
const QUEUE = { most: 512, look: 1, piece: 65_536 }
/** Both sides' port of SCTP. */
const PORT = 5_000
/** ms for an association to come up. */
const PATIENCE = 15_000
const BUFFERS = { recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 }

const werift = (): Werift => required('werift-sctp')

/** It has no half-close: an empty message ends a direction. */
class AssociationStream extends Duplex {
  private readonly association: Association
  private readonly protocols = werift().WEBRTC_PPID
  private readonly onGone: () => void

  constructor(association: Association, onGone: () => void) {
    super({ allowHalfOpen: true })
    this.association = association
    this.onGone = onGone
    association.onReceive.subscribe((_, protocol, bytes) => {
      this.push(protocol === this.protocols.STRING_EMPTY ? null : bytes)
    })
    association.stateChanged.closed.subscribe(() => this.destroy())
  }

  override _read(): void {}

  override _write(bytes: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    const next = async (from: number): Promise<void> => {
      for (let at = from; at < bytes.length; at += QUEUE.piece) {
        if (this.destroyed) return
        if (this.association.outboundQueue.length > QUEUE.most) {
          setTimeout(() => next(at).catch((error: Error) => this.destroy(error)), QUEUE.look)
          return
        }
        await this.association.send(0, this.protocols.BINARY, bytes.subarray(at, at + QUEUE.piece))
      }
      done()
    }
    next(0).catch((error: Error) => this.destroy(error))
  }

  override _final(done: (error?: Error) => void): void {
    this.association.send(0, this.protocols.STRING_EMPTY, Buffer.alloc(1)).then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.association
      .abort()
      .catch(() => undefined)
      .finally(() => {
        this.onGone()
        done(error)
      })
  }
}

async function up(association: Association): Promise<void> {
  if (association.state !== 'connected') await association.stateChanged.connected.asPromise(PATIENCE)
}

async function bound(port: number, address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', ...BUFFERS })
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}

function transportOf(socket: Socket, port: number, address: string): Transport {
  return {
    send: (bytes) =>
      new Promise((done, fail) => {
        socket.send(bytes, port, address, (error) => (error === null ? done() : fail(error)))
      }),
    close: () => undefined,
  }
}

export const weriftSctp: Peer = {
  async listen(address, port, onConnection) {
    const socket = await bound(port, address)
    const transports = new Map<string, Transport>()
    socket.on('message', (bytes, from) => {
      const key = `${from.address} ${from.port}`
      let transport = transports.get(key)
      if (transport === undefined) {
        transport = transportOf(socket, from.port, from.address)
        transports.set(key, transport)
        const association = werift().SCTP.server(transport)
        association.start(PORT).catch(() => undefined)
        up(association).then(
          () => onConnection(new AssociationStream(association, () => transports.delete(key))),
          () => transports.delete(key),
        )
      }
      transport.onData?.(bytes)
    })
    return socket.address().port
  },
  async connect(address, port) {
    const socket = await bound(0, '0.0.0.0')
    const transport = transportOf(socket, port, address)
    socket.on('message', (bytes) => transport.onData?.(bytes))
    const association = werift().SCTP.client(transport)
    const connected = up(association)
    await association.start(PORT)
    await connected
    return new AssociationStream(association, () => socket.close())
  },
}
