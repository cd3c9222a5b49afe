// A process that is told what to do by messages and answers with them, as a benchmark holds it.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** ms that an answer may take, unless it is said otherwise. */
const PATIENCE = 20_000

/** What every process can answer. */
interface Said {
  readonly kind: string
}

/** Of `A`, the answers of one kind. */
export type Told<A extends Said, K extends A['kind']> = Extract<A, { kind: K }>

export class Remote<Command extends object, Answer extends Said> {
  private readonly child: ChildProcess
  private readonly waiting: Map<string, (answer: Answer) => void> = new Map()
  private readonly early: Answer[] = []
  /** Never settles, unless the process fails. */
  readonly failure: Promise<never>

  constructor(title: string, child: ChildProcess) {
    this.child = child
    this.failure = new Promise((_, fail) => {
      child.on('message', (answer: Answer) => {
        if (answer.kind === 'failed') fail(new Error(`${title}: ${(answer as { message?: string }).message}`))
        else this.take(answer)
      })
      child.on('exit', (code, signal) => fail(new Error(`${title}: the process has ended (${signal ?? code})`)))
    })
    this.failure.catch(() => undefined)
  }

  say(command: Command): void {
    this.child.send(command, () => undefined)
  }

  /** The next answer of this kind. @throws Error when the process fails, or does not answer in `patience` ms. */
  hear<K extends Answer['kind']>(kind: K, patience: number = PATIENCE): Promise<Told<Answer, K>> {
    const cancel = new AbortController()
    const late = sleep(patience, undefined, { signal: cancel.signal }).then(() => {
      throw new Error(`not ${kind} within ${Math.round(patience / 1000)} s`)
    })
    late.catch(() => undefined)
    const answer = new Promise<Answer>((done) => {
      const at = this.early.findIndex((one) => one.kind === kind)
      if (at >= 0) done(this.early.splice(at, 1)[0])
      else this.waiting.set(kind, done)
    })
    return Promise.race([answer, this.failure, late]).finally(() => cancel.abort()) as Promise<Told<Answer, K>>
  }

  /** Ends the process at once, and waits until it has gone. */
  async end(): Promise<void> {
    const { child } = this
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  private take(answer: Answer): void {
    const hear = this.waiting.get(answer.kind)
    this.waiting.delete(answer.kind)
    if (hear === undefined) this.early.push(answer)
    else hear(answer)
  }
}
