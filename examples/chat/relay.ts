// Files through the host: chunks wait here, up to a bound, until each taker's path has room for them.
import { Pace } from './pace.js'
import { CHUNK_HEADER, type ToHost, type ToMember, tellMember } from './protocol.js'
import type { Guest } from './room.js'

const HELD = 8 * 1024 * 1024 // bytes of a transfer that may have come and not yet have reached every taker
const STEP = 128 * 1024 // a new limit is worth a message
const ANSWER_WITHIN = 5 // s
const STALL = 20 // s
const MOST_AT_A_TIME = 16 // files of one sender: each may hold HELD here, and has a file open at each taker

/** How far one taker is. */
interface Lane {
  /** Chunks sent, and chunks acknowledged by the taker's TCP. */
  sent: number
  acked: number
  ackedBytes: number
  inFlight: number
  /** Seconds without progress. */
  idle: number
  /** It has sent in this turn; so each chunk has a receipt of its own. */
  resting: boolean
  told: boolean
  readonly pace: Pace
}

interface Transfer {
  readonly id: number
  readonly from: Guest
  readonly size: number
  readonly asked: Set<Guest>
  readonly lanes: Map<Guest, Lane>
  /** What some taker has not acknowledged yet; the first of them is number `firstChunk`. */
  chunks: Buffer[]
  firstChunk: number
  waited: number
  started: boolean
  /** The sender's last word. */
  done: Extract<ToMember, { type: 'done' }> | null
  passed: number
  /** How far the sender may go; -1: it does not know yet. */
  limit: number
}

type FileTalk = Extract<ToHost, { type: 'offer' | 'answer' | 'done' | 'cancel' | 'result' }>

export class Relay {
  readonly #guests: ReadonlyMap<string, Guest>
  readonly #transfers = new Map<number, Transfer>()
  #lastId = 0

  constructor(guests: ReadonlyMap<string, Guest>) {
    this.#guests = guests
  }

  hear(guest: Guest, said: FileTalk): void {
    if (said.type === 'offer') {
      this.#offer(guest, said)
      return
    }
    const transfer = this.#transfers.get(said.transfer)
    if (transfer === undefined) return // it is over; the news had not arrived
    if (said.type === 'answer') this.#answer(transfer, guest, said.ok, said.reason)
    else if (said.type === 'result') this.#result(transfer, guest, said.ok, said.reason)
    else if (transfer.from !== guest) return
    else if (said.type === 'cancel') this.#cancel(transfer, said.reason)
    else {
      transfer.done = said
      for (const [taker, lane] of transfer.lanes) this.#pump(transfer, taker, lane)
      this.#checkOver(transfer)
    }
  }

  /** Passes a piece of a file on. */
  chunk(guest: Guest, data: Buffer): void {
    if (data.length <= CHUNK_HEADER) return
    const transfer = this.#transfers.get(data.readUInt32BE(0))
    if (transfer === undefined || transfer.from !== guest) return
    const length = data.length - CHUNK_HEADER
    transfer.passed += length
    if (transfer.passed > transfer.limit) {
      this.#cancel(transfer, 'more came than was allowed')
      return
    }
    transfer.chunks.push(data)
    for (const [taker, lane] of transfer.lanes) this.#pump(transfer, taker, lane)
  }

  /** What this sender has not finished will not come. */
  cancelFrom(guest: Guest, reason: string): void {
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.from === guest && transfer.done === null) this.#cancel(transfer, reason)
    }
  }

  removeTaker(guest: Guest): void {
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.asked.has(guest)) this.#answer(transfer, guest, false, 'gone')
      else if (transfer.lanes.has(guest)) this.#result(transfer, guest, false, 'gone')
    }
  }

  /** Once a second. */
  tick(): void {
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.asked.size > 0 && ++transfer.waited > ANSWER_WITHIN) {
        for (const guest of [...transfer.asked]) this.#answer(transfer, guest, false, 'no answer')
      }
      for (const [taker, lane] of transfer.lanes) {
        if (lane.inFlight === 0 || ++lane.idle < STALL) continue
        tellMember(taker.messages, { type: 'cancel', transfer: transfer.id, reason: 'too slow for the others' })
        this.#result(transfer, taker, false, 'too slow')
      }
    }
  }

  #offer(guest: Guest, offer: FileTalk & { type: 'offer' }): void {
    const id = ++this.#lastId
    const underWay = [...this.#transfers.values()].filter((transfer) => transfer.from === guest)
    if (underWay.length >= MOST_AT_A_TIME) {
      tellMember(guest.messages, { type: 'go', ref: offer.ref, transfer: id, takers: 1 })
      tellMember(guest.messages, { type: 'cancel', transfer: id, reason: `more than ${MOST_AT_A_TIME} at a time` })
      return
    }
    const others = [...this.#guests.values()].filter((one) => one !== guest && one.farewells === null)
    const transfer: Transfer = {
      ...{ id, from: guest, size: offer.size, asked: new Set(others), lanes: new Map() },
      ...{ chunks: [], firstChunk: 0, waited: 0, started: false, done: null, passed: 0, limit: -1 },
    }
    tellMember(guest.messages, { type: 'go', ref: offer.ref, transfer: id, takers: others.length })
    if (others.length === 0) return
    this.#transfers.set(id, transfer)
    for (const other of others) {
      tellMember(other.messages, {
        ...{ type: 'offered', transfer: id, from: guest.id, file: offer.file, size: offer.size },
      })
    }
  }

  #answer(transfer: Transfer, guest: Guest, ok: boolean, reason: string): void {
    if (!transfer.asked.delete(guest)) return
    const lane = { sent: 0, acked: 0, ackedBytes: 0, inFlight: 0, idle: 0, resting: false, told: false }
    if (ok) transfer.lanes.set(guest, { ...lane, pace: new Pace(guest.stream) })
    else this.#tellResult(transfer, guest, false, reason)
    if (transfer.asked.size > 0) return
    transfer.started = true
    if (transfer.lanes.size === 0) this.#cancel(transfer, 'nobody takes it')
    else this.#moveLimit(transfer)
  }

  #result(transfer: Transfer, taker: Guest, ok: boolean, reason: string): void {
    if (!transfer.lanes.delete(taker)) return
    this.#tellResult(transfer, taker, ok, reason)
    if (transfer.lanes.size === 0 && transfer.done === null) this.#cancel(transfer, 'nobody is left to take it')
    else {
      this.#forget(transfer)
      this.#checkOver(transfer)
    }
  }

  #tellResult(transfer: Transfer, taker: Guest, ok: boolean, reason: string): void {
    tellMember(transfer.from.messages, { type: 'result', transfer: transfer.id, from: taker.id, ok, reason })
  }

  /** Sends this taker what its path has room for, one chunk a turn. */
  #pump(transfer: Transfer, taker: Guest, lane: Lane): void {
    if (lane.resting || transfer.lanes.get(taker) !== lane) return
    const data = transfer.chunks[lane.sent - transfer.firstChunk]
    if (data === undefined) {
      if (transfer.done !== null && !lane.told) tellMember(taker.messages, transfer.done)
      lane.told ||= transfer.done !== null
      return
    }
    if (!lane.pace.hasRoom(lane.inFlight)) return // the next acknowledgment comes back here
    const length = data.length - CHUNK_HEADER
    lane.sent++
    lane.inFlight += length
    const acknowledged = (): void => {
      lane.pace.acknowledged(length)
      lane.acked++
      lane.ackedBytes += length
      lane.inFlight -= length
      lane.idle = 0
      this.#pump(transfer, taker, lane)
      this.#forget(transfer)
    }
    taker.messages.send(data).then(acknowledged, () => {}) // a taker that fails is removed with its connection
    lane.resting = true
    setImmediate(() => {
      lane.resting = false
      this.#pump(transfer, taker, lane)
    })
  }

  #forget(transfer: Transfer): void {
    const slowest = Math.min(...[...transfer.lanes.values()].map((lane) => lane.acked))
    if (!Number.isFinite(slowest)) return
    transfer.chunks.splice(0, slowest - transfer.firstChunk)
    transfer.firstChunk = slowest
    this.#moveLimit(transfer)
  }

  #moveLimit(transfer: Transfer): void {
    const slowest = Math.min(...[...transfer.lanes.values()].map((lane) => lane.ackedBytes))
    const limit = Math.min(transfer.size, slowest + HELD)
    if (limit < transfer.limit + STEP && limit < transfer.size) return
    if (limit === transfer.limit) return
    transfer.limit = limit
    tellMember(transfer.from.messages, { type: 'limit', transfer: transfer.id, bytes: limit })
  }

  #cancel(transfer: Transfer, reason: string): void {
    this.#transfers.delete(transfer.id)
    const cancel = { type: 'cancel', transfer: transfer.id, reason } as const
    for (const guest of [transfer.from, ...transfer.asked, ...transfer.lanes.keys()]) tellMember(guest.messages, cancel)
  }

  #checkOver(transfer: Transfer): void {
    if (transfer.done !== null && transfer.lanes.size === 0) this.#transfers.delete(transfer.id)
  }
}
