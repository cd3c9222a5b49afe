// A member's side of the files: sending at the pace of the slowest, receiving into a folder without overwriting.
// Both directions stand together here because they share the room, its news and the limits.
import { createHash, type Hash } from 'node:crypto'
import { createWriteStream, unlink, type WriteStream } from 'node:fs'
import { constants, copyFile, type FileHandle, link, mkdir, open } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import type { MessageStream } from 'tcp-over-udp/message'
import { Pace } from './pace.js'
import { CHUNK_HEADER, CHUNK_LENGTH, type ToHost, type ToMember, tellHost } from './protocol.js'
import { cleanFileName, cleanText, size } from './text.js'

const MOST_INCOMING = 64 // files: a host that offers more means no good
const HELD_FOR_DISK = 4 * 1024 * 1024 // bytes; beyond, the room is not read until the disk has them

export interface FileOptions {
  folder: string
  /** Longest file to be sent or taken, bytes. */
  maxFile: number
  /** Whether any are taken. */
  accept: boolean
  say: (line: string) => void
  /** `total` 0: it is over. */
  progress: (label: string, done: number, total: number) => void
  nameOf: (id: string) => string
}

interface Outgoing {
  readonly file: string
  readonly size: number
  readonly handle: FileHandle
  transfer: number
  takers: number
  /** How far the host allows; -1: not at all yet. */
  limit: number
  sent: number
  inFlight: number
  /** All is sent; the takers' results are awaited. */
  done: boolean
  over: boolean
  wake: () => void
}

interface Incoming {
  readonly transfer: number
  readonly file: string
  readonly from: string
  readonly size: number
  readonly part: string
  readonly output: WriteStream
  readonly hash: Hash
  received: number
  /** All is said to have come. */
  isDone: boolean
}

type FileNews = Extract<ToMember, { type: 'offered' | 'go' | 'limit' | 'done' | 'cancel' | 'result' }>

export class Files {
  readonly #options: FileOptions
  readonly #outgoing = new Map<number, Outgoing>() // by our own number
  readonly #incoming = new Map<number, Incoming>() // by the host's
  #room: MessageStream | null = null
  #lastRef = 0
  #idle: (() => void)[] = []
  readonly #opening = new Set<number>()
  #waitingForDisk = 0
  #leaving = false

  constructor(options: FileOptions) {
    this.#options = options
  }

  /** A room is there. */
  enter(room: MessageStream): void {
    this.#room = room
  }

  /** The room is gone, or we are: nothing that is under way will be finished. */
  leave(reason: string): void {
    this.#room = null
    for (const outgoing of this.#outgoing.values()) this.#stopSending(outgoing, reason)
    for (const incoming of this.#incoming.values()) this.#stopReceiving(incoming, reason)
  }

  /** Takes no more, and settles when all that is under way in either direction has arrived, or will not. */
  finish(): Promise<void> {
    this.#leaving = true
    if (this.#outgoing.size === 0 && this.#incoming.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Gives up all that is under way. */
  abandon(): void {
    for (const incoming of this.#incoming.values()) this.#refuse(incoming, 'given up')
    for (const outgoing of this.#outgoing.values()) {
      this.#tell({ type: 'cancel', transfer: outgoing.transfer, reason: 'given up' })
      this.#stopSending(outgoing, 'given up')
    }
  }

  async send(path: string): Promise<void> {
    const { maxFile, say } = this.#options
    const file = cleanFileName(basename(path))
    let handle: FileHandle | null = null
    try {
      handle = await open(path, 'r')
      const stat = await handle.stat()
      if (!stat.isFile()) throw new Error('it is not a file')
      if (stat.size > maxFile) throw new Error(`it has ${size(stat.size)}, and --max-file is ${size(maxFile)}`)
      const room = this.#room
      if (room === null) throw new Error('there is no room at the moment')
      const outgoing: Outgoing = {
        ...{ file, size: stat.size, handle, transfer: 0, takers: 0, limit: -1, sent: 0, inFlight: 0 },
        ...{ done: false, over: false, wake: () => {} },
      }
      const ref = ++this.#lastRef
      this.#outgoing.set(ref, outgoing)
      this.#tell({ type: 'offer', ref, file, size: stat.size })
      handle = null
      await this.#pump(outgoing, room)
    } catch (error) {
      say(`* cannot send ${cleanText(path)}: ${reasonOf(error)}`)
      await handle?.close()
    }
  }

  hear(news: FileNews): void {
    if (news.type === 'offered') void this.#offered(news)
    else if (news.type === 'go') this.#go(news)
    else {
      const incoming = this.#incoming.get(news.transfer)
      const outgoing = [...this.#outgoing.values()].find((one) => one.transfer === news.transfer)
      if (news.type === 'done') {
        if (incoming && !incoming.isDone) void this.#finish(incoming, news.sha256)
      } else if (news.type === 'cancel') {
        if (incoming) this.#stopReceiving(incoming, news.reason)
        if (outgoing) this.#stopSending(outgoing, news.reason)
      } else if (outgoing && news.type === 'limit') {
        outgoing.limit = news.bytes
        outgoing.wake()
      } else if (outgoing && news.type === 'result') this.#result(outgoing, news)
    }
  }

  /** A piece of a file. */
  chunk(data: Buffer): void {
    const incoming = data.length > CHUNK_HEADER ? this.#incoming.get(data.readUInt32BE(0)) : undefined
    if (incoming === undefined || incoming.isDone) return
    const piece = data.subarray(CHUNK_HEADER)
    incoming.received += piece.length
    if (incoming.received > incoming.size) {
      this.#refuse(incoming, 'more came than was announced')
      return
    }
    incoming.hash.update(piece)
    this.#options.progress(`receiving ${incoming.file}`, incoming.received, incoming.size)
    if (!incoming.output.write(piece)) this.#waitForDisk(incoming.output)
  }

  #waitForDisk(output: WriteStream): void {
    const room = this.#room
    this.#waitingForDisk++
    room?.pause()
    const goOn = (): void => {
      output.off('drain', goOn).off('close', goOn)
      if (--this.#waitingForDisk === 0) room?.resume()
    }
    output.on('drain', goOn).on('close', goOn)
  }

  async #pump(outgoing: Outgoing, room: MessageStream): Promise<void> {
    const { handle, file, size: total } = outgoing
    const { progress } = this.#options
    const hash = createHash('sha256')
    const pace = new Pace(room.stream)
    try {
      while (!outgoing.over && (outgoing.limit === -1 || outgoing.sent < total)) {
        const length = Math.min(CHUNK_LENGTH, total - outgoing.sent, outgoing.limit - outgoing.sent)
        if (length <= 0 || !pace.hasRoom(outgoing.inFlight)) {
          await new Promise<void>((resolve) => {
            outgoing.wake = resolve
          })
          continue
        }
        const data = Buffer.allocUnsafe(CHUNK_HEADER + length)
        data.writeUInt32BE(outgoing.transfer)
        const { bytesRead } = await handle.read(data, CHUNK_HEADER, length, outgoing.sent)
        if (bytesRead < length) throw new Error('it became shorter')
        if (outgoing.over) break
        hash.update(data.subarray(CHUNK_HEADER))
        outgoing.sent += length
        outgoing.inFlight += length
        const acknowledged = (): void => {
          pace.acknowledged(length)
          outgoing.inFlight -= length
          outgoing.wake()
        }
        room.send(data).then(acknowledged, () => {}) // one that fails takes the room with it
        progress(`sending ${file}`, outgoing.sent, total)
      }
      if (outgoing.over) return
      outgoing.done = true
      this.#tell({ type: 'done', transfer: outgoing.transfer, sha256: hash.digest('hex') })
    } catch (error) {
      this.#tell({ type: 'cancel', transfer: outgoing.transfer, reason: 'the sender cannot read it' })
      this.#stopSending(outgoing, reasonOf(error))
    } finally {
      progress(`sending ${file}`, 0, 0)
      await handle.close()
    }
  }

  #go(news: FileNews & { type: 'go' }): void {
    const outgoing = this.#outgoing.get(news.ref)
    if (outgoing === undefined) return
    outgoing.transfer = news.transfer
    outgoing.takers = news.takers
    if (news.takers === 0) this.#stopSending(outgoing, 'nobody else is here')
    else this.#options.say(`* offering ${outgoing.file} (${size(outgoing.size)}) to ${news.takers}`)
  }

  #result(outgoing: Outgoing, news: FileNews & { type: 'result' }): void {
    const { say, nameOf } = this.#options
    if (news.ok) say(`* ${nameOf(news.from)} has ${outgoing.file}, intact`)
    else say(`* ${nameOf(news.from)} does not take ${outgoing.file}: ${news.reason}`)
    if (--outgoing.takers === 0 && outgoing.done) this.#endSending(outgoing) // else the host cancels it
  }

  #stopSending(outgoing: Outgoing, reason: string): void {
    if (!outgoing.over) this.#options.say(`* ${outgoing.file} was not sent: ${reason}`)
    this.#endSending(outgoing)
  }

  #endSending(outgoing: Outgoing): void {
    outgoing.over = true
    outgoing.wake()
    for (const [ref, one] of this.#outgoing) if (one === outgoing) this.#outgoing.delete(ref)
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (this.#outgoing.size > 0 || this.#incoming.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #offered(news: FileNews & { type: 'offered' }): Promise<void> {
    const { folder, maxFile, accept, say, nameOf } = this.#options
    const { transfer, file } = news
    if (this.#incoming.has(transfer) || this.#opening.has(transfer)) return // a host that counts right has no such number twice
    const room = this.#room
    const from = nameOf(news.from)
    const refuse = (reason: string): void => this.#tell({ type: 'answer', transfer, ok: false, reason })
    say(`* ${from} offers ${file} (${size(news.size)})`)
    if (!accept) return refuse('takes no files')
    if (this.#leaving) return refuse('is leaving')
    if (this.#incoming.size + this.#opening.size >= MOST_INCOMING) return refuse('takes no more at a time')
    if (news.size > maxFile) return refuse(`longer than ${size(maxFile)}`)
    const part = join(folder, `.${file}.${process.pid}-${transfer}-${Date.now()}.part`)
    this.#opening.add(transfer)
    try {
      await mkdir(folder, { recursive: true })
      const output = createWriteStream(part, { flags: 'wx', highWaterMark: HELD_FOR_DISK })
      const hash = createHash('sha256')
      const incoming: Incoming = {
        transfer,
        file,
        from,
        size: news.size,
        part,
        output,
        hash,
        received: 0,
        isDone: false,
      }
      output.on('error', (error) => this.#refuse(incoming, reasonOf(error)))
      await new Promise<void>((resolve, reject) => output.on('open', () => resolve()).on('error', reject))
      this.#incoming.set(transfer, incoming)
      if (this.#room !== room) return this.#stopReceiving(incoming, 'the room is gone')
      this.#tell({ type: 'answer', transfer, ok: true, reason: '' })
    } catch (error) {
      say(`* cannot take ${file}: ${reasonOf(error)}`)
      refuse('cannot be written')
    } finally {
      this.#opening.delete(transfer)
    }
  }

  async #finish(incoming: Incoming, sha256: string): Promise<void> {
    const { say, progress, folder } = this.#options
    const { transfer, file, from, output, part } = incoming
    incoming.isDone = true
    const digest = incoming.hash.digest('hex')
    progress(`receiving ${file}`, 0, 0)
    if (incoming.received !== incoming.size || digest !== sha256) {
      this.#refuse(incoming, 'it came damaged')
      return
    }
    try {
      await new Promise<void>((resolve, reject) => output.on('error', reject).end(resolve))
      const path = await moveWithoutOverwriting(part, folder, file)
      this.#incoming.delete(transfer)
      say(`* received ${file} (${size(incoming.size)}) from ${from}: ${path} sha256 ${digest}`)
      this.#tell({ type: 'result', transfer, ok: true, reason: '' })
      this.#checkIdle()
    } catch (error) {
      this.#refuse(incoming, reasonOf(error))
    }
  }

  #refuse(incoming: Incoming, reason: string): void {
    if (!this.#incoming.has(incoming.transfer)) return
    this.#tell({ type: 'result', transfer: incoming.transfer, ok: false, reason })
    this.#stopReceiving(incoming, reason)
  }

  #stopReceiving(incoming: Incoming, reason: string): void {
    this.#incoming.delete(incoming.transfer)
    incoming.output.destroy()
    unlink(incoming.part, () => {})
    this.#options.progress(`receiving ${incoming.file}`, 0, 0)
    this.#options.say(`* ${incoming.file} from ${incoming.from} has not come whole: ${reason}`)
    this.#checkIdle()
  }

  #tell(what: ToHost): void {
    if (this.#room !== null) tellHost(this.#room, what)
  }
}

/** `a.txt`, or `a (1).txt`, and so on: whichever is free. @returns its path */
async function moveWithoutOverwriting(part: string, folder: string, file: string): Promise<string> {
  const { name, ext } = parse(file)
  for (let n = 0; n < 10_000; n++) {
    const path = join(folder, n === 0 ? file : `${name} (${n})${ext}`)
    try {
      // Not every file system has links.
      await link(part, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error
        return copyFile(part, path, constants.COPYFILE_EXCL)
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw error
    }
    await new Promise<void>((resolve) => unlink(part, () => resolve()))
    return path
  }
  throw new Error('there are too many files of this name')
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
