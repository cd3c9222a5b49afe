// The processes at the ends of a link, as a benchmark sees them: what it tells them, what it hears, how long it waits.
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Link, Side } from './link.js'
import type { Answer, Command, Mark } from './messages.js'

const FILE = fileURLToPath(new URL('./end.js', import.meta.url))
/** ms that an answer may take, unless it is said otherwise. */
const PATIENCE = 20_000

type Kind = Answer['kind']
type Told<K extends Kind> = Extract<Answer, { kind: K }>

export class End {
  private readonly child: ChildProcess
  private readonly waiting: Map<Kind, (answer: Answer) => void> = new Map()
  private readonly early: Answer[] = []
  /** Never settles, unless the process fails. */
  private readonly failure: Promise<never>

  constructor(link: Link, side: Side) {
    this.child = link.fork(side, FILE)
    this.failure = new Promise((_, fail) => {
      this.child.on('message', (answer: Answer) => {
        if (answer.kind === 'failed') fail(new Error(`${side}: ${answer.message}`))
        else this.take(answer)
      })
      this.child.on('exit', (code, signal) => fail(new Error(`${side}: the process has ended (${signal ?? code})`)))
    })
    this.failure.catch(() => undefined)
  }

  say(command: Command): void {
    this.child.send(command, () => undefined)
  }

  /** The next answer of this kind. @throws Error when the process fails, or does not answer in `patience` ms. */
  hear<K extends Kind>(kind: K, patience: number = PATIENCE): Promise<Told<K>> {
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
    return Promise.race([answer, this.failure, late]).finally(() => cancel.abort()) as Promise<Told<K>>
  }

  async mark(): Promise<Mark> {
    this.say({ kind: 'mark' })
    return (await this.hear('marked')).mark
  }

  private take(answer: Answer): void {
    const hear = this.waiting.get(answer.kind)
    this.waiting.delete(answer.kind)
    if (hear === undefined) this.early.push(answer)
    else hear(answer)
  }
}

/** One flow over a link: its two ends, and how they stood as it began. */
export interface Flow {
  readonly sender: End
  readonly receiver: End
  readonly sending: Mark
  readonly receiving: Mark
}

const PORT = 7000

/** Starts both processes and listens. `index`: the flow's address. */
export async function openEnds(link: Link, peer: string, index: number = 0): Promise<{ sender: End; receiver: End }> {
  const receiver = new End(link, 'server')
  const sender = new End(link, 'client')
  receiver.say({ kind: 'listen', peer, ...placeOf(link, index) })
  await receiver.hear('listening')
  return { sender, receiver }
}

export function placeOf(link: Link, index: number): { address: string; port: number } {
  return { address: link.addresses[index], port: PORT + index }
}

/** Sends as much as goes through; returns when the first byte is there. */
export async function startFlow(
  link: Link,
  peer: string,
  ends: { sender: End; receiver: End },
  index: number = 0,
): Promise<Flow> {
  const { sender, receiver } = ends
  sender.say({ kind: 'send', peer, ...placeOf(link, index) })
  const { mark: sending } = await sender.hear('connected')
  const { mark: receiving } = await receiver.hear('first')
  return { sender, receiver, sending, receiving }
}
