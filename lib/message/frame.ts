// A message on a byte stream: u32 big-endian length of the payload, u8 kind (0 bytes, 1 UTF-8 text), payload.
import { Buffer, isUtf8 } from 'node:buffer'

/** A text, or bytes. */
export type Message = string | Buffer

/** Longest payload unless said otherwise: 64 MiB. */
export const DEFAULT_MAX_MESSAGE_LENGTH: number = 64 * 1024 * 1024

export type MessageErrorCode = 'ERR_MESSAGE_TOO_LARGE' | 'ERR_MESSAGE_TRUNCATED' | 'ERR_MESSAGE_INVALID'

/** What is wrong with a message, one's own or the peer's; `code` is one of three. */
export class MessageError extends Error {
  readonly code: MessageErrorCode

  constructor(code: MessageErrorCode, message: string) {
    super(message)
    this.name = 'MessageError'
    this.code = code
  }
}

const HEADER_LENGTH = 5
const BINARY = 0
const TEXT = 1

const EMPTY = Buffer.alloc(0)
// Up to here a payload is copied next to its header; beyond, it goes out by reference as a chunk of its own.
const COPY_LIMIT = 16 * 1024
const SMALLEST_SLAB = 256
const LARGEST_SLAB = 64 * 1024
const FIRST_BODY = 4096

function tooLarge(length: number, maxLength: number): MessageError {
  return new MessageError(
    'ERR_MESSAGE_TOO_LARGE',
    `a message of ${length} bytes is longer than maxMessageLength, ${maxLength}`,
  )
}

/** Frames gathered into few chunks: many small messages become one. */
export class FrameWriter {
  /** Bytes gathered since the last take(). */
  pending = 0
  readonly #maxLength: number
  #chunks: Uint8Array[] = []
  // What lies between #start and #end of the slab has not become a chunk yet.
  #slab = EMPTY
  #start = 0
  #end = 0
  #slabSize = SMALLEST_SLAB

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** @throws MessageError ERR_MESSAGE_TOO_LARGE, with nothing gathered */
  add(message: string | Uint8Array): void {
    if (typeof message === 'string') this.#addText(message)
    else this.#addPayload(BINARY, message)
  }

  /** Hands out what was gathered. Nothing of it is used again here. */
  take(): Uint8Array[] {
    this.#cut()
    const chunks = this.#chunks
    const size = Math.min(LARGEST_SLAB, 2 ** Math.ceil(Math.log2(this.pending)))
    this.#slabSize = Math.max(SMALLEST_SLAB, size) // the next batch will be about as long as this one
    this.#slab = EMPTY // the chunks own it: an idle writer holds no memory
    this.#start = this.#end = 0
    this.#chunks = []
    this.pending = 0
    return chunks
  }

  #addText(text: string): void {
    // UTF-8 has one to three bytes for each UTF-16 unit.
    if (text.length > this.#maxLength) throw tooLarge(Buffer.byteLength(text), this.#maxLength)
    const worst = 3 * text.length
    if (worst > COPY_LIMIT) {
      this.#addPayload(TEXT, Buffer.from(text, 'utf8'))
      return
    }
    this.#reserve(HEADER_LENGTH + worst)
    const length = this.#slab.write(text, this.#end + HEADER_LENGTH, 'utf8')
    if (length > this.#maxLength) throw tooLarge(length, this.#maxLength)
    this.#writeHeader(TEXT, length)
    this.#end += length
    this.pending += length
  }

  #addPayload(kind: number, payload: Uint8Array): void {
    const length = payload.length
    if (length > this.#maxLength) throw tooLarge(length, this.#maxLength)
    if (length <= COPY_LIMIT) {
      this.#reserve(HEADER_LENGTH + length)
      this.#writeHeader(kind, length)
      this.#slab.set(payload, this.#end)
      this.#end += length
    } else {
      this.#reserve(HEADER_LENGTH)
      this.#writeHeader(kind, length)
      this.#cut()
      this.#chunks.push(payload)
    }
    this.pending += length
  }

  #writeHeader(kind: number, length: number): void {
    const slab = this.#slab
    const at = this.#end
    slab[at] = length >>> 24
    slab[at + 1] = length >>> 16
    slab[at + 2] = length >>> 8
    slab[at + 3] = length
    slab[at + 4] = kind
    this.#end = at + HEADER_LENGTH
    this.pending += HEADER_LENGTH
  }

  #reserve(bytes: number): void {
    if (this.#slab.length - this.#end >= bytes) return
    this.#cut()
    if (this.#slab !== EMPTY) this.#slabSize = Math.min(LARGEST_SLAB, 2 * this.#slabSize)
    this.#slab = Buffer.allocUnsafe(Math.max(this.#slabSize, bytes))
    this.#start = this.#end = 0
  }

  #cut(): void {
    if (this.#end === this.#start) return
    this.#chunks.push(this.#slab.subarray(this.#start, this.#end))
    this.#start = this.#end
  }
}

/** Messages out of chunks that were cut anywhere. Memory grows with what has come, not with what a header claims. */
export class FrameReader {
  readonly #maxLength: number
  #chunk: Buffer = EMPTY
  #at = 0
  // The frame in progress, where it does not lie whole within one chunk.
  #headerBytes = 0
  #length = 0
  #kind = 0
  #body: Buffer = EMPTY
  #filled = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** True while bytes wait that next() has not looked at. */
  get hasBytes(): boolean {
    return this.#at < this.#chunk.length
  }

  /** True if the stream must not end here. */
  get isInsideFrame(): boolean {
    return this.#headerBytes > 0 || this.hasBytes
  }

  /** Gives bytes, once next() has answered null. They are kept by reference. */
  push(chunk: Uint8Array): void {
    if (this.hasBytes) throw new Error('a chunk is pushed before the last one was read')
    this.#chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#at = 0
  }

  /**
   * The next whole message; null: none without more bytes.
   * @throws MessageError ERR_MESSAGE_TOO_LARGE or ERR_MESSAGE_INVALID, after which the reader is of no more use
   */
  next(): Message | null {
    const chunk = this.#chunk
    const at = this.#at
    const available = chunk.length - at
    if (available === 0) return null
    if (this.#headerBytes > 0 || available < HEADER_LENGTH) return this.#nextInPieces()
    const length = ((chunk[at]! << 24) | (chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!) >>> 0
    const kind = chunk[at + 4]!
    this.#check(length, kind)
    const start = at + HEADER_LENGTH
    if (available - HEADER_LENGTH < length) {
      this.#at = start
      this.#headerBytes = HEADER_LENGTH
      this.#length = length
      this.#kind = kind
      return this.#nextInPieces()
    }
    const end = start + length
    this.#at = end
    const message = kind === TEXT ? decodeText(chunk, start, end) : cutOut(chunk, start, end)
    if (end === chunk.length) this.#releaseChunk()
    return message
  }

  #nextInPieces(): Message | null {
    const chunk = this.#chunk
    while (this.#headerBytes < HEADER_LENGTH) {
      if (this.#at === chunk.length) {
        this.#releaseChunk()
        return null
      }
      const byte = chunk[this.#at++]!
      if (++this.#headerBytes < HEADER_LENGTH) {
        this.#length = ((this.#length << 8) | byte) >>> 0
      } else {
        this.#kind = byte
        this.#check(this.#length, byte)
      }
    }
    const piece = Math.min(this.#length - this.#filled, chunk.length - this.#at)
    this.#reserve(this.#filled + piece)
    chunk.copy(this.#body, this.#filled, this.#at, this.#at + piece)
    this.#filled += piece
    this.#at += piece
    if (this.#at === chunk.length) this.#releaseChunk()
    if (this.#filled < this.#length) return null
    const body = this.#body
    const message = this.#kind === TEXT ? decodeText(body, 0, body.length) : body
    this.#body = EMPTY
    this.#headerBytes = this.#length = this.#filled = 0
    return message
  }

  // At least doubled, so that the copying stays linear; at most the claim, so that a whole body needs no trimming.
  #reserve(bytes: number): void {
    if (bytes <= this.#body.length) return
    const capacity = Math.min(this.#length, Math.max(bytes, 2 * this.#body.length, FIRST_BODY))
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.#body.copy(grown, 0, 0, this.#filled)
    this.#body = grown
  }

  #check(length: number, kind: number): void {
    if (length > this.#maxLength) throw tooLarge(length, this.#maxLength)
    if (kind !== BINARY && kind !== TEXT) {
      throw new MessageError('ERR_MESSAGE_INVALID', `a message of unknown kind ${kind}`)
    }
  }

  #releaseChunk(): void {
    this.#chunk = EMPTY
    this.#at = 0
  }
}

function decodeText(bytes: Buffer, start: number, end: number): string {
  let text: string
  try {
    text = bytes.toString('utf8', start, end)
  } catch {
    throw new MessageError('ERR_MESSAGE_TOO_LARGE', `a text of ${end - start} bytes is longer than a string can be`)
  }
  // The decoder puts U+FFFD for what is malformed; only if there is one need we look whether it came as such.
  if (text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, end))) {
    throw new MessageError('ERR_MESSAGE_INVALID', 'a text message is not UTF-8')
  }
  return text
}

// A view pins the whole memory under it, so what is small beside that is copied: a consumer may keep it for long.
function cutOut(chunk: Buffer, start: number, end: number): Buffer {
  const view = chunk.subarray(start, end)
  if (8 * (end - start) >= chunk.buffer.byteLength) return view
  const copy = Buffer.allocUnsafe(end - start)
  copy.set(view)
  return copy
}
