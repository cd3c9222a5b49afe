// Where a connection becomes a guest, or hears politely why it does not.
import type { Duplex } from 'node:stream'
import { MessageStream } from 'tcp-over-udp/message'
import { MAX_MESSAGE_LENGTH, PROTOCOL, readAsHost, type ToHost, tellMember, VERSION } from './protocol.js'

const HELLO_WITHIN = 10_000 // ms
const LINGER = 1000 // ms that one who was turned away may take to read why
const MOST_STRANGERS = 100

export type Hello = Extract<ToHost, { type: 'hello' }>

/** Takes a guest in; or says why not. */
type Welcome = (hello: Hello, messages: MessageStream, address: string) => string | null

export class Door {
  readonly #welcome: Welcome
  readonly #strangers = new Set<Duplex>()

  constructor(welcome: Welcome) {
    this.#welcome = welcome
  }

  /** Someone has come. `address` is '' for the host itself. */
  admit(stream: Duplex, address: string): void {
    if (this.#strangers.size >= MOST_STRANGERS) {
      stream.destroy()
      return
    }
    this.#strangers.add(stream)
    const limit = setTimeout(() => stream.destroy(), HELLO_WITHIN)
    const settled = (): void => {
      clearTimeout(limit)
      this.#strangers.delete(stream)
    }
    stream.on('error', () => {})
    stream.on('close', settled)
    stream.once('readable', () => {
      const first: Buffer | null = stream.read()
      if (first !== null) stream.unshift(first)
      // The length of our messages begins with a zero. Whoever sends something else may be a human being.
      if (first === null || first[0] !== 0) this.#turnAwayInWords(stream)
      else void this.#greet(stream, address, settled)
    })
  }

  /** Nobody is let in any more. */
  close(): void {
    for (const stream of this.#strangers) stream.destroy()
  }

  async #greet(stream: Duplex, address: string, settled: () => void): Promise<void> {
    const messages = new MessageStream(stream, { maxMessageLength: MAX_MESSAGE_LENGTH })
    messages.on('error', () => {})
    const message = await messages.receive().catch(() => null)
    const hello = typeof message === 'string' ? readAsHost(message) : null
    let reason: string | null
    if (hello?.type !== 'hello' || hello.protocol !== PROTOCOL) reason = `this is a chat room of ${PROTOCOL}`
    else if (hello.version !== VERSION) reason = `this room speaks version ${VERSION}, not ${hello.version}`
    else reason = this.#welcome(hello, messages, address)
    if (reason === null) {
      settled()
      return
    }
    tellMember(messages, { type: 'refused', protocol: PROTOCOL, version: VERSION, reason })
    void messages.end()
    messages.resume()
    setTimeout(() => stream.destroy(), LINGER).unref()
  }

  #turnAwayInWords(stream: Duplex): void {
    stream.resume()
    stream.end(`This is a chat room of ${PROTOCOL}, version ${VERSION}. Good bye.\n`)
    setTimeout(() => stream.destroy(), LINGER).unref()
  }
}
