// One transfer between two processes: start it, look at both ends while it runs, see it to its end.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Command, Snapshot } from './messages.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))

type Kind = Answer['kind']

/** A worker process. */
class Worker {
  private readonly child: ChildProcess = fork(WORKER)
  private readonly waiting: Map<Kind, (answer: Answer) => void> = new Map()
  private readonly early: Answer[] = []
  /** Never settles, unless the worker fails. */
  private readonly failure: Promise<never>

  constructor() {
    this.failure = new Promise((_, fail) => {
      this.child.on('message', (answer: Answer) => {
        if (answer.kind === 'failed') fail(new Error(answer.message))
        else this.take(answer)
      })
      this.child.on('exit', (code, signal) => fail(new Error(`a worker has ended (${signal ?? code})`)))
    })
    this.failure.catch(() => undefined)
  }

  say(command: Command): void {
    this.child.send(command)
  }

  /** The next answer of this kind. @throws Error when the worker fails. */
  hear<K extends Kind>(kind: K): Promise<Extract<Answer, { kind: K }>> {
    const answer = new Promise<Answer>((done) => {
      const at = this.early.findIndex((one) => one.kind === kind)
      if (at >= 0) done(this.early.splice(at, 1)[0])
      else this.waiting.set(kind, done)
    })
    return Promise.race([answer, this.failure]) as Promise<Extract<Answer, { kind: K }>>
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }

  private take(answer: Answer): void {
    const hear = this.waiting.get(answer.kind)
    this.waiting.delete(answer.kind)
    if (hear === undefined) this.early.push(answer)
    else hear(answer)
  }
}

/** Both ends at one moment. */
export interface Ends {
  readonly sender: Snapshot
  readonly receiver: Snapshot
}

export interface TransferOptions {
  peer: string
  path?: string
  /** Absent: until stop(). */
  bytes?: number
}

export class Transfer {
  private readonly receiver: Worker = new Worker()
  private readonly sender: Worker = new Worker()

  /** Begins; both ends stood as answered when it did. */
  async start({ peer, path, bytes }: TransferOptions): Promise<Ends> {
    this.receiver.say({ kind: 'listen', peer })
    const { port } = await this.receiver.hear('listening')
    const ends = await this.mark()
    this.sender.say({
      kind: 'connect',
      peer,
      port,
      ...(path === undefined ? {} : { path }),
      ...(bytes === undefined ? {} : { bytes }),
    })
    return ends
  }

  async mark(): Promise<Ends> {
    this.sender.say({ kind: 'mark' })
    this.receiver.say({ kind: 'mark' })
    const [sender, receiver] = await Promise.all([this.sender.hear('marked'), this.receiver.hear('marked')])
    return { sender: sender.snapshot, receiver: receiver.snapshot }
  }

  stop(): void {
    this.sender.say({ kind: 'stop' })
  }

  /** Waits for the end. @throws Error when what arrived is not what was sent. */
  async finish(): Promise<Ends> {
    const [received, closed] = await Promise.all([this.receiver.hear('received'), this.sender.hear('closed')])
    const { snapshot } = closed
    if (!received.intact) throw new Error('what arrived is not what was sent')
    if (received.snapshot.bytes !== snapshot.bytes) {
      throw new Error(`${snapshot.bytes} bytes were sent, ${received.snapshot.bytes} arrived`)
    }
    return { sender: snapshot, receiver: received.snapshot }
  }

  /** Ends both processes, whatever they do. */
  kill(): void {
    this.sender.kill()
    this.receiver.kill()
  }
}
