// One end of a connection over loopback in a process of its own: forked by pair.ts, commanded by messages.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Command, Mark, Marking, Task, WorkName } from './messages.js'
import { Profiler } from './profiler.js'
import { percentiles } from './table.js'
import { brief } from './works/brief.js'
import { datagrams } from './works/datagrams.js'
import { echo } from './works/echo.js'
import { framed } from './works/framed.js'
import { stream } from './works/stream.js'
import { Tally, type Work } from './works/work.js'

const WORKS: Readonly<Record<WorkName, Work>> = { stream, echo, brief, framed, datagrams }
/** ms between collecting garbage and weighing what is left. */
const SETTLING = 100

const say = (answer: Answer): void => void process.send?.(answer)
const fail = (error: Error): void => say({ kind: 'failed', message: error.message })
const tally = new Tally(fail, () => say({ kind: 'ended', mark: mark() }))
/** Of the time between a fresh mark and a sum. */
const profiler = process.argv[2] === undefined ? undefined : new Profiler(process.argv[2])
let driven: { task: Task; port: number } | undefined

function mark(summedUp = false): Mark {
  const { user, system } = process.cpuUsage()
  const at = performance.now()
  const shares = tally.parts.map(({ done }) => done)
  const { intact, failed } = tally
  // after the clocks have been read: sorting takes a while
  const [p50, p99] = summedUp ? percentiles(tally.times, [0.5, 0.99]) : []
  return {
    at,
    cpu: (user + system) / 1000,
    count: shares.reduce((sum, share) => sum + share, tally.count),
    shares,
    intact,
    failed,
    p50: p50 ?? null,
    p99: p99 ?? null,
    datagrams: tally.datagrams?.() ?? null,
    memory: 0,
  }
}

async function marked(how: Marking): Promise<Mark> {
  if (how === 'fresh') {
    tally.times = []
    await profiler?.start()
    return mark()
  }
  if (how === 'summed up') {
    const sum = mark(true)
    await profiler?.stop()
    return sum
  }
  // twice: what is finalised by the first is free after the second
  global.gc?.()
  global.gc?.()
  await sleep(SETTLING)
  return { ...mark(), memory: process.memoryUsage.rss() }
}

async function obey(command: Command): Promise<void> {
  switch (command.kind) {
    case 'serve': {
      const { task } = command
      return say({ kind: 'listening', port: await WORKS[task.work].serve(task, tally) })
    }
    case 'drive': {
      const { task, port } = command
      driven = { task, port }
      await WORKS[task.work].drive(task, port, tally)
      return say({ kind: 'begun', mark: mark() })
    }
    case 'open': {
      if (driven === undefined) throw new Error('it drives nothing')
      const { task, port } = driven
      return say({ kind: 'opened', open: (await WORKS[task.work].open?.(task, port, command.count, tally)) ?? 0 })
    }
    case 'rest':
      tally.resting ??= []
      return
    case 'go': {
      const waiting = tally.resting ?? []
      tally.resting = null
      for (const go of waiting) go()
      return
    }
    case 'mark':
      return say({ kind: 'marked', mark: await marked(command.how) })
  }
}

process.on('message', (command: Command) => {
  obey(command).catch(fail)
})
process.on('uncaughtException', fail)
process.on('disconnect', () => process.exit())
