// What members and host say to each other: JSON in text messages, file chunks in binary ones.
import type { MessageStream } from 'tcp-over-udp/message'
import { cleanFileName, cleanName, cleanText } from './text.js'

export const PROTOCOL = 'tcp-over-udp-chat'
export const VERSION = 1
/** One that no dissector of Wireshark takes for its own. */
export const DEFAULT_PORT = 9333

/** Nothing longer is said in a room: a chunk of a file, or the list of the people. */
export const MAX_MESSAGE_LENGTH = 256 * 1024
/** File bytes in a binary message, behind the u32 number of the transfer. */
export const CHUNK_LENGTH = 16 * 1024
export const CHUNK_HEADER = 4

/** Both sides say something at least this often, ms, so that silence means something. */
export const PING_EVERY = 1000
/** Seconds without a segment after which a member takes the host for dead, and the host a member. */
export const HOST_SILENCE = 5
export const MEMBER_SILENCE = 12

/** Someone in the room. */
export interface Person {
  id: string
  name: string
  /** By order of arrival. When the host goes, the lowest opens the room again. */
  order: number
  /** As the host sees it; '' is the host's own. */
  address: string
}

// How each field is read; whatever people will see is cleaned here and nowhere else.
const READ = {
  id: (value: unknown) => string(value, (text) => (/^[0-9a-f]{8,64}$/u.test(text) ? text : undefined)),
  text: (value: unknown) => string(value, cleanText),
  name: (value: unknown) => string(value, cleanName),
  file: (value: unknown) => string(value, cleanFileName),
  address: (value: unknown) => string(value, (text) => (/^[\w.:%-]{0,255}$/u.test(text) ? text : undefined)),
  hash: (value: unknown) => string(value, (text) => (/^[0-9a-f]{64}$/u.test(text) ? text : undefined)),
  count: (value: unknown) => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined),
  flag: (value: unknown) => (typeof value === 'boolean' ? value : undefined),
  person: (value: unknown) => read(value, PERSON) as Person | undefined,
  people: (value: unknown) => {
    const people = Array.isArray(value) ? value.map((one) => read(one, PERSON) as Person | undefined) : [undefined]
    return people.includes(undefined) ? undefined : (people as Person[])
  },
} as const

const PERSON = { id: 'id', name: 'name', order: 'count', address: 'address' } as const

const TO_HOST = {
  /** First of all. `room` and `order` are those of before, for one who comes back; else '' and 0. */
  hello: { protocol: 'text', version: 'count', id: 'id', name: 'name', room: 'text', order: 'count' },
  ping: {},
  /** Lines are numbered by their author, so that one said again after an accident is heard once. */
  line: { n: 'count', text: 'text' },
  nick: { name: 'name' },
  /** The answer to `left`: what I said before I knew is before this. */
  farewell: { id: 'id' },
  /** May I send this? `ref` is the sender's own number for it. */
  offer: { ref: 'count', file: 'file', size: 'count' },
  /** Will you take it? */
  answer: { transfer: 'count', ok: 'flag', reason: 'text' },
  done: { transfer: 'count', sha256: 'hash' },
  cancel: { transfer: 'count', reason: 'text' },
  result: { transfer: 'count', ok: 'flag', reason: 'text' },
} as const

const TO_MEMBER = {
  /** `bind`: what the host listens on. */
  welcome: { room: 'text', id: 'id', host: 'id', bind: 'address', people: 'people' },
  refused: { protocol: 'text', version: 'count', reason: 'text' },
  ping: {},
  joined: { person: 'person', back: 'flag' },
  /** `lost`: without a word. */
  left: { id: 'id', lost: 'flag', reason: 'text' },
  /** Was there under the host before, and has not come back. */
  absent: { name: 'name' },
  renamed: { id: 'id', name: 'name' },
  line: { from: 'id', n: 'count', text: 'text' },
  /** Your line n has been passed on. */
  said: { n: 'count' },
  /** The host leaves. Say your last words and end. */
  closing: {},
  offered: { transfer: 'count', from: 'id', file: 'file', size: 'count' },
  /** Answers an offer: so many take it. */
  go: { ref: 'count', transfer: 'count', takers: 'count' },
  /** The sender may have sent up to this many bytes of the file. */
  limit: { transfer: 'count', bytes: 'count' },
  done: { transfer: 'count', sha256: 'hash' },
  cancel: { transfer: 'count', reason: 'text' },
  result: { transfer: 'count', from: 'id', ok: 'flag', reason: 'text' },
} as const

type Shape = Readonly<Record<string, keyof typeof READ>>
type Read<S extends Shape> = { [F in keyof S]: Exclude<ReturnType<(typeof READ)[S[F]]>, undefined> }
type Said<All extends Readonly<Record<string, Shape>>> = {
  [T in keyof All]: { type: T } & { -readonly [F in keyof Read<All[T]>]: Read<All[T]>[F] }
}[keyof All]

export type ToHost = Said<typeof TO_HOST>
export type ToMember = Said<typeof TO_MEMBER>

function string(value: unknown, clean: (text: string) => string | undefined): string | undefined {
  return typeof value === 'string' ? clean(value) : undefined
}

function read(value: unknown, shape: Shape): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const result: Record<string, unknown> = {}
  for (const [field, kind] of Object.entries(shape)) {
    const found = Object.hasOwn(value, field) ? READ[kind]((value as Record<string, unknown>)[field]) : undefined
    if (found === undefined) return undefined
    result[field] = found
  }
  return result
}

function parse(text: string, all: Readonly<Record<string, Shape>>): unknown {
  let value: { type?: unknown }
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const type = value?.type
  if (typeof type !== 'string' || !Object.hasOwn(all, type)) return null
  const fields = read(value, all[type]!)
  return fields === undefined ? null : { type, ...fields }
}

/** null: not of this protocol. */
export const readAsHost = (text: string): ToHost | null => parse(text, TO_HOST) as ToHost | null
/** null: not of this protocol. */
export const readAsMember = (text: string): ToMember | null => parse(text, TO_MEMBER) as ToMember | null

export function tellHost(messages: MessageStream, what: ToHost): void {
  if (messages.writable) messages.post(JSON.stringify(what))
}

export function tellMember(messages: MessageStream, what: ToMember): void {
  if (messages.writable) messages.post(JSON.stringify(what))
}
