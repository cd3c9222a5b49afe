// One end of a connection over loopback in a process of its own: forked by pair.ts, commanded by messages.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Command, Mark, Task, WorkName } from './messages.js'
import { percentile } from './table.js'
import { brief } from './works/brief.js'
import { datagrams } from './works/datagrams.js'
import { echo } from './works/echo.js'
import { framed } from './works/framed.js'
import { stream } from './works/stream.js'
import { Tally, type Work } from './works/work.js'

const WORKS: Readonly<Record<WorkName, Work>> = { stream, echo, brief, framed, datagrams }
/** ms between collecting garbage and weighing what is left. */
const REST = 100

const say = (answer: Answer): void => void process.send?.(answer)
const fail = (error: Error): void => say({ kind: 'failed', message: error.message })
const tally = new Tally(fail, () => say({ kind: 'ended', mark: mark() }))
let driven: { task: Task; port: number } | undefined

function mark(memory = 0): Mark {
  const { user, system } = process.cpuUsage()
  const at = performance.now()
  const shares = tally.parts.map(({ done }) => done)
  const { times, intact, failed } = tally
  return {
    at,
    cpu: (user + system) / 1000,
    count: shares.reduce((sum, share) => sum + share, tally.count),
    shares,
    intact,
    failed,
    p50: times.length === 0 ? null : percentile(times, 0.5),
    p99: times.length === 0 ? null : percentile(times, 0.99),
    datagrams: tally.datagrams?.() ?? null,
    memory,
  }
}

async function weigh(): Promise<Mark> {
  // twice: what is finalised by the first is free after the second
  global.gc?.()
  global.gc?.()
  await sleep(REST)
  return mark(process.memoryUsage.rss())
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
      if (command.fresh) tally.times = []
      return say({ kind: 'marked', mark: mark() })
    case 'weigh':
      return say({ kind: 'marked', mark: await weigh() })
  }
}

process.on('message', (command: Command) => {
  obey(command).catch(fail)
})
process.on('uncaughtException', fail)
process.on('disconnect', () => process.exit())
