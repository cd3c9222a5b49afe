// Where this process's CPU goes between two moments, as V8 samples it, and what its threads have spent meanwhile.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Runtime } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { SourceMap } from 'node:module'
import { pid } from 'node:process'

/** µs of CPU. */
export interface Spent {
  /** By all threads. */
  readonly all: number
  /** Of these, within the kernel. */
  readonly kernel: number
  /** By the thread that runs the program, and by the one that takes the samples; null: nobody tells. */
  readonly main: number | null
  readonly sampler: number | null
}

export class Profiler {
  private readonly file: string
  private readonly session = new Session()
  private before: Spent | undefined
  private sampler: string | undefined

  /** `file`: what Node's --cpu-prof writes, with `spent` beside it. */
  constructor(file: string) {
    this.file = file
    this.session.connect()
  }

  /** What came before is left out. */
  async start(): Promise<void> {
    if (this.before === undefined) await this.session.post('Profiler.enable')
    else await this.session.post('Profiler.stop')
    const others = threads()
    await this.session.post('Profiler.start')
    this.sampler = threads().find((thread) => !others.includes(thread))
    this.before = spent(this.sampler)
  }

  async stop(): Promise<void> {
    if (this.before === undefined) return
    const difference = since(this.before, spent(this.sampler))
    const { profile } = await this.session.post('Profiler.stop')
    this.before = undefined
    const place = placing()
    for (const { callFrame } of profile.nodes) place(callFrame)
    writeFileSync(this.file, JSON.stringify({ ...profile, spent: difference }))
  }
}

/** Functions are shown where they stand in the source: the package's files are made of many of these. */
function placing(): (frame: Runtime.CallFrame) => void {
  const maps = new Map<string, SourceMap | null>()
  return (frame) => {
    if (!frame.url.startsWith('file:')) return
    const url = new URL(`${frame.url}.map`)
    let map = maps.get(frame.url)
    if (map === undefined) {
      map = existsSync(url) ? new SourceMap(JSON.parse(readFileSync(url, 'utf8'))) : null
      maps.set(frame.url, map)
    }
    const entry = map?.findEntry(frame.lineNumber, frame.columnNumber)
    if (entry === undefined || !('originalSource' in entry)) return
    frame.url = new URL(entry.originalSource, url).href
    frame.lineNumber = entry.originalLine
    frame.columnNumber = entry.originalColumn
  }
}

/** Linux lists them. */
const THREADS = '/proc/self/task'
const threads = (): string[] => (existsSync(THREADS) ? readdirSync(THREADS) : [])

/** µs of CPU of a thread; null: nobody tells. */
function spentBy(thread: string | number | undefined): number | null {
  const file = `${THREADS}/${thread}/schedstat`
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) / 1000 : null
}

function spent(sampler: string | undefined): Spent {
  const { user, system } = process.cpuUsage()
  // the first thread has the number of its process
  return { all: user + system, kernel: system, main: spentBy(pid), sampler: spentBy(sampler) }
}

function since(before: Spent, now: Spent): Spent {
  const of = (key: 'main' | 'sampler'): number | null => {
    const [from, to] = [before[key], now[key]]
    return from === null || to === null ? null : to - from
  }
  return { all: now.all - before.all, kernel: now.kernel - before.kernel, main: of('main'), sampler: of('sampler') }
}
