// The host's side: who is in the room, and what each of them is told. Everything passes through here.
import type { Duplex } from 'node:stream'
import type { MessageStream } from 'tcp-over-udp/message'
import { Door, type Hello } from './door.js'
import {
  MEMBER_SILENCE,
  type Person,
  PING_EVERY,
  readAsHost,
  type ToHost,
  type ToMember,
  tellMember,
} from './protocol.js'
import { Relay } from './relay.js'
import { reset, Silence } from './silence.js'

const FAREWELL_WITHIN = 5 // s
const COME_BACK_WITHIN = 10 // s
const MOST_KEPT = 1000 // lines for those who have yet to come back
const MOST_UNHEARD = 1000 // members that the host before took in, and that did not come round
const LONGEST_QUEUE = 16 * 1024 * 1024 // bytes that may wait for someone who does not read

/** A member as the host has it. */
export interface Guest extends Person {
  readonly messages: MessageStream
  readonly stream: Duplex
  readonly silence: Silence
  /** Once it has said its last: whose farewells are awaited, and for how many seconds it has been kept. */
  farewells: Set<string> | null
  leaving: number
}

export interface RoomOptions {
  /** Names the room through all its hosts. */
  id: string
  /** The host's own id. */
  host: string
  /** The address it listens on. */
  bind: string
  /** Who was in the room under the host before, and may come back. */
  expected: Person[]
}

export class Room {
  readonly guests = new Map<string, Guest>()
  readonly #options: RoomOptions
  readonly #relay = new Relay(this.guests)
  readonly #door = new Door((hello, messages, address) => this.#welcome(hello, messages, address))
  readonly #clock: NodeJS.Timeout
  readonly #expected: Map<string, Person>
  /** What was said since the room is open again, for those who have yet to come back. */
  readonly #saidMeanwhile: ToMember[] = []
  #age = 0 // s
  #lastOrder: number
  #closing: (() => void) | null = null

  constructor(options: RoomOptions) {
    this.#options = options
    this.#expected = new Map(options.expected.map((person) => [person.id, person]))
    this.#lastOrder = Math.max(0, ...options.expected.map((person) => person.order))
    this.#clock = setInterval(() => this.#tick(), PING_EVERY)
  }

  /** Someone has come. `address` is '' for the host itself. */
  admit(stream: Duplex, address: string): void {
    this.#door.admit(stream, address)
  }

  /** The host leaves: last words are passed on, then everybody is let go. Settles when all are gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closing = () => {
        clearInterval(this.#clock)
        this.#door.close()
        resolve()
      }
      this.#age = 0
      this.#tellAll({ type: 'closing' })
      this.#checkClosed()
    })
  }

  #welcome(hello: Hello, messages: MessageStream, address: string): string | null {
    if (this.#closing !== null) return 'the host is leaving'
    const { id: room, host, bind } = this.#options
    // an order that was given here, or by the host before to somebody that this one had not heard of yet
    const back = hello.room === room && hello.order > 0 && hello.order <= this.#lastOrder + MOST_UNHEARD
    const twin = this.guests.get(hello.id) // the same one, whose last connection is still held for alive here
    if (twin !== undefined) this.#drop(twin)
    this.#expected.delete(hello.id)
    const order = back ? hello.order : this.#lastOrder + 1
    this.#lastOrder = Math.max(this.#lastOrder, order)
    const person: Person = { id: hello.id, name: this.#freeName(hello.name), order, address }
    const stream = messages.stream
    const guest: Guest = { ...person, messages, stream, silence: new Silence(stream), farewells: null, leaving: 0 }
    if (twin === undefined) this.#tellAll({ type: 'joined', person, back })
    this.guests.set(guest.id, guest)
    const people = this.#present().map((one) => ({
      ...{ id: one.id, name: one.name, order: one.order, address: one.address },
    }))
    tellMember(messages, { type: 'welcome', room, id: guest.id, host, bind, people })
    if (back) for (const line of this.#saidMeanwhile) tellMember(messages, line)
    messages.on('message', (message) => {
      if (typeof message !== 'string') this.#relay.chunk(guest, message)
      else this.#hear(guest, readAsHost(message))
    })
    messages.on('end', () => this.#leave(guest))
    messages.on('error', (error: NodeJS.ErrnoException) => this.#lose(guest, error.code ?? error.message))
    messages.on('close', () => this.#lose(guest, 'closed'))
    return null
  }

  #hear(guest: Guest, said: ToHost | null): void {
    if (said === null || said.type === 'hello') {
      this.#lose(guest, 'it does not keep to the protocol')
      return
    }
    switch (said.type) {
      case 'ping':
        break
      case 'line':
        this.#pass({ type: 'line', from: guest.id, n: said.n, text: said.text }, guest)
        break
      case 'nick':
        guest.name = this.#freeName(said.name, guest)
        this.#tellAll({ type: 'renamed', id: guest.id, name: guest.name })
        break
      case 'farewell':
        this.#farewell(said.id, guest)
        break
      default:
        this.#relay.hear(guest, said)
    }
  }

  #pass(line: ToMember & { type: 'line' }, guest: Guest): void {
    this.#tellAll(line, guest)
    if (this.#expected.size > 0 && this.#saidMeanwhile.length < MOST_KEPT) this.#saidMeanwhile.push(line)
    tellMember(guest.messages, { type: 'said', n: line.n })
  }

  // Everybody present is asked for a farewell: when all have come, whatever was said before the news went round has been
  // passed on, and this connection may end.
  #leave(guest: Guest): void {
    if (this.guests.get(guest.id) !== guest) return
    if (this.#closing !== null) {
      guest.farewells = new Set()
      this.#checkClosed()
      return
    }
    this.#relay.cancelFrom(guest, 'left')
    this.#relay.removeTaker(guest) // it can no longer say whether a file has come whole
    guest.farewells = new Set(this.#present().map((one) => one.id))
    guest.farewells.delete(guest.id)
    this.#tellAll({ type: 'left', id: guest.id, lost: false, reason: '' }, guest)
    this.#checkFarewells(guest)
  }

  #farewell(id: string, from: Guest): void {
    const leaver = this.guests.get(id)
    if (leaver === undefined) return
    leaver.farewells?.delete(from.id)
    this.#checkFarewells(leaver)
  }

  #checkFarewells(guest: Guest): void {
    if (guest.farewells?.size === 0) void guest.messages.end()
  }

  #lose(guest: Guest, reason: string): void {
    if (this.guests.get(guest.id) !== guest) return
    const hadLeft = guest.farewells !== null
    this.#drop(guest)
    if (!hadLeft) this.#tellAll({ type: 'left', id: guest.id, lost: true, reason })
    this.#checkClosed()
  }

  #drop(guest: Guest): void {
    this.guests.delete(guest.id)
    this.#relay.cancelFrom(guest, 'lost')
    this.#relay.removeTaker(guest)
    reset(guest.stream)
    for (const leaver of this.guests.values()) {
      leaver.farewells?.delete(guest.id)
      this.#checkFarewells(leaver)
    }
  }

  #checkClosed(): void {
    if (this.#closing === null) return
    const late = this.#age > FAREWELL_WITHIN
    const others = [...this.guests.values()].filter((guest) => guest.id !== this.#options.host)
    if (others.some((guest) => guest.farewells === null) && !late) return
    for (const guest of this.guests.values()) void guest.messages.end()
    if (others.length === 0) this.#closing()
    else if (late) for (const guest of others) reset(guest.stream)
  }

  #tick(): void {
    this.#age++
    this.#tellAll({ type: 'ping' })
    this.#relay.tick()
    for (const guest of [...this.guests.values()]) {
      guest.silence.tick()
      if (guest.stream.writableLength > LONGEST_QUEUE) this.#lose(guest, 'does not read')
      else if (guest.farewells !== null) this.#tickLeaver(guest)
      else if (guest.silence.length >= MEMBER_SILENCE) this.#lose(guest, `silent for ${MEMBER_SILENCE} s`)
    }
    if (this.#expected.size > 0 && this.#age >= COME_BACK_WITHIN) {
      for (const { name } of this.#expected.values()) this.#tellAll({ type: 'absent', name })
      this.#expected.clear()
      this.#saidMeanwhile.length = 0
    }
    this.#checkClosed()
  }

  #tickLeaver(guest: Guest): void {
    guest.leaving++
    if (guest.leaving === FAREWELL_WITHIN) guest.farewells!.clear()
    if (guest.leaving === 2 * FAREWELL_WITHIN) reset(guest.stream)
    else this.#checkFarewells(guest)
  }

  #present(): Guest[] {
    return [...this.guests.values()].filter((guest) => guest.farewells === null)
  }

  #tellAll(what: ToMember, except?: Guest): void {
    for (const guest of this.guests.values()) if (guest !== except) tellMember(guest.messages, what)
  }

  #freeName(wanted: string, except?: Guest): string {
    const taken = new Set(this.#present().map((one) => (one === except ? '' : one.name.toLowerCase())))
    let name = wanted
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${[...wanted].slice(0, 20).join('')}${n}`
    return name
  }
}
