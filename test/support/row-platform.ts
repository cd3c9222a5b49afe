// A Platform around another that reads as a kernel with UDP_GRO has it: what one peer sends in one instant comes as rows, in memory that is lent.
import type { DatagramHandler, DatagramSocket, LocalAddress, Platform, Row } from '../../lib/platform/platform.js'

/** What the memory of a row holds once it has been taken. */
const GARBAGE = 0xdd
const ROOM = 65_535

export interface Arriving {
  readonly bytes: Uint8Array
  readonly address: string
  readonly port: number
}

/** Of one peer, as long as each other; the last may be shorter. */
interface Train {
  readonly address: string
  readonly port: number
  readonly datagrams: Uint8Array[]
  bytes: number
  isOpen: boolean
}

export class RowPlatform {
  readonly platform: Platform
  /** Rows that were handed over, of two or more, and datagrams in them. */
  rows = 0
  inRows = 0
  /** What handlers threw: what stands behind it comes all the same, as from OffloadSocket. */
  readonly thrown: unknown[] = []
  /** What came in one instant, as it shall be read. */
  arrange: (arrived: Arriving[]) => Arriving[] = (arrived) => arrived
  private readonly asRows: boolean
  private readonly memory = new Uint8Array(new ArrayBuffer(ROOM + 2_000), 1_000, ROOM)

  /** `asRows`: false: the same in the same order, each by itself. */
  constructor(inner: Platform, asRows: boolean) {
    this.asRows = asRows
    this.platform = Object.assign(Object.create(inner) as Platform, {
      bind: (local: LocalAddress, handler: DatagramHandler) =>
        this.socket(handler, (holding) => inner.bind(local, holding)),
    })
  }

  private socket(handler: DatagramHandler, bind: (holding: DatagramHandler) => DatagramSocket): DatagramSocket {
    let held: Arriving[] = []
    let isClosed = false
    const socket = bind({
      onDatagram: (bytes, start, end, address, port) =>
        void held.push({ bytes: bytes.slice(start, end), address, port }),
      onQuiet: () => {
        const trains = trainsOf(this.arrange(held))
        held = []
        for (const train of trains) this.hand(train, handler, () => isClosed)
        handler.onQuiet()
      },
      onDrain: () => handler.onDrain(),
      onError: (error) => handler.onError(error),
    })
    const wrapped: DatagramSocket = {
      ...pick(socket),
      get dropped() {
        return socket.dropped
      },
      send: (parts, address, port) => socket.send(parts, address, port),
      flush: () => socket.flush(),
      ref: () => socket.ref(),
      unref: () => socket.unref(),
      close: () => {
        isClosed = true
        socket.close()
      },
      branch: (peer, branchHandler, size) =>
        this.socket(branchHandler, (holding) => (socket as Required<DatagramSocket>).branch(peer, holding, size)),
    }
    return wrapped
  }

  private hand({ address, port, datagrams }: Train, handler: DatagramHandler, isClosed: () => boolean): void {
    const { memory } = this
    const row: Row = { bytes: memory, at: 0, end: 0, part: datagrams[0].length }
    const end = datagrams.reduce((at, bytes) => {
      memory.set(bytes, at)
      return at + bytes.length
    }, 0)
    Object.assign(row, { end })
    const isRow = this.asRows && datagrams.length > 1 && handler.onRow !== undefined
    if (isRow) {
      this.rows++
      this.inRows += datagrams.length
    }
    while (row.at < end && !isClosed()) {
      const start = row.at
      try {
        if (isRow) handler.onRow?.(row, address, port)
        else {
          row.at = Math.min(start + row.part, end)
          handler.onDatagram(memory, start, row.at, address, port, true)
        }
      } catch (error) {
        this.thrown.push(error)
      }
      if (row.at <= start) throw new Error('nothing was taken of a row')
      memory.fill(GARBAGE, start, row.at)
    }
    memory.fill(GARBAGE)
  }
}

function pick({ address, port, peerAddress, buffer, fragments }: DatagramSocket) {
  return { address, port, peerAddress, buffer, fragments }
}

/** As GRO has it: a shorter one ends a train, a longer one begins another. */
function trainsOf(arrived: readonly Arriving[]): Train[] {
  const trains: Train[] = []
  const last: Map<string, Train> = new Map()
  for (const { bytes, address, port } of arrived) {
    const key = `${address} ${port}`
    let train = last.get(key)
    const part = train?.datagrams[0].length ?? 0
    if (train === undefined || !train.isOpen || bytes.length > part || train.bytes + bytes.length > ROOM) {
      train = { address, port, datagrams: [], bytes: 0, isOpen: bytes.length > 0 }
      last.set(key, train)
      trains.push(train)
    }
    train.datagrams.push(bytes)
    train.bytes += bytes.length
    if (bytes.length < part) train.isOpen = false
  }
  return trains
}
