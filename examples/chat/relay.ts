// Files through the host: chunks go on as they come, and no further ahead of the slowest taker than a window.
import { Pace } from './pace.js'
import { CHUNK_HEADER, type ToHost, tellMember } from './protocol.js'
import type { Guest } from './room.js'

const STEP = 32 * 1024 // less is not worth a message
const ANSWER_WITHIN = 5 // s
const STALL = 20 // s

/** How far one taker is. */
interface Lane {
  sent: number
  /** Acknowledged by the taker's TCP: these are no longer in the host's memory. */
  acked: number
  /** Seconds without progress. */
  idle: number
  readonly pace: Pace
}

interface Transfer {
  readonly id: number
  readonly from: Guest
  readonly size: number
  readonly asked: Set<Guest>
  readonly lanes: Map<Guest, Lane>
  waited: number
  started: boolean
  done: boolean
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
      transfer.done = true
      for (const taker of transfer.lanes.keys()) tellMember(taker.messages, said)
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
    for (const [taker, lane] of transfer.lanes) {
      lane.sent += length
      const sentAt = performance.now()
      const acked = (): void => {
        lane.pace.acknowledged(length, sentAt)
        lane.acked += length
        lane.idle = 0
        this.#moveLimit(transfer)
      }
      taker.messages.send(data).then(acked, () => {}) // a taker that fails is removed with its connection
    }
  }

  isReceiving(guest: Guest): boolean {
    for (const transfer of this.#transfers.values()) if (transfer.lanes.has(guest)) return true
    return false
  }

  /** What this sender has not finished will not come. */
  cancelFrom(guest: Guest, reason: string): void {
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.from === guest && !transfer.done) this.#cancel(transfer, reason)
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
        if (lane.sent === lane.acked || ++lane.idle < STALL) continue
        tellMember(taker.messages, { type: 'cancel', transfer: transfer.id, reason: 'too slow for the others' })
        this.#result(transfer, taker, false, 'too slow')
      }
    }
  }

  #offer(guest: Guest, offer: FileTalk & { type: 'offer' }): void {
    const id = ++this.#lastId
    const others = [...this.#guests.values()].filter((one) => one !== guest && one.farewells === null)
    const transfer: Transfer = {
      ...{ id, from: guest, size: offer.size, asked: new Set(others), lanes: new Map() },
      ...{ waited: 0, started: false, done: false, passed: 0, limit: -1 },
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
    if (ok) transfer.lanes.set(guest, { sent: 0, acked: 0, idle: 0, pace: new Pace() })
    else this.#tellResult(transfer, guest, false, reason)
    if (transfer.asked.size > 0) return
    transfer.started = true
    if (transfer.lanes.size === 0) this.#cancel(transfer, 'nobody takes it')
    else this.#moveLimit(transfer)
  }

  #result(transfer: Transfer, taker: Guest, ok: boolean, reason: string): void {
    if (!transfer.lanes.delete(taker)) return
    this.#tellResult(transfer, taker, ok, reason)
    if (transfer.lanes.size === 0 && !transfer.done) this.#cancel(transfer, 'nobody is left to take it')
    else {
      this.#moveLimit(transfer)
      this.#checkOver(transfer)
    }
  }

  #tellResult(transfer: Transfer, taker: Guest, ok: boolean, reason: string): void {
    tellMember(transfer.from.messages, { type: 'result', transfer: transfer.id, from: taker.id, ok, reason })
  }

  #moveLimit(transfer: Transfer): void {
    if (!transfer.started || transfer.lanes.size === 0) return
    const allowed = [...transfer.lanes.values()].map((lane) => lane.acked + lane.pace.window)
    const limit = Math.min(transfer.size, ...allowed)
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
    if (transfer.done && transfer.lanes.size === 0) this.#transfers.delete(transfer.id)
  }
}
