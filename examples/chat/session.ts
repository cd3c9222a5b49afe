// One person's stay: finds the room or opens it, takes part, finds it again when its host has gone, and leaves properly.
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Server } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'
import { duplexPair } from './duplex-pair.js'
import { Files } from './files.js'
import { findRoom, Refused } from './find-room.js'
import type { ChatOptions } from './options.js'
import {
  HOST_SILENCE,
  MAX_MESSAGE_LENGTH,
  type Person,
  PING_EVERY,
  PROTOCOL,
  readAsMember,
  type ToMember,
  tellHost,
  VERSION,
} from './protocol.js'
import { Room } from './room.js'
import { reset, Silence } from './silence.js'
import type { Terminal } from './terminal.js'
import { isLoopback, place } from './text.js'
import type { Transport } from './transport.js'

const FIRST_TRY = 5000 // ms for a connection
const NEXT_TRY = 2000
const BETWEEN_RANKS = 2500 // ms by which each heir waits longer than the one before
const WELCOME_WITHIN = 4000 // ms
const QUIET_FOR = 2000 // ms, after which whoever has just come is told why nothing is to be seen

/** What we have of a room: the way to its host, and the room itself if the host is us. */
interface Link {
  readonly messages: MessageStream
  readonly stream: Duplex
  readonly welcome: Extract<ToMember, { type: 'welcome' }>
  readonly silence: Silence
  /** Where we found it. */
  readonly address: string
  readonly hosted: { room: Room; server: Server } | null
}

export class Session {
  readonly files: Files
  #name: string
  readonly #id = randomBytes(8).toString('hex')
  readonly #options: ChatOptions
  readonly #terminal: Terminal
  readonly #transport: Transport
  readonly #people = new Map<string, Person>()
  readonly #names = new Map<string, string>() // also of those who have left
  readonly #heard = new Map<string, number>() // the last line of each author
  readonly #unsaid = new Map<number, string>() // our lines that no host has passed on yet
  #lastLine = 0
  #wanted: string[] = [] // names that the host has been asked for
  #roomId = ''
  #order = 0
  #link: Link | null = null
  #hostLeft = false
  #over: () => void = () => {}
  #settled: (() => void)[] = []
  #quitting = false
  readonly #stop = new AbortController()

  constructor(options: ChatOptions, terminal: Terminal, transport: Transport) {
    this.#options = options
    this.#terminal = terminal
    this.#transport = transport
    this.#name = options.name
    this.files = new Files({
      folder: 'received',
      maxFile: options.maxFile,
      accept: options.files,
      say: (line) => terminal.say(line),
      progress: (label, done, total) => terminal.progress(label, done, total),
      nameOf: (id) => this.#nameOf(id),
    })
  }

  /** Stays until quit(), or until there is no room to be had. `onFirst` is called once we are in. */
  async run(onFirst: () => void): Promise<void> {
    const clock = setInterval(() => this.#tick(), PING_EVERY)
    let heirs: Person[] = []
    let last: Link | null = null
    try {
      while (!this.#quitting) {
        const link = await this.#findRoom(last, heirs)
        const over = new Promise<void>((resolve) => {
          this.#over = resolve
        })
        this.#enter(link, last === null)
        if (last === null) onFirst()
        await over
        this.#leaveLink(link)
        heirs = [...this.#people.values()].filter((person) => person.id !== link.welcome.host)
        last = link
      }
    } catch (error) {
      if (!this.#quitting) throw error
    } finally {
      clearInterval(clock)
    }
  }

  say(text: string): void {
    this.#unsaid.set(++this.#lastLine, text)
    if (this.#link !== null) tellHost(this.#link.messages, { type: 'line', n: this.#lastLine, text })
  }

  rename(name: string): void {
    this.#name = name
    if (this.#link === null) return
    this.#wanted.push(name)
    tellHost(this.#link.messages, { type: 'nick', name })
  }

  /** Who is here, by order of arrival; nobody while there is no room. */
  who(): string[] {
    if (this.#link === null) return []
    const { host } = this.#link.welcome
    const people = [...this.#people.values()].sort((a, b) => a.order - b.order)
    return people.map(({ id, name }) => name + (id === host ? ' (host)' : '') + (id === this.#id ? ' (you)' : ''))
  }

  /** The connections that end here. */
  connections(): { name: string; stream: Duplex }[] {
    const link = this.#link
    if (link === null) return []
    if (link.hosted === null) return [{ name: this.#nameOf(link.welcome.host), stream: link.stream }]
    return [...link.hosted.room.guests.values()].filter((guest) => guest.id !== this.#id)
  }

  /** Ends our side once everything we said is out, and stays for what the others still have to say. */
  async quit(): Promise<void> {
    if (this.#quitting) return
    this.#quitting = true
    const link = this.#link
    if (link === null) {
      this.#stop.abort()
      return
    }
    await Promise.race([Promise.all([this.#allSaid(), this.files.finish()]), this.#gone(link)])
    link.hosted?.server.close()
    if (link.hosted !== null) await link.hosted.room.close()
    void link.messages.end()
  }

  #allSaid(): Promise<void> {
    if (this.#unsaid.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#settled.push(resolve))
  }

  #gone(link: Link): Promise<void> {
    return new Promise((resolve) => link.messages.on('close', resolve))
  }

  // The first time where we were told; later where the host was, and where those are who may have become host.
  #findRoom(last: Link | null, heirs: Person[]): Promise<Link> {
    const { host } = this.#options
    if (last === null) {
      const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
      const looking = `* looking for the room at ${place(address, this.#options.port)}`
      const told = setTimeout(() => this.#terminal.say(looking), QUIET_FOR)
      return this.#search([address], 0, FIRST_TRY, () => this.#open(host, [])).finally(() => clearTimeout(told))
    }
    const ranked = heirs.sort((a, b) => a.order - b.order)
    const rank = ranked.findIndex((person) => person.id === this.#id)
    const own = ranked[rank]?.address ?? ''
    const { localAddress = '', remoteAddress = '' } = last.stream as { localAddress?: string; remoteAddress?: string }
    // Who is on the host's machine reaches it by a loopback address, which means another machine anywhere else.
    const besideHost = isLoopback(own) || localAddress === remoteAddress
    const addresses = ranked.map((person) => (isLoopback(person.address) ? last.address : person.address))
    const bind = besideHost ? last.welcome.bind : localAddress
    const rest = ranked.filter((person) => person.id !== this.#id)
    const all = [...new Set([last.address, ...addresses])]
    return this.#search(all, rank * BETWEEN_RANKS, NEXT_TRY, () => this.#open(bind, rest))
  }

  #search(addresses: string[], patience: number, timeout: number, open: () => Promise<Link>): Promise<Link> {
    const join = (address: string, signal: AbortSignal): Promise<Link> => this.#join(address, timeout, signal)
    const discard = (link: Link): unknown => link.stream.destroy()
    return findRoom({ addresses, patience, join, open, discard }, this.#stop.signal)
  }

  async #join(address: string, timeout: number, signal: AbortSignal): Promise<Link> {
    const socket = await this.#transport.dial(address, timeout, signal)
    return this.#introduce(socket, address, null, signal)
  }

  async #open(bind: string, expected: Person[]): Promise<Link> {
    const id = this.#roomId || randomBytes(8).toString('hex')
    let room: Room | null = null
    const server = await this.#transport.listen(bind, (socket) => {
      if (room === null) socket.destroy()
      else room.admit(socket, socket.remoteAddress ?? '')
    })
    room = new Room({ id, host: this.#id, bind, expected })
    const [mine, theirs] = duplexPair()
    room.admit(theirs, '')
    return this.#introduce(mine, bind, { room, server }, this.#stop.signal)
  }

  async #introduce(stream: Duplex, address: string, hosted: Link['hosted'], signal: AbortSignal): Promise<Link> {
    const messages = new MessageStream(stream, { maxMessageLength: MAX_MESSAGE_LENGTH })
    messages.on('error', () => {})
    const abort = (): unknown => messages.destroy()
    const limit = setTimeout(abort, WELCOME_WITHIN)
    signal.addEventListener('abort', abort)
    tellHost(messages, {
      ...{ type: 'hello', protocol: PROTOCOL, version: VERSION, id: this.#id, name: this.#name },
      ...{ room: this.#roomId, order: this.#order },
    })
    try {
      const answer = await messages.receive()
      const welcome = typeof answer === 'string' ? readAsMember(answer) : null
      if (welcome?.type === 'welcome') {
        return { messages, stream, silence: new Silence(stream), welcome, address, hosted }
      }
      const why = welcome?.type === 'refused' ? welcome.reason : 'what answers is no chat room'
      messages.destroy()
      throw new Refused(why)
    } finally {
      clearTimeout(limit)
      signal.removeEventListener('abort', abort)
    }
  }

  #enter(link: Link, first: boolean): void {
    const { messages, welcome, hosted, address } = link
    this.#link = link
    this.#hostLeft = false
    this.#wanted = []
    const again = this.#roomId === welcome.room
    this.#roomId = welcome.room
    this.#people.clear()
    for (const person of welcome.people) this.#meet(person)
    const me = this.#people.get(this.#id)
    this.#order = me?.order ?? 0
    this.#name = me?.name ?? this.#name
    const where = place(address, this.#options.port)
    if (hosted !== null) this.#terminal.say(`* ${first ? 'opened the room' : 'opened the room again'} at ${where}`)
    else this.#terminal.say(`* ${first || !again ? 'joined the room' : 'back in the room'} at ${where}`)
    this.#terminal.say(`* here: ${this.who().join(', ')}`)
    messages.on('message', (message) => {
      if (typeof message !== 'string') this.files.chunk(message)
      else this.#hear(readAsMember(message))
    })
    messages.on('end', () => {
      void messages.end()
      this.#over()
    })
    messages.on('close', () => this.#over())
    this.files.enter(messages)
    for (const [n, text] of this.#unsaid) tellHost(messages, { type: 'line', n, text })
  }

  #leaveLink(link: Link): void {
    const host = this.#nameOf(link.welcome.host)
    this.#link = null
    this.files.leave(this.#quitting ? 'the chat was left' : 'the host is gone')
    if (link.messages.stream.readableEnded) void link.messages.end()
    else reset(link.stream)
    for (const resolve of this.#settled.splice(0)) resolve()
    if (this.#quitting) this.#terminal.say('* you have left')
    else if (!this.#hostLeft) this.#terminal.say(`* lost the host, ${host}; looking for the room`)
  }

  #tick(): void {
    const link = this.#link
    if (link === null) return
    tellHost(link.messages, { type: 'ping' })
    link.silence.tick()
    if (link.silence.length >= HOST_SILENCE) this.#over()
  }

  #hear(news: ToMember | null): void {
    switch (news?.type) {
      case 'line':
        if (news.n <= (this.#heard.get(news.from) ?? 0)) return
        this.#heard.set(news.from, news.n)
        this.#terminal.line(this.#nameOf(news.from), news.text)
        break
      case 'said':
        this.#unsaid.delete(news.n)
        if (this.#unsaid.size === 0) for (const resolve of this.#settled.splice(0)) resolve()
        break
      case 'joined':
        this.#meet(news.person)
        this.#terminal.say(`* ${news.person.name} ${news.back ? 'is back' : 'has joined'}`)
        break
      case 'left':
        this.#left(news)
        break
      case 'absent':
        this.#terminal.say(`* ${news.name} has not come back`)
        break
      case 'renamed':
        this.#renamed(news.id, news.name)
        break
      case 'closing':
        this.#closing()
        break
      case 'offered':
      case 'go':
      case 'limit':
      case 'done':
      case 'cancel':
      case 'result':
        this.files.hear(news)
    }
  }

  #left(news: ToMember & { type: 'left' }): void {
    const name = this.#nameOf(news.id)
    this.#people.delete(news.id)
    if (!news.lost && this.#link !== null) tellHost(this.#link.messages, { type: 'farewell', id: news.id })
    this.#terminal.say(news.lost ? `* ${name} is gone: ${news.reason}` : `* ${name} has left`)
  }

  #renamed(id: string, name: string): void {
    const person = this.#people.get(id)
    if (person === undefined) return
    if (name !== person.name) this.#terminal.say(`* ${person.name} is now ${name}`)
    this.#meet({ ...person, name })
    if (id !== this.#id) return
    this.#name = name
    const wanted = this.#wanted.shift() ?? name
    if (wanted !== name) this.#terminal.say(`* the name ${wanted} is taken`)
  }

  #closing(): void {
    const link = this.#link
    if (link === null || link.hosted !== null) return
    this.#hostLeft = true
    const heirs = [...this.#people.values()].filter((person) => person.id !== link.welcome.host)
    const heir = heirs.sort((a, b) => a.order - b.order)[0]
    const who = heir === undefined || heir.id === this.#id ? 'you open' : `${heir.name} opens`
    this.#terminal.say(`* the host, ${this.#nameOf(link.welcome.host)}, has left; ${who} the room again`)
    void link.messages.end()
  }

  #meet(person: Person): void {
    this.#people.set(person.id, person)
    this.#names.set(person.id, person.name)
  }

  #nameOf(id: string): string {
    return this.#names.get(id) ?? 'someone'
  }
}
