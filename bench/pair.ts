// A client and a server over loopback, each in a process of its own, on one task; and what they did between two moments.
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { machineCpu } from './machine.js'
import type { Answer, Command, Mark, Marking, Task } from './messages.js'
import { Remote } from './remote.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))
/** How long something is measured. */
export interface Duration {
  /** s before anything is counted, for every peer: what runs most is compiled by then, and windows are open. */
  readonly warmUp: number
  /** s that are counted. */
  readonly seconds: number
}

/** ms in which all connections of a task are there. */
const BEGINNING = 20_000

/** Both ends at one moment. */
export interface Ends {
  readonly client: Mark
  readonly server: Mark
}

/** The files in which the workers leave profiles of their CPU; absent: they leave none. */
export interface Profiling {
  readonly client: string
  readonly server: string
}

function worker(profile: string | undefined): ChildProcess {
  return fork(WORKER, profile === undefined ? [] : [profile], {
    execArgv: [...process.execArgv, '--expose-gc'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

export class Pair {
  readonly client: Remote<Command, Answer>
  readonly server: Remote<Command, Answer>

  constructor(profiling?: Profiling) {
    this.server = new Remote('server', worker(profiling?.server))
    this.client = new Remote('client', worker(profiling?.client))
  }

  /** Has them at work. @returns how both stood when they began. */
  async start(task: Task): Promise<Ends> {
    this.server.say({ kind: 'serve', task })
    const { port } = await this.server.hear('listening')
    this.client.say({ kind: 'drive', task, port })
    const { mark } = await this.fromEither(this.client.hear('begun', BEGINNING))
    this.server.say({ kind: 'mark', how: 'fresh' })
    return { client: mark, server: (await this.server.hear('marked')).mark }
  }

  /** @throws Error when something arrived that was not sent. */
  async mark(how: Marking): Promise<Ends> {
    const command: Command = { kind: 'mark', how }
    this.client.say(command)
    this.server.say(command)
    const [client, server] = await Promise.all([this.client.hear('marked'), this.server.hear('marked')])
    if (!client.mark.intact || !server.mark.intact) throw new Error('what arrived is not what was sent')
    return { client: client.mark, server: server.mark }
  }

  /** Opens so many connections more. @returns how many it could. */
  async open(count: number): Promise<number> {
    this.client.say({ kind: 'open', count })
    return (await this.fromEither(this.client.hear('opened', BEGINNING))).open
  }

  async stop(): Promise<void> {
    await Promise.all([this.client.end(), this.server.end()])
  }

  /** What the client answers, unless the server fails. */
  private fromEither<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.server.failure])
  }
}

/** What both did in a time that began after the warm-up. */
export interface Window {
  readonly began: Ends
  /** At the moments of the warm-up that were asked for; the last is where the window begins. */
  readonly moments: readonly Ends[]
  readonly start: Ends
  readonly end: Ends
  /** s of CPU of each. */
  readonly clientCpu: number
  readonly serverCpu: number
  /** Cores that others kept busy meanwhile. */
  readonly otherCores: number
}

/** One measurement; `moments`: s after the beginning at which both are looked at, the last of which ends the warm-up. */
export async function measureTask(
  task: Task,
  { warmUp, seconds }: Duration,
  profiling?: Profiling,
  moments: readonly number[] = [warmUp],
): Promise<Window> {
  const pair = new Pair(profiling)
  try {
    const began = await pair.start(task)
    const begun = performance.now()
    const marks: Ends[] = []
    for (const moment of moments) {
      await sleep(begun + moment * 1000 - performance.now())
      marks.push(await pair.mark('fresh'))
    }
    const start = marks[marks.length - 1] as Ends
    const machine = machineCpu()
    await sleep(seconds * 1000)
    const spent = machineCpu() - machine
    const end = await pair.mark('summed up')
    const clientCpu = (end.client.cpu - start.client.cpu) / 1000
    const serverCpu = (end.server.cpu - start.server.cpu) / 1000
    const others = Math.max(0, spent - clientCpu - serverCpu)
    return { began, moments: marks, start, end, clientCpu, serverCpu, otherCores: others / seconds }
  } finally {
    await pair.stop()
  }
}
