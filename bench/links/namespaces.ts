// Network namespaces of this process: made, entered, and gone again when it ends, however it ends.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

/** The process is part of the name: what a run that was killed has left behind is found by the next. */
const NAME = /^tcp-over-udp-(\d+)-/

const open = new Set<Namespace>()
let made = 0

function remove(name: string): void {
  spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
}

function sweep(): void {
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns')) {
    const owner = NAME.exec(name)?.[1]
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) remove(name)
  }
}

function watchForTheEnd(): void {
  process.once('exit', () => {
    for (const namespace of open) namespace.close()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
}

export class Namespace {
  readonly name: string
  private readonly children: Set<ChildProcess> = new Set()

  constructor(side: string) {
    if (made === 0) {
      sweep()
      watchForTheEnd()
    }
    this.name = `tcp-over-udp-${process.pid}-${made++}-${side}`
    execFileSync('ip', ['netns', 'add', this.name], { stdio: ['ignore', 'ignore', 'pipe'] })
    open.add(this)
  }

  /** Runs commands of a shell. @throws Error with what they said. */
  run(commands: readonly string[]): void {
    execFileSync('ip', ['netns', 'exec', this.name, 'sh', '-c', commands.join(' && ')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  }

  /** A process in it, which ends with it. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], options)
    this.children.add(child)
    child.once('exit', () => this.children.delete(child))
    return child
  }

  close(): void {
    if (!open.delete(this)) return
    for (const child of this.children) child.kill('SIGKILL')
    remove(this.name)
  }
}
