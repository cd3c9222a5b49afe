// The machine that is measured on: what it is, and the CPU that it has spent on anything.
import { existsSync, readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'

/** One line. */
export function machine(): string {
  const [cpu] = cpus()
  return `Node ${process.versions.node}, ${type()} ${release()}, ${cpus().length} × ${cpu?.model.trim() || 'unknown'}`
}

/** /proc/stat counts in these. */
const TICKS_PER_SECOND = 100

/** s of CPU that the machine has spent; NaN where nobody tells. */
export function machineCpu(): number {
  if (!existsSync('/proc/stat')) return Number.NaN
  const [, user, nice, system, , , irq, softIrq, stolen] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/ +/)
    .map(Number)
  return (user + nice + system + irq + softIrq + stolen) / TICKS_PER_SECOND
}
