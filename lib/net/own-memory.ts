// Reading into the program's own memory instead of 'data' events (net's `onread`), until the program says stop.
import type { Channel } from '../endpoint/channel.js'

/** Reading into the program's own memory instead of 'data' events. */
export interface OnReadOpts {
  /** Filled again for each read, or what makes one for each read. */
  buffer: Uint8Array | (() => Uint8Array)
  /** Called with the number of bytes and where they are; false stops reading until resume(). */
  callback(bytesRead: number, buffer: Uint8Array): boolean | undefined
}

const NO_MEMORY = new Uint8Array(0)

/** As node:net takes it: what is not whole is no onread. */
export function onreadOf(onread: OnReadOpts | undefined): OnReadOpts | null {
  if (typeof onread !== 'object' || onread === null) return null
  const { buffer, callback } = onread
  const whole = (buffer instanceof Uint8Array || typeof buffer === 'function') && typeof callback === 'function'
  return whole ? onread : null
}

export class OwnMemory {
  /** The callback said stop. */
  stopped = false
  /** What is left of a chunk that the program was given a part of. */
  leftover: Uint8Array | null = null
  private readonly opts: OnReadOpts
  /** Whose functions these are, as net calls them. */
  private readonly socket: unknown
  /** Where bytes go, and whether the program's function was asked for these. */
  private memory: Uint8Array = NO_MEMORY
  private asked = false

  constructor(opts: OnReadOpts, socket: unknown) {
    this.opts = opts
    this.socket = socket
  }

  /** Puts what is next where the program wants it. @returns bytes; < 0: there are none now. */
  fill(channel: Channel): number {
    const bytes = this.leftover ?? channel.receive()
    if (bytes === null) return -1
    // should the program's function throw, it is not lost
    this.leftover = bytes
    this.memory = this.provide()
    const length = Math.min(bytes.length, this.memory.length)
    this.memory.set(length < bytes.length ? bytes.subarray(0, length) : bytes)
    this.leftover = length < bytes.length ? bytes.subarray(length) : null
    return length
  }

  /** The program hears of `length` bytes. */
  tell(length: number): void {
    if (this.opts.callback.call(this.socket, length, this.memory) === false || length === 0) this.stopped = true
  }

  /** As net does it: what gives no memory, or throws, leaves that of before in use. */
  private provide(): Uint8Array {
    const { buffer } = this.opts
    if (typeof buffer !== 'function') return buffer
    if (!this.asked) {
      this.asked = true
      const memory = buffer.call(this.socket)
      if (memory instanceof Uint8Array) this.memory = memory
    }
    this.asked = false
    return this.memory
  }
}
